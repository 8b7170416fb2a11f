/**
 * The transaction builder, in the spirit of knftables: verbs never fail, the first error sticks
 * and surfaces at commit; `String(tx)` is what the kernel is told, in nft syntax.
 *
 * @module
 */
import { messageOf, WeirError } from "../../../schemas/errors.ts";
import type { Command } from "./command.ts";
import { ElementBatch, type ElementValue } from "./elements.ts";
import { encode, type Encoded, type Messages } from "./encode.ts";
import { checkComment, checkName } from "./names.ts";
import { failureOf, NftError } from "./nft_error.ts";
import type { AnySet, Chain, Layout, NftMap, NftSet, Table, VerdictMap } from "./objects.ts";
import { printCommand, printGuilty } from "./print.ts";
import type { NftVerdict, Rule } from "./statements.ts";

/**
 * Sends encoded messages to the kernel as one batch.
 *
 * @param bytes The messages, one after the other.
 * @param messages How many.
 * @throws {WeirError} WEIR_NFT_KERNEL whose cause is an NftFailure.
 */
export type Send = (bytes: Uint8Array, messages: number) => Promise<void>;

/** What can be added, deleted or flushed as a whole. */
export type NftObject = Table | Chain | AnySet;

/**
 * Collects commands that take effect together or not at all.
 *
 * @example A transaction prints as nft syntax
 * ```ts
 * import { set, table, Transaction } from "weir";
 * import assert from "node:assert/strict";
 *
 * const hello = table("ip", "hello");
 * const ips = set(hello, "cluster-ips", ["ipv4_addr"]);
 * const tx = new Transaction(async () => {});
 * tx.add(hello);
 * tx.add(ips);
 * tx.addElement(ips, "10.0.0.1");
 * assert.equal(
 *   String(tx),
 *   "add table ip hello\n" +
 *     "add set ip hello cluster-ips { type ipv4_addr ; }\n" +
 *     "add element ip hello cluster-ips { 10.0.0.1 }\n",
 * );
 * await tx.commit();
 * ```
 */
export class Transaction {
  readonly #send: Send;
  readonly #commands: Command[] = [];
  /** The batch of each set to which elements may still be joined. */
  readonly #open = new Map<AnySet, ElementBatch>();
  #error: Error | undefined;

  /**
   * Plugins get theirs from `nft.transaction()`.
   *
   * @param send Delivers the messages.
   */
  constructor(send: Send) {
    this.#send = send;
  }

  /** Whether nothing has been asked for. */
  get empty(): boolean {
    return this.#commands.length === 0;
  }

  /** The first error of a verb, if any; commit() throws it. */
  get error(): Error | undefined {
    return this.#error;
  }

  /**
   * Adds an object unless it exists; a chain with its rules, which are appended in any case.
   *
   * @param object A table, chain, set or map.
   */
  add(object: NftObject): void {
    this.#object("add", object);
    if (object.kind === "chain") {
      for (const rule of object.rules) this.addRule(object, rule);
    }
  }

  /**
   * Deletes an object, which must exist; a table with all that is in it.
   *
   * @param object A table, chain, set or map.
   */
  delete(object: NftObject): void {
    this.#object("delete", object);
  }

  /**
   * Deletes an object whether or not it exists: it is added first.
   *
   * @param object A table, chain, set or map. The description of a set must be true.
   */
  destroy(object: NftObject): void {
    this.#object("add", object);
    this.#object("delete", object);
  }

  /**
   * Empties an object: all rules of a chain or of a table's chains, all elements of a set.
   *
   * @param object A table, chain, set or map.
   */
  flush(object: NftObject): void {
    this.#object("flush", object);
  }

  /**
   * Appends a rule.
   *
   * @param chain Where to.
   * @param rule What it does.
   */
  addRule(chain: Chain, rule: Rule): void {
    this.#try(() => {
      checkComment(rule.comment);
      if (rule.statements.length === 0) {
        throw new WeirError(
          "WEIR_NFT_ENCODE",
          `Cannot add rule to chain "${chain.name}": it has no statements`,
        );
      }
    });
    this.#structural({ kind: "rule", verb: "add", chain, rule });
  }

  /**
   * Puts a table in place of what it was, whether or not it existed, at one instant.
   *
   * @param layout Sets, chains and rules; elements are added by addElement() afterwards.
   */
  replaceTable(layout: Layout): void {
    this.destroy(layout.table);
    this.addTable(layout);
  }

  /**
   * Adds a table with its sets, chains and rules. Rules are appended also where the chain exists.
   *
   * @param layout Sets, chains and rules; elements are added by addElement() afterwards.
   */
  addTable(layout: Layout): void {
    this.add(layout.table);
    for (const set of layout.sets) this.add(set);
    // A rule may name any chain, so all of them come first.
    for (const chain of layout.chains) this.#object("add", chain);
    for (const chain of layout.chains) {
      for (const rule of chain.rules) this.addRule(chain, rule);
    }
  }

  /**
   * Adds an element. The kernel takes one that is there with the same data, and refuses (EEXIST)
   * one that is there with other data: delete it first in the same transaction. Between two
   * commands on tables, chains, rules and sets, elements of one set may be sent ahead of those of
   * another, which makes no difference to the outcome.
   *
   * @param set Its set.
   * @param key Its fields; a CIDR when the set's flags say interval.
   */
  addElement(set: NftSet, key: ElementValue): void;
  /**
   * Adds an element to a map or a verdict map.
   *
   * @param map Its map.
   * @param key Its fields.
   * @param data Its fields.
   */
  addElement(map: NftMap, key: ElementValue, data: ElementValue): void;
  /**
   * Adds an element to a map or a verdict map.
   *
   * @param map Its map.
   * @param key Its fields.
   * @param verdict For example `verdict.goto("services")`.
   */
  addElement(
    map: VerdictMap,
    key: ElementValue,
    verdict: { readonly verdict: NftVerdict },
  ): void;
  addElement(
    set: AnySet,
    key: ElementValue,
    data?: ElementValue | { readonly verdict: NftVerdict },
  ): void {
    this.#try(() => {
      const batch = this.#batch("add", set);
      if (typeof data === "object" && "verdict" in data) {
        batch.take(key, undefined);
        batch.verdicts.push(data.verdict);
      } else batch.take(key, data);
    });
  }

  /**
   * Deletes an element, which must exist.
   *
   * @param set Its set or map.
   * @param key Its fields.
   */
  deleteElement(set: AnySet, key: ElementValue): void {
    this.#try(() => this.#batch("delete", set).take(key, undefined));
  }

  /**
   * As addElement() for a proxier with a hundred thousand of them: nothing is parsed or checked.
   *
   * @param set A set or map without intervals.
   * @param words The key's and data's 32-bit words as they lie in memory. It is copied.
   */
  addElementWords(set: NftSet | NftMap, words: ArrayLike<number>): void {
    this.#batch("add", set).takeWords(words);
  }

  /**
   * As deleteElement(), but takes words.
   *
   * @param set A set or map without intervals.
   * @param words The key's 32-bit words as they lie in memory; more is ignored. It is copied.
   */
  deleteElementWords(set: NftSet | NftMap, words: ArrayLike<number>): void {
    this.#batch("delete", set).takeWords(words);
  }

  /**
   * Sends everything as one atomic batch; nothing is sent when there are no commands.
   *
   * @returns Settles when the kernel has taken it over.
   * @throws {WeirError} WEIR_NFT_ENCODE, the first error of a verb or of encoding, before anything
   * is sent.
   * @throws {NftError} WEIR_NFT_KERNEL, which names the command that the kernel refused.
   */
  async commit(): Promise<void> {
    const encoded = this.#encode();
    if (encoded.messages === 0) return;
    try {
      await this.#send(encoded.bytes, encoded.messages);
    } catch (thrown) {
      const failure = failureOf(thrown);
      if (failure === undefined) throw thrown;
      const origin = encoded.find(failure.message);
      throw new NftError(
        origin === undefined ? "" : printGuilty(origin.command, origin.from, origin.to),
        failure,
      );
    }
  }

  /**
   * Encodes without sending.
   *
   * @returns The messages.
   * @throws {WeirError} WEIR_NFT_ENCODE, the first error of a verb or of encoding.
   */
  encode(): Messages {
    return this.#encode();
  }

  #encode(): Encoded {
    if (this.#error !== undefined) throw this.#error;
    return encode(this.#commands);
  }

  /**
   * Prints what {@linkcode Transaction.commit} would send.
   *
   * @returns The commands in nft syntax, each on a line of its own; the first error as a comment.
   */
  toString(): string {
    const lines = this.#commands.map((command) => `${printCommand(command)}\n`);
    if (this.#error !== undefined) lines.push(`# ERROR: ${messageOf(this.#error)}\n`);
    return lines.join("");
  }

  #object(verb: "add" | "delete" | "flush", object: NftObject): void {
    this.#try(() => {
      checkName(object.kind, object.name);
      if (object.kind !== "table") checkComment(object.comment);
    });
    if (object.kind === "table") this.#structural({ kind: "table", verb, table: object });
    else if (object.kind === "chain") this.#structural({ kind: "chain", verb, chain: object });
    else this.#structural({ kind: "set", verb, set: object });
  }

  /** After a command on anything but elements, elements may not be sent ahead of it. */
  #structural(command: Command): void {
    this.#commands.push(command);
    this.#open.clear();
  }

  #batch(verb: "add" | "delete", set: AnySet): ElementBatch {
    const open = this.#open.get(set);
    if (open !== undefined && open.verb === verb) return open;
    // The same set may be described by two objects: their elements must not overtake each other.
    for (const other of this.#open.keys()) if (isSame(other, set)) this.#open.delete(other);
    const batch = new ElementBatch(verb, set);
    this.#open.set(set, batch);
    this.#commands.push(batch);
    return batch;
  }

  #try(action: () => void): void {
    try {
      action();
    } catch (thrown) {
      this.#error ??= thrown instanceof Error ? thrown : new Error(String(thrown));
    }
  }
}

function isSame(one: AnySet, other: AnySet): boolean {
  return one.name === other.name && one.table.name === other.table.name &&
    one.table.family === other.table.family;
}
