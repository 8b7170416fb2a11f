/**
 * A profile as a flame graph: stacks merged from the outermost function on, each as wide as what
 * was measured in it and beneath it.
 *
 * @module
 */
import type { StackSample } from "../profiles/stack.ts";

/** A function with its callers, as a box of the graph. */
export interface FlameBox {
  readonly name: string;
  /** 0 for the box of everything. */
  readonly depth: number;
  /** Where it begins, from 0 to 1. */
  readonly begin: number;
  /** How wide it is, from 0 to 1. */
  readonly share: number;
  /** Of the profile's last type of value. */
  readonly value: number;
}

/** What a function took. */
export interface FunctionCost {
  readonly name: string;
  /** In the function itself. */
  readonly self: number;
  /** In it and in all that it called. */
  readonly total: number;
}

/** Deeper boxes are not drawn. */
const DEEPEST = 48;
/** Boxes that take less of the whole are not drawn: they would be thinner than a line. */
const THINNEST = 0.002;

interface Branch {
  value: number;
  readonly below: Map<string, Branch>;
}

/** What stack and value a sample has beneath a function, from the outermost on. */
function beneath(
  { stack, values }: StackSample,
  focus: string | undefined,
): { readonly names: readonly string[]; readonly value: number } | undefined {
  const names = stack.map(({ name }) => name).reverse();
  const from = focus === undefined ? 0 : names.indexOf(focus);
  return from < 0 ? undefined : { names: names.slice(from), value: values.at(-1) ?? 0 };
}

/**
 * Draws a flame graph.
 *
 * @param samples The profile's.
 * @param focus Only what this function takes, wherever it is called; undefined for everything.
 * @returns Boxes from the outermost on, the widest of its callers' first.
 */
export function flameBoxes(
  samples: readonly StackSample[],
  focus: string | undefined,
): readonly FlameBox[] {
  const root: Branch = { value: 0, below: new Map() };
  for (const sample of samples) {
    const told = beneath(sample, focus);
    if (told === undefined || told.value <= 0) continue;
    root.value += told.value;
    let branch = root;
    for (const name of told.names.slice(0, DEEPEST)) {
      const next = branch.below.get(name) ?? { value: 0, below: new Map() };
      branch.below.set(name, next);
      next.value += told.value;
      branch = next;
    }
  }
  if (root.value === 0) return [];
  const boxes: FlameBox[] = [{
    name: "everything",
    depth: 0,
    begin: 0,
    share: 1,
    value: root.value,
  }];
  const draw = ({ below }: Branch, depth: number, begin: number) => {
    let at = begin;
    const widest = [...below].sort(([, one], [, other]) => other.value - one.value);
    for (const [name, branch] of widest) {
      const share = branch.value / root.value;
      if (share < THINNEST) break;
      boxes.push({ name, depth, begin: at, share, value: branch.value });
      draw(branch, depth + 1, at);
      at += share;
    }
  };
  draw(root, 1, 0);
  return boxes;
}

/**
 * Tells which functions take most.
 *
 * @param samples The profile's.
 * @param most How many functions at most.
 * @returns The functions that take most themselves first.
 */
export function heaviestFunctions(
  samples: readonly StackSample[],
  most: number,
): readonly FunctionCost[] {
  const costs = new Map<string, { self: number; total: number }>();
  for (const { stack, values } of samples) {
    const value = values.at(-1) ?? 0;
    const names = stack.map(({ name }) => name);
    // A function that calls itself takes its time once.
    for (const name of new Set(names)) {
      const cost = costs.get(name) ?? { self: 0, total: 0 };
      costs.set(name, cost);
      cost.total += value;
      if (name === names[0]) cost.self += value;
    }
  }
  return [...costs].map(([name, cost]) => ({ name, ...cost }))
    .sort((one, other) => other.self - one.self || other.total - one.total)
    .slice(0, most);
}
