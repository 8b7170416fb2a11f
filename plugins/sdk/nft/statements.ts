/**
 * What a rule does: statements, and the rule itself.
 *
 * @module
 */
import { WeirError } from "../../../schemas/errors.ts";
import type { FieldValue } from "./datatype.ts";
import type { ExpressionNode, Named, Term } from "./expressions.ts";

/** Where a packet goes. */
export type NftVerdict =
  | { readonly to: "accept" | "drop" | "return" }
  | { readonly to: "jump" | "goto"; readonly chain: string };

/** A destination to translate to. */
export interface Destination {
  /** Canonical text, of the table's family. */
  readonly address: string;
  /** 1–65535. */
  readonly port: number;
}

/** One part of a rule; it matches, or acts, or ends the rule. */
export type Statement =
  | {
    readonly kind: "compare";
    readonly node: ExpressionNode;
    readonly op: "eq" | "neq";
    readonly value: FieldValue;
  }
  | { readonly kind: "bits"; readonly node: ExpressionNode; readonly names: readonly string[] }
  | {
    readonly kind: "lookup";
    readonly node: ExpressionNode;
    readonly set: string;
    readonly inverted: boolean;
  }
  | { readonly kind: "vmap"; readonly node: ExpressionNode; readonly map: string }
  | { readonly kind: "verdict"; readonly verdict: NftVerdict }
  | {
    readonly kind: "metaSet";
    readonly node: ExpressionNode;
    readonly value: number | ExpressionNode;
  }
  | { readonly kind: "reject"; readonly with: "port-unreachable" | "tcp reset" }
  | { readonly kind: "dnat"; readonly to: Destination | ExpressionNode }
  | { readonly kind: "masquerade"; readonly fullyRandom: boolean }
  | {
    readonly kind: "dynset";
    readonly op: "add" | "update" | "delete";
    readonly set: string;
    readonly node: ExpressionNode;
    /** What the key leads to, for a map; undefined for a set. */
    readonly data: ExpressionNode | undefined;
    /** Seconds; 0 leaves it to the set. */
    readonly timeoutSeconds: number;
  }
  | { readonly kind: "counter" };

/** A rule: statements from left to right, and a comment that listings show. */
export interface Rule {
  /** From left to right: the first that does not match ends the rule. */
  readonly statements: readonly Statement[];
  /** Shown by listings; "" for none. */
  readonly comment: string;
}

/**
 * The verdicts, as statements of a rule.
 *
 * @example
 * ```ts
 * import { verdict } from "weir";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(verdict.goto("services"), {
 *   kind: "verdict",
 *   verdict: { to: "goto", chain: "services" },
 * });
 * ```
 */
export const verdict: {
  readonly accept: Statement & { readonly kind: "verdict" };
  readonly drop: Statement & { readonly kind: "verdict" };
  readonly return: Statement & { readonly kind: "verdict" };
  jump(chain: Named): Statement & { readonly kind: "verdict" };
  goto(chain: Named): Statement & { readonly kind: "verdict" };
} = {
  accept: { kind: "verdict", verdict: { to: "accept" } },
  drop: { kind: "verdict", verdict: { to: "drop" } },
  return: { kind: "verdict", verdict: { to: "return" } },
  jump: (chain) => ({ kind: "verdict", verdict: { to: "jump", chain: nameOf(chain) } }),
  goto: (chain) => ({ kind: "verdict", verdict: { to: "goto", chain: nameOf(chain) } }),
};

function nameOf(named: Named): string {
  return typeof named === "string" ? named : named.name;
}

/**
 * Refuses the packet with an answer, so that the sender knows at once.
 *
 * Answer TCP with a reset: an ICMP error that comes back while `connect` still holds the socket, as
 * from the same node, is only a soft error there, and the client waits for the next SYN.
 *
 * @param answer ICMP port unreachable when absent; a reset does nothing for other protocols than
 * TCP.
 * @returns A statement that ends the rule. It is valid in input, forward and output.
 *
 * @example
 * ```ts
 * import { reject } from "weir";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(reject(), { kind: "reject", with: "port-unreachable" });
 * ```
 */
export function reject(answer: "port-unreachable" | "tcp reset" = "port-unreachable"): Statement {
  return { kind: "reject", with: answer };
}

/**
 * Translates the destination. Valid in chains of type nat that prerouting or output reach.
 *
 * @param to A fixed destination, or a term that yields an address and a port, as a lookup in a map
 * whose data are `ipv4_addr . inet_service`.
 * @returns A statement that ends the rule.
 * @throws {WeirError} WEIR_NFT_ENCODE when it is neither.
 *
 * @example
 * ```ts
 * import { concat, dnat, ip, th } from "weir";
 * import assert from "node:assert/strict";
 *
 * assert.equal(dnat({ address: "10.0.0.1", port: 80 }).kind, "dnat");
 * assert.equal(dnat(concat(ip.daddr, th.dport).map("endpoints")).kind, "dnat");
 * ```
 */
export function dnat(to: Destination | Term): Statement {
  // A plugin is run without its types being checked.
  if (typeof to !== "object" || !("node" in to || "address" in to)) {
    throw new WeirError(
      "WEIR_NFT_ENCODE",
      `Cannot translate to "${to}": it is neither { address, port } nor a term such as a lookup`,
    );
  }
  return { kind: "dnat", to: "node" in to ? to.node : to };
}

/**
 * Translates the source to the address of the outgoing interface. Valid in chains of type nat that
 * postrouting reaches.
 *
 * @param options `fullyRandom` picks the source port at random, which spares parallel connections
 * the race for the same port.
 * @returns A statement that ends the rule.
 *
 * @example
 * ```ts
 * import { masquerade } from "weir";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(masquerade({ fullyRandom: true }), { kind: "masquerade", fullyRandom: true });
 * ```
 */
export function masquerade(options: { readonly fullyRandom?: boolean } = {}): Statement {
  return { kind: "masquerade", fullyRandom: options.fullyRandom ?? false };
}

/**
 * Puts a key into a dynamic set from the packet's path; an element that is there is left alone.
 *
 * @param set Name of a set with the flags dynamic and timeout.
 * @param key Of the set's key type.
 * @param options Seconds the element lives; absent or 0 means as the set says.
 * @returns A statement for a rule.
 *
 * @example
 * ```ts
 * import { addToSet, ip } from "weir";
 * import assert from "node:assert/strict";
 *
 * assert.equal(addToSet("seen", ip.saddr).kind, "dynset");
 * ```
 */
export function addToSet(
  set: Named,
  key: Term,
  options: { readonly timeoutSeconds?: number } = {},
): Statement {
  return dynset("add", set, key, options.timeoutSeconds ?? 0);
}

/**
 * As {@linkcode addToSet}, but an element that is there starts its time anew.
 *
 * @param set Name of a set with the flags dynamic and timeout.
 * @param key Of the set's key type.
 * @param options Seconds the element lives; absent or 0 means as the set says.
 * @returns A statement for a rule.
 *
 * @example
 * ```ts
 * import { ip, updateSet } from "weir";
 * import assert from "node:assert/strict";
 *
 * assert.equal(updateSet("seen", ip.saddr, { timeoutSeconds: 60 }).kind, "dynset");
 * ```
 */
export function updateSet(
  set: Named,
  key: Term,
  options: { readonly timeoutSeconds?: number } = {},
): Statement {
  return dynset("update", set, key, options.timeoutSeconds ?? 0);
}

/**
 * Puts a key and its data into a dynamic map from the packet's path; an element that is there is
 * left alone. The rule does not go on when the map is full, or the data cannot be looked up.
 *
 * @param map Name of a map with the flags dynamic and timeout.
 * @param key Of the map's key type.
 * @param data Of the map's data type.
 * @param options Seconds the element lives; absent or 0 means as the map says.
 * @returns A statement for a rule.
 *
 * @example
 * ```ts
 * import { addToMap, ip, meta } from "weir";
 * import assert from "node:assert/strict";
 *
 * assert.equal(addToMap("seen", ip.saddr, meta.mark).kind, "dynset");
 * ```
 */
export function addToMap(
  map: Named,
  key: Term,
  data: Term,
  options: { readonly timeoutSeconds?: number } = {},
): Statement {
  return dynset("add", map, key, options.timeoutSeconds ?? 0, data);
}

/**
 * As {@linkcode addToMap}, but an element that is there starts its time anew; its data stay.
 *
 * @param map Name of a map with the flags dynamic and timeout.
 * @param key Of the map's key type.
 * @param data Of the map's data type.
 * @param options Seconds the element lives; absent or 0 means as the map says.
 * @returns A statement for a rule.
 *
 * @example
 * ```ts
 * import { ip, meta, updateMap } from "weir";
 * import assert from "node:assert/strict";
 *
 * assert.equal(updateMap("seen", ip.saddr, meta.mark, { timeoutSeconds: 60 }).kind, "dynset");
 * ```
 */
export function updateMap(
  map: Named,
  key: Term,
  data: Term,
  options: { readonly timeoutSeconds?: number } = {},
): Statement {
  return dynset("update", map, key, options.timeoutSeconds ?? 0, data);
}

/**
 * Takes a key out of a dynamic set from the packet's path; none there is no fault.
 *
 * @param set Name of a set with the flag dynamic.
 * @param key Of its key type.
 * @returns A statement for a rule.
 *
 * @example
 * ```ts
 * import { deleteFromSet, ip } from "weir";
 * import assert from "node:assert/strict";
 *
 * assert.equal(deleteFromSet("seen", ip.saddr).kind, "dynset");
 * ```
 */
export function deleteFromSet(set: Named, key: Term): Statement {
  return dynset("delete", set, key, 0);
}

/**
 * Takes a key out of a dynamic map from the packet's path; none there is no fault.
 *
 * @param map Name of a map with the flag dynamic.
 * @param key Of its key type.
 * @param data Anything of the map's data type: the kernel wants it (nft_dynset_init) and makes
 * nothing of it.
 * @returns A statement for a rule.
 *
 * @example
 * ```ts
 * import { deleteFromMap, ip, meta } from "weir";
 * import assert from "node:assert/strict";
 *
 * assert.equal(deleteFromMap("seen", ip.saddr, meta.mark).kind, "dynset");
 * ```
 */
export function deleteFromMap(map: Named, key: Term, data: Term): Statement {
  return dynset("delete", map, key, 0, data);
}

function dynset(
  op: "add" | "update" | "delete",
  set: Named,
  key: Term,
  timeoutSeconds: number,
  data?: Term,
): Statement {
  return { kind: "dynset", op, set: nameOf(set), node: key.node, data: data?.node, timeoutSeconds };
}

/**
 * Counts packets and bytes.
 *
 * @returns A statement for a rule.
 *
 * @example
 * ```ts
 * import { counter } from "weir";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(counter(), { kind: "counter" });
 * ```
 */
export function counter(): Statement {
  return { kind: "counter" };
}

/**
 * A rule of statements, evaluated from left to right until one does not match.
 *
 * @param statements At least one.
 * @returns The rule, without a comment.
 *
 * @example
 * ```ts
 * import { meta, rule, verdict } from "weir";
 * import assert from "node:assert/strict";
 *
 * assert.equal(rule(meta.iifname.eq("lo"), verdict.accept).statements.length, 2);
 * ```
 */
export function rule(...statements: readonly Statement[]): Rule {
  return { statements, comment: "" };
}

/**
 * A rule with a comment that listings show.
 *
 * @param comment Up to 128 bytes without a double quote.
 * @param statements At least one.
 * @returns The rule.
 *
 * @example
 * ```ts
 * import { commented, verdict } from "weir";
 * import assert from "node:assert/strict";
 *
 * assert.equal(commented("all the rest", verdict.drop).comment, "all the rest");
 * ```
 */
export function commented(comment: string, ...statements: readonly Statement[]): Rule {
  return { statements, comment };
}
