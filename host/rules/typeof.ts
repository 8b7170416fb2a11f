/**
 * What nft's `typeof` says of a set: it is kept beside the set, in a form that is nft's own
 * (expr_ops.build_udata, expr_ops.parse_udata).
 *
 * @module
 */
import type { Field } from "./value.ts";
import { notesOf, viewOf } from "./wire.ts";

/** enum nftnl_udata_set_types. */
const SET_NOTE = { KEY_TYPEOF: 3, DATA_TYPEOF: 4 } as const;
/** enum expr_types of libnftables. */
const EXPRESSION = { PAYLOAD: 7, META: 9, CONCAT: 13, NUMGEN: 23 } as const;

/** Header fields by enum proto_desc_id and the index among its templates. */
const HEADERS: ReadonlyMap<string, Field> = new Map([
  ["11 1", { type: "inet_service", text: "th sport", bytes: 2 }],
  ["11 2", { type: "inet_service", text: "th dport", bytes: 2 }],
  ["12 11", { type: "ipv4_addr", text: "ip saddr", bytes: 4 }],
  ["12 12", { type: "ipv4_addr", text: "ip daddr", bytes: 4 }],
  ["13 8", { type: "ipv6_addr", text: "ip6 saddr", bytes: 16 }],
  ["13 9", { type: "ipv6_addr", text: "ip6 daddr", bytes: 16 }],
]);

/** enum nft_meta_keys, of those that keys are made of. */
export const META_FIELDS: ReadonlyMap<number, Field> = new Map([
  [3, { type: "mark", text: "meta mark", bytes: 4 }],
  [4, { type: "integer", text: "meta iif", bytes: 4 }],
  [5, { type: "integer", text: "meta oif", bytes: 4 }],
  [6, { type: "ifname", text: "iifname", bytes: 16 }],
  [7, { type: "ifname", text: "oifname", bytes: 16 }],
  [12, { type: "integer", text: "meta nftrace", bytes: 1 }],
  [15, { type: "nf_proto", text: "meta nfproto", bytes: 1 }],
  [16, { type: "inet_proto", text: "meta l4proto", bytes: 1 }],
]);

function number(bytes: Uint8Array | undefined): number {
  return bytes?.length === 4 ? viewOf(bytes).getUint32(0, true) : -1;
}

/** One expression; undefined when it is none that is known here. */
function fieldOf(bytes: Uint8Array): Field | undefined {
  const notes = notesOf(bytes);
  const inner = notesOf(notes.get(1));
  switch (number(notes.get(0))) {
    case EXPRESSION.PAYLOAD:
      return HEADERS.get(`${number(inner.get(0))} ${number(inner.get(1))}`);
    case EXPRESSION.META:
      return META_FIELDS.get(number(inner.get(0)));
    case EXPRESSION.NUMGEN: {
      const random = number(inner.get(0)) === 1;
      const text = `numgen ${random ? "random" : "inc"} mod ${number(inner.get(1))}`;
      return { type: "integer", text, bytes: 4, ...(random ? { random } : {}) };
    }
    default:
      return undefined;
  }
}

function fieldsOf(bytes: Uint8Array | undefined): readonly Field[] | undefined {
  if (bytes === undefined) return undefined;
  const notes = notesOf(bytes);
  const parts = number(notes.get(0)) === EXPRESSION.CONCAT
    ? [...notesOf(notes.get(1)).values()].map(fieldOf)
    : [fieldOf(bytes)];
  const known = parts.filter((part) => part !== undefined);
  return known.length === parts.length && known.length > 0 ? known : undefined;
}

/**
 * The fields of a set as `typeof` has them.
 *
 * @param notes Of the set.
 * @returns Those of the key and of the data, each undefined when it was declared by types, or by
 * expressions that are not known here.
 */
export function typeofFields(
  notes: ReadonlyMap<number, Uint8Array>,
): { readonly key: readonly Field[] | undefined; readonly data: readonly Field[] | undefined } {
  return {
    key: fieldsOf(notes.get(SET_NOTE.KEY_TYPEOF)),
    data: fieldsOf(notes.get(SET_NOTE.DATA_TYPEOF)),
  };
}
