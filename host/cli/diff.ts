/**
 * `weir diff`: what the next sync would change, or what other manifests or another configuration
 * would. Nothing is changed.
 *
 * @module
 */
import * as v from "valibot";
import type { WeirConfig } from "../../schemas/config.ts";
import { messageOf, WeirError } from "../../schemas/errors.ts";
import { type PendingSync, PendingSyncSchema, type ViewChange } from "../../schemas/insight.ts";
import type { SourceEvent } from "../../schemas/kube.ts";
import type { ServicePortView } from "../../schemas/view.ts";
import { resolveRequest } from "../config/resolve.ts";
import { compareViews } from "../explain/view_changes.ts";
import { compareConfigs, type ConfigChange } from "../reload/parts.ts";
import { resolveService } from "../resolver/resolve.ts";
import { manifestsSource } from "../source/manifests/source.ts";
import { maskedWhole } from "../telemetry/masked.ts";
import { LABEL_ZONE, Tracker } from "../tracker.ts";
import { rendered } from "./answer.ts";
import { ask, type AskOptions, type Fetch } from "./ask.ts";
import { type CliIo, EXIT_CODES } from "./cli.ts";
import type { CommandLine } from "./command.ts";
import { createStyle, type Style, wantsColour } from "./style.ts";

/** What is different. */
interface Differences {
  /** Beside what it was put. */
  readonly against: string;
  readonly services: readonly ViewChange[];
  readonly configuration: readonly Pick<ConfigChange, "field" | "part" | "before" | "after">[];
}

/** Of /configz, what the documents and the command line come to. */
const ConfigzSchema = v.object({
  weir: v.custom<WeirConfig>((value) => typeof value === "object" && value !== null),
});

/** Everything in a folder, as the running weir would read it. */
async function objectsIn(directory: string, warn: (text: string) => void): Promise<Tracker> {
  const probe = new AbortController();
  const events: SourceEvent[] = [];
  const say = (message: string, fields: Readonly<Record<string, unknown>> = {}) =>
    warn([message, ...Object.values(fields).map(String)].join(" "));
  const source = manifestsSource({
    directory,
    log: { debug: () => {}, info: () => {}, warn: say, error: say },
  });
  const kinds = new Set<string>();
  await source.run((batch) => {
    events.push(...batch);
    for (const event of batch) if (event.type === "synced") kinds.add(event.kind);
    if (kinds.has("Service") && kinds.has("EndpointSlice")) probe.abort();
  }, probe.signal);
  const node = events.find((event) => event.type === "upsert" && event.object.kind === "Node");
  const nodeName = node?.type === "upsert" ? node.object.name : "";
  const tracker = new Tracker({ nodeName, startedAt: 0 });
  tracker.accept(events);
  return tracker;
}

async function ofManifests(
  directory: string,
  pending: PendingSync,
  warn: (text: string) => void,
): Promise<readonly ViewChange[]> {
  const tracker = await objectsIn(directory, warn);
  // The folder may say otherwise what the node is, if it is this one.
  const own = tracker.node?.name === pending.node.name ? tracker.node : undefined;
  const node = own === undefined
    ? pending.node
    : { ...pending.node, zone: own.labels[LABEL_ZONE] ?? "", addresses: own.addresses };
  const after = new Map<string, ServicePortView>();
  for (const { service, slices } of tracker.take().services) {
    const { views, problems } = resolveService(service, slices, node);
    for (const { object, path, message } of problems) warn(`${object} ${path}: ${message}`);
    for (const view of views) if (pending.families.includes(view.family)) after.set(view.id, view);
  }
  const before = new Map(pending.views?.map((view) => [view.id, view]));
  return compareViews(before, after);
}

async function ofConfiguration(
  args: readonly string[],
  io: CliIo,
  options: AskOptions,
): Promise<readonly ConfigChange[]> {
  const request = await resolveRequest(args, io);
  if (request.type === "refused") {
    throw new WeirError(
      "WEIR_CONFIG_INVALID",
      `Cannot compare "${args.join(" ")}": ${request.problems.map(messageOf).join("; ")}`,
    );
  }
  if (request.type !== "proxy") {
    throw new WeirError(
      "WEIR_CONFIG_INVALID",
      `Cannot compare "${args.join(" ")}": it asks for ${request.type}, not for a proxy`,
    );
  }
  for (const warning of request.warnings) io.stderr(`${warning}\n`);
  const { weir } = await ask(ConfigzSchema, "/configz", {}, options);
  // What is secret in URLs is masked on the page; whether it differs is not to be told.
  return compareConfigs(weir, maskedWhole(request.config));
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
  return `${lines.join("\n")}\n\n${
    services.length + configuration.length
  } differences from ${against}; nothing was changed.\n`;
}

/**
 * Compares.
 *
 * @param line The command line; its words are the proxy's flags.
 * @param io The effects.
 * @param fetch Fetches a page.
 * @returns The exit code: 1 with --exit-code when something differs.
 * @throws {WeirError} WEIR_UNREACHABLE when no weir answers; WEIR_CONFIG_INVALID when the other
 * command line cannot be used.
 */
export async function diffCommand(line: CommandLine, io: CliIo, fetch: Fetch): Promise<number> {
  const options = { server: line.value("server") ?? "", fetch };
  const manifests = line.value("manifests");
  const style = createStyle(wantsColour(io.terminal.stdout, io.env));
  const configured = line.words.length > 0 || line.value("config") !== undefined;
  const query = manifests === undefined ? {} : { views: "1" };
  const pending = await ask(PendingSyncSchema, "/debug/diff", query, options);
  const warn = (text: string) => io.stderr(`${style.yellow("warning:")} ${text}\n`);
  if (pending.failures !== undefined) {
    warn(
      `the last syncs failed (${pending.failures}): the kernel may still have older rules than it ` +
        "was told; see weir's log and /debug/traces",
    );
  }
  const config = line.value("config");
  const differences: Differences = {
    against: `what the kernel was told last (revision ${pending.revision})`,
    services: manifests !== undefined
      ? await ofManifests(manifests, pending, warn)
      : configured
      ? []
      : pending.changes,
    configuration: configured
      ? await ofConfiguration(
        [...(config === undefined ? [] : [`--config=${config}`]), ...line.words],
        io,
        options,
      )
      : [],
  };
  io.stdout(rendered(line, differences, (told) => diffText(told, style)));
  const differs = differences.services.length + differences.configuration.length > 0;
  return differs && line.has("exit-code") ? EXIT_CODES.failed : EXIT_CODES.done;
}
