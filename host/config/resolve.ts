/**
 * From the command line to the one immutable configuration, or to everything that is wrong.
 *
 * @module
 */
import type { WeirConfig } from "../../schemas/config.ts";
import { resolveGates } from "../../schemas/config/gates.ts";
import { WeirError } from "../../schemas/errors.ts";
import type { Flag, FlagAction, FlagValue } from "./flag.ts";
import { flagPlace, FLAGS } from "./flags.ts";
import { parseFlags } from "./parser.ts";
import { parseFlagValue } from "./pflag.ts";
import { type ConfigFault, validateConfig } from "./validate.ts";

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
    /** What to log at start: uses of deprecated flags, settings that change nothing. */
    readonly warnings: readonly string[];
    /** What to log at start at -v=2. */
    readonly notes: readonly string[];
  }
  | {
    readonly type: "refused";
    /** Every fault, not only the first; at least one. */
    readonly problems: readonly WeirError[];
  };

/** What a command line is resolved with. */
export interface ResolveGround {
  /** The system's hostname; asked for only without a hostnameOverride. */
  readonly hostname: () => string;
  /** The table; the flags of the proxy if left out. */
  readonly flags?: readonly Flag[];
}

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

function refusal(flag: Flag, written: string, why: string, path: readonly string[]): WeirError {
  return new WeirError("WEIR_CONFIG_INVALID", `Cannot use --${flag.name} "${written}": ${why}`, {
    path,
  });
}

/** What the values given are together, with the values that have not even the right type. */
function readValues(given: ReadonlyMap<string, string>, flags: readonly Flag[]) {
  const inputs = { kubeProxy: {} as Tree, weir: {} as Tree, options: {} as Tree };
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
    if ("why" in read) problems.push(refusal(flag, written, read.why, place?.paths[0] ?? []));
    else if (place !== undefined) {
      for (const path of place.paths) setAt(inputs[place.root], path, read.value);
    } else if (flag.target.kind === "action" && read.value === true) {
      actions.add(flag.target.action);
    }
  }
  return { inputs, problems, warnings, actions };
}

function startsWith(path: readonly string[], start: readonly string[]): boolean {
  return start.every((key, i) => path[i] === key);
}

/** A fault as whoever wrote the flags must hear it; an entry of a list is told of by its flag. */
function flagProblem(
  { root, path, message }: ConfigFault,
  given: ReadonlyMap<string, string>,
  flags: readonly Flag[],
): WeirError {
  const flag = flags.find((row) => {
    const place = flagPlace(row);
    return place?.root === root && place.paths.some((start) => startsWith(path, start));
  });
  if (flag !== undefined) return refusal(flag, given.get(flag.name) ?? "", message, path);
  return new WeirError(
    "WEIR_CONFIG_INVALID",
    `Cannot use field "${path.join(".")}": ${message}`,
    { path },
  );
}

/** One fault that two fields share because one flag sets both is told of once. */
function distinct(problems: readonly WeirError[]): WeirError[] {
  const messages = new Set<string>();
  return problems.filter(({ message, path }) => {
    const key = message + (/^\d+$/.test(String(path.at(-1))) ? path.join(".") : "");
    if (messages.has(key)) return false;
    messages.add(key);
    return true;
  });
}

/** What to say of settings that are accepted and change nothing. */
function remarks(config: WeirConfig, gates: Readonly<Record<string, boolean>>) {
  const warnings: string[] = [];
  const notes: string[] = [];
  for (const { gate, meaning } of resolveGates(gates).notes) {
    if (meaning === "always") {
      warnings.push(`Feature gate ${gate}=false changes nothing: weir cannot work without it`);
    } else notes.push(`Feature gate ${gate} changes nothing: weir has no such feature`);
  }
  if (config.inPlaceOf !== "") {
    warnings.push(
      `Mode nftables serves in place of ${config.inPlaceOf}, which this version of weir does not have`,
    );
  }
  return { warnings, notes };
}

/**
 * Resolves a command line.
 *
 * @param args The command line without the program's name.
 * @param ground What it is resolved with.
 * @returns What is asked for. `refused` names every flag that cannot be used, as
 * `Cannot use --cluster-cidr "10.0.0.0/33": …`, with code WEIR_CONFIG_INVALID.
 */
export async function resolveRequest(
  args: readonly string[],
  { hostname, flags = FLAGS }: ResolveGround,
): Promise<Request> {
  let given: ReadonlyMap<string, string>;
  try {
    given = parseFlags(args, flags);
  } catch (error) {
    if (error instanceof WeirError) return { type: "refused", problems: [error] };
    throw error;
  }
  const { inputs, problems, warnings, actions } = readValues(given, flags);
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
  const result = validateConfig(inputs, hostname);
  const cleanup = actions.has("cleanup");
  for (const fault of result.type === "faulty" ? result.faults : []) {
    // Whoever cleans up after a mode need not be able to serve it.
    if (cleanup && fault.unservable) continue;
    problems.push(flagProblem(fault, given, flags));
  }
  if (problems.length > 0) return { type: "refused", problems: distinct(problems) };
  if (cleanup) return { type: "cleanup", dryRun: actions.has("dry-run") };
  if (result.type === "faulty") throw new Error("a configuration without faults is valid");
  const { config, documents } = result;
  const said = remarks(config, documents.kubeProxy.featureGates);
  return {
    type: "proxy",
    config,
    warnings: [...warnings, ...said.warnings],
    notes: said.notes,
  };
}
