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

/** An element of a set or map. */
export interface FakeElement {
  /** Its attributes. */
  readonly bytes: Uint8Array;
  /** When it is no longer there, on the kernel's clock in milliseconds; Infinity without a time. */
  readonly expires: number;
}

/** A set or map. */
export interface FakeSet {
  /** Its NEWSET, whole. */
  readonly bytes: Uint8Array;
  /** The most elements; 0 is without limit. */
  readonly size: number;
  /** Milliseconds that an element lives unless it says otherwise; 0 is for ever. */
  readonly timeout: number;
  /** By {@linkcode elementKey}. One that has expired may still be in here. */
  readonly elements: Map<string, FakeElement>;
}

/** A rule. */
export interface FakeRule {
  /** Its NEWRULE, whole. */
  readonly bytes: Uint8Array;
  /** The attribute that holds its expressions. */
  readonly expressions: Uint8Array;
}

/** A chain. */
export interface FakeChain {
  /** Its NEWCHAIN, whole. */
  readonly bytes: Uint8Array;
  /** First to last. */
  rules: FakeRule[];
}

/** A table. */
export interface FakeTable {
  /** Its NEWTABLE, whole. */
  readonly bytes: Uint8Array;
  /** By name, in the order in which they were made. */
  readonly chains: Map<string, FakeChain>;
  /** By name, anonymous sets too. */
  readonly sets: Map<string, FakeSet>;
}

/** NFTA_SET_ELEM_TIMEOUT, NFTA_SET_ELEM_EXPIRATION and NFTA_SET_ELEM_KEY_END. */
const ELEMENT_TIME = { TIMEOUT: 4, EXPIRATION: 5, KEY_END: 10 } as const;

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

/** A 64-bit number, or undefined without one. */
function number64(bytes: Uint8Array | undefined): number | undefined {
  if (bytes === undefined) return undefined;
  return Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0));
}

/** The value in data. */
function valueOf(data: Uint8Array | undefined): Uint8Array {
  const parts = new Map(attributes(data ?? new Uint8Array()));
  return parts.get(DATA.VALUE) ?? new Uint8Array();
}

/**
 * What tells an element of a set from the others.
 *
 * @param key The key's bytes; of an interval those of its beginning.
 * @param end The bytes of the last key of an interval of a concatenation.
 * @param flags Of the element, see NFTA_SET_ELEM_FLAGS.
 * @returns Text that compares.
 */
export function elementKey(key: Uint8Array, end?: Uint8Array, flags = 0): string {
  return `${hex(key)}-${hex(end)}-${flags}`;
}

/** What an element's key and data are, as text that compares. */
function identity(element: Uint8Array): { readonly key: string; readonly data: string } {
  const parts = new Map(attributes(element));
  const flags = parts.get(ELEMENT.FLAGS)?.[3] ?? 0;
  const end = parts.get(ELEMENT_TIME.KEY_END);
  return {
    key: elementKey(
      valueOf(parts.get(ELEMENT.KEY)),
      end === undefined ? undefined : valueOf(end),
      flags,
    ),
    data: hex(parts.get(ELEMENT.DATA)),
  };
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
   * Tells the time.
   *
   * @returns Milliseconds of any clock that never goes back.
   */
  readonly now: () => number;

  /**
   * Makes a kernel without tables.
   *
   * @param now Its clock in milliseconds, by which elements expire; one that stands still when
   * absent.
   */
  constructor(now: () => number = () => 0) {
    this.now = now;
  }

  /** All tables with their families, in the order in which they were made. */
  get tables(): readonly { readonly family: number; readonly table: FakeTable }[] {
    return [...this.#tables].map(([key, table]) => ({ family: parseInt(key), table }));
  }

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
          const timeout = number64(found.get(SET.TIMEOUT)) ?? 0;
          this.#set(table.sets, set, { bytes: message, size, timeout, elements: new Map() });
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
    const now = this.now();
    for (const [, element] of attributes(list)) {
      const { key, data } = identity(element);
      const there = set.elements.get(key);
      if (there !== undefined && there.expires <= now) this.#delete(set.elements, key);
      if (type === MESSAGE.DELSETELEM) {
        this.#delete(set.elements, key);
        continue;
      }
      const target = chainOf(new Map(attributes(element)).get(ELEMENT.DATA));
      if (target !== undefined && !table.chains.has(target)) throw new Refusal("ENOENT");
      const before = set.elements.get(key);
      // nft_add_set_elem: the same element again is fine, with other data it is not.
      if (before !== undefined && identity(before.bytes).data !== data) throw new Refusal("EEXIST");
      const full = set.size > 0 && set.elements.size >= set.size;
      if (before === undefined && full) throw new Refusal("ENFILE");
      this.#set(set.elements, key, { bytes: element, expires: expiry(set, element, now) });
    }
  }
}

/** When an element that is added now expires. */
function expiry(set: FakeSet, element: Uint8Array, now: number): number {
  const parts = new Map(attributes(element));
  const lives = number64(parts.get(ELEMENT_TIME.EXPIRATION)) ??
    number64(parts.get(ELEMENT_TIME.TIMEOUT)) ?? set.timeout;
  return lives === 0 ? Infinity : now + lives;
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
      const target = chainOf(new Map(attributes(element.bytes)).get(ELEMENT.DATA));
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
