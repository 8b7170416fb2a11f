/**
 * The child process of one plugin: no permissions, no environment, no descriptors but its pipes.
 *
 * @module
 */
import { stripTypeScriptTypes } from "node:module";
import type { Fill } from "../../schemas/frame.ts";
import { LIMITS, type Limits } from "../../schemas/wire.ts";
import { INSPECTOR_METHODS } from "../../schemas/inspection.ts";
import bootstrap from "./bootstrap.ts" with { type: "text" };
import inspector from "./bootstrap_inspector.ts" with { type: "text" };
import { printable } from "../printable.ts";
import { Budget } from "./budget.ts";
import type { Clock } from "../clock.ts";
import { type Jail, jailCommand } from "./jail.ts";

/** How a process ended. */
export interface Exit {
  /** The exit code; 128 and the signal's number when a signal ended it. */
  readonly code: number;
  /** For example `SIGKILL`, or null when it ended by itself. */
  readonly signal: string | null;
}

/** With this exit code the bootstrap says that the plugin's text cannot be run (EX_DATAERR). */
export const UNFIT_CODE = 65;

/** A running sandbox, seen by the connection. */
export interface Sandbox {
  /** The process id; 0 for a sandbox that is no process. */
  readonly pid: number;
  /** Reads what the plugin sent. */
  readonly fill: Fill;
  /**
   * Queues bytes for the plugin.
   *
   * @param bytes Must not be changed afterwards.
   * @returns Settles when they were written; never rejects: a dead reader shows in `exited`.
   */
  write(bytes: Uint8Array): Promise<void>;
  /** Closes the plugin's stdin, after which it ends by itself. */
  end(): void;
  /** Kills it at once. */
  kill(): void;
  /** Settles when the process is gone and reaped. */
  readonly exited: Promise<Exit>;
  /** The last bytes it wrote to stderr, as text. */
  stderr(): string;
  /** Settles when the plugin writes more to stderr than it may. */
  readonly flooded: Promise<void>;
}

/** What a sandbox is started from. */
export interface SandboxOptions {
  /** The path of the Deno program. */
  readonly deno: string;
  readonly jail: Jail;
  readonly limits: Limits;
  readonly clock: Clock;
  /** Whether V8's profilers answer in it; they do not if left out. */
  readonly inspectable?: boolean;
}

/**
 * The bootstrap as a URL, so that the child needs no file that it may not be able to read, and as
 * JavaScript: Deno would retry for 150 ms to write what it made of TypeScript into a cache that
 * "nobody" cannot write.
 */
const BOOTSTRAP = scriptUrl(bootstrap);

function scriptUrl(typescript: string): string {
  return `data:text/javascript;base64,${btoa(stripTypeScriptTypes(typescript))}`;
}

/**
 * The child's own command, without the jail.
 *
 * @param deno The path of the Deno program.
 * @param heapMib Size of V8's old space, in MiB.
 * @param inspectable Whether V8's profilers answer in it. Deno permits that only together with
 * all of `--allow-sys`, which the bootstrap gives back before anything of the plugin's is there.
 * @returns Program and arguments.
 */
export function sandboxCommand(
  deno: string,
  heapMib: number = LIMITS.heapMib,
  inspectable = false,
): readonly string[] {
  // A semi-space of 1 MiB keeps an idle plugin small and costs nothing measurable; --expose-gc is
  // for the bootstrap, which hides it.
  const v8 = `--expose-gc,--max-semi-space-size=1,--max-old-space-size=${heapMib}`;
  return [
    deno,
    "run",
    "--quiet",
    "--no-prompt",
    "--no-config",
    "--no-lock",
    "--no-npm",
    "--no-remote",
    "--cached-only",
    "--no-code-cache",
    `--v8-flags=${v8}`,
    ...(inspectable ? ["--allow-sys"] : []),
    BOOTSTRAP,
    ...(inspectable ? [scriptUrl(inspector), JSON.stringify(INSPECTOR_METHODS)] : []),
  ];
}

/** All a child knows of the world outside: nothing of the host's own environment. */
const ENVIRONMENT = {
  // Programs of the jail are looked up in it.
  PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
  // Deno would else look for a newer Deno.
  DENO_NO_UPDATE_CHECK: "1",
  NO_COLOR: "1",
  // Deno would else keep caches in the home of whoever it runs as, and make one in "/" where the
  // jail is a user namespace without a map, whose files are those of root.
  DENO_DIR: "/dev/null",
  // glibc raises this threshold by itself once a large block was freed (mallopt(3)), and then
  // keeps what a snapshot took; a fixed one gives it back to the node.
  MALLOC_MMAP_THRESHOLD_: "262144",
  // Nor has it a heap for each of Deno's threads, of which one does all the work, and it gives the
  // end of the one it has back.
  MALLOC_ARENA_MAX: "1",
  MALLOC_TRIM_THRESHOLD_: "65536",
};

/**
 * Starts a sandbox and hands it the plugin's text.
 *
 * @param code The plugin's bundled text.
 * @param options Programs, jail and limits.
 * @returns The running sandbox.
 */
export function startSandbox(code: Uint8Array, options: SandboxOptions): Sandbox {
  const { deno, jail, limits, clock } = options;
  const command = sandboxCommand(deno, limits.heapMib, options.inspectable);
  const [program = deno, ...args] = jailCommand(jail.layers, command);
  const child = new Deno.Command(program, {
    args,
    cwd: "/",
    clearEnv: true,
    env: ENVIRONMENT,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  const reader = child.stdout.getReader({ mode: "byob" });
  const stderr = tail(child.stderr, limits, clock);

  const write = (bytes: Uint8Array): Promise<void> => writer.write(bytes).catch(() => {});
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, code.length, true);
  void write(length);
  void write(code);

  const kill = () => {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has already ended.
    }
  };
  return {
    pid: child.pid,
    fill: async (into) => {
      const { value, done } = await reader.read(into);
      return done || value === undefined ? null : value;
    },
    write,
    end: () => void writer.close().catch(() => {}),
    kill,
    exited: child.status.then(async ({ code, signal }) => {
      await stderr.done;
      void writer.abort().catch(() => {});
      return { code, signal };
    }),
    stderr: stderr.text,
    flooded: stderr.flooded,
  };
}

interface Tail {
  readonly text: () => string;
  readonly flooded: Promise<void>;
  readonly done: Promise<void>;
}

/** Keeps the end of a stream and measures how much flows. */
function tail(stream: ReadableStream<Uint8Array>, limits: Limits, clock: Clock): Tail {
  const budget = new Budget(
    limits.stderrBytesPerSecond,
    limits.stderrBytesBurst,
    () => clock.now(),
  );
  const { promise: flooded, resolve: flood } = Promise.withResolvers<void>();
  let kept: Uint8Array = new Uint8Array();
  const drain = async () => {
    for await (const chunk of stream) {
      if (!budget.take(chunk.length)) flood();
      const joined = new Uint8Array(kept.length + chunk.length);
      joined.set(kept);
      joined.set(chunk, kept.length);
      kept = joined.slice(-limits.stderrTailBytes);
    }
  };
  return {
    text: () => printable(new TextDecoder().decode(kept).trim()),
    flooded,
    done: drain().catch(() => {}),
  };
}
