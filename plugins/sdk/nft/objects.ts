/**
 * The objects of nf_tables: tables, chains, sets, maps and their elements' shape, as plain data.
 *
 * @module
 */
import type { NftFamily } from "../../../schemas/capability.ts";
import { DATA_TYPES, type DataType, type DataTypeName } from "./datatype.ts";
import type { ExpressionNode, Term } from "./expressions.ts";
import { typeOf } from "./node_type.ts";
import type { Rule } from "./statements.ts";

/** A table: a name in one address family, which everything else belongs to. */
export interface Table {
  /** Tells objects apart. */
  readonly kind: "table";
  /** Which packets its chains see. */
  readonly family: NftFamily;
  /** The granted table's name. */
  readonly name: string;
}

/** Where a base chain hooks into the kernel. */
export interface BaseChain {
  /** What its rules may do: only a nat chain translates addresses. */
  readonly type: "filter" | "nat" | "route";
  /** Where on a packet's way. */
  readonly hook: "prerouting" | "input" | "forward" | "output" | "postrouting";
  /** Lower runs first; −100 is dstnat, 0 filter, 100 srcnat. */
  readonly priority: number;
  /** What becomes of a packet that no rule decides; absent is accept. */
  readonly policy?: "accept" | "drop";
}

/** A chain of rules; with `base` the kernel enters it by itself. */
export interface Chain {
  /** Tells objects apart. */
  readonly kind: "chain";
  /** The table it belongs to. */
  readonly table: Table;
  /** Its name, unique within the table. */
  readonly name: string;
  /** Where the kernel enters it; undefined for a chain that is only jumped to. */
  readonly base: BaseChain | undefined;
  /** Its rules, first to last. */
  readonly rules: readonly Rule[];
  /** Shown by listings; "" for none. */
  readonly comment: string;
}

/** A flag of a set or map. */
export type SetFlag = "constant" | "interval" | "dynamic" | "timeout";

/**
 * One field of a key or of a map's data: a data type by name, or an expression, then the field is
 * of its type and nft shows `typeof` instead of `type`. A number generator has only a `typeof`.
 */
export type Field = DataTypeName | Term;

/** How a key or datum lies in memory. */
export interface Shape {
  /** The data type of each field. */
  readonly types: readonly DataType[];
  /** Its name, for each field. */
  readonly names: readonly DataTypeName[];
  /** The expressions when any field was given as one, else empty. */
  readonly nodes: readonly ExpressionNode[];
  /** 32-bit words of all fields together. */
  readonly words: number;
  /** Length in bytes as the kernel is told: padded when there are several fields. */
  readonly bytes: number;
}

/** What sets and maps have in common. */
export interface Collection {
  /** The table it belongs to. */
  readonly table: Table;
  /** Its name, unique within the table. */
  readonly name: string;
  /** The shape of its keys. */
  readonly key: Shape;
  /** Its flags, in the order given. */
  readonly flags: readonly SetFlag[];
  /** Seconds that an element lives; 0 is for ever. */
  readonly timeoutSeconds: number;
  /** Most elements; 0 is without limit. */
  readonly size: number;
  /** Whether each element counts the packets that found it. */
  readonly counter: boolean;
  /** Shown by listings; "" for none. */
  readonly comment: string;
}

/** A set of keys. */
export interface NftSet extends Collection {
  /** Tells objects apart. */
  readonly kind: "set";
}

/** A map from keys to data. */
export interface NftMap extends Collection {
  /** Tells objects apart. */
  readonly kind: "map";
  /** The shape of what keys lead to. */
  readonly data: Shape;
}

/** A map from keys to verdicts. */
export interface VerdictMap extends Collection {
  /** Tells objects apart. */
  readonly kind: "verdictMap";
}

/** Anything with elements. */
export type AnySet = NftSet | NftMap | VerdictMap;

/** Options of a set or map. */
export interface SetOptions {
  /** None if absent. */
  readonly flags?: readonly SetFlag[];
  /** Seconds that an element lives; 0 or absent is for ever. */
  readonly timeoutSeconds?: number;
  /** Most elements; 0 or absent is without limit. */
  readonly size?: number;
  /** Each element counts the packets that find it, and their bytes; not if absent. */
  readonly counter?: boolean;
  /** Shown by listings; none if absent. */
  readonly comment?: string;
}

/** A whole table: what {@linkcode Transaction.replaceTable} puts in place. */
export interface Layout {
  /** The table. */
  readonly table: Table;
  /** Its sets and maps, empty. */
  readonly sets: readonly AnySet[];
  /** Its chains with their rules. */
  readonly chains: readonly Chain[];
}

/**
 * Names a table.
 *
 * @param family Address family.
 * @param name As granted.
 * @returns The table. Its comment is the host's: it says for which plugin weir has made it.
 *
 * @example
 * ```ts
 * import { table } from "weir";
 * import assert from "node:assert/strict";
 *
 * assert.equal(table("ip", "hello").name, "hello");
 * ```
 */
export function table(family: NftFamily, name: string): Table {
  return { kind: "table", family, name };
}

/**
 * Describes a chain.
 *
 * @param owner Its table.
 * @param name Of the chain.
 * @param options The hook if it is a base chain, its rules, a comment.
 * @returns The chain.
 *
 * @example
 * ```ts
 * import { chain, rule, table, verdict } from "weir";
 * import assert from "node:assert/strict";
 *
 * const input = chain(table("ip", "hello"), "input", {
 *   base: { type: "filter", hook: "input", priority: 0 },
 *   rules: [rule(verdict.accept)],
 * });
 * assert.equal(input.rules.length, 1);
 * ```
 */
export function chain(
  owner: Table,
  name: string,
  options: {
    readonly base?: BaseChain;
    readonly rules?: readonly Rule[];
    readonly comment?: string;
  } = {},
): Chain {
  return {
    kind: "chain",
    table: owner,
    name,
    base: options.base,
    rules: options.rules ?? [],
    comment: options.comment ?? "",
  };
}

function shape(fields: readonly Field[]): Shape {
  const names = fields.map((field) =>
    typeof field === "string" ? field : typeOf(field.node) ?? "integer"
  );
  const types = names.map((name) => DATA_TYPES[name]);
  const words = types.reduce((sum, type) => sum + type.words, 0);
  const [only] = types;
  return {
    types,
    names,
    nodes: fields.flatMap((field) => typeof field === "string" ? [] : [field.node]),
    words,
    bytes: types.length === 1 && only !== undefined ? only.bytes : words * 4,
  };
}

function collection(owner: Table, name: string, key: readonly Field[], options: SetOptions) {
  return {
    table: owner,
    name,
    key: shape(key),
    flags: options.flags ?? [],
    timeoutSeconds: options.timeoutSeconds ?? 0,
    size: options.size ?? 0,
    counter: options.counter ?? false,
    comment: options.comment ?? "",
  };
}

/**
 * Describes a set.
 *
 * @param owner Its table.
 * @param name Of the set.
 * @param key The fields of a key, either all by name or all by expression.
 * @param options Flags, timeout, size, comment.
 * @returns The set.
 *
 * @example
 * ```ts
 * import { set, table } from "weir";
 * import assert from "node:assert/strict";
 *
 * assert.equal(set(table("ip", "hello"), "cluster-ips", ["ipv4_addr"]).key.bytes, 4);
 * ```
 */
export function set(
  owner: Table,
  name: string,
  key: readonly Field[],
  options: SetOptions = {},
): NftSet {
  return { kind: "set", ...collection(owner, name, key, options) };
}

/**
 * Describes a map.
 *
 * @param owner Its table.
 * @param name Of the map.
 * @param key The fields of a key, either all by name or all by expression.
 * @param data The fields of the data, given in the same way as the key's.
 * @param options Flags, timeout, size, comment.
 * @returns The map.
 *
 * @example
 * ```ts
 * import { map, table } from "weir";
 * import assert from "node:assert/strict";
 *
 * const ports = map(table("ip", "hello"), "ports", ["inet_service"], ["ipv4_addr", "inet_service"]);
 * assert.equal(ports.data.bytes, 8);
 * ```
 */
export function map(
  owner: Table,
  name: string,
  key: readonly Field[],
  data: readonly Field[],
  options: SetOptions = {},
): NftMap {
  return { kind: "map", ...collection(owner, name, key, options), data: shape(data) };
}

/**
 * Describes a map whose data are verdicts. A change of an element makes the kernel validate every
 * element of every verdict map that it can reach, so keep what changes often in plain maps.
 *
 * @param owner Its table.
 * @param name Of the map.
 * @param key The fields of a key, either all by name or all by expression.
 * @param options Flags, timeout, size, comment.
 * @returns The map.
 *
 * @example
 * ```ts
 * import { table, verdictMap } from "weir";
 * import assert from "node:assert/strict";
 *
 * const services = verdictMap(table("ip", "hello"), "service-ips", [
 *   "ipv4_addr",
 *   "inet_proto",
 *   "inet_service",
 * ]);
 * assert.equal(services.key.bytes, 12);
 * ```
 */
export function verdictMap(
  owner: Table,
  name: string,
  key: readonly Field[],
  options: SetOptions = {},
): VerdictMap {
  return { kind: "verdictMap", ...collection(owner, name, key, options) };
}
