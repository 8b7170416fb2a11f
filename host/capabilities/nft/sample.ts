/**
 * Small nf_tables messages made by hand, for the tests and benches of this folder: the checker is
 * not tested with the encoder that it has to distrust.
 *
 * @module
 */
import { MessageWriter } from "../netlink_message.ts";

const SUBSYSTEM = 10;
const REQUEST = 0x1;
const CREATE = 0x400;
const APPEND = 0x800;

/** What every sample takes. */
export interface Where {
  /** The table's name. */
  readonly table: string;
  /** NFPROTO_IPV4 (2), NFPROTO_IPV6 (10) or NFPROTO_INET (1). */
  readonly family: number;
}

/**
 * One message with the table's name as its first attribute.
 *
 * @param kind NFT_MSG_*, for example 0 for NEWTABLE.
 * @param flags Besides NLM_F_REQUEST.
 * @param where Its table and family.
 * @param attributes Writes the others.
 * @returns The message.
 */
export function message(
  kind: number,
  flags: number,
  where: Where,
  attributes: (writer: MessageWriter) => void = () => {},
): Uint8Array<ArrayBuffer> {
  const writer = new MessageWriter(SUBSYSTEM << 8 | kind, REQUEST | flags, 0)
    .fixed([where.family, 0, 0, 0]).text(1, where.table);
  attributes(writer);
  return writer.finish();
}

/**
 * Bytes of a number in network order.
 *
 * @param value 0 to 2³²−1.
 * @returns 4 bytes.
 */
export function be32(value: number): Uint8Array {
  return new Uint8Array([value >>> 24, value >>> 16, value >>> 8, value]);
}

/**
 * Creates a table.
 *
 * @param where The table.
 * @returns NEWTABLE.
 */
export function newTable(where: Where): Uint8Array<ArrayBuffer> {
  return message(0, CREATE, where);
}

/**
 * Deletes a table.
 *
 * @param where The table.
 * @returns DELTABLE.
 */
export function deleteTable(where: Where): Uint8Array<ArrayBuffer> {
  return message(2, 0, where);
}

/**
 * Creates a chain, a base chain of type filter when it has a hook.
 *
 * @param where The table.
 * @param name The chain's name.
 * @param hook NF_INET_*, 0 to 4.
 * @returns NEWCHAIN.
 */
export function newChain(where: Where, name: string, hook?: number): Uint8Array<ArrayBuffer> {
  return message(3, CREATE, where, (chain) => {
    chain.text(3, name);
    if (hook === undefined) return;
    chain.nested(4, (inner) => inner.bytes(1, be32(hook)).bytes(2, be32(0))).text(7, "filter");
  });
}

/**
 * Creates a map from IPv4 addresses to marks.
 *
 * @param where The table.
 * @param name The map's name.
 * @returns NEWSET.
 */
export function newMap(where: Where, name: string): Uint8Array<ArrayBuffer> {
  return message(
    9,
    CREATE,
    where,
    (set) =>
      set.text(2, name).bytes(3, be32(8)).bytes(4, be32(7)).bytes(5, be32(4)).bytes(6, be32(19))
        .bytes(7, be32(4)).bytes(10, be32(1)),
  );
}

/**
 * Adds elements to such a map: keys from `first` on, each with itself as its value.
 *
 * @param where The table.
 * @param name The map's name.
 * @param first The first key.
 * @param count How many, at most 1000: an attribute holds 64 KiB.
 * @returns NEWSETELEM.
 */
export function newElements(
  where: Where,
  name: string,
  first: number,
  count: number,
): Uint8Array<ArrayBuffer> {
  return message(12, CREATE, where, (list) =>
    list.text(2, name).nested(3, (elements) => {
      for (let key = first; key < first + count; key++) {
        elements.nested(1, (element) =>
          element
            .nested(1, (data) => data.bytes(1, be32(key)))
            .nested(2, (data) => data.bytes(1, be32(key))));
      }
    }));
}

/**
 * Appends a rule with one expression.
 *
 * @param where The table.
 * @param chain The chain's name.
 * @param expression The expression's name.
 * @param data Writes its attributes.
 * @returns NEWRULE.
 */
export function newRule(
  where: Where,
  chain: string,
  expression: string,
  data: (writer: MessageWriter) => void = () => {},
): Uint8Array<ArrayBuffer> {
  return message(
    6,
    CREATE | APPEND,
    where,
    (rule) =>
      rule.text(2, chain).nested(
        4,
        (list) => list.nested(1, (inner) => inner.text(1, expression).nested(2, data)),
      ),
  );
}

/**
 * Puts messages one after the other.
 *
 * @param messages The messages.
 * @returns One piece of memory.
 */
export function batch(...messages: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const size = messages.reduce((sum, part) => sum + part.length, 0);
  const out = new Uint8Array(new ArrayBuffer(size));
  let at = 0;
  for (const part of messages) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
