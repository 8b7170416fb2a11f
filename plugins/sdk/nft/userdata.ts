/**
 * What nft keeps beside objects for its own listings, opaque to the kernel: comments, the byte
 * order of keys, and the expressions behind `typeof`. Formats: libnftnl's udata.h and nft's
 * expr_ops.build_udata; pairs of type (8 bits), length (8 bits), bytes.
 *
 * @module
 */
import type { ExpressionNode } from "./expressions.ts";
import type { AnySet, Shape } from "./objects.ts";

const TEXT = new TextEncoder();

/** enum nftnl_udata_set_types. */
const SET_UDATA = {
  KEY_ORDER: 0,
  DATA_ORDER: 1,
  KEY_TYPEOF: 3,
  DATA_TYPEOF: 4,
  COMMENT: 7,
} as const;
/** enum expr_types of libnftables. */
const EXPR = { PAYLOAD: 7, META: 9, CONCAT: 13, NUMGEN: 23 } as const;

function pair(type: number, payload: readonly number[]): number[] {
  return [type, payload.length, ...payload];
}

function u32(type: number, value: number): number[] {
  return pair(type, [value & 0xff, value >> 8 & 0xff, value >> 16 & 0xff, value >>> 24]);
}

/** One expression: its kind, then its particulars. Undefined when nft has no `typeof` for it. */
function expression(node: ExpressionNode): number[] | undefined {
  switch (node.kind) {
    case "payload":
      return [
        ...u32(0, EXPR.PAYLOAD),
        ...pair(1, [...u32(0, node.header.description), ...u32(1, node.header.field)]),
      ];
    case "meta":
      return [...u32(0, EXPR.META), ...pair(1, u32(0, node.key))];
    case "numgen":
      // Type 1 is random, then modulus and offset.
      return [
        ...u32(0, EXPR.NUMGEN),
        ...pair(1, [...u32(0, 1), ...u32(1, node.modulus), ...u32(2, 0)]),
      ];
    default:
      return undefined;
  }
}

function typeOf(shape: Shape): number[] | undefined {
  const fields = shape.nodes.map(expression);
  if (fields.length === 0 || fields.includes(undefined)) return undefined;
  const known = fields.filter((field) => field !== undefined);
  const [only] = known;
  if (known.length === 1 && only !== undefined) return only;
  return [
    ...u32(0, EXPR.CONCAT),
    ...pair(1, known.flatMap((field, index) => pair(index, field))),
  ];
}

/** The byte order of one field; of a concatenation there is none. */
function order(shape: Shape): number {
  const [only] = shape.types;
  return shape.types.length === 1 && only !== undefined ? only.order : 0;
}

/**
 * The comment of a table, chain or rule.
 *
 * @param comment Not empty.
 * @returns Bytes for its USERDATA attribute.
 */
export function commentUserdata(comment: string): Uint8Array {
  return new Uint8Array(pair(0, [...TEXT.encode(comment), 0]));
}

/**
 * The userdata of a set or map.
 *
 * @param set Of which.
 * @returns Bytes for its USERDATA attribute.
 */
export function setUserdata(set: AnySet): Uint8Array {
  const bytes = u32(SET_UDATA.KEY_ORDER, order(set.key));
  if (set.kind === "map") bytes.push(...u32(SET_UDATA.DATA_ORDER, order(set.data)));
  if (set.kind === "verdictMap") bytes.push(...u32(SET_UDATA.DATA_ORDER, 0));
  const key = typeOf(set.key);
  const data = set.kind === "map" ? typeOf(set.data) : undefined;
  // nft reads both or neither.
  if (key !== undefined && (data !== undefined || set.kind !== "map")) {
    bytes.push(...pair(SET_UDATA.KEY_TYPEOF, key));
    if (data !== undefined) bytes.push(...pair(SET_UDATA.DATA_TYPEOF, data));
  }
  if (set.comment !== "") {
    bytes.push(...pair(SET_UDATA.COMMENT, [...TEXT.encode(set.comment), 0]));
  }
  return new Uint8Array(bytes);
}
