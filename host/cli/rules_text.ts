/**
 * Changes of rules for people: a unified diff in nft's syntax.
 *
 * @module
 */
import type { ObjectChange, RuleChanges, RuleCounts } from "../rules/compare.ts";
import type { DiffLine } from "../rules/lines.ts";
import type { Style } from "./style.ts";

/** Lines of one object, and objects, unless all are asked for. */
const MOST_LINES = 20;
const MOST_OBJECTS = 60;

const SIGNS = { same: " ", added: "+", removed: "-" } as const;

/** What is told. */
export interface ToldRules extends RuleChanges {
  /** What there is now. */
  readonly before: string;
  /** What there would be. */
  readonly after: string;
  readonly settings: readonly {
    readonly key: string;
    readonly before: number;
    readonly after: number;
  }[];
}

function signed({ type, text }: DiffLine, style: Style): string {
  const line = `${SIGNS[type]}${text}`;
  return type === "added" ? style.green(line) : type === "removed" ? style.red(line) : line;
}

function numbered(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** How the object begins: with its declaration, which is a line of its own where it changes. */
function heads({ kind, name, table, family, type, declaration }: ObjectChange): DiffLine[] {
  const named = kind === "table" ? `table ${family} ${name}` : `${kind} ${name}`;
  const head = (text: string | undefined) =>
    text === undefined || text === "" ? named : `${named} { ${text} }`;
  if (kind === "table" && table !== name) return [];
  const { before, after } = declaration ?? {};
  switch (type) {
    case "added":
      return [{ type: "added", text: head(after) }];
    case "removed":
      return [{ type: "removed", text: head(before) }];
    case "changed":
      return declaration === undefined ? [] : [
        { type: "removed", text: head(before) },
        { type: "added", text: head(after) },
      ];
  }
}

function objectText(change: ObjectChange, most: number, style: Style): string[] {
  const { family, table, kind, name, lines, reordered } = change;
  const where = kind === "table"
    ? `table ${family} ${name}`
    : `table ${family} ${table}, ${kind} ${name}`;
  const inner = lines.map((line) => ({ ...line, text: `\t${line.text}` }));
  const shown = inner.slice(0, most);
  const rest = inner.slice(most);
  const more = (type: DiffLine["type"]) => rest.filter((line) => line.type === type).length;
  const left = rest.length === 0 ? [] : [
    style.dim(
      ` \t… and ${more("removed")} more that go, ${more("added")} that come; --all tells them`,
    ),
  ];
  const order = reordered === undefined
    ? []
    : [style.dim(` \t${numbered(reordered, "element")} in another order, where chance chooses`)];
  return [
    style.cyan(`@@ ${where} @@`),
    ...heads(change).map((line) => signed(line, style)),
    ...shown.map((line) => signed(line, style)),
    ...left,
    ...order,
  ];
}

const NOUNS = { tables: "table", chains: "chain", sets: "set", rules: "rule", elements: "element" };

function countText(counts: RuleCounts): string {
  const parts = (Object.keys(NOUNS) as (keyof RuleCounts)[])
    .filter((kind) => counts[kind] > 0)
    .map((kind) => numbered(counts[kind], NOUNS[kind]));
  return parts.length === 0 ? "nothing" : parts.join(", ");
}

/**
 * Whether anything differs: what chance chooses among may stand in any order.
 *
 * @param told What is told.
 * @returns False when the kernel does the same by both.
 */
export function rulesDiffer(told: Pick<ToldRules, "added" | "removed" | "changes" | "settings">) {
  return told.settings.length > 0 || told.changes.some(isDifference);
}

function isDifference({ type, declaration, lines }: ObjectChange): boolean {
  return type !== "changed" || declaration !== undefined ||
    lines.some((line) => line.type !== "same");
}

/**
 * Writes it.
 *
 * @param told What is told.
 * @param style Colours, or none.
 * @param all Whether long lists are told whole.
 * @returns Text that ends in a line feed.
 */
export function rulesText(told: ToldRules, style: Style, all: boolean): string {
  const { before, after, settings, changes, added, removed, reordered } = told;
  const order = reordered === 0
    ? ""
    : ` ${numbered(reordered, "element")} would stand in another order, which makes no difference.`;
  if (!rulesDiffer(told)) {
    return `Nothing differs: ${after} would leave ${before} as they are.${order}\n`;
  }
  const objects = changes.filter(isDifference);
  const shown = all ? objects : objects.slice(0, MOST_OBJECTS);
  const left = objects.length - shown.length;
  const lines = [
    style.bold(`--- ${before}`),
    style.bold(`+++ ${after}`),
    ...shown.flatMap((change) => objectText(change, all ? Infinity : MOST_LINES, style)),
    ...left === 0 ? [] : [
      style.dim(
        `… and ${numbered(left, "more object")}; --all tells them`,
      ),
    ],
    ...settings.flatMap(({ key, before, after }) => [
      style.cyan(`@@ sysctl ${key} @@`),
      style.red(`-${before}`),
      style.green(`+${after}`),
    ]),
  ];
  return `${lines.join("\n")}\n\n${countText(added)} would come, ${countText(removed)} would go.` +
    `${order} Nothing was changed.\n`;
}
