/**
 * What a batch would make of a table: carried out on data, as the kernel carries it out on its own
 * (nf_tables_api.c), and refused where the kernel would refuse.
 *
 * @module
 */
import type { NftFailure, NftFamily } from "../../schemas/capability.ts";
import { errnoOf } from "../capabilities/errno.ts";
import { NLM_F } from "../capabilities/netlink_message.ts";
import { FAMILY } from "../capabilities/nft/listing.ts";
import {
  chainOf,
  type ChainState,
  eachElement,
  MARKS,
  ruleOf,
  type Ruleset,
  type RuleState,
  setOf,
  type SetState,
  tableOf,
  type TableState,
} from "./ruleset.ts";
import { referencesOf } from "./references.ts";
import {
  attributesOf,
  CHAIN,
  ELEMENTS,
  MESSAGE,
  messagesOf,
  RULE,
  type RuleMessage,
  SET,
  textOf,
  wideOf,
} from "./wire.ts";

/** Of a new rule: it takes another's place. */
const REPLACE = 0x100;
const APPEND = 0x800;
/** Of a deletion: refuse when something is in it. */
const NONREC = 0x100;

const FAMILY_NAMES: ReadonlyMap<number, NftFamily> = new Map(
  (Object.keys(FAMILY) as NftFamily[]).map((name) => [FAMILY[name], name]),
);

/** Why a message is refused. */
class Refusal extends Error {
  readonly errno: "ENOENT" | "EEXIST" | "EBUSY";

  constructor(errno: Refusal["errno"]) {
    super(errno);
    this.errno = errno;
  }
}

function must<T>(found: T | undefined): T {
  if (found === undefined) throw new Refusal("ENOENT");
  return found;
}

/**
 * Copies a table so that the copy can be changed; elements are copied once they are.
 *
 * @param ruleset Stays as it is.
 * @returns The copy.
 */
function copyOf(ruleset: Ruleset): Ruleset {
  return new Map(
    [...ruleset].map(([family, table]) => [family, {
      ...table,
      chains: new Map(
        [...table.chains].map(([name, chain]) => [name, { ...chain, rules: [...chain.rules] }]),
      ),
      sets: new Map([...table.sets].map(([name, set]) => [name, { ...set, shared: true }])),
    }]),
  );
}

/** A set's elements, to be changed; undefined where packets fill it. */
function elementsOf(set: SetState): Map<string, string> | undefined {
  if (set.shared && set.elements !== undefined) set.elements = new Map(set.elements);
  set.shared = false;
  return set.elements;
}

/** The chain that an element leads to. */
function chainOfVerdict(value: string): string | undefined {
  return value.startsWith(MARKS.verdict)
    ? /^(?:jump|goto) ([^\u0100-\u01ff]+)/.exec(value.slice(1))?.[1]
    : undefined;
}

/** Carries out the messages of one batch. */
class Execution {
  readonly #ruleset: Ruleset;
  /** How often a table's chains and sets are referred to, counted when it is first asked. */
  readonly #uses = new Map<TableState, Map<string, number>>();

  constructor(ruleset: Ruleset) {
    this.#ruleset = ruleset;
  }

  perform({ type, flags, family: number, body }: RuleMessage): void {
    const family = must(FAMILY_NAMES.get(number));
    switch (type) {
      case MESSAGE.NEWTABLE:
        return this.#newTable(tableOf(family, body), flags);
      case MESSAGE.DELTABLE:
        must(this.#ruleset.get(family));
        this.#ruleset.delete(family);
        return;
      case MESSAGE.DESTROYTABLE:
        this.#ruleset.delete(family);
        return;
    }
    const table = this.#ruleset.get(family);
    const destroys = type >= MESSAGE.DESTROYTABLE;
    if (table === undefined && destroys) return;
    try {
      this.#within(must(table), type, flags, body);
    } catch (thrown) {
      if (!destroys || !(thrown instanceof Refusal) || thrown.errno !== "ENOENT") throw thrown;
    }
  }

  #within(table: TableState, type: number, flags: number, body: Uint8Array): void {
    switch (type) {
      case MESSAGE.NEWCHAIN:
        return this.#newChain(table, body, flags);
      case MESSAGE.DELCHAIN:
      case MESSAGE.DESTROYCHAIN:
        return this.#deleteChain(table, textOf(attributesOf(body).get(CHAIN.NAME)), flags);
      case MESSAGE.NEWRULE:
        return this.#newRule(table, body, flags);
      case MESSAGE.DELRULE:
      case MESSAGE.DESTROYRULE:
        return this.#deleteRules(table, body);
      case MESSAGE.NEWSET:
        return this.#newSet(table, setOf(body), flags);
      case MESSAGE.DELSET:
      case MESSAGE.DESTROYSET:
        return this.#deleteSet(table, textOf(attributesOf(body).get(SET.NAME)));
      case MESSAGE.NEWSETELEM:
        return this.#addElements(table, body, flags);
      case MESSAGE.DELSETELEM:
      case MESSAGE.DESTROYSETELEM:
        return this.#deleteElements(table, body, type === MESSAGE.DESTROYSETELEM);
    }
  }

  #newTable(table: TableState, flags: number): void {
    if (!this.#ruleset.has(table.family)) this.#ruleset.set(table.family, table);
    else if ((flags & NLM_F.EXCL) !== 0) throw new Refusal("EEXIST");
  }

  #newChain(table: TableState, body: Uint8Array, flags: number): void {
    const chain = chainOf(body);
    const known = table.chains.get(chain.name);
    if (known === undefined) table.chains.set(chain.name, chain);
    else if ((flags & NLM_F.EXCL) !== 0) throw new Refusal("EEXIST");
    // Of a chain that is there only the policy can become another.
    else if (known.base !== undefined && attributesOf(body).has(CHAIN.POLICY)) {
      known.base = { ...known.base, policy: chain.base?.policy ?? known.base.policy };
    }
  }

  #deleteChain(table: TableState, name: string, flags: number): void {
    const chain = must(table.chains.get(name));
    if (chain.rules.length > 0 && (flags & NONREC) !== 0) throw new Refusal("EBUSY");
    this.#drop(table, chain.rules.splice(0));
    if (this.#usesOf(table, "chain", name) > 0) throw new Refusal("EBUSY");
    table.chains.delete(name);
  }

  #newRule(table: TableState, body: Uint8Array, flags: number): void {
    const found = attributesOf(body);
    const chain = must(table.chains.get(textOf(found.get(RULE.CHAIN))));
    const rule = ruleOf(body);
    for (const { kind, name } of referencesOf(rule.expressions)) {
      must(kind === "chain" ? table.chains.get(name) : table.sets.get(name));
    }
    const handle = wideOf(found.get(RULE.HANDLE)) ?? wideOf(found.get(RULE.POSITION));
    const at = handle === undefined ? -1 : indexOf(chain, handle);
    this.#count(table, rule.expressions, 1);
    if (handle === undefined) {
      if ((flags & APPEND) !== 0) chain.rules.push({ ...rule, handle: undefined });
      else chain.rules.unshift({ ...rule, handle: undefined });
    } else if ((flags & REPLACE) !== 0) {
      for (const old of chain.rules.splice(at, 1, rule)) this.#count(table, old.expressions, -1);
    } else chain.rules.splice((flags & APPEND) !== 0 ? at + 1 : at, 0, rule);
  }

  #deleteRules(table: TableState, body: Uint8Array): void {
    const found = attributesOf(body);
    const name = found.get(RULE.CHAIN);
    const handle = wideOf(found.get(RULE.HANDLE));
    const chains = name === undefined
      ? [...table.chains.values()]
      : [must(table.chains.get(textOf(name)))];
    for (const chain of chains) {
      const gone = handle === undefined
        ? chain.rules.splice(0)
        : chain.rules.splice(indexOf(chain, handle), 1);
      this.#drop(table, gone);
    }
  }

  #newSet(table: TableState, set: SetState, flags: number): void {
    if (!table.sets.has(set.name)) table.sets.set(set.name, set);
    else if ((flags & NLM_F.EXCL) !== 0) throw new Refusal("EEXIST");
  }

  #deleteSet(table: TableState, name: string): void {
    const set = must(table.sets.get(name));
    if (this.#usesOf(table, "set", name) > 0) throw new Refusal("EBUSY");
    this.#flush(table, set);
    table.sets.delete(name);
  }

  #addElements(table: TableState, body: Uint8Array, flags: number): void {
    const found = attributesOf(body);
    const set = must(table.sets.get(textOf(found.get(ELEMENTS.SET))));
    const elements = elementsOf(set);
    const list = found.get(ELEMENTS.LIST);
    if (list === undefined || elements === undefined) return;
    eachElement(list, ({ key, value }) => {
      const known = elements.get(key);
      const clash = known !== undefined && ((flags & NLM_F.EXCL) !== 0 || known !== value);
      if (clash) throw new Refusal("EEXIST");
      if (known !== undefined) return;
      const chain = chainOfVerdict(value);
      if (chain !== undefined) {
        must(table.chains.get(chain));
        this.#use(table, `chain ${chain}`, 1);
      }
      elements.set(key, value);
    });
  }

  #deleteElements(table: TableState, body: Uint8Array, destroys: boolean): void {
    const found = attributesOf(body);
    const set = must(table.sets.get(textOf(found.get(ELEMENTS.SET))));
    const list = found.get(ELEMENTS.LIST);
    if (list === undefined) return this.#flush(table, set);
    const elements = elementsOf(set);
    if (elements === undefined) return;
    eachElement(list, ({ key }) => {
      const value = elements.get(key);
      if (value === undefined) {
        if (destroys) return;
        throw new Refusal("ENOENT");
      }
      const chain = chainOfVerdict(value);
      if (chain !== undefined) this.#use(table, `chain ${chain}`, -1);
      elements.delete(key);
    });
  }

  #flush(table: TableState, set: SetState): void {
    if (set.elements === undefined) return;
    if (set.verdicts) {
      for (const value of set.elements.values()) {
        const chain = chainOfVerdict(value);
        if (chain !== undefined) this.#use(table, `chain ${chain}`, -1);
      }
    }
    set.elements = new Map();
    set.shared = false;
  }

  #drop(table: TableState, rules: readonly RuleState[]): void {
    for (const { expressions } of rules) {
      for (const { kind, name } of this.#count(table, expressions, -1)) {
        // An anonymous set is its rule's, and goes with it.
        if (kind === "set" && isAnonymous(table.sets.get(name))) table.sets.delete(name);
      }
    }
  }

  #count(table: TableState, expressions: Uint8Array, change: 1 | -1) {
    const references = referencesOf(expressions);
    for (const { kind, name } of references) this.#use(table, `${kind} ${name}`, change);
    return references;
  }

  #use(table: TableState, what: string, change: 1 | -1): void {
    // Before anything was counted there is nothing to keep.
    const uses = this.#uses.get(table);
    uses?.set(what, (uses.get(what) ?? 0) + change);
  }

  #usesOf(table: TableState, kind: "chain" | "set", name: string): number {
    let uses = this.#uses.get(table);
    if (uses === undefined) {
      uses = new Map();
      this.#uses.set(table, uses);
      for (const { rules } of table.chains.values()) {
        for (const { expressions } of rules) this.#count(table, expressions, 1);
      }
      for (const { verdicts, elements } of table.sets.values()) {
        if (!verdicts || elements === undefined) continue;
        for (const value of elements.values()) {
          const chain = chainOfVerdict(value);
          if (chain !== undefined) this.#use(table, `chain ${chain}`, 1);
        }
      }
    }
    return uses.get(`${kind} ${name}`) ?? 0;
  }
}

function isAnonymous(set: SetState | undefined): boolean {
  return set !== undefined && (set.flags & 1) !== 0;
}

function indexOf(chain: ChainState, handle: bigint): number {
  const at = chain.rules.findIndex((rule) => rule.handle === handle);
  if (at < 0) throw new Refusal("ENOENT");
  return at;
}

/**
 * Carries out a batch.
 *
 * @param ruleset What it meets; it stays as it is.
 * @param bytes Checked messages, which the result refers to.
 * @returns What there would be, or the first message that would be refused.
 */
export function carryOut(
  ruleset: Ruleset,
  bytes: Uint8Array,
): { readonly after: Ruleset } | { readonly failure: NftFailure } {
  const after = copyOf(ruleset);
  const execution = new Execution(after);
  let index = 0;
  for (const message of messagesOf(bytes)) {
    try {
      execution.perform(message);
    } catch (thrown) {
      if (!(thrown instanceof Refusal)) throw thrown;
      const { errno } = thrown;
      return {
        failure: {
          message: index,
          errno: errnoOf(errno),
          name: errno,
          detail: "carried out on a copy of the table",
        },
      };
    }
    index++;
  }
  return { after };
}
