/**
 * The `nft` object that a plugin's handlers are given: transactions and listings of its table.
 *
 * @module
 */
import {
  type Invoke,
  MOST_LISTED_KEYS,
  type NftFamily,
  type NftList,
} from "../../../schemas/capability.ts";
import type { Grants } from "../../../schemas/manifest.ts";
import { formatValue } from "./elements.ts";
import type { AnySet } from "./objects.ts";
import { counted } from "./counted.ts";
import { elements, type ListedElement, type ListedRule, names, rules } from "./read.ts";
import { Transaction } from "./transaction.ts";

/** An element of the kernel as text, in nft's syntax. */
export interface ElementText {
  /** For example `10.0.0.1 . tcp . 80`. */
  readonly key: string;
  /** For example `10.1.0.1 . 8080` or `goto services`; "" for a set. */
  readonly data: string;
}

/** The capability nft, bound to the one table of the grant. */
export interface NftClient {
  /** The granted table's name; it may be used in the families ip, ip6 and inet. */
  readonly table: string;
  /**
   * Begins a transaction.
   *
   * @returns An empty transaction.
   */
  transaction(): Transaction;
  /**
   * Lists names.
   *
   * @param what Of which kind of object.
   * @param family Of the table.
   * @returns Names; none when there is no such table.
   */
  list(what: "tables" | "chains" | "sets", family: NftFamily): Promise<readonly string[]>;
  /**
   * Lists rules with what they counted.
   *
   * @param family Of the table.
   * @returns Rules in order, chain by chain.
   */
  rules(family: NftFamily): Promise<readonly ListedRule[]>;
  /**
   * Lists the elements of a set or map.
   *
   * @param set As it was described when it was added.
   * @returns Elements in no particular order.
   */
  elements(set: AnySet): Promise<readonly ElementText[]>;
  /**
   * As elements(), but as words.
   *
   * @param set As it was described when it was added.
   * @returns Elements in no particular order.
   */
  elementWords(set: AnySet): Promise<readonly ListedElement[]>;
  /**
   * Tells what the elements of a set with counters have counted, those aside that have counted
   * nothing. Of a large set it costs a fraction of listing the elements.
   *
   * @param set As it was described when it was added.
   * @param take Called for each; the key's words are another's after the call.
   * @param keys Only these elements, which the kernel looks up; all when absent.
   */
  counted(
    set: AnySet,
    take: (key: Uint32Array, packets: number, bytes: number) => void,
    keys?: readonly Uint32Array[],
  ): Promise<void>;
}

/**
 * Makes the client.
 *
 * @param grant Names the table.
 * @param invoke Reaches the host's capability.
 * @param open Keeps the transactions that have begun and were not sent.
 * @returns The client.
 *
 * @example
 * ```ts
 * import { nftClient, table } from "weir";
 * import assert from "node:assert/strict";
 *
 * const sent: unknown[] = [];
 * const nft = nftClient({ version: 1, table: "hello" }, async (_capability, _method, params) => {
 *   sent.push(params);
 *   return { value: {}, attachment: new Uint8Array() };
 * });
 * const tx = nft.transaction();
 * tx.add(table("ip", nft.table));
 * await tx.commit();
 * assert.deepEqual(sent, [{ messages: 1 }]);
 * ```
 */
export function nftClient(
  grant: NonNullable<Grants["nft"]>,
  invoke: Invoke,
  open = new Set<Transaction>(),
): NftClient {
  const list = async (params: NftList, attachment?: Uint8Array): Promise<Uint8Array> =>
    (await invoke("nft", "list", params, attachment)).attachment;
  const elementWords = async (set: AnySet) =>
    elements(await list({ what: "elements", family: set.table.family, set: set.name }));
  return {
    table: grant.table,
    transaction() {
      const begun = new Transaction(async (bytes, messages) => {
        open.delete(begun);
        await invoke("nft", "commit", { messages }, bytes);
      });
      open.add(begun);
      return begun;
    },
    list: async (what, family) => names(what, await list({ what, family })),
    rules: async (family) => rules(await list({ what: "rules", family })),
    elements: async (set) =>
      (await elementWords(set)).map((element) => ({
        key: formatValue(set.key, element.key, 0),
        data: dataText(set, element),
      })),
    elementWords,
    counted: async (set, take, keys) => {
      const params = { what: "elements", family: set.table.family, set: set.name } as const;
      if (keys === undefined) return counted(await list(params), take);
      for (let from = 0; from < keys.length; from += MOST_LISTED_KEYS) {
        const page = keys.slice(from, from + MOST_LISTED_KEYS);
        counted(await list({ ...params, keys: page.length }, bytesOf(page)), take);
      }
    },
  };
}

function bytesOf(keys: readonly Uint32Array[]): Uint8Array {
  const words = new Uint32Array(keys.reduce((sum, key) => sum + key.length, 0));
  let at = 0;
  for (const key of keys) {
    words.set(key, at);
    at += key.length;
  }
  return new Uint8Array(words.buffer);
}

function dataText(set: AnySet, element: ListedElement): string {
  if (element.verdict !== undefined) {
    return "chain" in element.verdict
      ? `${element.verdict.to} ${element.verdict.chain}`
      : element.verdict.to;
  }
  return set.kind === "map" && element.data !== undefined
    ? formatValue(set.data, element.data, 0)
    : "";
}
