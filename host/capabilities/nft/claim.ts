/**
 * Whose tables a plugin may write: those that are not there yet, and those that weir has made for
 * a plugin of its kind, in an earlier life or before a switch. All others are somebody else's,
 * whatever the policy says of their names.
 *
 * @module
 */
import { WeirError } from "../../../schemas/errors.ts";
import type { NftFamily } from "../../../schemas/capability.ts";
import { align, ATTRIBUTE_HEADER } from "../netlink_message.ts";
import type { TableOwner } from "./mark.ts";

/** A table as the kernel has it. */
export interface FoundTable {
  readonly family: NftFamily;
  readonly name: string;
  /** The kernel's number for it, which no later table gets again. */
  readonly handle: bigint;
  /** For whom weir has made it; undefined when it is not weir's. */
  readonly owner: TableOwner | undefined;
}

/** A name of a table and who claims it, in the families ip, ip6 and inet. */
export interface TableClaim {
  readonly table: string;
  readonly owner: TableOwner;
}

function whose({ owner }: FoundTable): string {
  return owner === undefined
    ? "weir has not made"
    : `weir has made for the ${owner.role} ${owner.plugin}`;
}

/**
 * Looks whether a claim can be granted. A name is somebody's in every family, since weir deletes a
 * plugin's table in every family.
 *
 * @param found All tables that there are.
 * @param claim The name, and who claims it.
 * @throws {WeirError} WEIR_TABLE_FOREIGN when a table of the name is somebody else's, with what
 * helps.
 */
export function refuseForeign(
  found: readonly FoundTable[],
  { table, owner }: TableClaim,
): void {
  const foreign = found.filter(({ name, owner: has }) =>
    name === table && has?.role !== owner.role
  );
  const [first] = foreign;
  if (first === undefined) return;
  const names = foreign.map(({ family, name }) => `${family} ${name}`);
  const deletions = names.map((name) => `\`nft delete table ${name}\``).join(" and ");
  const state = `there is ${names.join(" and ")}, which ${whose(first)}; rename the table in the ` +
    `plugin or, if nobody needs it, delete it by ${deletions}`;
  throw new WeirError("WEIR_TABLE_FOREIGN", `Cannot own nftables table "${table}": ${state}`);
}

/** NFT_MSG_NEWTABLE and NFTA_TABLE_USERDATA. Source: include/uapi/linux/netfilter/nf_tables.h. */
const NEWTABLE = 0;
const USERDATA = 6;

/** A table is replaced by three messages in each of three families: this is room for many. */
const MOST_TABLES = 256;

/** Each message of a batch that makes a table. */
function newTables(batch: Uint8Array): readonly { readonly start: number; readonly end: number }[] {
  const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
  const found: { readonly start: number; readonly end: number }[] = [];
  for (let start = 0; start < batch.length;) {
    const end = start + view.getUint32(start, true);
    if (view.getUint8(start + 4) === NEWTABLE) found.push({ start, end });
    start = end;
  }
  return found;
}

/**
 * Puts a mark into each message of a batch that makes a table. nf_tables has no use for it where
 * the table is there already.
 *
 * @param batch nf_tables messages that `checkBatch` has accepted, so that no table in them has
 * user data yet.
 * @param mark What `writeMark` has written.
 * @returns The same messages, in pieces. What comes after the last new table, in most batches
 * nearly everything, is not copied.
 * @throws {WeirError} WEIR_GRANT_EXCEEDED when it makes its table hundreds of times.
 */
export function stampTables(
  batch: Uint8Array<ArrayBuffer>,
  mark: Uint8Array,
): readonly Uint8Array<ArrayBuffer>[] {
  const tables = newTables(batch);
  const last = tables.at(-1);
  if (last === undefined) return [batch];
  if (tables.length > MOST_TABLES) {
    const state = `it makes its table more than ${MOST_TABLES} times`;
    throw new WeirError("WEIR_GRANT_EXCEEDED", `Cannot commit "${batch.length} bytes": ${state}`);
  }
  const room = align(ATTRIBUTE_HEADER + mark.length);
  const head = new Uint8Array(new ArrayBuffer(last.end + tables.length * room));
  const view = new DataView(head.buffer);
  let from = 0;
  let at = 0;
  for (const { start, end } of tables) {
    head.set(batch.subarray(from, end), at);
    view.setUint32(at + start - from, end - start + room, true);
    at += end - from;
    view.setUint16(at, ATTRIBUTE_HEADER + mark.length, true);
    view.setUint16(at + 2, USERDATA, true);
    head.set(mark, at + ATTRIBUTE_HEADER);
    at += room;
    from = end;
  }
  return last.end === batch.length ? [head] : [head, batch.subarray(last.end)];
}
