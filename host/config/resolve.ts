/**
 * From the command line to the one immutable configuration, or to everything that is wrong.
 *
 * @module
 */
import * as v from "valibot";
import { configSchema, type WeirConfig } from "../../schemas/config.ts";
import { WeirError } from "../../schemas/errors.ts";
import { type Flag, FLAGS, type FlagValue } from "./flags.ts";
import { parseFlags } from "./parser.ts";
import { parseFlagValue } from "./pflag.ts";

/** What a command line asks for. */
export type Request =
  | { readonly type: "help" }
  | { readonly type: "version" }
  | {
    readonly type: "cleanup";
    /** Only list what would be removed. */
    readonly dryRun: boolean;
  }
  | {
    readonly type: "proxy";
    readonly config: WeirConfig;
    /** What to log at start: uses of deprecated flags. */
    readonly warnings: readonly string[];
  }
  | {
    readonly type: "refused";
    /** Every fault, not only the first; at least one. */
    readonly problems: readonly WeirError[];
  };

interface Tree {
  [key: string]: FlagValue | Tree;
}

function isTree(value: FlagValue | Tree | undefined): value is Tree {
  return typeof value === "object" && !Array.isArray(value);
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

/** Freezes a configuration to the bottom. */
function frozen<Value>(value: Value): Value {
  if (typeof value === "object" && value !== null) Object.values(value).forEach(frozen);
  return Object.freeze(value);
}

function refusal(
  flag: Flag,
  written: string,
  why: string,
  path = flag.target.kind === "action" ? [] : flag.target.path.split("."),
): WeirError {
  return new WeirError("WEIR_CONFIG_INVALID", `Cannot use --${flag.name} "${written}": ${why}`, {
    path,
  });
}

/** What the values given are together, with the values that have not even the right type. */
function readValues(given: ReadonlyMap<string, string>, flags: readonly Flag[]) {
  const tree: Tree = {};
  const problems: WeirError[] = [];
  const warnings: string[] = [];
  const actions = new Set<string>();
  for (const flag of flags) {
    const written = given.get(flag.name);
    if (written === undefined) continue;
    if (flag.deprecated !== undefined) {
      warnings.push(`Flag --${flag.name} is deprecated: ${flag.deprecated}`);
    }
    const read = parseFlagValue(flag.type, written);
    if ("why" in read) problems.push(refusal(flag, written, read.why));
    else if (flag.target.kind !== "action") {
      setAt(tree, flag.target.path.split("."), read.value);
    } else if (read.value === true) actions.add(flag.target.action);
  }
  return { tree, problems, warnings, actions };
}

/**
 * Resolves a command line.
 *
 * @param args The command line without the program's name.
 * @param hostname The system's hostname; asked for only without `--hostname-override`.
 * @param flags The table.
 * @returns What is asked for. `refused` names every flag that cannot be used, as
 * `Cannot use --cluster-cidr "10.0.0.0/33": …`, with code WEIR_CONFIG_INVALID.
 */
export function resolveRequest(
  args: readonly string[],
  hostname: () => string,
  flags: readonly Flag[] = FLAGS,
): Request {
  let given: ReadonlyMap<string, string>;
  try {
    given = parseFlags(args, flags);
  } catch (error) {
    if (error instanceof WeirError) return { type: "refused", problems: [error] };
    throw error;
  }
  const { tree, problems, warnings, actions } = readValues(given, flags);
  if (actions.has("help")) return { type: "help" };
  if (actions.has("version")) return { type: "version" };
  if (actions.has("dry-run") && !actions.has("cleanup")) {
    problems.push(
      new WeirError(
        "WEIR_CONFIG_INVALID",
        'Cannot use --dry-run "true": it goes with --cleanup only',
      ),
    );
  }
  const result = v.safeParse(configSchema(hostname), tree);
  if (result.success && problems.length === 0) {
    if (actions.has("cleanup")) return { type: "cleanup", dryRun: actions.has("dry-run") };
    return { type: "proxy", config: frozen(result.output), warnings };
  }
  for (const issue of result.issues ?? []) {
    const path = v.getDotPath(issue) ?? "";
    // An entry of a list is told of by the list's flag.
    const flag = flags.find(({ target }) =>
      target.kind !== "action" && (target.path === path || path.startsWith(`${target.path}.`))
    );
    problems.push(
      flag === undefined
        ? new WeirError("WEIR_CONFIG_INVALID", `Cannot use field "${path}": ${issue.message}`, {
          path: path.split("."),
        })
        : refusal(flag, given.get(flag.name) ?? "", issue.message, path.split(".")),
    );
  }
  return { type: "refused", problems };
}
