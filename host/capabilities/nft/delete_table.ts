/**
 * Deletes tables that weir has made when nobody owns them any more.
 *
 * @module
 */
import { fixed } from "../libc.ts";
import { MessageWriter, NLM_F } from "../netlink_message.ts";
import type { FoundTable } from "./claim.ts";
import type { NftKernel } from "./kernel.ts";
import { FAMILY, NFT_SUBSYSTEM } from "./listing.ts";

// Source: include/uapi/linux/netfilter/nf_tables.h.
const NFT_MSG_DELTABLE = 2;
const NFTA_TABLE_HANDLE = 4;

/**
 * Deletes the very table that was found, in one step under which a packet sees the whole of it or
 * nothing: by its handle, which no other table of the same name has.
 *
 * @param kernel nf_tables of the namespace.
 * @param found The table.
 * @throws {WeirError} WEIR_NFT_KERNEL when the kernel refuses, as it does when it is gone.
 */
export async function deleteFound(
  kernel: NftKernel,
  { family, handle }: Pick<FoundTable, "family" | "handle">,
): Promise<void> {
  const number = new Uint8Array(8);
  new DataView(number.buffer).setBigUint64(0, handle);
  const message = new MessageWriter(NFT_SUBSYSTEM << 8 | NFT_MSG_DELTABLE, NLM_F.REQUEST, 0)
    .fixed([FAMILY[family], 0, 0, 0]).bytes(NFTA_TABLE_HANDLE, number).finish();
  const bytes = fixed(message.length);
  bytes.set(message);
  // It has 32 bytes and may delete a table of 10,000 Services.
  await kernel.commit(bytes, 1, { work: "large" });
}

/**
 * Deletes a table in every family in which weir has made it; somebody else's stays.
 *
 * @param kernel nf_tables of the namespace.
 * @param table The table's name.
 * @param isOwned Whether somebody has been granted it meanwhile, who may have taken over the very
 * table that was found: it stays then. Who is granted it later makes it anew.
 * @returns Whether any family had it.
 * @throws {WeirError} WEIR_NFT_KERNEL when the kernel refuses.
 */
export async function deleteTable(
  kernel: NftKernel,
  table: string,
  isOwned: () => boolean = () => false,
): Promise<boolean> {
  const found = (await kernel.tables()).filter(({ name, owner }) =>
    name === table && owner !== undefined
  );
  for (const one of found) {
    if (isOwned()) return false;
    await deleteFound(kernel, one);
  }
  kernel.declared.delete(table);
  return found.length > 0;
}

/**
 * Tells whether a table may be left over: the one of the proxier in force is among them.
 *
 * @param found The table.
 * @param plugins What the plugins besides the proxier are called that the configuration asks for.
 * @returns Whether weir has made it for another, or for a proxier whoever it was.
 */
export function isFormer(
  { owner }: Pick<FoundTable, "owner">,
  plugins: readonly string[],
): boolean {
  return owner !== undefined && (owner.role === "proxier" || !plugins.includes(owner.plugin));
}

/**
 * Finds what plugins of an earlier weir have left, or one that is no longer asked for.
 *
 * @param kernel nf_tables of the namespace.
 * @param plugins What the plugins besides the proxier are called that the configuration asks for:
 * theirs are not left over. A proxier's are named whoever it was.
 * @returns The names of tables that weir has made for others.
 * @throws {NetlinkError} When the kernel refuses.
 */
export async function formerTables(
  kernel: NftKernel,
  plugins: readonly string[],
): Promise<readonly string[]> {
  const names = (await kernel.tables()).filter((found) => isFormer(found, plugins))
    .map(({ name }) => name);
  return [...new Set(names)];
}
