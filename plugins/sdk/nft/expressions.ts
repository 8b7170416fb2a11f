/**
 * What a rule looks at: typed expressions that read like nft's own, for example
 * `concat(ip.daddr, meta.l4proto, th.dport).vmap("service-ips")`.
 *
 * @module
 */
import { CT_KEY, FIB_FLAG, META_KEY } from "./constants.ts";
import type { DataTypeName, FieldValue } from "./datatype.ts";
import type { Statement } from "./statements.ts";

/** What nft's `typeof` says of a header field, by libnftables' numbers. */
export interface HeaderField {
  /** enum proto_desc_id: 11 is "th", 12 "ip", 13 "ip6". */
  readonly description: number;
  /** The field's index among the description's templates. */
  readonly field: number;
}

/** The tree behind a {@linkcode Term}. Offsets and lengths are in bytes. */
export type ExpressionNode =
  | {
    readonly kind: "payload";
    readonly base: "network" | "transport";
    readonly offset: number;
    readonly length: number;
    readonly type: DataTypeName;
    readonly text: string;
    readonly header: HeaderField;
  }
  | {
    readonly kind: "meta";
    readonly key: number;
    readonly length: number;
    readonly type: DataTypeName;
    readonly text: string;
  }
  | {
    readonly kind: "ct";
    readonly key: number;
    readonly names: Readonly<Record<string, number>>;
    readonly text: string;
  }
  | {
    readonly kind: "tuple";
    readonly key: number;
    readonly length: number;
    readonly type: DataTypeName;
    readonly text: string;
  }
  | {
    readonly kind: "fib";
    readonly flags: number;
    readonly names: Readonly<Record<string, number>>;
    readonly text: string;
  }
  | { readonly kind: "numgen"; readonly modulus: number }
  | {
    readonly kind: "bitwise";
    readonly of: ExpressionNode;
    /** The value becomes `(value & mask) ^ xor`. */
    readonly mask: number;
    readonly xor: number;
    /** As written, for example `& 0x00004000`. */
    readonly text: string;
  }
  | { readonly kind: "concat"; readonly fields: readonly ExpressionNode[] }
  | { readonly kind: "lookup"; readonly key: ExpressionNode; readonly map: string };

/** A set or map, by itself or by its name. */
export type Named = string | { readonly name: string };

/** An expression with what can be asked of it. */
export interface Term {
  /** The tree, which the encoder and the printer read. */
  readonly node: ExpressionNode;
  /**
   * Matches when the value is equal.
   *
   * @param value Of the term's type. An address may be a CIDR, an interface name may end in `*`.
   * @returns A statement for a rule.
   */
  eq(value: FieldValue): Statement;
  /**
   * Matches when the value differs.
   *
   * @param value As for eq().
   * @returns A statement for a rule.
   */
  neq(value: FieldValue): Statement;
  /**
   * Matches when the set holds the value.
   *
   * @param set Its name, or the set.
   * @returns A statement for a rule.
   */
  inSet(set: Named): Statement;
  /**
   * Matches when the set does not hold the value.
   *
   * @param set Its name, or the set.
   * @returns A statement for a rule.
   */
  notInSet(set: Named): Statement;
  /**
   * Does what a verdict map says for the value, and goes on with the next rule when it is absent.
   *
   * @param map Its name, or the map.
   * @returns A statement for a rule.
   */
  vmap(map: Named): Statement;
  /**
   * Looks the value up; the rule does not match when it is absent.
   *
   * @param map Its name, or the map.
   * @returns The data of the map's element.
   */
  map(map: Named): Term;
  /**
   * Keeps bits.
   *
   * @param mask 32 bits.
   * @returns The bits that are in the mask.
   */
  and(mask: number): Term;
  /**
   * Sets bits.
   *
   * @param bits 32 bits.
   * @returns The value with the bits set.
   */
  or(bits: number): Term;
  /**
   * Inverts bits.
   *
   * @param bits 32 bits.
   * @returns The value with the bits inverted.
   */
  xor(bits: number): Term;
  /**
   * Clears bits.
   *
   * @param bits 32 bits.
   * @returns The value with the bits cleared.
   */
  andNot(bits: number): Term;
}

/** A term that can be written too. */
export interface WritableTerm extends Term {
  /**
   * Sets it.
   *
   * @param value A number, or an expression such as `meta.mark.or(0x4000)`.
   * @returns A statement for a rule.
   */
  set(value: number | Term): Statement;
}

/** A conntrack bit field. */
export interface BitsTerm extends Term {
  /**
   * Matches when one of the bits is set.
   *
   * @param names nft's names, for example `"new"`.
   * @returns A statement for a rule.
   */
  has(...names: readonly string[]): Statement;
}

function nameOf(named: Named): string {
  return typeof named === "string" ? named : named.name;
}

function unsigned(value: number): string {
  return `0x${(value >>> 0).toString(16).padStart(8, "0")}`;
}

/** Gives a tree its methods. */
function term(node: ExpressionNode): Term {
  const bitwise = (mask: number, xor: number, text: string) =>
    term({ kind: "bitwise", of: node, mask: mask >>> 0, xor: xor >>> 0, text });
  return {
    node,
    eq: (value) => ({ kind: "compare", node, op: "eq", value }),
    neq: (value) => ({ kind: "compare", node, op: "neq", value }),
    inSet: (set) => ({ kind: "lookup", node, set: nameOf(set), inverted: false }),
    notInSet: (set) => ({ kind: "lookup", node, set: nameOf(set), inverted: true }),
    vmap: (map) => ({ kind: "vmap", node, map: nameOf(map) }),
    map: (map) => term({ kind: "lookup", key: node, map: nameOf(map) }),
    and: (mask) => bitwise(mask, 0, `& ${unsigned(mask)}`),
    or: (bits) => bitwise(~bits, bits, `| ${unsigned(bits)}`),
    xor: (bits) => bitwise(~0, bits, `^ ${unsigned(bits)}`),
    andNot: (bits) => bitwise(~bits, 0, `& ${unsigned(~bits)}`),
  };
}

function payload(
  base: "network" | "transport",
  offset: number,
  length: number,
  type: DataTypeName,
  text: string,
  header: HeaderField,
): Term {
  return term({ kind: "payload", base, offset, length, type, text, header });
}

function metaTerm(key: number, length: number, type: DataTypeName, text: string): WritableTerm {
  const read = term({ kind: "meta", key, length, type, text });
  return {
    ...read,
    set: (value) => ({
      kind: "metaSet",
      node: read.node,
      value: typeof value === "number" ? value : value.node,
    }),
  };
}

function bits(key: number, names: Readonly<Record<string, number>>, text: string): BitsTerm {
  const read = term({ kind: "ct", key, names, text });
  return {
    ...read,
    has: (...wanted) => ({ kind: "bits", node: read.node, names: wanted }),
  };
}

/**
 * Fields of the IPv4 header.
 *
 * @example
 * ```ts
 * import { ip, verdict } from "weir";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(ip.saddr.neq("10.0.0.0/8"), {
 *   kind: "compare",
 *   node: ip.saddr.node,
 *   op: "neq",
 *   value: "10.0.0.0/8",
 * });
 * assert.equal(verdict.drop.kind, "verdict");
 * ```
 */
export const ip: { readonly saddr: Term; readonly daddr: Term } = {
  // RFC 791 §3.1.
  saddr: payload("network", 12, 4, "ipv4_addr", "ip saddr", { description: 12, field: 11 }),
  daddr: payload("network", 16, 4, "ipv4_addr", "ip daddr", { description: 12, field: 12 }),
};

/**
 * Fields of the IPv6 header.
 *
 * @example
 * ```ts
 * import { ip6 } from "weir";
 * import assert from "node:assert/strict";
 *
 * assert.equal(ip6.daddr.eq("fd00::/64").kind, "compare");
 * ```
 */
export const ip6: { readonly saddr: Term; readonly daddr: Term } = {
  // RFC 8200 §3.
  saddr: payload("network", 8, 16, "ipv6_addr", "ip6 saddr", { description: 13, field: 8 }),
  daddr: payload("network", 24, 16, "ipv6_addr", "ip6 daddr", { description: 13, field: 9 }),
};

/**
 * The ports, which TCP, UDP and SCTP have at the same place. Compare `meta.l4proto` as well: for
 * another protocol these bytes mean something else.
 *
 * @example
 * ```ts
 * import { th } from "weir";
 * import assert from "node:assert/strict";
 *
 * assert.equal(th.dport.eq(80).kind, "compare");
 * ```
 */
export const th: { readonly sport: Term; readonly dport: Term } = {
  sport: payload("transport", 0, 2, "inet_service", "th sport", { description: 11, field: 1 }),
  dport: payload("transport", 2, 2, "inet_service", "th dport", { description: 11, field: 2 }),
};

/**
 * What the kernel knows of the packet besides its bytes. `mark` can be set.
 *
 * @example
 * ```ts
 * import { meta } from "weir";
 * import assert from "node:assert/strict";
 *
 * assert.equal(meta.mark.set(meta.mark.or(0x4000)).kind, "metaSet");
 * assert.equal(meta.iifname.neq("cali*").kind, "compare");
 * ```
 */
export const meta: {
  readonly l4proto: Term;
  readonly mark: WritableTerm;
  readonly iifname: Term;
  readonly oifname: Term;
} = {
  l4proto: term({
    kind: "meta",
    key: META_KEY.L4PROTO,
    length: 1,
    type: "inet_proto",
    text: "meta l4proto",
  }),
  mark: metaTerm(META_KEY.MARK, 4, "mark", "meta mark"),
  iifname: term({
    kind: "meta",
    key: META_KEY.IIFNAME,
    length: 16,
    type: "ifname",
    text: "iifname",
  }),
  oifname: term({
    kind: "meta",
    key: META_KEY.OIFNAME,
    length: 16,
    type: "ifname",
    text: "oifname",
  }),
};

function tuple(key: number, length: number, type: DataTypeName, text: string): Term {
  return term({ kind: "tuple", key, length, type, text });
}

/** Where a connection went before anything was translated. */
export interface OriginalTuple {
  /** Its IPv4 address; the rule does not match a connection of IPv6. */
  readonly daddr: Term;
  /** Its IPv6 address; the rule does not match a connection of IPv4. */
  readonly daddr6: Term;
  /** Its port. */
  readonly dport: Term;
}

/**
 * The connection's state and status, and where it went before anything was translated, which packets
 * of both directions tell.
 *
 * @example
 * ```ts
 * import { concat, ct, meta } from "weir";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(ct.state.has("new").kind, "bits");
 * assert.deepEqual(ct.status.has("dnat").kind, "bits");
 * const { daddr, dport } = ct.original;
 * assert.deepEqual(concat(daddr, meta.l4proto, dport).inSet("services").kind, "lookup");
 * ```
 */
export const ct: {
  readonly state: BitsTerm;
  readonly status: BitsTerm;
  readonly original: OriginalTuple;
} = {
  // NF_CT_STATE_BIT and friends: invalid is bit 0, then enum ip_conntrack_info shifted by one.
  state: bits(
    CT_KEY.STATE,
    { invalid: 1, established: 2, related: 4, new: 8, untracked: 64 },
    "ct state",
  ),
  // enum ip_conntrack_status.
  status: bits(
    CT_KEY.STATUS,
    {
      expected: 1,
      "seen-reply": 2,
      assured: 4,
      confirmed: 8,
      snat: 16,
      dnat: 32,
      dying: 512,
    },
    "ct status",
  ),
  original: {
    daddr: tuple(CT_KEY.DST_IP, 4, "ipv4_addr", "ct original ip daddr"),
    daddr6: tuple(CT_KEY.DST_IP6, 16, "ipv6_addr", "ct original ip6 daddr"),
    dport: tuple(CT_KEY.PROTO_DST, 2, "inet_service", "ct original proto-dst"),
  },
};

/** enum rtnetlink route types (linux/rtnetlink.h), as `fib … type` yields them. */
const ROUTE_TYPES = { unicast: 1, local: 2, broadcast: 3, anycast: 4, multicast: 5 };

/**
 * The route type of an address: `fib.daddrType.eq("local")`.
 *
 * @example
 * ```ts
 * import { fib } from "weir";
 * import assert from "node:assert/strict";
 *
 * assert.equal(fib.daddrType.eq("local").kind, "compare");
 * ```
 */
export const fib: { readonly saddrType: Term; readonly daddrType: Term } = {
  saddrType: term({
    kind: "fib",
    flags: FIB_FLAG.saddr,
    names: ROUTE_TYPES,
    text: "fib saddr type",
  }),
  daddrType: term({
    kind: "fib",
    flags: FIB_FLAG.daddr,
    names: ROUTE_TYPES,
    text: "fib daddr type",
  }),
};

/**
 * A random number below a modulus.
 *
 * @param modulus 1 or more.
 * @returns A term of type integer.
 *
 * @example
 * ```ts
 * import { numgenRandom } from "weir";
 * import assert from "node:assert/strict";
 *
 * assert.equal(numgenRandom(3).vmap("thirds").kind, "vmap");
 * ```
 */
export function numgenRandom(modulus: number): Term {
  return term({ kind: "numgen", modulus });
}

/**
 * Several fields as one key.
 *
 * @param fields In the order of the key of the set or map.
 * @returns A term to look up.
 *
 * @example
 * ```ts
 * import { concat, ip, meta, th } from "weir";
 * import assert from "node:assert/strict";
 *
 * assert.equal(concat(ip.daddr, meta.l4proto, th.dport).vmap("service-ips").kind, "vmap");
 * ```
 */
export function concat(...fields: readonly Term[]): Term {
  return term({ kind: "concat", fields: fields.map((field) => field.node) });
}
