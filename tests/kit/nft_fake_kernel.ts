/**
 * The tables, chains, sets and elements of a pretended kernel; see nft_fake.ts.
 *
 * @module
 */
import {
  CHAIN,
  DATA,
  ELEMENT,
  ELEMENT_LIST,
  EXPRESSION,
  IMMEDIATE,
  LOOKUP,
  MESSAGE,
  RULE,
  SET,
  SET_DESC,
  TABLE,
  VERDICT,
} from "../../plugins/sdk/nft/constants.ts";
import { attributes } from "../../plugins/sdk/nft/read.ts";
import type { NftFailure } from "../../schemas/capability.ts";
import { WeirError } from "../../schemas/errors.ts";

type Attributes = ReadonlyMap<number, Uint8Array>;

/** A set or map. */
export interface FakeSet {
  readonly bytes: Uint8Array;
  /** The most elements; 0 is without limit. */
  readonly size: number;
  /** By key, each the bytes of its attributes. */
  readonly elements: Map<string, Uint8Array>;
}

/** A rule. */
interface FakeRule {
  readonly bytes: Uint8Array;
  readonly expressions: Uint8Array;
}

/** A table. */
export interface FakeTable {
  /** Its NEWTABLE, whole; chains, sets and rules likewise. */
  readonly bytes: Uint8Array;
  readonly chains: Map<string, { readonly bytes: Uint8Array; rules: FakeRule[] }>;
  readonly sets: Map<string, FakeSet>;
}

/** The errors that are made, by their names of Linux. */
const ERRNO = { ENOENT: 2, EBUSY: 16, EEXIST: 17, ENFILE: 23 } as const;

class Refusal extends Error {
  readonly errno: keyof typeof ERRNO;

  constructor(errno: keyof typeof ERRNO) {
    super(errno);
    this.errno = errno;
  }
}

function text(bytes: Uint8Array | undefined): string {
  return new TextDecoder().decode(bytes ?? new Uint8Array()).replace(/\0$/, "");
}

function hex(bytes: Uint8Array | undefined): string {
  return (bytes ?? new Uint8Array()).toHex();
}

/** The declared size in a set's description. */
function sizeOf(description: Uint8Array | undefined): number {
  const size = new Map(attributes(description ?? new Uint8Array())).get(SET_DESC.SIZE);
  return size === undefined ? 0 : new DataView(size.buffer, size.byteOffset).getUint32(0);
}

/** What an element's key and data are, as text that compares. */
function identity(element: Uint8Array): { readonly key: string; readonly data: string } {
  const parts = new Map(attributes(element));
  const flags = parts.get(ELEMENT.FLAGS);
  return { key: hex(parts.get(ELEMENT.KEY)) + hex(flags), data: hex(parts.get(ELEMENT.DATA)) };
}

/** The chain that a verdict in data names. */
function chainOf(data: Uint8Array | undefined): string | undefined {
  const verdict = new Map(attributes(data ?? new Uint8Array())).get(DATA.VERDICT);
  const chain = new Map(attributes(verdict ?? new Uint8Array())).get(VERDICT.CHAIN);
  return chain === undefined ? undefined : text(chain);
}

/** The sets and chains that a rule names. */
function references(rule: FakeRule): { readonly sets: string[]; readonly chains: string[] } {
  const found = { sets: [] as string[], chains: [] as string[] };
  for (const [, expression] of attributes(rule.expressions)) {
    const parts = new Map(attributes(expression));
    const data = new Map(attributes(parts.get(EXPRESSION.DATA) ?? new Uint8Array()));
    const name = text(parts.get(EXPRESSION.NAME));
    if (name === "lookup" || name === "dynset") found.sets.push(text(data.get(LOOKUP.SET)));
    const chain = name === "immediate" ? chainOf(data.get(IMMEDIATE.DATA)) : undefined;
    if (chain !== undefined) found.chains.push(chain);
  }
  return found;
}

/** Splits a batch; the bytes are the plugin's and may be used again. */
function split(bytes: Uint8Array): Uint8Array[] {
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  const parts: Uint8Array[] = [];
  for (let at = 0; at < copy.length; at += view.getUint32(at, true)) {
    parts.push(copy.subarray(at, at + view.getUint32(at, true)));
  }
  return parts;
}

/** The tables of one node, by family and name. */
export class FakeKernel {
  readonly #tables = new Map<string, FakeTable>();
  /** What takes back the commands of the batch so far. */
  #undo: (() => void)[] = [];

  /**
   * Finds a table.
   *
   * @param family Of FAMILY in the SDK's constants.ts.
   * @param name Of the table.
   * @returns The table, or undefined when there is none.
   */
  find(family: number, name: string): FakeTable | undefined {
    return this.#tables.get(`${family} ${name}`);
  }

  /**
   * Executes messages as one batch.
   *
   * @param bytes The messages, one after the other.
   * @throws {WeirError} WEIR_NFT_KERNEL, and nothing has taken effect.
   */
  commit(bytes: Uint8Array): void {
    this.#undo = [];
    for (const [index, message] of split(bytes).entries()) {
      try {
        this.#execute(message);
      } catch (thrown) {
        for (const action of this.#undo.toReversed()) action();
        if (!(thrown instanceof Refusal)) throw thrown;
        throw refused({
          message: index,
          errno: ERRNO[thrown.errno],
          name: thrown.errno,
          detail: "",
        });
      }
    }
  }

  #set<K, V>(map: Map<K, V>, key: K, value: V): void {
    const before = map.get(key);
    this.#undo.push(before === undefined ? () => map.delete(key) : () => map.set(key, before));
    map.set(key, value);
  }

  #delete<K, V>(map: Map<K, V>, key: K): void {
    const before = map.get(key);
    if (before === undefined) throw new Refusal("ENOENT");
    this.#undo.push(() => map.set(key, before));
    map.delete(key);
  }

  #execute(message: Uint8Array): void {
    const type = message[4] ?? 0;
    const family = message[16] ?? 0;
    const found: Attributes = new Map(attributes(message.subarray(20)));
    const key = `${family} ${text(found.get(TABLE.NAME))}`;
    if (type === MESSAGE.NEWTABLE) {
      if (this.#tables.has(key)) return;
      this.#set(this.#tables, key, { bytes: message, chains: new Map(), sets: new Map() });
      return;
    }
    if (type === MESSAGE.DELTABLE) {
      this.#delete(this.#tables, key);
      return;
    }
    const table = this.#tables.get(key);
    if (table === undefined) throw new Refusal("ENOENT");
    this.#executeIn(table, type, found, message);
  }

  #executeIn(table: FakeTable, type: number, found: Attributes, message: Uint8Array): void {
    const chain = text(found.get(type === MESSAGE.NEWRULE ? RULE.CHAIN : CHAIN.NAME));
    const set = text(found.get(SET.NAME));
    switch (type) {
      case MESSAGE.NEWCHAIN:
        if (!table.chains.has(chain)) this.#set(table.chains, chain, { bytes: message, rules: [] });
        return;
      case MESSAGE.DELCHAIN:
        if (table.chains.has(chain) && used(table).chains.has(chain)) throw new Refusal("EBUSY");
        this.#delete(table.chains, chain);
        return;
      case MESSAGE.NEWRULE:
        this.#addRule(table, chain, {
          bytes: message,
          expressions: found.get(RULE.EXPRESSIONS) ?? new Uint8Array(),
        });
        return;
      case MESSAGE.DELRULE:
        this.#flushRules(table, found.get(RULE.CHAIN));
        return;
      case MESSAGE.NEWSET:
        if (!table.sets.has(set)) {
          const size = sizeOf(found.get(SET.DESC));
          this.#set(table.sets, set, { bytes: message, size, elements: new Map() });
        }
        return;
      case MESSAGE.DELSET:
        if (table.sets.has(set) && used(table).sets.has(set)) throw new Refusal("EBUSY");
        this.#delete(table.sets, set);
        return;
      case MESSAGE.NEWSETELEM:
      case MESSAGE.DELSETELEM:
        this.#elements(table, set, type, found.get(ELEMENT_LIST.ELEMENTS));
        return;
      default:
        throw new TypeError(
          `Cannot execute nf_tables message "${type}": the fake does not know it`,
        );
    }
  }

  #addRule(table: FakeTable, name: string, rule: FakeRule): void {
    const chain = table.chains.get(name);
    const named = references(rule);
    if (
      chain === undefined || named.sets.some((set) => !table.sets.has(set)) ||
      named.chains.some((target) => !table.chains.has(target))
    ) throw new Refusal("ENOENT");
    const before = chain.rules;
    this.#undo.push(() => chain.rules = before);
    chain.rules = [...before, rule];
  }

  #flushRules(table: FakeTable, name: Uint8Array | undefined): void {
    if (name !== undefined && !table.chains.has(text(name))) throw new Refusal("ENOENT");
    for (const [other, chain] of table.chains) {
      if (name !== undefined && other !== text(name)) continue;
      const before = chain.rules;
      this.#undo.push(() => chain.rules = before);
      chain.rules = [];
    }
  }

  #elements(
    table: FakeTable,
    name: string,
    type: number,
    list: Uint8Array | undefined,
  ): void {
    const set = table.sets.get(name);
    if (set === undefined) throw new Refusal("ENOENT");
    if (list === undefined) {
      for (const key of [...set.elements.keys()]) this.#delete(set.elements, key);
      return;
    }
    for (const [, element] of attributes(list)) {
      const { key, data } = identity(element);
      if (type === MESSAGE.DELSETELEM) {
        this.#delete(set.elements, key);
        continue;
      }
      const target = chainOf(new Map(attributes(element)).get(ELEMENT.DATA));
      if (target !== undefined && !table.chains.has(target)) throw new Refusal("ENOENT");
      const before = set.elements.get(key);
      // nft_add_set_elem: the same element again is fine, with other data it is not.
      if (before !== undefined && identity(before).data !== data) throw new Refusal("EEXIST");
      const full = set.size > 0 && set.elements.size >= set.size;
      if (before === undefined && full) throw new Refusal("ENFILE");
      this.#set(set.elements, key, element);
    }
  }
}

/** What rules and elements refer to. */
function used(table: FakeTable): { readonly sets: Set<string>; readonly chains: Set<string> } {
  const found = { sets: new Set<string>(), chains: new Set<string>() };
  for (const chain of table.chains.values()) {
    for (const rule of chain.rules) {
      const named = references(rule);
      for (const set of named.sets) found.sets.add(set);
      for (const target of named.chains) found.chains.add(target);
    }
  }
  for (const set of table.sets.values()) {
    for (const element of set.elements.values()) {
      const target = chainOf(new Map(attributes(element)).get(ELEMENT.DATA));
      if (target !== undefined) found.chains.add(target);
    }
  }
  return found;
}

/**
 * The error of the host's capability when the kernel refuses.
 *
 * @param failure What the kernel says.
 * @returns The error.
 */
export function refused(failure: NftFailure): WeirError {
  return new WeirError(
    "WEIR_NFT_KERNEL",
    `Cannot commit message "${failure.message}": the kernel answered ${failure.name}`,
    { cause: failure },
  );
}
