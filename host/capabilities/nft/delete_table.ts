/**
 * Deletes a plugin's tables when nobody owns them any more.
 *
 * @module
 */
import { fixed } from "../libc.ts";
import { MessageWriter, NLM_F } from "../netlink_message.ts";
import { NFT_SUBSYSTEM, type NftKernel } from "./kernel.ts";

// Source: include/uapi/linux/netfilter/nf_tables.h.
const NFT_MSG_DELTABLE = 2;
const NFTA_TABLE_NAME = 1;

/** NFPROTO_*: the families that a grant covers. Source: include/uapi/linux/netfilter.h. */
const FAMILIES = { inet: 1, ip: 2, ip6: 10 } as const;

const names = Object.keys(FAMILIES) as (keyof typeof FAMILIES)[];

/**
 * Deletes a table in every family that has it, each in one step under which a packet sees the whole
 * of it or nothing. DESTROYTABLE, which minds no absence, is not in kernels before 6.3.
 *
 * @param kernel nf_tables of the namespace.
 * @param table The table's name.
 * @returns Whether any family had it.
 * @throws {WeirError} WEIR_NFT_KERNEL when the kernel refuses.
 */
export async function deleteTable(kernel: NftKernel, table: string): Promise<boolean> {
  let found = false;
  for (const family of names) {
    if ((await kernel.list({ what: "tables", family }, table)).length === 0) continue;
    found = true;
    const message = new MessageWriter(NFT_SUBSYSTEM << 8 | NFT_MSG_DELTABLE, NLM_F.REQUEST, 0)
      .fixed([FAMILIES[family], 0, 0, 0]).text(NFTA_TABLE_NAME, table).finish();
    const bytes = fixed(message.length);
    bytes.set(message);
    // It has 40 bytes and may delete a table of 10,000 Services.
    await kernel.commit(bytes, 1, { work: "large" });
  }
  kernel.declared.delete(table);
  return found;
}
