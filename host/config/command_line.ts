/**
 * Takes a command line apart into the input of a configuration and what is to be done.
 *
 * @module
 */
import { WeirError } from "../../schemas/errors.ts";
import type { Flag, FlagAction, FlagValue } from "./flag.ts";
import { flagPlace } from "./flags.ts";
import { parseFlags } from "./parser.ts";
import { parseFlagValue } from "./pflag.ts";
import type { ConfigRoot } from "./root.ts";
import type { ConfigFault } from "./validate.ts";

/** Fields by their names, with fields or values within. */
export interface Tree {
  [key: string]: FlagValue | Tree;
}

/** A command line that was read. */
export interface CommandLine {
  /** The flags given, by name, as written. */
  readonly given: ReadonlyMap<string, string>;
  readonly inputs: Readonly<Record<ConfigRoot, Tree>>;
  readonly actions: ReadonlySet<FlagAction>;
  /** Values that have not even the right type. */
  readonly problems: readonly WeirError[];
  /** Uses of deprecated flags. */
  readonly warnings: readonly string[];
}

function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function setAt(tree: Tree, path: readonly string[], value: FlagValue): void {
  const [key, ...rest] = path;
  if (key === undefined) return;
  if (rest.length === 0) tree[key] = value;
  else {
    const inner = tree[key];
    const branch = isTree(inner) ? inner : {};
    tree[key] = branch;
    setAt(branch, rest, value);
  }
}

/**
 * Puts fields over others.
 *
 * @param below For example of a file; what is no map of fields is given back as it is.
 * @param above For example of flags.
 * @returns Each field of `above`, and those of `below` that it does not have.
 */
export function overlaid(below: unknown, above: Tree): unknown {
  if (Object.keys(above).length === 0) return below;
  if (below === null || below === undefined) return above;
  if (!isTree(below)) return below;
  return {
    ...below,
    ...Object.fromEntries(
      Object.entries(above).map(([key, value]) => [
        key,
        isTree(value) ? overlaid(below[key], value) : value,
      ]),
    ),
  };
}

/**
 * Words why a flag cannot be used.
 *
 * @param flag Its row.
 * @param written Its value as written.
 * @param why The reason.
 * @param path Of the field that it sets.
 * @returns `Cannot use --cluster-cidr "10.0.0.0/33": …`.
 */
export function flagRefusal(
  flag: Flag,
  written: string,
  why: string,
  path: readonly string[],
): WeirError {
  return new WeirError("WEIR_CONFIG_INVALID", `Cannot use --${flag.name} "${written}": ${why}`, {
    path,
  });
}

function startsWith(path: readonly string[], start: readonly string[]): boolean {
  return start.every((key, i) => path[i] === key);
}

/**
 * Where a fault is by the field that a flag is told of by, when it sets others too.
 *
 * @param flag A row.
 * @param path Of one of its fields, or in one.
 * @returns The same place in its own field.
 */
export function ownPath(flag: Flag, path: readonly string[]): readonly string[] {
  const paths = flagPlace(flag)?.paths ?? [];
  const start = paths.find((start) => startsWith(path, start));
  return start === undefined ? path : [...paths[0] ?? [], ...path.slice(start.length)];
}

/**
 * Finds the flag that sets a field.
 *
 * @param fault Where.
 * @param flags The table.
 * @returns The row; an entry of a list is its list's.
 */
export function flagOf(
  { root, path }: Pick<ConfigFault, "root" | "path">,
  flags: readonly Flag[],
): Flag | undefined {
  return flags.find((row) => {
    const place = flagPlace(row);
    return place?.root === root && place.paths.some((start) => startsWith(path, start));
  });
}

/**
 * Reads a command line.
 *
 * @param args Without the program's name.
 * @param flags The table.
 * @returns What it says.
 * @throws {WeirError} WEIR_CONFIG_INVALID for an unknown flag, a missing value or an argument that
 * is no flag.
 */
export function readCommandLine(args: readonly string[], flags: readonly Flag[]): CommandLine {
  const given = parseFlags(args, flags);
  const inputs: Record<ConfigRoot, Tree> = { kubeProxy: {}, weir: {}, options: {} };
  const problems: WeirError[] = [];
  const warnings: string[] = [];
  const actions = new Set<FlagAction>();
  for (const flag of flags) {
    const written = given.get(flag.name);
    if (written === undefined) continue;
    if (flag.deprecated !== undefined) {
      warnings.push(`Flag --${flag.name} is deprecated: ${flag.deprecated}`);
    }
    const read = parseFlagValue(flag.type, written);
    const place = flagPlace(flag);
    if ("why" in read) problems.push(flagRefusal(flag, written, read.why, place?.paths[0] ?? []));
    else if (place !== undefined) {
      for (const path of place.paths) setAt(inputs[place.root], path, read.value);
    } else if (flag.target.kind === "action" && read.value === true) {
      actions.add(flag.target.action);
    }
  }
  return { given, inputs, actions, problems, warnings };
}
