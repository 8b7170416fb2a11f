/**
 * nf_tables messages taken apart: the numbers, and a walk over attributes that makes nothing of
 * them, since a set may hold a million elements.
 *
 * Source: include/uapi/linux/netfilter/nf_tables.h.
 *
 * @module
 */
import { WeirError } from "../../schemas/errors.ts";
import { ATTRIBUTE_HEADER, ATTRIBUTE_TYPE } from "../capabilities/netlink_message.ts";

/** enum nf_tables_msg_types, of those that change something. */
export const MESSAGE = {
  NEWTABLE: 0,
  DELTABLE: 2,
  NEWCHAIN: 3,
  DELCHAIN: 5,
  NEWRULE: 6,
  DELRULE: 8,
  NEWSET: 9,
  DELSET: 11,
  NEWSETELEM: 12,
  DELSETELEM: 14,
  DESTROYTABLE: 26,
  DESTROYCHAIN: 27,
  DESTROYRULE: 28,
  DESTROYSET: 29,
  DESTROYSETELEM: 30,
} as const;

/** enum nft_table_attributes. */
export const TABLE = { NAME: 1, FLAGS: 2, USERDATA: 6 } as const;
/** enum nft_chain_attributes. */
export const CHAIN = {
  TABLE: 1,
  HANDLE: 2,
  NAME: 3,
  HOOK: 4,
  POLICY: 5,
  TYPE: 7,
  USERDATA: 12,
} as const;
/** enum nft_rule_attributes. */
export const RULE = {
  TABLE: 1,
  CHAIN: 2,
  HANDLE: 3,
  EXPRESSIONS: 4,
  POSITION: 6,
  USERDATA: 7,
} as const;
/** enum nft_set_attributes. */
export const SET = {
  TABLE: 1,
  NAME: 2,
  FLAGS: 3,
  KEY_TYPE: 4,
  KEY_LEN: 5,
  DATA_TYPE: 6,
  DATA_LEN: 7,
  TIMEOUT: 11,
  USERDATA: 13,
  HANDLE: 16,
  EXPR: 17,
  EXPRESSIONS: 18,
} as const;
/** enum nft_set_flags. */
export const SET_FLAG = {
  anonymous: 0x1,
  constant: 0x2,
  interval: 0x4,
  map: 0x8,
  timeout: 0x10,
  dynamic: 0x20,
  object: 0x40,
} as const;
/** enum nft_set_elem_list_attributes. */
export const ELEMENTS = { TABLE: 1, SET: 2, LIST: 3 } as const;
/** enum nft_set_elem_attributes. */
export const ELEMENT = {
  KEY: 1,
  DATA: 2,
  FLAGS: 3,
  TIMEOUT: 4,
  USERDATA: 6,
  OBJREF: 9,
  KEY_END: 10,
} as const;
/** enum nft_set_elem_flags. */
export const ELEMENT_FLAG = { end: 1, catchAll: 2 } as const;
/** enum nft_data_attributes, and within a verdict. */
export const DATA = { VALUE: 1, VERDICT: 2, CODE: 1, CHAIN: 2 } as const;
/** The data type of a verdict map. */
export const DATA_VERDICT = 0xffffff00;
/** enum nft_list_attributes and nft_expr_attributes. */
export const EXPRESSION = { NAME: 1, DATA: 2 } as const;

/** Bytes of nlmsghdr and nfgenmsg. */
const HEADER = 20;

const TEXT = new TextDecoder();

/**
 * The error for bytes that are no nf_tables message.
 *
 * @param what What is wrong.
 * @returns The error.
 */
export function broken(what: string): WeirError {
  return new WeirError("WEIR_DECODE", `Cannot read nftables message: ${what}`);
}

/**
 * The numbers of bytes.
 *
 * @param bytes Whose.
 * @returns A view of the same memory.
 */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Walks attributes.
 *
 * @param view Of the bytes that hold them.
 * @param from Offset of the first.
 * @param to Offset past the last.
 * @param found Called for each with its type and the offsets of its value.
 * @throws {WeirError} WEIR_DECODE when a length runs over the end.
 */
export function walk(
  view: DataView,
  from: number,
  to: number,
  found: (type: number, start: number, end: number) => void,
): void {
  for (let at = from; at + ATTRIBUTE_HEADER <= to;) {
    const length = view.getUint16(at, true);
    if (length < ATTRIBUTE_HEADER || at + length > to) {
      throw broken("an attribute runs over its end");
    }
    found(view.getUint16(at + 2, true) & ATTRIBUTE_TYPE, at + ATTRIBUTE_HEADER, at + length);
    at += length + 3 & ~3;
  }
}

/**
 * Reads attributes of which each type is there once.
 *
 * @param bytes They and nothing else.
 * @returns The value of each by its type.
 */
export function attributesOf(bytes: Uint8Array): ReadonlyMap<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  walk(viewOf(bytes), 0, bytes.length, (type, start, end) => {
    found.set(type, bytes.subarray(start, end));
  });
  return found;
}

/**
 * Reads a list, whose attributes all have one type.
 *
 * @param bytes They and nothing else.
 * @returns Their values in order.
 */
export function listOf(bytes: Uint8Array): readonly Uint8Array[] {
  const found: Uint8Array[] = [];
  walk(viewOf(bytes), 0, bytes.length, (_, start, end) => found.push(bytes.subarray(start, end)));
  return found;
}

/** One nf_tables message. */
export interface RuleMessage {
  /** Of {@linkcode MESSAGE}. */
  readonly type: number;
  /** Bits of NLM_F_*. */
  readonly flags: number;
  readonly family: number;
  /** The attributes, one after the other. */
  readonly body: Uint8Array;
}

/**
 * Splits messages.
 *
 * @param bytes One after the other, each with nlmsghdr and nfgenmsg.
 * @returns Each, as views of the same memory.
 * @throws {WeirError} WEIR_DECODE when a length does not fit.
 */
export function* messagesOf(bytes: Uint8Array): Generator<RuleMessage> {
  const view = viewOf(bytes);
  for (let at = 0; at + HEADER <= bytes.length;) {
    const length = view.getUint32(at, true);
    if (length < HEADER || at + length > bytes.length) throw broken("it runs over its end");
    yield {
      type: view.getUint16(at + 4, true) & 0xff,
      flags: view.getUint16(at + 6, true),
      family: view.getUint8(at + 16),
      body: bytes.subarray(at + HEADER, at + length),
    };
    at += length + 3 & ~3;
  }
}

/**
 * Reads a text with or without its NUL.
 *
 * @param bytes An attribute's value; undefined when it is not there.
 * @returns The text before the first NUL; "" without one.
 */
export function textOf(bytes: Uint8Array | undefined): string {
  if (bytes === undefined) return "";
  const end = bytes.indexOf(0);
  return TEXT.decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/**
 * Reads a number in network order.
 *
 * @param bytes An attribute's value; undefined when it is not there.
 * @returns 0 to 2³²−1; 0 without one.
 */
export function numberOf(bytes: Uint8Array | undefined): number {
  if (bytes === undefined) return 0;
  return bytes.reduce((sum, byte) => sum * 256 + byte, 0);
}

/**
 * Reads a number of 64 bits in network order, exactly: handles may be anything.
 *
 * @param bytes An attribute's value; undefined when it is not there.
 * @returns The number, or undefined without one.
 */
export function wideOf(bytes: Uint8Array | undefined): bigint | undefined {
  return bytes?.length === 8 ? viewOf(bytes).getBigUint64(0) : undefined;
}

/**
 * Reads nft's own notes beside an object (libnftnl's udata.h): pairs of type, length and value.
 *
 * @param bytes The userdata; undefined when it is not there.
 * @returns The value of each by its type; what does not fit is passed over, as the kernel does.
 */
export function notesOf(bytes: Uint8Array | undefined): ReadonlyMap<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  if (bytes === undefined) return found;
  for (let at = 0; at + 2 <= bytes.length;) {
    const end = at + 2 + (bytes[at + 1] ?? 0);
    if (end > bytes.length) break;
    found.set(bytes[at] ?? 0, bytes.subarray(at + 2, end));
    at = end;
  }
  return found;
}
