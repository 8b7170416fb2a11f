/**
 * `weir diff --rules`: what a full sync would do to the kernel's rules. The proxier is tried in a
 * sandbox of this process, beside a weir that runs or without one; the kernel is only read.
 *
 * @module
 */
import type { WeirConfig } from "../../schemas/config.ts";
import { WeirError } from "../../schemas/errors.ts";
import { type PendingSync, PendingSyncSchema } from "../../schemas/insight.ts";
import type { Snapshot } from "../../schemas/view.ts";
import { bareGround } from "../bare_ground.ts";
import { NetlinkError } from "../capabilities/netlink.ts";
import { probeFamilies } from "../capabilities/nft/families.ts";
import { NftKernel } from "../capabilities/nft/kernel.ts";
import { nftRefusal } from "../capabilities/nft/open.ts";
import { systemClock } from "../clock.ts";
import { ConfiguredPlugins } from "../configured_plugins.ts";
import { detectorOf, tunerOf } from "../plugins.ts";
import { compareConfigs, type Part } from "../reload/parts.ts";
import { type DryRun, dryRun } from "../rules/dry_run.ts";
import { firstSnapshot, type Objects } from "../rules/start.ts";
import { openSource } from "../source/open.ts";
import { maskedWhole } from "../telemetry/masked.ts";
import { printableLine } from "../printable.ts";
import { rendered } from "./answer.ts";
import { ask, type AskOptions } from "./ask.ts";
import type { CliIo } from "./cli.ts";
import type { CommandLine } from "./command.ts";
import { type DiffGround, warnOfFailures } from "./diff.ts";
import { portsIn } from "./folder_ports.ts";
import { ConfigzSchema, otherConfig, proxyFlags } from "./other_config.ts";
import { rulesDiffer, rulesText, type ToldRules } from "./rules_text.ts";
import { createStyle, wantsColour } from "./style.ts";

/** A weir that runs here. */
interface Running {
  readonly config: WeirConfig;
  readonly pending: PendingSync;
  readonly snapshot: Snapshot;
}

/** What would be told, and to whom. */
interface Trial {
  readonly config: WeirConfig;
  readonly snapshot: Snapshot;
  /** What would be done, for the head of the answer. */
  readonly what: string;
}

/** What is asked for, and what answers it. */
interface Question {
  readonly flags: readonly string[];
  readonly manifests: string | undefined;
  readonly io: CliIo;
  readonly ground: DiffGround;
  readonly warn: (text: string) => void;
}

/** How often everything is read again because a sync came between. */
const ATTEMPTS = 3;

async function runningWeir(options: AskOptions): Promise<Running | WeirError> {
  try {
    const pending = await ask(PendingSyncSchema, "/debug/diff", { next: "1" }, options);
    const { weir } = await ask(ConfigzSchema, "/configz", {}, options);
    if (pending.next === undefined) {
      throw new WeirError(
        "WEIR_UNREACHABLE",
        `Cannot ask weir at "${options.server}": it is an older one, which does not tell this`,
      );
    }
    return { config: weir, pending, snapshot: pending.next };
  } catch (thrown) {
    if (thrown instanceof WeirError && thrown.code === "WEIR_UNREACHABLE") return thrown;
    throw thrown;
  }
}

/** The next full sync of the weir that runs, or one of a folder in place of its source. */
async function ofRunning(running: Running, { manifests, warn }: Question): Promise<Trial> {
  const { config, pending, snapshot } = running;
  warnOfFailures(pending, warn);
  if (manifests === undefined) {
    return { config, snapshot, what: "the next full sync of the running weir" };
  }
  const { ports, serviceCIDRs } = await portsIn(manifests, pending, warn);
  return {
    config,
    snapshot: { ...snapshot, settings: { ...snapshot.settings, serviceCIDRs }, ports },
    what: `the running weir with the Services of ${manifests}`,
  };
}

function namesSource({ manifests, master, clientConnection }: WeirConfig): boolean {
  return manifests !== "" || master !== "" || clientConnection.kubeconfig !== "";
}

/** Whether what the running weir knows of objects holds for another configuration, too. */
function objectsFor(config: WeirConfig, running: Running | undefined): Objects {
  if (running === undefined) return { type: "listed" };
  const parts = new Set<Part>(
    compareConfigs(running.config, maskedWhole(config)).map(({ part }) => part),
  );
  const listsAnew = (["source", "node", "gates", "nodePorts"] as const).some((part) =>
    parts.has(part)
  );
  const detectionStays = !parts.has("detection") && !parts.has("plugins");
  return listsAnew || !detectionStays && config.detectLocalMode === "NodeCIDR"
    ? { type: "listed" }
    : { type: "known", snapshot: running.snapshot, detectionStays };
}

/**
 * Whoever has the port of a weir that does not run answers in its place, a pod in the node's network
 * for example: what it tells is data. A kubeconfig that it names could have root run a program.
 */
function mustListForItself({ master, clientConnection }: WeirConfig): void {
  if (master === "" && clientConnection.kubeconfig === "") return;
  throw new WeirError(
    "WEIR_CONFIG_INVALID",
    'Cannot list Services "for these flags": what they change has them listed anew, and they name ' +
      "no source; give --kubeconfig (or --config, --master, --manifests) as weir is started with",
  );
}

/** A start with another command line. */
async function ofStart(running: Running | undefined, question: Question): Promise<Trial> {
  const { flags, manifests, io, ground, warn } = question;
  const all = [...flags, ...manifests === undefined ? [] : [`--manifests=${manifests}`]];
  let config = await otherConfig(all, io);
  let objects = objectsFor(config, running);
  if (running !== undefined && !namesSource(config)) {
    const { manifests, master, clientConnection } = running.config;
    config = { ...config, manifests, master, clientConnection };
    objects = objectsFor(config, running);
    if (objects.type === "listed") mustListForItself(config);
    warn("the flags name no source of Services: those of the running weir are taken");
  }
  const { machine } = ground;
  const nothing = () => {
    throw new WeirError("WEIR_GRANT_EXCEEDED", "Cannot grant capabilities: it is a detector");
  };
  const bare = bareGround(
    machine,
    config,
    () => ({ nft: nothing, conntrack: nothing, sysctl: nothing }),
  );
  const { log } = bare;
  const plugins = new ConfiguredPlugins({ ground: bare, observe: () => {} });
  const families = running?.pending.families ??
    (await probeFamilies({ rules: config.mode.type === "builtin" })).working;
  const snapshot = await firstSnapshot(config, objects, {
    openSource: (config) =>
      openSource(config, {
        log,
        credentials: () => machine.credentials(config),
        userAgent: `weir/${machine.version}`,
        observe: () => {},
      }),
    startDetector: (config) => plugins.startDetector(config),
    families,
    warn,
    clock: systemClock,
    log,
  });
  return {
    config,
    snapshot,
    what: `a start with ${all.join(" ")}`,
  };
}

async function tried(
  trial: Trial,
  kernel: NftKernel,
  { ground }: Question,
): Promise<DryRun> {
  const { config, snapshot } = trial;
  const { machine } = ground;
  return await dryRun({
    config,
    snapshot,
    assistants: [detectorOf(config, machine.home), tunerOf(config, machine.home)]
      .map(({ name }) => name),
    kernel,
    ground: (capabilities) => bareGround(machine, config, capabilities),
  });
}

/** Tries again while a sync of the running weir comes between. */
async function answerTo(
  question: Question,
  kernel: NftKernel,
  options: AskOptions,
): Promise<ToldRules & Pick<DryRun, "proxier">> {
  const { flags, manifests, warn } = question;
  for (let attempt = 1;; attempt++) {
    const running = await runningWeir(options);
    const before = `the rules in the kernel`;
    let trial: Trial;
    if (running instanceof WeirError) {
      // Without one, flags are what says what is to be compared.
      if (flags.length === 0 && manifests === undefined) throw running;
      trial = await ofStart(undefined, question);
    } else {
      trial = flags.length > 0
        ? await ofStart(running, question)
        : await ofRunning(running, question);
    }
    const generation = await kernel.generation();
    const { what: after } = trial;
    const told = { before, after, ...await tried(trial, kernel, question) };
    if (await kernel.generation() === generation) return told;
    if (attempt < ATTEMPTS) continue;
    warn("somebody changes rules all the time: some of this may have been done meanwhile");
    return told;
  }
}

/**
 * Compares and tells.
 *
 * @param line The command line; its words are the proxy's flags.
 * @param io The effects.
 * @param ground What it stands on.
 * @returns Whether anything differs.
 * @throws {WeirError} WEIR_UNREACHABLE when no weir answers and nothing else was given to compare;
 * WEIR_NETLINK with the remedy without the right to read rules; and whatever a source or plugin
 * throws.
 */
export async function compareRules(
  line: CommandLine,
  io: CliIo,
  ground: DiffGround,
): Promise<boolean> {
  const style = createStyle(wantsColour(io.terminal.stdout, io.env));
  const question: Question = {
    flags: proxyFlags(line),
    manifests: line.value("manifests"),
    io,
    ground,
    warn: (text) => io.stderr(`${style.yellow("warning:")} ${printableLine(text)}\n`),
  };
  const options = { server: line.value("server") ?? "", fetch: ground.fetch };
  let kernel: NftKernel | undefined;
  try {
    kernel = new NftKernel({ now: () => performance.now() });
    // Before anything else is asked for: without the right to read there is nothing to tell.
    await kernel.generation();
    const told = await answerTo(question, kernel, options);
    const answer = { kind: "RulesDiff", ...told };
    io.stdout(rendered(line, answer, (printable) => rulesText(printable, style, line.has("all"))));
    return rulesDiffer(told);
  } catch (thrown) {
    throw thrown instanceof NetlinkError ? nftRefusal(thrown) : thrown;
  } finally {
    await kernel?.close();
  }
}
