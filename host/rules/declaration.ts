/**
 * Declarations and elements in nft's syntax.
 *
 * @module
 */
import { bytesOf, type ChainState, MARKS, type SetState, type TableState } from "./ruleset.ts";
import { type Field, formatValue } from "./value.ts";
import { SET_FLAG } from "./wire.ts";

/** enum nf_inet_hooks. */
const HOOKS = ["prerouting", "input", "forward", "output", "postrouting", "ingress"];

/** Flags as nft writes them; `map` and those that follow from the rest are not said. */
const FLAGS = ["constant", "interval", "timeout", "dynamic"] as const;

function commented(comment: string): readonly string[] {
  return comment === "" ? [] : [`comment "${comment}";`];
}

/**
 * What a table says of itself.
 *
 * @param table Which.
 * @returns Between its braces; "" for nothing.
 */
export function tableText({ dormant, comment }: TableState): string {
  return [...dormant ? ["flags dormant;"] : [], ...commented(comment)].join(" ");
}

/**
 * What a chain says of itself.
 *
 * @param chain Which.
 * @returns For example `type nat hook prerouting priority -100; policy accept;`.
 */
export function chainText({ base, comment }: ChainState): string {
  const hook = base === undefined ? [] : [
    `type ${base.type} hook ${HOOKS[base.hook] ?? base.hook} priority ${base.priority};`,
    `policy ${base.policy};`,
  ];
  return [...hook, ...commented(comment)].join(" ");
}

function fieldTexts(fields: readonly Field[]): string {
  return fields.map(({ text }) => text).join(" . ");
}

/**
 * What a set or map says of itself, but for its size, which is no more than room.
 *
 * @param set Which.
 * @returns For example `type ipv4_addr . inet_proto . inet_service : mark;`.
 */
export function setText(set: SetState): string {
  const { key, data, verdicts, flags, timeout, stateful, comment } = set;
  // nft tells fields by expressions where one of them is no type.
  const how = [...key, ...data].some(({ text }) => text.includes(" ")) ? "typeof" : "type";
  const to = verdicts ? " : verdict" : data.length === 0 ? "" : ` : ${fieldTexts(data)}`;
  const named = FLAGS.filter((name) => (flags & SET_FLAG[name]) !== 0);
  return [
    `${how} ${fieldTexts(key)}${to};`,
    ...named.length === 0 ? [] : [`flags ${named.join(",")};`],
    ...timeout === 0 ? [] : [`timeout ${timeout / 1000}s;`],
    ...stateful.map((name) => `${name};`),
    ...commented(comment),
  ].join(" ");
}

/** The parts of an element's key or value, each by the mark before it; the first has none. */
function partsOf(text: string): ReadonlyMap<string, string> {
  const parts = new Map<string, string>();
  for (const part of text.split(/(?=[\u0101-\u01ff])/)) {
    const marked = part >= "\u0101";
    if (marked) parts.set(part.slice(0, 1), part.slice(1));
    else parts.set("", part);
  }
  return parts;
}

/**
 * Writes an element.
 *
 * @param set Of which.
 * @param key As the set has it.
 * @param value As the set has it.
 * @returns For example `10.96.0.10 . tcp . 80 : 0x0000a1b2`.
 */
export function elementText(set: SetState, key: string, value: string): string {
  const keys = partsOf(key);
  const to = keys.get(MARKS.to);
  const first = keys.has(MARKS.catchAll) ? "*" : formatValue(set.key, bytesOf(keys.get("") ?? "")) +
    (to === undefined ? "" : `-${formatValue(set.key, bytesOf(to))}`);
  const values = partsOf(value);
  const [data, verdict] = [values.get(""), values.get(MARKS.verdict)];
  const timeout = values.get(MARKS.timeout);
  const comment = values.get(MARKS.comment);
  const object = values.get(MARKS.object);
  const parts = [
    first,
    ...timeout === undefined ? [] : [`timeout ${Number(timeout) / 1000}s`],
    ...comment === undefined ? [] : [`comment "${comment}"`],
  ].join(" ");
  if (verdict !== undefined) return `${parts} : ${verdict}`;
  if (object !== undefined) return `${parts} : "${object}"`;
  return data === undefined || set.data.length === 0
    ? parts
    : `${parts} : ${formatValue(set.data, bytesOf(data))}`;
}

/** Where the next address is, as bytes; undefined past the last. */
function before(end: string): string | undefined {
  const bytes = bytesOf(end);
  for (let at = bytes.length - 1; at >= 0; at--) {
    const byte = bytes[at] ?? 0;
    bytes[at] = byte - 1 & 0xff;
    if (byte > 0) return String.fromCharCode(...bytes);
  }
  return undefined;
}

function intervalText(set: SetState, from: string, last: string): string {
  const [first, final] = [bytesOf(from), bytesOf(last)];
  const [field] = set.key;
  if (set.key.length === 1 && (field?.type === "ipv4_addr" || field?.type === "ipv6_addr")) {
    // A range is a prefix when its ends differ in the low bits only, which are 0 here and 1 there.
    const bits = (bytes: Uint8Array) =>
      [...bytes].map((byte) => byte.toString(2).padStart(8, "0")).join("");
    const [low, high] = [bits(first), bits(final)];
    let prefix = 0;
    while (prefix < low.length && low[prefix] === high[prefix]) prefix++;
    if (/^0*$/.test(low.slice(prefix)) && /^1*$/.test(high.slice(prefix))) {
      const address = formatValue(set.key, first);
      return prefix === low.length ? address : `${address}/${prefix}`;
    }
  }
  const text = formatValue(set.key, first);
  return from === last ? text : `${text}-${formatValue(set.key, final)}`;
}

/**
 * The elements of a set of intervals, of which the kernel knows beginnings and ends.
 *
 * @param set Which; its flags have `interval`, its key is one field.
 * @returns Intervals as nft writes them, with their value.
 */
export function intervalsOf(set: SetState): ReadonlyMap<string, string> {
  const points = [...set.elements ?? []].map(([key, value]) => {
    const end = key.endsWith(MARKS.end);
    return { at: end ? key.slice(0, -1) : key, end, value };
  });
  // An interval may begin where another ends.
  points.sort((one, other) =>
    one.at === other.at ? Number(other.end) - Number(one.end) : one.at < other.at ? -1 : 1
  );
  const found = new Map<string, string>();
  const width = set.keyBytes;
  for (const [index, { at, end, value }] of points.entries()) {
    if (end || at.startsWith(MARKS.catchAll)) continue;
    const next = points[index + 1];
    const last = next === undefined ? "\u00ff".repeat(width) : before(next.at) ?? at;
    found.set(intervalText(set, at, last), value);
  }
  return found;
}

/**
 * Whether a set's elements are beginnings and ends.
 *
 * @param set Which.
 * @returns False also for those whose elements name both of theirs, as concatenations do.
 */
export function hasEnds(set: SetState): boolean {
  return (set.flags & SET_FLAG.interval) !== 0 && set.key.length === 1;
}
