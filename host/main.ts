/**
 * The program: everything of this machine that weir touches is gathered here and passed in.
 *
 * @module
 */
import { hostname } from "node:os";
import process from "node:process";
import deno from "../deno.json" with { type: "json" };
import type { WeirConfig } from "../schemas/config.ts";
import { stageOf } from "../schemas/config/gates.ts";
import type { CredentialSource, ExecCall } from "../schemas/credentials.ts";
import { messageOf } from "../schemas/errors.ts";
import { trimAllocator } from "./capabilities/allocator.ts";
import { credentialSource, SERVICE_ACCOUNT_DIRECTORY } from "./capabilities/credentials.ts";
import { claimInstance } from "./capabilities/instance.ts";
import { linkLogFile, openLogFile, userName } from "./capabilities/log_file.ts";
import { withLeftoverStore } from "./capabilities/leftovers/store.ts";
import { conntrackUsage, onlineProcessors } from "./capabilities/sysctl/readings.ts";
import { probeFamilies } from "./capabilities/nft/families.ts";
import { readOperatorFile, writeOperatorFile } from "./capabilities/operator_file.ts";
import { adjustOomScore } from "./capabilities/oom_score.ts";
import { readSystemFile } from "./capabilities/system_file.ts";
import { systemUsage } from "./capabilities/process_usage.ts";
import { cleanUp } from "./cleanup.ts";
import { cleanupReport } from "./cli/cleanup.ts";
import { type CliCommand, type CliIo, EXIT_CODES, runCli, type StartRemarks } from "./cli/cli.ts";
import { insightCommands } from "./cli/commands.ts";
import { createStyle, wantsColour } from "./cli/style.ts";
import type { Request } from "./config/resolve.ts";
import { systemClock } from "./clock.ts";
import { flagValues } from "./config/flag_values.ts";
import { PluginRoster } from "./plugin_roster.ts";
import type { Profiling } from "./profiles/profiling.ts";
import { initialise } from "./process/init_only.ts";
import { SKIP_KERNEL_CHECK } from "./process/kernel_requirement.ts";
import { becomeOnlyInstance } from "./process/single_instance.ts";
import { beginProcess } from "./process/start.ts";
import { runProxy } from "./proxy.ts";
import type { Resolution } from "./reload/reloader.ts";
import { openSource } from "./source/open.ts";
import { Silences } from "./source/silence.ts";
import { idleLogSettings } from "./telemetry/klog/settings.ts";
import { keepLastWords } from "./telemetry/last_words.ts";
import { createLog, type Logger } from "./telemetry/log.ts";
import type { LogMachine } from "./telemetry/log_machine.ts";
import { execPluginRecorder, recordClient } from "./telemetry/client_metrics.ts";
import { createMetrics } from "./telemetry/metrics.ts";
import { openLog } from "./telemetry/running_log.ts";
import { openTracing } from "./telemetry/running_tracing.ts";

const HOME = new URL("../", import.meta.url);
const encoder = new TextEncoder();

/** Writes all of a text at once: a line that is lost to a crash is the one that mattered. */
function writeAll(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = encoder.encode(text);
  for (let written = 0; written < bytes.length;) {
    written += stream.writeSync(bytes.subarray(written));
  }
}

const io: CliIo = {
  stdout: (text) => writeAll(Deno.stdout, text),
  stderr: (text) => writeAll(Deno.stderr, text),
  terminal: { stdout: Deno.stdout.isTerminal(), stderr: Deno.stderr.isTerminal() },
  env: (name) => Deno.env.get(name),
  hostname,
  readText: readOperatorFile,
  writeText: writeOperatorFile,
};

/** `linux/amd64`, as Go names platforms. */
function platform(): string {
  return `${Deno.build.os}/${Deno.build.arch === "x86_64" ? "amd64" : "arm64"}`;
}

const machine: LogMachine = {
  program: "weir",
  pid: Deno.pid,
  host: hostname(),
  user: userName,
  built: `deno ${Deno.version.deno} for ${platform()}`,
  stdout: io.stdout,
  stderr: io.stderr,
  openFile: openLogFile,
  link: linkLogFile,
  now: () => performance.timeOrigin + performance.now(),
  schedule(milliseconds, task) {
    const timer = setTimeout(task, milliseconds);
    Deno.unrefTimer(timer);
    return () => clearTimeout(timer);
  },
};

/** The end that a supervisor or a person asks for; the second signal does not wait. */
function untilSignalled(log: Logger): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    Deno.addSignalListener(signal, () => {
      if (controller.signal.aborted) Deno.exit(1);
      log.info("Stopping", { signal });
      controller.abort();
    });
  }
  return controller.signal;
}

/** Of the kubeconfig, of `--master` alone, or, within a pod, of the pod's service account. */
function credentials(
  config: WeirConfig,
  log: Logger,
  observeExec: (call: ExecCall) => void,
): CredentialSource {
  return credentialSource({
    kubeconfig: config.clientConnection.kubeconfig,
    master: config.master,
    serviceAccount: {
      host: io.env("KUBERNETES_SERVICE_HOST") ?? "",
      port: io.env("KUBERNETES_SERVICE_PORT") ?? "",
      directory: SERVICE_ACCOUNT_DIRECTORY,
    },
    deno: Deno.execPath(),
    log,
    now: () => Date.now(),
    observeExec,
  });
}

/** Milliseconds for the last traces: with all else that ends, less than supervisors' two seconds. */
const FLUSH_MS = 500;

/** What the command line comes to once its file has changed. */
async function resolution(resolve: () => Promise<Request>): Promise<Resolution> {
  const request = await resolve();
  if (request.type === "proxy") return { ...request, type: "usable" };
  if (request.type === "refused") return { type: "faulty", problems: request.problems };
  throw new Error(`the command line that asked for a proxy asks for ${request.type}`);
}

async function proxy(
  config: WeirConfig,
  { warnings, notes }: StartRemarks,
  resolve: () => Promise<Request>,
): Promise<number> {
  const logging = openLog(config.logging, machine);
  keepLastWords(logging, globalThis);
  const { log, settings } = logging;
  for (const warning of [...warnings, ...idleLogSettings(settings)]) log.warn(warning);
  for (const note of notes) log.v(2, note);
  const signal = untilSignalled(log);
  const startedAt = performance.timeOrigin / 1000;
  log.info("Starting weir", { version: deno.version, node: config.nodeName });
  const kernel = {
    release: Deno.osRelease(),
    skipKernelCheck: (io.env(SKIP_KERNEL_CHECK) ?? "") !== "",
    probe: probeFamilies,
  };
  const ground = {
    version: deno.version,
    node: { os: "linux", kernel: kernel.release },
    deno: Deno.execPath(),
    home: HOME,
    cache: new URL(".weir/plugins/", HOME),
    base: new URL(`file://${Deno.cwd()}/`),
    clock: systemClock,
    random: Math.random,
    log,
  } as const;
  if (config.initOnly) {
    const { nodeName, plugins, limits } = config;
    const cpus = onlineProcessors();
    const options = { ...ground, nodeName, plugins, limits, cpus, profiling: undefined };
    const tune = async () => {
      // Imported when it is asked for: the process that stays has the plugin tuned by itself.
      const { tuneOnce } = await import("./tuning/once.ts");
      await tuneOnce(config.conntrack, options);
    };
    await initialise(config, { ...kernel, tune, log });
    return 0;
  }
  const beginning = await beginProcess(config, {
    ...kernel,
    claim: claimInstance,
    adjustOomScore,
    readFile: readSystemFile,
    clock: systemClock,
    log,
    signal,
  });
  if (beginning === undefined) return 0;
  const profiling = config.enableProfiling ? await startProfiling(log) : undefined;
  const clock = profiling?.clock ?? systemClock;
  const runtime = `deno${Deno.version.deno}`;
  const registry = createMetrics({
    families: beginning.families.working,
    version: deno.version,
    platform: platform(),
    runtime,
    startedAt,
    showHiddenFor: config.showHiddenMetricsForVersion,
    features: Object.entries(config.featureGates)
      .map(([name, enabled]) => ({ name, stage: stageOf(name), enabled })),
    usage: () => {
      const { user, system } = process.cpuUsage();
      return {
        residentBytes: Deno.memoryUsage().rss,
        cpuSeconds: (user + system) / 1_000_000,
        ...systemUsage(),
      };
    },
    conntrack: conntrackUsage,
  });
  const tracing = openTracing({
    env: io.env,
    endpoint: config.telemetry.tracesEndpoint,
    version: deno.version,
    node: config.nodeName,
    resource: {
      "service.instance.id": crypto.randomUUID(),
      "process.pid": Deno.pid,
      "process.runtime.name": "deno",
      "process.runtime.version": Deno.version.deno,
    },
    readFile: (path) => Deno.readTextFile(path),
    count: (result, spans) => registry.metrics.traceSpans.inc({ result }, spans),
    fill: (bytes) => crypto.getRandomValues(bytes),
    clock: systemClock,
    log,
  });
  const observeExec = execPluginRecorder(registry, () => Date.now());
  const silences = new Silences();
  await runProxy(config, {
    ...ground,
    ...beginning,
    clock,
    openSource: (config) =>
      openSource(config, {
        log,
        credentials: () => credentials(config, log, observeExec),
        userAgent: `weir/${deno.version}`,
        silences,
        observe: (event) => recordClient(registry.metrics, event),
      }),
    silence: () => silences.longest,
    registry,
    profiling,
    debug: {
      profiling,
      commandLine: () => readSystemFile("/proc/self/cmdline").replace(/\0$/, "").split("\0"),
      profileSeconds: config.limits.profileSeconds,
      setVerbosity: (verbosity) => logging.prepare({ ...logging.settings, verbosity }).commit(),
      zpages: {
        flags: () => flagValues(Deno.args),
        startedAt: performance.timeOrigin,
        now: () => clock.now(),
        version: deno.version,
        runtime,
      },
    },
    tracing: tracing.tracing,
    traces: tracing.traces,
    roster: new PluginRoster(),
    collect: collector(),
    configFile: config.configFile === "" ? undefined : {
      path: config.configFile,
      readText: io.readText,
      resolve: () => resolution(resolve),
    },
    adjustOomScore,
    prepareLogging: (config) => logging.prepare(config.logging),
    signal,
  });
  await tracing.stop(FLUSH_MS);
  return 0;
}

/** Watches the host's heap from now on: a profile of it knows of what was allocated since. */
async function startProfiling(log: Logger): Promise<Profiling> {
  // A proxy without --profiling need not hold any of it.
  const { Profiling } = await import("./profiles/profiling.ts");
  const profiling = new Profiling(HOME, systemClock);
  await profiling.host.watchHeap().catch((thrown) => log.error(messageOf(thrown)));
  return profiling;
}

/** Of V8's own, there when it was started with --expose-gc, as the tasks of deno.json do. */
type CollectGarbage = (how: { type: "major"; flavor: "last-resort" }) => void;

/** "last-resort" also gives back the pages that were freed, the allocator those beside V8's. */
function collector(): (() => void) | undefined {
  const { gc } = globalThis as { gc?: CollectGarbage };
  if (gc === undefined) return undefined;
  return () => {
    gc({ type: "major", flavor: "last-resort" });
    trimAllocator();
  };
}

/** Milliseconds in which a proxy that still runs has put back what was removed. */
const SETTLE = 2_000;

async function cleanup(dryRun: boolean, { stdout, terminal, env }: CliIo): Promise<number> {
  if (!dryRun) {
    await becomeOnlyInstance({
      action: "clean up",
      claim: claimInstance,
      clock: systemClock,
      log: undefined,
      signal: new AbortController().signal,
    });
  }
  const outcomes = await withLeftoverStore((store) =>
    cleanUp({
      store,
      owners: ["kube-proxy", "weir"],
      dryRun,
      settle: () => new Promise((resume) => setTimeout(resume, SETTLE)),
    })
  );
  const { text, clean } = cleanupReport(outcomes, createStyle(wantsColour(terminal.stdout, env)));
  stdout(text);
  return clean ? EXIT_CODES.done : EXIT_CODES.failed;
}

/** What the demo gives to the weir that it starts. */
const PROXY_PERMISSIONS = [
  "--v8-flags=--expose-gc",
  "--allow-net",
  "--allow-read",
  "--allow-write=" + new URL(".weir", HOME).pathname,
  "--allow-env",
  "--allow-sys=hostname,osRelease",
  "--allow-ffi",
  `--allow-run=${Deno.execPath()},unshare,setpriv,prlimit`,
];

const demo: CliCommand = {
  name: "demo",
  summary: "Show weir steering real packets on this machine, without a cluster or root",
  run: async (args, io) => {
    // Imported when it is asked for: a proxy that runs for months need not hold the demo.
    const { demoEffects, runDemo } = await import("./demo/demo.ts");
    const place = {
      home: HOME,
      cache: new URL(".weir/plugins/", HOME),
      permissions: PROXY_PERMISSIONS,
    };
    return await runDemo(args, demoEffects(io, place));
  },
};

/** Milliseconds in which a weir of this node answers. */
const CONFIGZ_PATIENCE = 2_000;

const configuration: CliCommand = {
  name: "config",
  words: ["schema", "check", "diff"],
  summary: "Check a configuration file, say what it would change, or print the JSON Schema",
  run: async (args, io) => {
    // Imported when it is asked for, as the demo is.
    const { runConfigCommand } = await import("./cli/config/command.ts");
    const { directFetch } = await import("./cli/direct_fetch.ts");
    const { readPage } = await import("./cli/json_page.ts");
    return await runConfigCommand(args, io, {
      getJson: (url) => readPage(url, directFetch(), CONFIGZ_PATIENCE),
    });
  },
};

const lookInside = insightCommands({
  machine: {
    version: deno.version,
    home: HOME,
    deno: Deno.execPath(),
    release: Deno.osRelease(),
    base: new URL(`file://${Deno.cwd()}/`),
    env: io.env,
    credentials: (config) =>
      credentials(
        config,
        createLog({ now: () => 0, gate: () => ({ verbosity: 0 }), write: () => {} }),
        () => {},
      ),
  },
  others: [configuration, demo, { name: "cleanup", summary: "Remove what is left on this node" }],
});

Deno.exit(
  await runCli(Deno.args, io, {
    version: deno.version,
    proxy,
    cleanup,
    commands: [...lookInside, configuration, demo],
  }),
);
