/**
 * What is wrong with a configuration file, and where.
 *
 * @module
 */
import { WeirError } from "../../schemas/errors.ts";
import type { Position } from "./file/located.ts";

/** One thing that is wrong, or that is accepted and probably not meant. */
export interface ConfigProblem extends Position {
  readonly severity: "error" | "warning";
  /** The file's path as it was given. */
  readonly file: string;
  /** The document's kind; "" when it is not known. */
  readonly kind: string;
  /** From the document down to the field; [] is the document. */
  readonly path: readonly string[];
  /** What stands there as JSON, cut short; "" when nothing does. */
  readonly value: string;
  /** Why it cannot be used, without a capital and a period. */
  readonly message: string;
}

/**
 * Words a path as YAML tools have it.
 *
 * @param path From the document down.
 * @returns For example `logging.vmodule[0].verbosity`, or "document" for [].
 */
export function formatPath(path: readonly string[]): string {
  if (path.length === 0) return "document";
  return path.reduce(
    (text, key) => /^\d+$/.test(key) ? `${text}[${key}]` : text === "" ? key : `${text}.${key}`,
    "",
  );
}

/**
 * Words a problem as a sentence.
 *
 * @param problem The problem.
 * @returns `Cannot use conntrack.min "-1" of weir.yaml, line 3, column 5: …`.
 */
export function formatProblem(problem: ConfigProblem): string {
  const { severity, file, path, value, message, line, column } = problem;
  const action = severity === "error" ? "Cannot use" : "Ignored";
  const what = value === "" ? formatPath(path) : `${formatPath(path)} ${value}`;
  return `${action} ${what} of ${file}, line ${line}, column ${column}: ${message}`;
}

/**
 * Makes an error of a problem.
 *
 * @param problem The problem.
 * @returns The error, with its path.
 */
export function problemError(problem: ConfigProblem): WeirError {
  return new WeirError("WEIR_CONFIG_INVALID", formatProblem(problem), { path: problem.path });
}

/** The longest that a value is quoted. */
const LONGEST = 60;

/**
 * Quotes a value for a problem.
 *
 * @param value Anything out of a file.
 * @returns JSON in quotes as a text has them, cut short; "" for what is not there.
 */
export function quoteValue(value: unknown): string {
  if (value === undefined) return "";
  const text = typeof value === "string" ? value : JSON.stringify(value) ?? "";
  return JSON.stringify(text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);
}
