/**
 * Checks a configuration file: every error and warning, each with its place.
 *
 * @module
 */
import type { WeirConfig } from "../../../schemas/config.ts";
import { resolveGates } from "../../../schemas/config/gates.ts";
import type { Documents } from "../../config/complete.ts";
import { faultProblem } from "../../config/file/fault.ts";
import { type ConfigFile, readConfigFile } from "../../config/file/file.ts";
import { idlePlugins } from "../../config/idle_plugins.ts";
import { type ConfigProblem, formatPath } from "../../config/problem.ts";
import { validateConfig } from "../../config/validate.ts";
import type { Style } from "../style.ts";

/** A file that was checked. */
export interface CheckedFile {
  readonly file: ConfigFile;
  /** In the order of the lines. */
  readonly problems: readonly ConfigProblem[];
  /** There when nothing but the mode is wrong. */
  readonly documents: Documents | undefined;
}

/** Gates that are unknown, or that are switched off and that weir cannot work without. */
function idleGates(file: ConfigFile, { kubeProxy }: Documents): ConfigProblem[] {
  return resolveGates(kubeProxy.featureGates).notes
    .filter(({ meaning }) => meaning !== "none")
    .map(({ gate, meaning }) => ({
      ...faultProblem(file, {
        root: "kubeProxy",
        path: ["featureGates", gate],
        message: meaning === "always"
          ? "it changes nothing: weir cannot work without it"
          : "it changes nothing: weir does not know it",
      }),
      severity: "warning" as const,
    }));
}

/** Plugins that nothing asks for. */
function unusedPlugins(file: ConfigFile, config: WeirConfig): ConfigProblem[] {
  return idlePlugins(config).map(({ name, message }) => ({
    ...faultProblem(file, { root: "weir", path: ["plugins", name], message }),
    severity: "warning" as const,
  }));
}

/**
 * Checks a file, alone: without the flags that weir would be started with.
 *
 * @param path Its path, for the problems.
 * @param text What it says.
 * @returns What is wrong with it.
 */
export function checkConfigFile(path: string, text: string): CheckedFile {
  const file = readConfigFile(path, text);
  // The node's own name is nothing that a file could have wrong.
  const result = validateConfig({ ...file.inputs, options: {} }, () => "node");
  const faults = result.type === "faulty" ? result.faults : [];
  const { documents } = result;
  const problems = [
    ...file.problems,
    ...faults.map((fault) => faultProblem(file, fault)),
    ...documents === undefined ? [] : idleGates(file, documents),
    ...result.type === "faulty" ? [] : unusedPlugins(file, result.config),
  ].sort((a, b) => a.line - b.line || a.column - b.column);
  const broken = file.problems.some(({ severity }) => severity === "error") ||
    faults.some(({ unservable }) => unservable !== true);
  return { file, problems, documents: broken ? undefined : documents };
}

/**
 * Whether there are errors.
 *
 * @param checked A file that was checked.
 * @returns True when weir would not start with it.
 */
export function hasErrors({ problems }: CheckedFile): boolean {
  return problems.some(({ severity }) => severity === "error");
}

function counted(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}

/**
 * Words a check for people.
 *
 * @param checked A file that was checked.
 * @param style Colours, or none.
 * @returns A line for each problem, as compilers have it, and one for the whole.
 */
export function checkReport({ file, problems }: CheckedFile, style: Style): string {
  const lines = problems.map(({ severity, line, column, path, value, message }) => {
    const word = severity === "error" ? style.red("error") : style.yellow("warning");
    const what = value === "" ? formatPath(path) : `${formatPath(path)} ${value}`;
    return `${file.path}:${line}:${column}: ${word}: ${what}: ${message}`;
  });
  const errors = problems.filter(({ severity }) => severity === "error").length;
  const warnings = problems.length - errors;
  const said = [
    ...errors === 0 ? [] : [counted(errors, "error")],
    ...warnings === 0 ? [] : [counted(warnings, "warning")],
  ].join(" and ");
  const whole = errors === 0 ? style.green("weir can use it") : style.red("weir cannot use it");
  return [...lines, `${file.path}: ${whole}${said === "" ? "" : `, ${said}`}`, ""].join("\n");
}

/**
 * Words a check for programs.
 *
 * @param checked A file that was checked.
 * @returns JSON with the file, whether it is usable, and its problems.
 */
export function checkJson(checked: CheckedFile): string {
  const { file, problems } = checked;
  const usable = !hasErrors(checked);
  return `${JSON.stringify({ file: file.path, usable, problems }, null, 2)}\n`;
}
