/**
 * `weir diff`: what the next sync would change, or what other manifests or another configuration
 * would. Nothing is changed.
 *
 * @module
 */
import { PARKED_REMEDY } from "../sandbox/restarts.ts";
import type { WeirConfig } from "../../schemas/config.ts";
import { type PendingSync, PendingSyncSchema, type ViewChange } from "../../schemas/insight.ts";
import type { CommandMachine } from "../bare_ground.ts";
import { compareViews } from "../explain/view_changes.ts";
import { compareConfigs, type ConfigChange } from "../reload/parts.ts";
import { maskedWhole } from "../telemetry/masked.ts";
import { printableLine } from "../printable.ts";
import { rendered } from "./answer.ts";
import { ask, type AskOptions } from "./ask.ts";
import type { Fetch } from "./json_page.ts";
import { type CliIo, EXIT_CODES, reportFailure } from "./cli.ts";
import type { CommandLine } from "./command.ts";
import { portsIn } from "./folder_ports.ts";
import { ConfigzSchema, otherConfig, proxyFlags, RefusedFlags } from "./other_config.ts";
import { createStyle, type Style, wantsColour } from "./style.ts";

/** What is different. */
interface Differences {
  /** Beside what it was put. */
  readonly against: string;
  readonly services: readonly ViewChange[];
  readonly configuration: readonly Pick<ConfigChange, "field" | "part" | "before" | "after">[];
}

async function ofManifests(
  directory: string,
  pending: PendingSync,
  warn: (text: string) => void,
): Promise<readonly ViewChange[]> {
  const { ports } = await portsIn(directory, pending, warn);
  const before = new Map(pending.views?.map((view) => [view.id, view]));
  return compareViews(before, new Map(ports.map((view) => [view.id, view])));
}

async function ofConfiguration(
  config: WeirConfig,
  options: AskOptions,
): Promise<readonly ConfigChange[]> {
  const { weir } = await ask(ConfigzSchema, "/configz", {}, options);
  // What is secret in URLs is masked on the page; whether it differs is not to be told.
  return compareConfigs(weir, maskedWhole(config));
}

function coloured(detail: string, style: Style): string {
  if (detail.startsWith("+")) return style.green(detail);
  if (detail.startsWith("-")) return style.red(detail);
  return detail.startsWith("~") ? style.yellow(detail) : style.dim(detail);
}

const EFFECTS: Readonly<Partial<Record<ConfigChange["part"], string>>> = {
  rules: "everything is programmed anew",
  plugins: "plugins are replaced",
  source: "objects are listed anew",
  start: "only a restart brings it into force",
};

function diffText({ against, services, configuration }: Differences, style: Style): string {
  if (services.length + configuration.length === 0) return `Nothing differs from ${against}.\n`;
  const lines: string[] = [];
  for (const { id, type, details } of services) {
    const sign = { added: "+", changed: "~", removed: "-" }[type];
    lines.push(style.bold(coloured(`${sign} ${id}`, style)));
    for (const detail of details) lines.push(`    ${coloured(detail, style)}`);
  }
  for (const { field, part, before, after } of configuration) {
    const effect = EFFECTS[part] === undefined ? "" : style.dim(` (${EFFECTS[part]})`);
    lines.push(`${style.yellow(`~ ${field}`)}${effect}`);
    lines.push(`    ${style.red(`- ${JSON.stringify(maskedWhole(before))}`)}`);
    lines.push(`    ${style.green(`+ ${JSON.stringify(maskedWhole(after))}`)}`);
  }
  const count = services.length + configuration.length;
  const found = `${count} ${count === 1 ? "difference" : "differences"}`;
  return `${lines.join("\n")}\n\n${found} from ${against}; nothing was changed.\n`;
}

/** What it stands on. */
export interface DiffGround {
  readonly fetch: Fetch;
  /** For --rules, which looks at this node itself. */
  readonly machine: CommandMachine;
}

/**
 * Warns when what was told last may not be what the kernel has.
 *
 * @param pending What the running weir says.
 * @param warn Told one sentence.
 */
export function warnOfFailures(
  { revision, failures, silent, parked = [] }: Pick<
    PendingSync,
    "revision" | "failures" | "silent" | "parked"
  >,
  warn: (text: string) => void,
): void {
  if (revision === 0) warn("weir has programmed nothing yet: the kernel has what was there before");
  if (silent !== undefined) {
    warn(
      `nothing is heard of ${silent.plural} for ${Math.round(silent.milliseconds / 1000)} s, and ` +
        `weir knows of no change since: ${silent.reason} (${silent.remedy})`,
    );
  }
  for (const { plugin, reason } of parked) warn(`${plugin} is parked: ${reason}; ${PARKED_REMEDY}`);
  if (failures === undefined) return;
  warn(
    `the last syncs failed (${failures}): the kernel may still have older rules than it was told; ` +
      "see weir's log and /debug/traces",
  );
}

async function compareServices(line: CommandLine, io: CliIo, fetch: Fetch): Promise<boolean> {
  const options = { server: line.value("server") ?? "", fetch };
  const manifests = line.value("manifests");
  const style = createStyle(wantsColour(io.terminal.stdout, io.env));
  const flags = proxyFlags(line);
  // Before anybody is asked: a flag that is misspelt is so whoever runs.
  const other = flags.length > 0 ? await otherConfig(flags, io) : undefined;
  const query = manifests === undefined ? {} : { views: "1" };
  const pending = await ask(PendingSyncSchema, "/debug/diff", query, options);
  const warn = (text: string) => io.stderr(`${style.yellow("warning:")} ${printableLine(text)}\n`);
  warnOfFailures(pending, warn);
  const differences: Differences = {
    against: `what the kernel was told last (revision ${pending.revision})`,
    services: manifests !== undefined
      ? await ofManifests(manifests, pending, warn)
      : other !== undefined
      ? []
      : pending.changes,
    configuration: other === undefined ? [] : await ofConfiguration(other, options),
  };
  io.stdout(rendered(line, differences, (told) => diffText(told, style)));
  return differences.services.length + differences.configuration.length > 0;
}

/** As diff(1) has it: whoever asks whether something differs must know that from trouble. */
const TROUBLE = 2;

/**
 * Compares.
 *
 * @param line The command line; its words are the proxy's flags.
 * @param io The effects.
 * @param ground What it stands on.
 * @returns The exit code: 2 when the proxy's flags cannot be used; with --exit-code 1 when something
 * differs, and 2 when that cannot be told.
 * @throws {WeirError} Without --exit-code: WEIR_UNREACHABLE when no weir answers;
 * WEIR_CONFIG_INVALID when the other configuration file cannot be used.
 */
export async function diffCommand(
  line: CommandLine,
  io: CliIo,
  ground: DiffGround,
): Promise<number> {
  const tells = line.has("exit-code");
  try {
    let differs: boolean;
    if (line.has("rules")) {
      const { compareRules } = await import("./rules_diff.ts");
      differs = await compareRules(line, io, ground);
    } else differs = await compareServices(line, io, ground.fetch);
    return differs && tells ? EXIT_CODES.failed : EXIT_CODES.done;
  } catch (thrown) {
    if (thrown instanceof RefusedFlags) {
      reportFailure(io, thrown);
      return EXIT_CODES.usage;
    }
    if (!tells) throw thrown;
    reportFailure(io, thrown);
    return TROUBLE;
  }
}
