/**
 * The kernel's listings: netlink messages as data.
 *
 * @module
 */
import { WeirError } from "../../../schemas/errors.ts";
import {
  CHAIN,
  COUNTER,
  DATA,
  ELEMENT,
  ELEMENT_LIST,
  EXPRESSION,
  LIST_ELEM,
  NLA_NESTED,
  RULE,
  SET,
  SUBSYSTEM,
  TABLE,
  VERDICT,
} from "./constants.ts";
import type { NftVerdict } from "./statements.ts";

const TEXT = new TextDecoder();

/** One message of a listing. */
export interface Message {
  /** Of MESSAGE in constants.ts. */
  readonly type: number;
  readonly attributes: ReadonlyMap<number, Uint8Array>;
}

function broken(what: string): WeirError {
  return new WeirError("WEIR_DECODE", `Cannot read nftables listing: ${what}`);
}

/**
 * Walks attributes without making anything of them: a listing may hold a million elements.
 *
 * @param view Of the message.
 * @param from Offset of the first, in bytes.
 * @param to Offset past the last, in bytes.
 * @param found Called for each with its type and the offsets of its payload.
 * @throws {WeirError} WEIR_DECODE when a length runs over the end.
 */
function walk(
  view: DataView,
  from: number,
  to: number,
  found: (type: number, start: number, end: number) => void,
): void {
  for (let at = from; at + 4 <= to;) {
    const length = view.getUint16(at, true);
    if (length < 4 || at + length > to) throw broken("an attribute runs over its end");
    // NLA_TYPE_MASK leaves out NESTED and NET_BYTEORDER.
    found(view.getUint16(at + 2, true) & ~NLA_NESTED & ~0x4000, at + 4, at + length);
    at += length + 3 & ~3;
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Reads attributes.
 *
 * @param bytes One after the other, each padded to 4 bytes.
 * @returns Payloads in their order.
 * @throws {WeirError} WEIR_DECODE when a length runs over the end.
 */
export function attributes(bytes: Uint8Array): (readonly [number, Uint8Array])[] {
  const found: (readonly [number, Uint8Array])[] = [];
  walk(viewOf(bytes), 0, bytes.length, (type, start, end) => {
    found.push([type, bytes.subarray(start, end)]);
  });
  return found;
}

/**
 * Reads messages.
 *
 * @param bytes One after the other, each with nlmsghdr and nfgenmsg.
 * @returns Their types and attributes.
 * @throws {WeirError} WEIR_DECODE when they are malformed or not of nf_tables.
 */
export function messages(bytes: Uint8Array): Message[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: Message[] = [];
  let at = 0;
  while (at + 20 <= bytes.length) {
    const length = view.getUint32(at, true);
    const type = view.getUint16(at + 4, true);
    if (length < 20 || at + length > bytes.length) throw broken("a message runs over its end");
    if (type >> 8 !== SUBSYSTEM) throw broken(`a message has type ${type}`);
    found.push({
      type: type & 0xff,
      attributes: new Map(attributes(bytes.subarray(at + 20, at + length))),
    });
    at += length + 3 & ~3;
  }
  return found;
}

function string(bytes: Uint8Array | undefined): string {
  if (bytes === undefined) return "";
  const end = bytes.indexOf(0);
  return TEXT.decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/** Which attribute names an object, by what was listed. */
const NAME_ATTRIBUTE = { tables: TABLE.NAME, chains: CHAIN.NAME, sets: SET.NAME } as const;

/**
 * The names in a listing of tables, chains or sets.
 *
 * @param what Was listed.
 * @param bytes The kernel's answer.
 * @returns Names in the kernel's order.
 * @throws {WeirError} WEIR_DECODE when the answer is malformed.
 */
export function names(what: "tables" | "chains" | "sets", bytes: Uint8Array): string[] {
  return messages(bytes).map((message) => string(message.attributes.get(NAME_ATTRIBUTE[what])));
}

/** A rule as listed. */
export interface ListedRule {
  /** Name of its chain. */
  readonly chain: string;
  /** What names the rule to the kernel. */
  readonly handle: bigint;
  /** "" when it has none. */
  readonly comment: string;
  /** What its counter counted; 0 without one. */
  readonly packets: bigint;
  /** Bytes that its counter counted; 0 without one. */
  readonly bytes: bigint;
}

/**
 * The rules in a listing.
 *
 * @param bytes The kernel's answer.
 * @returns Rules in the kernel's order.
 * @throws {WeirError} WEIR_DECODE when the answer is malformed.
 */
export function rules(bytes: Uint8Array): ListedRule[] {
  return messages(bytes).map(({ attributes: found }) => {
    const counted = counterOf(found.get(RULE.EXPRESSIONS));
    const handle = found.get(RULE.HANDLE);
    const userdata = found.get(RULE.USERDATA);
    return {
      chain: string(found.get(RULE.CHAIN)),
      handle: handle === undefined ? 0n : number64(handle),
      comment: userdata?.[0] === 0 ? string(userdata.subarray(2)) : "",
      packets: counted.packets,
      bytes: counted.bytes,
    };
  });
}

function number64(bytes: Uint8Array): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0);
}

const NOTHING: Counted = { packets: 0n, bytes: 0n };
const COUNTER_NAME = [...new TextEncoder().encode("counter\0")];

function counterOf(expressions: Uint8Array | undefined): Counted {
  let counted: Counted | undefined;
  if (expressions !== undefined) {
    const view = viewOf(expressions);
    walk(view, 0, expressions.length, (_, start, end) => counted ??= countedBy(view, start, end));
  }
  return counted ?? NOTHING;
}

function isCounter(view: DataView, start: number, end: number): boolean {
  return end - start === COUNTER_NAME.length &&
    COUNTER_NAME.every((byte, index) => view.getUint8(start + index) === byte);
}

function wide(view: DataView, start: number, end: number): bigint {
  if (end - start < 8) throw broken("a number is too short");
  return view.getBigUint64(start);
}

/** What an expression counted, if it is a counter. */
function countedBy(view: DataView, from: number, to: number): Counted | undefined {
  let [named, packets, bytes] = [false, 0n, 0n];
  walk(view, from, to, (type, start, end) => {
    if (type === EXPRESSION.NAME) named = isCounter(view, start, end);
    else if (named && type === EXPRESSION.DATA) {
      walk(view, start, end, (part, first, last) => {
        if (part === COUNTER.BYTES) bytes = wide(view, first, last);
        else if (part === COUNTER.PACKETS) packets = wide(view, first, last);
      });
    }
  });
  // Most elements of a large set have counted nothing.
  if (named && packets === 0n && bytes === 0n) return NOTHING;
  return named ? { packets, bytes } : undefined;
}

/** An element as listed: key and data as words, or a verdict. */
export interface ListedElement {
  /** The key's fields, each padded to 32-bit words. */
  readonly key: Uint32Array;
  /** Undefined for sets and verdict maps. */
  readonly data: Uint32Array | undefined;
  /** Undefined for sets and plain maps. */
  readonly verdict: NftVerdict | undefined;
  /** What its counter counted; undefined without one. */
  readonly counted: Counted | undefined;
}

/** What a counter counted. */
export interface Counted {
  /** Packets. */
  readonly packets: bigint;
  /** Bytes of these packets, their IP headers included. */
  readonly bytes: bigint;
}

function wordsOf(bytes: Uint8Array, start: number, end: number): Uint32Array {
  const padded = new Uint8Array(end - start + 3 & ~3);
  padded.set(bytes.subarray(start, end));
  return new Uint32Array(padded.buffer);
}

const VERDICT_NAMES: ReadonlyMap<number, NftVerdict["to"]> = new Map([
  [0, "drop"],
  [1, "accept"],
  [-3, "jump"],
  [-4, "goto"],
  [-5, "return"],
]);

function verdictOf(bytes: Uint8Array): NftVerdict | undefined {
  const found = new Map(attributes(bytes));
  const code = found.get(VERDICT.CODE);
  if (code === undefined) return undefined;
  const number = new DataView(code.buffer, code.byteOffset, code.byteLength).getInt32(0);
  const to = VERDICT_NAMES.get(number);
  if (to === undefined) throw broken(`a verdict has code ${number}`);
  return to === "jump" || to === "goto" ? { to, chain: string(found.get(VERDICT.CHAIN)) } : { to };
}

const NO_WORDS = new Uint32Array();

function readElement(bytes: Uint8Array, view: DataView, from: number, to: number): ListedElement {
  let key: Uint32Array = NO_WORDS;
  let data: Uint32Array | undefined;
  let verdict: NftVerdict | undefined;
  let counted: Counted | undefined;
  walk(view, from, to, (type, start, end) => {
    if (type === ELEMENT.KEY) {
      walk(view, start, end, (part, first, last) => {
        if (part === DATA.VALUE) key = wordsOf(bytes, first, last);
      });
    } else if (type === ELEMENT.DATA) {
      walk(view, start, end, (part, first, last) => {
        if (part === DATA.VALUE) data = wordsOf(bytes, first, last);
        else if (part === DATA.VERDICT) verdict = verdictOf(bytes.subarray(first, last));
      });
    } else if (type === ELEMENT.EXPR) counted = countedBy(view, start, end);
  });
  return { key, data, verdict, counted };
}

/**
 * The elements in a listing of one set.
 *
 * @param bytes The kernel's answer.
 * @returns Elements in the kernel's order, which means nothing.
 * @throws {WeirError} WEIR_DECODE when the answer is malformed.
 */
export function elements(bytes: Uint8Array): ListedElement[] {
  const found: ListedElement[] = [];
  for (const message of messages(bytes)) {
    const list = message.attributes.get(ELEMENT_LIST.ELEMENTS);
    if (list === undefined) continue;
    const view = viewOf(list);
    walk(view, 0, list.length, (type, start, end) => {
      if (type === LIST_ELEM) found.push(readElement(list, view, start, end));
    });
  }
  return found;
}
