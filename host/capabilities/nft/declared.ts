/**
 * The declared sizes of a table's sets. The kernel makes the buckets of a set of a declared size
 * at once (nft_hash_buckets, rhashtable's nelem_hint): a message of 80 bytes takes up to 64 MiB,
 * so their sum is limited, over all that a plugin has committed.
 *
 * @module
 */
import { NLMSG_HEADER, readAttributes, readText } from "../netlink_message.ts";

/** The declared size of each set, by `family name`; a set without one is not there. */
export type DeclaredSizes = ReadonlyMap<string, number>;

/** What a batch comes to. */
export interface Declaration {
  /** The sizes once it is executed. */
  readonly after: DeclaredSizes;
  /** The sum of all that is there while it is executed: what it deletes goes only at its end. */
  readonly most: number;
  /** The sum of what it adds. */
  readonly added: number;
}

/** NFT_MSG_*. Source: include/uapi/linux/netfilter/nf_tables.h. */
const DELETE_TABLE: ReadonlySet<number> = new Set([2, 26]);
const NEW_SET = 9;
const DELETE_SET: ReadonlySet<number> = new Set([11, 29]);
const NFTA_SET_NAME = 2;
const NFTA_SET_DESC = 9;
const NFTA_SET_DESC_SIZE = 1;
const ATTRIBUTES = NLMSG_HEADER + 4;

function sizeOf(attributes: ReadonlyMap<number, Uint8Array>): number {
  const description = attributes.get(NFTA_SET_DESC);
  const size = description && readAttributes(description, 0).get(NFTA_SET_DESC_SIZE);
  return size === undefined ? 0 : new DataView(size.buffer, size.byteOffset).getUint32(0);
}

/**
 * Follows a batch that `checkBatch` has accepted.
 *
 * @param before The sizes before it.
 * @param batch nf_tables messages on one table.
 * @returns What it comes to. A set that is deleted by its handle goes on counting until its table
 * is deleted.
 */
export function declareSizes(before: DeclaredSizes, batch: Uint8Array): Declaration {
  const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
  const after = new Map(before);
  let most = 0;
  for (const size of before.values()) most += size;
  let added = 0;
  for (let at = 0; at < batch.length;) {
    const length = view.getUint32(at, true);
    const kind = view.getUint16(at + 4, true) & 0xff;
    const family = `${batch[at + NLMSG_HEADER]} `;
    if (kind === NEW_SET || DELETE_SET.has(kind)) {
      const attributes = readAttributes(batch.subarray(at, at + length), ATTRIBUTES);
      const key = family + readText(attributes.get(NFTA_SET_NAME) ?? new Uint8Array());
      const size = kind === NEW_SET ? sizeOf(attributes) : 0;
      // A set that is there already keeps its size; whether it is, only the kernel knows.
      if (size > 0) after.set(key, Math.max(size, after.get(key) ?? 0));
      else if (kind !== NEW_SET) after.delete(key);
      added += size;
    } else if (DELETE_TABLE.has(kind)) {
      for (const key of after.keys()) if (key.startsWith(family)) after.delete(key);
    }
    at += length;
  }
  return { after, most: most + added, added };
}
