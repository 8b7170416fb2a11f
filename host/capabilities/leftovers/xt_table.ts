/**
 * One table of the older iptables, as the kernel hands it out and takes it back: all rules of all
 * chains in one piece of memory, in which a jump is the offset of the chain it leads to. To take
 * chains out is therefore to write the whole table anew with every offset moved, which the kernel
 * then exchanges in one step.
 * Source: include/uapi/linux/netfilter/x_tables.h, netfilter_ipv4/ip_tables.h,
 * netfilter_ipv6/ip6_tables.h, for a 64-bit machine in little-endian order.
 *
 * @module
 */
import { WeirError } from "../../../schemas/errors.ts";
import { readText } from "../netlink_message.ts";
import type { RuleFamily } from "./leftover.ts";

/** How many hooks a table can have: NF_INET_NUMHOOKS. */
const HOOKS = 5;

/** Bytes of a pair of counters, struct xt_counters: packets and bytes. */
export const COUNTER_BYTES = 16;

/** The sizes of struct ipt_entry and struct ip6t_entry, and where in them the offsets are. */
const ENTRY: Readonly<Record<RuleFamily, { readonly size: number; readonly offsets: number }>> = {
  ip: { size: 112, offsets: 88 },
  ip6: { size: 168, offsets: 140 },
};

/** struct xt_entry_target: the name follows its size, the payload follows both. */
const TARGET_NAME = 2;
const TARGET_NAME_BYTES = 29;
const TARGET_PAYLOAD = 32;
/** The target without a name is the standard one: a verdict, or from 0 on an offset. */
const STANDARD = "";
/** The target that begins a chain of a user, named by its payload, and ends the table. */
const ERROR = "ERROR";
/** The name of the chain that is the table's end. */
const END = "ERROR";

/** A table as the kernel describes it. */
export interface XtTable {
  readonly family: RuleFamily;
  /** Bit for each hook in use. */
  readonly validHooks: number;
  /** Where the chain of each hook begins. */
  readonly hookEntries: readonly number[];
  /** Where the policy of each hook's chain is: its last rule. */
  readonly underflows: readonly number[];
  /** The rules, one after the other. */
  readonly entries: Uint8Array<ArrayBuffer>;
}

/** A table without some of its chains. */
export interface PrunedTable {
  readonly table: XtTable;
  /** How many rules it has; the kernel counts chains' heads and the end as rules. */
  readonly count: number;
  /** The counters of its rules, one after the other, as they were. */
  readonly counters: Uint8Array<ArrayBuffer>;
  /** The chains that were taken out. */
  readonly chains: readonly string[];
  /** How many rules of other chains led into them and were taken out too. */
  readonly jumps: number;
}

interface Entry {
  /** Where it is. */
  readonly at: number;
  readonly size: number;
  /** The chain that begins here, if one does. */
  readonly head: string | undefined;
  /** Where its verdict is, when that is an offset. */
  readonly jump: { readonly field: number; readonly to: number } | undefined;
}

function readEntries({ family, entries }: XtTable): Entry[] {
  const { size: least, offsets } = ENTRY[family];
  const view = new DataView(entries.buffer, entries.byteOffset, entries.byteLength);
  const found: Entry[] = [];
  for (let at = 0; at < entries.length;) {
    const room = entries.length - at;
    const target = room < least ? 0 : view.getUint16(at + offsets, true);
    const size = room < least ? 0 : view.getUint16(at + offsets + 2, true);
    if (target < least || size > room || target + TARGET_PAYLOAD > size) {
      throw new WeirError(
        "WEIR_NETLINK",
        `Cannot read iptables rule "at ${at}": it does not fit the ${entries.length} bytes there are`,
      );
    }
    const start = at + target;
    const name = readText(
      entries.subarray(start + TARGET_NAME, start + TARGET_NAME + TARGET_NAME_BYTES),
    );
    const payload = start + TARGET_PAYLOAD;
    const verdict = name === STANDARD ? view.getInt32(payload, true) : -1;
    found.push({
      at,
      size,
      head: name === ERROR ? readText(entries.subarray(payload, at + size)) : undefined,
      jump: verdict < 0 ? undefined : { field: payload, to: verdict },
    });
    at += size;
  }
  return found;
}

/**
 * Takes chains out of a table, with the rules of other chains that lead into them. The built-in
 * chains stay whatever they are called.
 *
 * @param table The table.
 * @param doomed Tells by its name whether a chain goes.
 * @returns The table without them; the same rules when there were none.
 * @throws {WeirError} WEIR_NETLINK when the bytes are no table.
 */
export function pruneTable(table: XtTable, doomed: (chain: string) => boolean): PrunedTable {
  const entries = readEntries(table);
  const chains: string[] = [];
  const heads = new Set<number>();
  const gone = new Set<Entry>();
  let going = false;
  for (const entry of entries) {
    if (entry.head !== undefined) {
      going = entry.head !== END && doomed(entry.head);
      if (going) {
        chains.push(entry.head);
        // A jump leads behind the head, to the chain's first rule.
        heads.add(entry.at + entry.size);
      }
    }
    if (going) gone.add(entry);
  }
  let jumps = 0;
  for (const entry of entries) {
    if (gone.has(entry) || entry.jump === undefined || !heads.has(entry.jump.to)) continue;
    gone.add(entry);
    jumps++;
  }
  return { ...without(table, entries, gone), chains, jumps };
}

function without(
  table: XtTable,
  entries: readonly Entry[],
  gone: ReadonlySet<Entry>,
): Pick<PrunedTable, "table" | "count" | "counters"> {
  const { family, validHooks } = table;
  const kept = entries.filter((entry) => !gone.has(entry));
  // Where each offset leads now: of what is gone, to what follows it. A chain whose first rule
  // went begins with its second, and a rule without a target goes on to the next.
  const moved = new Map<number, number>();
  let length = 0;
  for (const entry of entries) {
    moved.set(entry.at, length);
    if (!gone.has(entry)) length += entry.size;
  }
  const to = (offset: number): number => {
    const target = moved.get(offset);
    if (target !== undefined) return target;
    throw new WeirError(
      "WEIR_NETLINK",
      `Cannot move iptables jump "to ${offset}": no rule begins there`,
    );
  };
  const bytes = new Uint8Array(new ArrayBuffer(length));
  const counters = new Uint8Array(new ArrayBuffer(kept.length * COUNTER_BYTES));
  const view = new DataView(bytes.buffer);
  const counterAt = ENTRY[family].size - COUNTER_BYTES;
  let at = 0;
  for (const [index, entry] of kept.entries()) {
    const source = table.entries.subarray(entry.at, entry.at + entry.size);
    bytes.set(source, at);
    if (entry.jump !== undefined) {
      view.setInt32(at + entry.jump.field - entry.at, to(entry.jump.to), true);
    }
    counters.set(source.subarray(counterAt, counterAt + COUNTER_BYTES), index * COUNTER_BYTES);
    at += entry.size;
  }
  const hook = (offset: number, index: number) =>
    index < HOOKS && (validHooks >> index & 1) === 1 ? to(offset) : 0;
  return {
    table: {
      family,
      validHooks,
      hookEntries: table.hookEntries.map(hook),
      underflows: table.underflows.map(hook),
      entries: bytes,
    },
    count: kept.length,
    counters,
  };
}
