/**
 * `weir demo`: the half that stays in the caller's network. It starts the stage, tells what it
 * reports, and leads two loopback ports to weir's pages.
 *
 * @module
 */
import { messageOf, WeirError } from "../../schemas/errors.ts";
import { withNamespaceRights } from "../capabilities/namespace.ts";
import { boundToParent, startProgram } from "../capabilities/program.ts";
import { type CliIo, EXIT_CODES } from "../cli/cli.ts";
import { wantsColour } from "../cli/style.ts";
import { detectorOf, proxierOf } from "../plugins.ts";
import { loadPlugin } from "../sandbox/code.ts";
import { bridge } from "./bridge.ts";
import { readMessages, type StageOptions, StoryEventSchema } from "./message.ts";
import { Narration } from "./narration.ts";
import { PAGES, pageSocket } from "./page.ts";

/** What the demo stands on. */
export interface DemoEffects {
  readonly io: CliIo;
  /** weir's own folder; ends in `/`. */
  readonly home: URL;
  /** The path of the Deno program. */
  readonly deno: string;
  /** The command that runs weir, to which the demo appends flags. */
  readonly weir: readonly string[];
  /** Milliseconds, from any beginning. */
  readonly now: () => number;
  /**
   * Calls back at SIGINT, SIGTERM or SIGHUP.
   *
   * @returns Ends that.
   */
  readonly onSignal: (take: (signal: Deno.Signal) => void) => () => void;
  /** Does what needs a network, such as filling caches: the stage has none. */
  readonly prepare: () => Promise<void>;
}

const USAGE = `Usage: weir demo [--once]

Shows weir at work on this machine, without a cluster and without root: it builds a node and pods
out of namespaces, steers real packets, and leaves weir's pages up until Ctrl-C.

  --once  End after the story; the exit code is 0 only if every answer was right.
  --help  Print this help and exit.
`;

/** The numbers of the signals, for exit codes: 128 and the number, as shells have it. */
const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
/** Milliseconds that the stage has to end in good order. */
const END_MS = 5_000;

/** What a demo of weir's own files stands on. */
export interface DemoPlace {
  /** weir's own folder; ends in `/`. */
  readonly home: URL;
  /** Where weir keeps its plugins' bundles; ends in `/`. */
  readonly cache: URL;
  /** The Deno permissions that the proxy needs, for example `--allow-net`. */
  readonly permissions: readonly string[];
}

/**
 * The effects of a demo that runs weir from its own files.
 *
 * @param io The command line's.
 * @param place Folders and permissions.
 * @returns What {@linkcode runDemo} stands on.
 */
export function demoEffects(io: CliIo, place: DemoPlace): DemoEffects {
  const { home, cache, permissions } = place;
  const deno = Deno.execPath();
  const options = ["--quiet", "--no-prompt", "--cached-only", ...permissions];
  return {
    io,
    home,
    deno,
    weir: [deno, "run", ...options, new URL("mod.ts", home).pathname],
    now: () => performance.now(),
    onSignal(take) {
      const listeners = (["SIGINT", "SIGTERM", "SIGHUP"] as const).map((signal) => {
        const listener = () => take(signal);
        Deno.addSignalListener(signal, listener);
        return () => Deno.removeSignalListener(signal, listener);
      });
      return () => listeners.forEach((remove) => remove());
    },
    async prepare() {
      // The first `deno bundle` on a machine downloads its bundler.
      const sources = [
        proxierOf({ mode: { type: "builtin", name: "nftables" }, plugins: {} }, home),
      ];
      for (
        const { reference } of [
          ...sources,
          detectorOf({ detectLocalMode: "ClusterCIDR", plugins: {} }, home),
        ]
      ) {
        await loadPlugin(reference, { deno, home, cache, base: home, fetch });
      }
    },
  };
}

function listenNear(port: number): Deno.TcpListener {
  const hostname = "127.0.0.1";
  try {
    return Deno.listen({ hostname, port });
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.AddrInUse)) throw thrown;
    // Somebody else's kube-proxy, or another demo.
    return Deno.listen({ hostname, port: 0 });
  }
}

/** weir's pages, as seen from the caller's network. */
class Pages implements Disposable {
  readonly #listeners: Deno.TcpListener[] = [];
  readonly urls: readonly (readonly [string, string])[];

  constructor(folder: string) {
    const paths = { healthz: "/healthz", metrics: "/metrics" } as const;
    this.urls = (["healthz", "metrics"] as const).map((page) => {
      const listener = listenNear(PAGES[page]);
      const path = pageSocket(folder, page);
      this.#listeners.push(listener);
      void bridge(listener, () => Deno.connect({ transport: "unix", path }));
      return [page, `http://127.0.0.1:${listener.addr.port}${paths[page]}`];
    });
  }

  /** What is wrong with the pages. */
  async faults(): Promise<readonly string[]> {
    const faults = await Promise.all(this.urls.map(async ([page, url]) => {
      try {
        const response = await fetch(url, { signal: AbortSignal.timeout(END_MS) });
        await response.body?.cancel();
        return response.status === 200 ? [] : [`the ${page} page answers ${response.status}`];
      } catch (thrown) {
        return [`the ${page} page does not answer: ${messageOf(thrown)}`];
      }
    }));
    return faults.flat();
  }

  [Symbol.dispose](): void {
    for (const listener of this.#listeners) listener.close();
  }
}

/** A stage that runs, seen from outside. */
interface RunningStage {
  readonly process: Deno.ChildProcess;
  /** Whether it needed no user namespace. */
  readonly privileged: boolean;
}

async function startStage(options: StageOptions, home: URL): Promise<RunningStage> {
  const { folder, deno } = options;
  const command = boundToParent([
    deno,
    "run",
    "--quiet",
    "--no-prompt",
    "--cached-only",
    "--allow-ffi",
    "--allow-run=nsenter",
    "--ignore-env",
    `--allow-read=${folder},${options.manifests}`,
    `--allow-write=${folder}`,
    new URL("host/demo/stage_child.ts", home).pathname,
    JSON.stringify(options),
  ]);
  const entitled = await withNamespaceRights(command);
  const process = startProgram(entitled, {
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
    session: "own",
  });
  return { process, privileged: entitled === command };
}

async function endStage({ process }: RunningStage): Promise<void> {
  const timer = setTimeout(() => process.kill("SIGKILL"), END_MS);
  await process.stdin.close().catch(() => {});
  await process.status;
  clearTimeout(timer);
}

/** How the story ended. */
type Ending =
  | { readonly type: "finished"; readonly faults: number }
  | { readonly type: "broken" }
  | { readonly type: "signal"; readonly signal: Deno.Signal };

/** Reads the stage's reports one by one, beside the signals. */
class Reports {
  readonly #messages: ReturnType<typeof readMessages<typeof StoryEventSchema>>;
  readonly #tell: Narration;
  readonly #out: (text: string) => void;
  #hushed = false;

  constructor(stage: RunningStage, tell: Narration, out: (text: string) => void) {
    this.#messages = readMessages(stage.process.stdout, StoryEventSchema);
    this.#tell = tell;
    this.#out = out;
  }

  /** Tells nothing more: the end that comes is our own doing. */
  hush(): void {
    this.#hushed = true;
  }

  /** Tells the story until it has an end. */
  async ending(): Promise<Ending> {
    for (;;) {
      const { done, value } = await this.#messages.next();
      if (this.#hushed) return { type: "broken" };
      if (done) {
        this.#out(this.#tell.tell({ type: "broken", why: "the stage is gone", log: [] }));
        return { type: "broken" };
      }
      this.#out(this.#tell.tell(value));
      if (value.type === "finished") return { type: "finished", faults: value.faults.length };
      if (value.type === "broken") return { type: "broken" };
    }
  }
}

async function play(folder: string, once: boolean, effects: DemoEffects): Promise<number> {
  const { io, home, now } = effects;
  const signalled = Promise.withResolvers<Ending>();
  const silence = effects.onSignal((signal) => signalled.resolve({ type: "signal", signal }));
  const started = now();
  const tell = new Narration(wantsColour(io.terminal.stdout, io.env));
  const manifests = new URL("examples/demo", home).pathname;
  let stage: RunningStage | undefined;
  try {
    await effects.prepare();
    const { deno, weir } = effects;
    stage = await startStage({ folder, manifests, weir: [...weir], deno }, home);
    io.stdout(tell.opening(stage.privileged));
    using pages = new Pages(folder);
    const reports = new Reports(stage, tell, io.stdout);
    const ending = await Promise.race([reports.ending(), signalled.promise]);
    if (ending.type === "signal") {
      reports.hush();
      io.stdout(tell.stopped(ending.signal));
      return exitCodeOf(ending.signal);
    }
    if (ending.type === "broken") return EXIT_CODES.failed;
    const faults = await pages.faults();
    io.stdout(tell.tell({ type: "finished", faults: [...faults] }));
    const wrong = ending.faults + faults.length;
    io.stdout(tell.verdict(wrong, now() - started));
    const code = wrong === 0 ? EXIT_CODES.done : EXIT_CODES.failed;
    if (once) return code;
    io.stdout(tell.pages(pages.urls));
    const last = await Promise.race([reports.ending(), signalled.promise]);
    if (last.type !== "signal") return EXIT_CODES.failed;
    reports.hush();
    return code;
  } finally {
    if (stage !== undefined) await endStage(stage);
    silence();
  }
}

function exitCodeOf(signal: Deno.Signal): number {
  const number = Object.entries(SIGNALS).find(([name]) => name === signal)?.[1] ?? 0;
  return 128 + number;
}

/**
 * Runs `weir demo`.
 *
 * @param args What follows `demo` on the command line.
 * @param effects What it stands on.
 * @returns The exit code: 0 when every answer was right, 1 when not, 2 when the command line
 * cannot be used, 128 and the signal's number when a signal ended the story.
 * @throws {WeirError} WEIR_NAMESPACE with the remedy where namespaces cannot be made.
 */
export async function runDemo(args: readonly string[], effects: DemoEffects): Promise<number> {
  const { io } = effects;
  if (args.includes("--help") || args.includes("-h")) {
    io.stdout(USAGE);
    return EXIT_CODES.done;
  }
  const unknown = args.find((arg) => arg !== "--once");
  if (unknown !== undefined) {
    const fault = new WeirError(
      "WEIR_CONFIG_INVALID",
      `Cannot use demo argument "${unknown}": there are --once and --help`,
    );
    io.stderr(`weir: ${fault.message} (${fault.code})\n`);
    return EXIT_CODES.usage;
  }
  // Not below TMPDIR nor in the checkout: a unix socket's path has at most 107 bytes (unix(7)).
  const folder = await Deno.makeTempDir({ dir: "/tmp", prefix: "weir-demo-" });
  try {
    return await play(folder, args.includes("--once"), effects);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
