/**
 * What is different between two rulesets, as people and programs read it: by meaning and not by
 * bytes. Handles, counts, ages, sizes and elements that packets have made are no difference, nor
 * is the order of what is chosen by chance.
 *
 * @module
 */
import type { NftFamily } from "../../schemas/capability.ts";
import { FAMILY } from "../capabilities/nft/listing.ts";
import { chainText, elementText, hasEnds, intervalsOf, setText, tableText } from "./declaration.ts";
import { compareLists, type DiffLine, withContext } from "./lines.ts";
import type { ChainState, Ruleset, SetState, TableState } from "./ruleset.ts";
import { ruleText } from "./rule_text.ts";
import { SET_FLAG } from "./wire.ts";

/** A table, chain, set or map that is there otherwise. */
export interface ObjectChange {
  readonly family: NftFamily;
  readonly table: string;
  readonly kind: "table" | "chain" | "set" | "map";
  /** Of the chain, set or map; the table's own. */
  readonly name: string;
  readonly type: "added" | "changed" | "removed";
  /** What it says of itself, each where it is there, when that differs. */
  readonly declaration?: { readonly before?: string; readonly after?: string };
  /** A chain's rules in order, with those around; a set's elements, sorted by key. */
  readonly lines: readonly DiffLine[];
  /** Elements that are the same in another order, where chance chooses among them. */
  readonly reordered?: number;
}

/** How many of each kind. */
export interface RuleCounts {
  readonly tables: number;
  readonly chains: number;
  readonly sets: number;
  readonly rules: number;
  readonly elements: number;
}

/** What is different. */
export interface RuleChanges {
  readonly changes: readonly ObjectChange[];
  readonly added: RuleCounts;
  readonly removed: RuleCounts;
  /** Elements in another order. */
  readonly reordered: number;
}

type Named = Pick<ObjectChange, "family" | "table" | "kind" | "name">;

/** How an object is declared before and after; nothing when it is the same. */
function declared(
  before: string | undefined,
  after: string | undefined,
): Pick<ObjectChange, "declaration"> {
  if (before === after) return {};
  return {
    declaration: {
      ...before === undefined ? {} : { before },
      ...after === undefined ? {} : { after },
    },
  };
}

function typeOf(before: unknown, after: unknown): ObjectChange["type"] {
  return before === undefined ? "added" : after === undefined ? "removed" : "changed";
}

/** A list of nothing or one object's change, left out when there is none. */
function changeOf(
  named: Named,
  [before, after]: readonly [string | undefined, string | undefined],
  lines: readonly DiffLine[],
  reordered = 0,
): readonly ObjectChange[] {
  const differs = lines.some(({ type }) => type !== "same");
  if (before === after && !differs && reordered === 0) return [];
  return [{
    ...named,
    type: typeOf(before, after),
    ...declared(before, after),
    lines: withContext(lines),
    ...reordered === 0 ? {} : { reordered },
  }];
}

function compareChains(
  named: Named,
  [table, before]: readonly [TableState | undefined, ChainState | undefined],
  [nextTable, after]: readonly [TableState | undefined, ChainState | undefined],
): readonly ObjectChange[] {
  const texts = (owner: TableState | undefined, chain: ChainState | undefined) =>
    owner === undefined || chain === undefined
      ? []
      : chain.rules.map((rule) => ruleText(rule, owner));
  return changeOf(
    named,
    [before && chainText(before), after && chainText(after)],
    compareLists(texts(table, before), texts(nextTable, after)),
  );
}

/** An element that one of both has, or both have with another value. */
interface ElementChange {
  readonly key: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** Where in a key the field is that chance fills. */
function randomPart({ key }: SetState): readonly [from: number, to: number] | undefined {
  let at = 0;
  for (const { random, bytes = 4 } of key) {
    const end = at + (bytes + 3 & ~3);
    if (random) return [at, end];
    at = end;
  }
  return undefined;
}

/**
 * Takes out what is only another order: with the rest of the key the same, the same values are
 * there for chance to choose among.
 */
function withoutOrder(
  changes: readonly ElementChange[],
  [from, to]: readonly [from: number, to: number],
): { readonly changes: readonly ElementChange[]; readonly reordered: number } {
  const groups = new Map<string, ElementChange[]>();
  for (const change of changes) {
    if (change.before === undefined || change.after === undefined) continue;
    const group = change.key.slice(0, from) + change.key.slice(to);
    const known = groups.get(group);
    if (known === undefined) groups.set(group, [change]);
    else known.push(change);
  }
  const ordered = new Set<ElementChange>();
  for (const group of groups.values()) {
    const had = group.map(({ before }) => before).sort();
    const has = group.map(({ after }) => after).sort();
    if (had.every((value, index) => value === has[index])) {
      for (const change of group) ordered.add(change);
    }
  }
  return { changes: changes.filter((change) => !ordered.has(change)), reordered: ordered.size };
}

const NOTHING: ReadonlyMap<string, string> = new Map();

function elementChanges(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): ElementChange[] {
  const changes: ElementChange[] = [];
  for (const [key, value] of before) {
    const next = after.get(key);
    if (next !== value) changes.push({ key, before: value, after: next });
  }
  for (const [key, value] of after) {
    if (!before.has(key)) changes.push({ key, before: undefined, after: value });
  }
  return changes.sort((one, other) => one.key < other.key ? -1 : 1);
}

function compareSets(
  named: Named,
  before: SetState | undefined,
  after: SetState | undefined,
): readonly ObjectChange[] {
  const some = after ?? before;
  if (some === undefined) return [];
  const intervals = hasEnds(some);
  const elements = (set: SetState | undefined) =>
    // What packets fill is theirs, on either side.
    set?.elements === undefined ? NOTHING : intervals ? intervalsOf(set) : set.elements;
  const all = elementChanges(elements(before), elements(after));
  const random = intervals ? undefined : randomPart(some);
  const { changes, reordered } = random === undefined
    ? { changes: all, reordered: 0 }
    : withoutOrder(all, random);
  const text = (set: SetState, key: string, value: string) =>
    // Of an interval the key is a text already.
    intervals
      ? value === "" ? key : `${key}${elementText(set, "", value).replace(/^[^:]*/, " ")}`
      : elementText(set, key, value);
  const lines = changes.flatMap(({ key, before: had, after: has }): DiffLine[] => [
    ...had === undefined || before === undefined
      ? []
      : [{ type: "removed", text: text(before, key, had) } as const],
    ...has === undefined || after === undefined
      ? []
      : [{ type: "added", text: text(after, key, has) } as const],
  ]);
  const declarations = [before && setText(before), after && setText(after)] as const;
  return changeOf(named, declarations, lines, reordered);
}

/** Numbers within names in their order: a chain for 10 endpoints comes behind that for 9. */
const NAMES = new Intl.Collator("en", { numeric: true });

function namesOf(one: ReadonlyMap<string, unknown>, other: ReadonlyMap<string, unknown>) {
  return [...new Set([...one.keys(), ...other.keys()])].sort(NAMES.compare);
}

function isNamed(set: SetState | undefined): boolean {
  return set !== undefined && (set.flags & SET_FLAG.anonymous) === 0;
}

const EMPTY = new Map<string, never>();

function compareTables(
  family: NftFamily,
  before: TableState | undefined,
  after: TableState | undefined,
): readonly ObjectChange[] {
  const table = after?.name ?? before?.name ?? "";
  const of = (kind: ObjectChange["kind"], name: string) => ({ family, table, kind, name });
  const chains = namesOf(before?.chains ?? EMPTY, after?.chains ?? EMPTY).flatMap((name) =>
    compareChains(
      of("chain", name),
      [before, before?.chains.get(name)],
      [after, after?.chains.get(name)],
    )
  );
  const sets = namesOf(before?.sets ?? EMPTY, after?.sets ?? EMPTY).flatMap((name) => {
    const [had, has] = [before?.sets.get(name), after?.sets.get(name)];
    const some = has ?? had;
    if (some === undefined || !(isNamed(had) || isNamed(has))) return [];
    const kind = some.verdicts || some.data.length > 0 ? "map" : "set";
    return compareSets(of(kind, name), had, has);
  });
  const own = changeOf(
    of("table", table),
    [before && tableText(before), after && tableText(after)],
    [],
  );
  return [...own, ...chains, ...sets];
}

const NONE: RuleCounts = { tables: 0, chains: 0, sets: 0, rules: 0, elements: 0 };

/** How each kind is counted. */
const COUNTED = { table: "tables", chain: "chains", set: "sets", map: "sets" } as const;

function count(changes: readonly ObjectChange[], type: "added" | "removed"): RuleCounts {
  const counts = { ...NONE };
  for (const change of changes) {
    const { kind, lines } = change;
    if (change.type === type) counts[COUNTED[kind]]++;
    const found = lines.filter((line) => line.type === type).length;
    if (kind === "chain") counts.rules += found;
    else counts.elements += found;
  }
  return counts;
}

/**
 * Compares.
 *
 * @param before What there is.
 * @param after What there would be.
 * @returns What differs: table by table, chains and then sets and maps by name.
 */
export function compareRulesets(before: Ruleset, after: Ruleset): RuleChanges {
  const changes = (Object.keys(FAMILY) as NftFamily[]).flatMap((family) =>
    compareTables(family, before.get(family), after.get(family))
  );
  return {
    changes,
    added: count(changes, "added"),
    removed: count(changes, "removed"),
    reordered: changes.reduce((sum, { reordered = 0 }) => sum + reordered, 0),
  };
}

/**
 * Joins what differs of several tables.
 *
 * @param all Of each.
 * @returns All of it.
 */
export function joinChanges(all: readonly RuleChanges[]): RuleChanges {
  const sum = (of: (changes: RuleChanges) => RuleCounts): RuleCounts => {
    const counts = { ...NONE };
    for (const changes of all) {
      for (const kind of Object.keys(counts) as (keyof RuleCounts)[]) {
        counts[kind] += of(changes)[kind];
      }
    }
    return counts;
  };
  return {
    changes: all.flatMap(({ changes }) => changes),
    added: sum(({ added }) => added),
    removed: sum(({ removed }) => removed),
    reordered: all.reduce((total, { reordered }) => total + reordered, 0),
  };
}
