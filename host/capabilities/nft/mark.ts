/**
 * The mark on a table that says that weir has made it, and for whom: the table's comment, which
 * the host writes and no plugin can. nf_tables keeps a table's user data as it was made, so who
 * finds a table later cannot put a mark on it either.
 *
 * It is written as nft(8) writes comments, so that operators see it in a listing, and a ruleset
 * that was saved and loaded again still has it.
 *
 * @module
 */
import type { PluginManifest } from "../../../schemas/manifest.ts";
import { readText } from "../netlink_message.ts";

/** For whom weir has made a table. */
export interface TableOwner {
  /**
   * What the plugin is there for. Of each kind one is in force, so it is this that tells whether a
   * table may be taken over: a proxier's successor inherits its table.
   */
  readonly role: PluginManifest["kind"];
  /** What the plugin is called in the configuration; for people. */
  readonly plugin: string;
}

/** NFTNL_UDATA_TABLE_COMMENT. Source: libnftnl, include/libnftnl/udata.h. */
const COMMENT = 0;
/** NFTNL_UDATA_COMMENT_MAXLEN: what nft takes as a comment, its NUL included. */
const MAX_BYTES = 128;

const PATTERN = /^weir: (proxier|local-detector|conntrack-tuner) (.+)$/s;

/**
 * The text of a mark.
 *
 * @param owner For whom the table is.
 * @returns For example `weir: proxier proxier-nftables`. What nft could not read again is replaced,
 * and of a path that is too long the end is kept.
 */
export function markText({ role, plugin }: TableOwner): string {
  const printable = plugin.replace(/[^\x20-\x7e]|"/g, "?") || "?";
  const text = `weir: ${role} ${printable}`;
  const excess = text.length - (MAX_BYTES - 1);
  return excess <= 0 ? text : `weir: ${role} ...${printable.slice(excess + "...".length)}`;
}

/**
 * Writes a mark.
 *
 * @param owner For whom the table is.
 * @returns The value of NFTA_TABLE_USERDATA: type, length and text of one comment.
 */
export function writeMark(owner: TableOwner): Uint8Array {
  const text = new TextEncoder().encode(`${markText(owner)}\0`);
  return new Uint8Array([COMMENT, text.length, ...text]);
}

/**
 * Reads a mark.
 *
 * @param userdata The value of NFTA_TABLE_USERDATA, or undefined where a table has none.
 * @returns For whom weir has made the table, or undefined when weir has not made it.
 */
export function readMark(userdata: Uint8Array | undefined): TableOwner | undefined {
  if (userdata === undefined) return undefined;
  for (let at = 0; at + 2 <= userdata.length;) {
    const end = at + 2 + (userdata[at + 1] ?? 0);
    if (userdata[at] === COMMENT && end <= userdata.length) {
      const [, role, plugin] = PATTERN.exec(readText(userdata.subarray(at + 2, end))) ?? [];
      return role === undefined || plugin === undefined
        ? undefined
        : { role: role as TableOwner["role"], plugin };
    }
    at = end;
  }
  return undefined;
}
