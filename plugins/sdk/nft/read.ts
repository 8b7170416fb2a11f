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
 * Reads attributes.
 *
 * @param bytes One after the other, each padded to 4 bytes.
 * @returns Payloads in their order.
 * @throws {WeirError} WEIR_DECODE when a length runs over the end.
 */
export function attributes(bytes: Uint8Array): (readonly [number, Uint8Array])[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: (readonly [number, Uint8Array])[] = [];
  let at = 0;
  while (at + 4 <= bytes.length) {
    const length = view.getUint16(at, true);
    if (length < 4 || at + length > bytes.length) throw broken("an attribute runs over its end");
    // NLA_TYPE_MASK leaves out NESTED and NET_BYTEORDER.
    const type = view.getUint16(at + 2, true) & ~NLA_NESTED & ~0x4000;
    found.push([type, bytes.subarray(at + 4, at + length)]);
    at += length + 3 & ~3;
  }
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

function counterOf(expressions: Uint8Array | undefined): Counted {
  for (const [, expression] of attributes(expressions ?? new Uint8Array())) {
    const counted = countedBy(expression);
    if (counted !== undefined) return counted;
  }
  return { packets: 0n, bytes: 0n };
}

/** What an expression counted, if it is a counter. */
function countedBy(expression: Uint8Array): Counted | undefined {
  const parts = new Map(attributes(expression));
  if (string(parts.get(EXPRESSION.NAME)) !== "counter") return undefined;
  const counted = new Map(attributes(parts.get(EXPRESSION.DATA) ?? new Uint8Array()));
  const bytes = counted.get(COUNTER.BYTES);
  const packets = counted.get(COUNTER.PACKETS);
  return {
    bytes: bytes === undefined ? 0n : number64(bytes),
    packets: packets === undefined ? 0n : number64(packets),
  };
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

function wordsOf(bytes: Uint8Array): Uint32Array {
  const padded = new Uint8Array(bytes.length + 3 & ~3);
  padded.set(bytes);
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
    const list = message.attributes.get(ELEMENT_LIST.ELEMENTS) ?? new Uint8Array();
    for (const [type, element] of attributes(list)) {
      if (type !== LIST_ELEM) continue;
      const parts = new Map(attributes(element));
      const key = new Map(attributes(parts.get(ELEMENT.KEY) ?? new Uint8Array())).get(DATA.VALUE);
      const data = new Map(attributes(parts.get(ELEMENT.DATA) ?? new Uint8Array()));
      const datum = data.get(DATA.VALUE);
      const verdict = data.get(DATA.VERDICT);
      const counter = parts.get(ELEMENT.EXPR);
      found.push({
        key: wordsOf(key ?? new Uint8Array()),
        data: datum === undefined ? undefined : wordsOf(datum),
        verdict: verdict === undefined ? undefined : verdictOf(verdict),
        counted: counter === undefined ? undefined : countedBy(counter),
      });
    }
  }
  return found;
}
