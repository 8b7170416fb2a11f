/**
 * What one configuration has otherwise than another.
 *
 * @module
 */
import type { WrittenDocument } from "../../../schemas/config.ts";
import { formatPath } from "../../config/problem.ts";
import type { Style } from "../style.ts";

/** The documents of a configuration, with all defaults; undefined when there is none to compare. */
export interface WrittenDocuments {
  readonly kubeProxy: WrittenDocument;
  readonly weir: WrittenDocument | undefined;
}

/** One field that differs. */
export interface Difference {
  readonly kind: string;
  /** From the document down. */
  readonly path: readonly string[];
  /** undefined when there is none. */
  readonly before: unknown;
  /** undefined when there is none. */
  readonly after: unknown;
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function differences(
  kind: string,
  path: readonly string[],
  before: unknown,
  after: unknown,
): Difference[] {
  if (isMap(before) && isMap(after)) {
    return [...new Set([...Object.keys(before), ...Object.keys(after)])].sort().flatMap((key) =>
      differences(kind, [...path, key], before[key], after[key])
    );
  }
  // Nothing, null and an empty list or map all say that a field is not set.
  if (unset(before) && unset(after)) return [];
  return JSON.stringify(before) === JSON.stringify(after) ? [] : [{ kind, path, before, after }];
}

function unset(value: unknown): boolean {
  return value === undefined || value === null ||
    (typeof value === "object" && Object.keys(value).length === 0);
}

/**
 * Compares two configurations.
 *
 * @param before What is in force.
 * @param after What would be.
 * @returns Each field that differs, by its name.
 */
export function compareDocuments(
  before: WrittenDocuments,
  after: WrittenDocuments,
): readonly Difference[] {
  return [
    ...differences("KubeProxyConfiguration", [], before.kubeProxy, after.kubeProxy),
    ...before.weir === undefined || after.weir === undefined
      ? []
      : differences("WeirConfiguration", [], before.weir, after.weir),
  ];
}

/**
 * Words differences for people.
 *
 * @param found The differences.
 * @param from What is compared with, for example "the defaults".
 * @param style Colours, or none.
 * @returns A line for each, ending in a line feed.
 */
export function diffReport(found: readonly Difference[], from: string, style: Style): string {
  if (found.length === 0) return `Nothing differs from ${from}.\n`;
  const shown = (value: unknown) => value === undefined ? "(none)" : JSON.stringify(value);
  const lines = found.map(({ kind, path, before, after }) =>
    `${kind} ${style.bold(formatPath(path))}: ${style.red(shown(before))} → ${
      style.green(shown(after))
    }`
  );
  return [`Compared with ${from}:`, ...lines, ""].join("\n");
}

/**
 * Words differences for programs.
 *
 * @param found The differences.
 * @param from What is compared with.
 * @returns JSON.
 */
export function diffJson(found: readonly Difference[], from: string): string {
  return `${JSON.stringify({ comparedWith: from, differences: found }, null, 2)}\n`;
}
