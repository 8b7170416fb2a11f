/**
 * From the command line to the one immutable configuration, or to everything that is wrong.
 *
 * @module
 */
import type { WeirConfig } from "../../schemas/config.ts";
import { resolveGates } from "../../schemas/config/gates.ts";
import { messageOf, WeirError } from "../../schemas/errors.ts";
import { type CommandLine, flagOf, flagRefusal, ownPath, readCommandLine } from "./command_line.ts";
import type { Documents } from "./complete.ts";
import type { ConfigFile } from "./file/file.ts";
import type { Flag } from "./flag.ts";
import { FLAGS } from "./flags.ts";
import { idlePlugins } from "./idle_plugins.ts";
import { countsBesideFile, filePrecedence } from "./precedence.ts";
import { formatProblem, problemError } from "./problem.ts";
import { faultProblem } from "./file/fault.ts";
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
    readonly type: "write-config";
    /** Where to. */
    readonly path: string;
    readonly documents: Documents;
    readonly warnings: readonly string[];
  }
  | {
    readonly type: "proxy";
    readonly config: WeirConfig;
    /**
     * What to log at start: uses of deprecated flags, unknown fields, settings that change
     * nothing.
     */
    readonly warnings: readonly string[];
    /** What to log at start at -v=2. */
    readonly notes: readonly string[];
  }
  | {
    readonly type: "refused";
    /** Whether the command line is at fault, or the file alone. */
    readonly source: "command line" | "file";
    /** Every fault, not only the first; at least one. */
    readonly problems: readonly WeirError[];
    /** What is accepted and probably not meant. */
    readonly warnings: readonly string[];
  };

/** What a command line is resolved with. */
export interface ResolveGround {
  /** The system's hostname; asked for only without a hostnameOverride. */
  readonly hostname: () => string;
  /** Reads a text file; asked for the one of --config, which is refused if this is left out. */
  readonly readText?: (path: string) => Promise<string>;
  /** The table; the flags of the proxy if left out. */
  readonly flags?: readonly Flag[];
}

function refused(
  source: "command line" | "file",
  problems: readonly WeirError[],
  warnings: readonly string[] = [],
): Request {
  return { type: "refused", source, problems: distinct(problems), warnings };
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

/** A fault as whoever wrote the flag or the file must hear it. */
function faultError(
  fault: ConfigFault,
  { given }: CommandLine,
  file: ConfigFile | undefined,
  flags: readonly Flag[],
): WeirError {
  const { root, path, message } = fault;
  const flag = flagOf(fault, flags);
  const ofFlag = file === undefined || root === "options" ||
    (flag !== undefined && given.has(flag.name) && countsBesideFile(flag));
  if (!ofFlag) return problemError(faultProblem(file, { root, path, message }));
  if (flag !== undefined) {
    // Of a list of gates it is no help that one of them is wrong.
    const [field, gate] = path;
    const why = field === "featureGates" && gate !== undefined ? `${gate}: ${message}` : message;
    return flagRefusal(flag, given.get(flag.name) ?? "", why, ownPath(flag, path));
  }
  return new WeirError(
    "WEIR_CONFIG_INVALID",
    `Cannot use field "${path.join(".")}": ${message}`,
    { path },
  );
}

/** What to say of settings that are accepted and change nothing. */
function remarks(config: WeirConfig, gates: Readonly<Record<string, boolean>>) {
  const warnings: string[] = [];
  const notes: string[] = [];
  for (const { gate, meaning } of resolveGates(gates).notes) {
    if (meaning === "always") {
      warnings.push(`Feature gate ${gate}=false changes nothing: weir cannot work without it`);
    } else if (meaning === "unknown") {
      warnings.push(`Feature gate ${gate} changes nothing: weir does not know it`);
    } else notes.push(`Feature gate ${gate} changes nothing: weir has no such feature`);
  }
  for (const { name, message } of idlePlugins(config)) {
    warnings.push(`Plugin ${name} of the configuration: ${message}`);
  }
  if (config.inPlaceOf !== "") {
    warnings.push(
      `Mode nftables serves in place of ${config.inPlaceOf}, which this version of weir does not ` +
        "have",
    );
  }
  return { warnings, notes };
}

/** What an operator who comes from kube-proxy in its usual mode may not expect. */
function surprises(file: ConfigFile | undefined, { kubeProxy }: Documents): string[] {
  const { mode, nodePortAddresses = [] } = kubeProxy;
  // Who gives flags alone chooses anew; a file is what kube-proxy was run with.
  if (!file?.present.includes("kubeProxy") || mode !== "" || nodePortAddresses.length > 0) {
    return [];
  }
  return [
    "NodePorts answer on the Node's own addresses alone: mode is empty, which is nftables, and so " +
    "are nodePortAddresses. kube-proxy with this file is in mode iptables, where they answer on " +
    'all: to keep that, set nodePortAddresses: [0.0.0.0/0, "::/0"]; to keep this, mode: nftables',
  ];
}

/** Flags that the file makes void. */
function ignored({ given }: CommandLine, flags: readonly Flag[]): string[] {
  const names = flags.filter((flag) => given.has(flag.name) && !countsBesideFile(flag))
    .map(({ name }) => `--${name}`);
  return names.length === 0
    ? []
    : [`Ignored ${names.join(", ")}: with --config these fields are read from the file alone`];
}

function noFiles(): Promise<never> {
  return Promise.reject(new Error("no files are read here"));
}

async function openFile(
  path: string,
  readText: NonNullable<ResolveGround["readText"]>,
): Promise<ConfigFile | WeirError> {
  let text: string;
  try {
    text = await readText(path);
  } catch (thrown) {
    const message = `Cannot use --config "${path}": ${messageOf(thrown)}`;
    return new WeirError("WEIR_CONFIG_INVALID", message, { path: ["config"], cause: thrown });
  }
  // The parser of YAML takes 3 MB, which whoever has no file need not pay.
  const { readConfigFile } = await import("./file/file.ts");
  return readConfigFile(path, text);
}

/**
 * Resolves a command line.
 *
 * @param args The command line without the program's name.
 * @param ground What it is resolved with.
 * @returns What is asked for. `refused` names every flag that cannot be used, as
 * `Cannot use --cluster-cidr "10.0.0.0/33": …`, and every field of the file with its place, with
 * code WEIR_CONFIG_INVALID.
 */
export async function resolveRequest(
  args: readonly string[],
  { hostname, readText = noFiles, flags = FLAGS }: ResolveGround,
): Promise<Request> {
  let commandLine: CommandLine;
  try {
    commandLine = readCommandLine(args, flags);
  } catch (error) {
    if (error instanceof WeirError) return refused("command line", [error]);
    throw error;
  }
  const { inputs, actions } = commandLine;
  if (actions.has("help")) return { type: "help" };
  if (actions.has("version")) return { type: "version" };
  const problems = [...commandLine.problems];
  const warnings = [...commandLine.warnings];
  if (actions.has("dry-run") && !actions.has("cleanup")) {
    problems.push(
      new WeirError(
        "WEIR_CONFIG_INVALID",
        'Cannot use --dry-run "true": it goes with --cleanup only',
      ),
    );
  }
  const path = inputs.options["config"];
  let file: ConfigFile | undefined;
  if (typeof path === "string" && path !== "") {
    if (problems.length > 0) return refused("command line", problems, warnings);
    const opened = await openFile(path, readText);
    if (opened instanceof WeirError) return refused("file", [opened], warnings);
    file = opened;
    warnings.push(...ignored(commandLine, flags));
    for (const problem of file.problems) {
      if (problem.severity === "error") problems.push(problemError(problem));
      else warnings.push(formatProblem(problem));
    }
  }
  const result = validateConfig(
    file === undefined ? inputs : filePrecedence(file, commandLine),
    hostname,
  );
  const cleanup = actions.has("cleanup");
  const writeTo = inputs.options["writeConfigTo"];
  const written = typeof writeTo === "string" && writeTo !== "" ? writeTo : undefined;
  for (const fault of result.type === "faulty" ? result.faults : []) {
    // Whoever only writes a file or cleans up need not be able to serve the mode.
    if (fault.unservable && (cleanup || written !== undefined)) continue;
    problems.push(faultError(fault, commandLine, file, flags));
  }
  if (problems.length > 0) {
    const source = file === undefined ? "command line" : "file";
    return refused(source, problems, warnings);
  }
  const { documents } = result;
  if (documents === undefined) throw new Error("what has no faults has documents");
  if (written !== undefined) return { type: "write-config", path: written, documents, warnings };
  if (cleanup) return { type: "cleanup", dryRun: actions.has("dry-run") };
  if (result.type === "faulty") throw new Error("a configuration without faults is valid");
  const { config } = result;
  const said = remarks(config, documents.kubeProxy.featureGates);
  warnings.push(...said.warnings, ...surprises(file, documents));
  return { type: "proxy", config, warnings, notes: said.notes };
}
