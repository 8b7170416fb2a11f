/**
 * The whole of weir as operators run it: `mod.ts` in a process of its own inside the topology's
 * node, with the permissions of `deno task weir` and nothing passed in but flags.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { NetworkNamespace } from "../../host/capabilities/namespace.ts";
import { boundToParent } from "../../host/capabilities/program.ts";
import { SystemCallError } from "../../host/capabilities/libc.ts";
import { readSystemFile } from "../../host/capabilities/system_file.ts";
import deno from "../../deno.json" with { type: "json" };
import { PATIENCE, until } from "./patience.ts";
import { NODE_NAME } from "./program.ts";

const ROOT = new URL("../../", import.meta.url);

/**
 * The command of the task `weir`.
 *
 * @param writable Folders that may be written besides, as README has it for log files.
 * @returns `deno run <permissions> mod.ts`, without flags for weir; to be run in the repository.
 */
export function taskCommand(writable: readonly string[] = []): string[] {
  const path = Deno.execPath();
  const words = deno.tasks.weir.command
    .replace("$(deno eval -p 'Deno.execPath()')", path)
    .replace(
      "--allow-write=",
      ["--allow-write=", ...writable.map((folder) => `${folder},`)].join(""),
    )
    .split(" ");
  assert.deepEqual(words.slice(0, 2), ["deno", "run"], "the task weir is no plain deno run");
  return [path, ...words.slice(1)];
}

/**
 * Tells whether a process runs.
 *
 * @param pid The process.
 * @returns False when it is gone or a zombie.
 */
export function runs(pid: number): boolean {
  try {
    return !/^State:\tZ/m.test(readSystemFile(`/proc/${pid}/status`));
  } catch (fault) {
    if (fault instanceof SystemCallError) return false;
    throw fault;
  }
}

/**
 * Kills a process that is no child of this one.
 *
 * @param pid The process.
 */
export async function killHard(pid: number): Promise<void> {
  await signalOther(pid, "SIGKILL");
}

/**
 * Signals a process that is no child of this one, which Deno allows only to who may run everything.
 *
 * @param pid The process.
 * @param signal For example `SIGSTOP`.
 */
export async function signalOther(pid: number, signal: Deno.Signal): Promise<void> {
  const args = ["eval", `Deno.kill(${pid}, "${signal}")`];
  const { success, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

/** How a {@linkcode WeirProcess} is started. */
export interface WeirOptions {
  /** Flags for weir besides those of every test, the source's among them. */
  readonly flags: readonly string[];
  /** Words before the command, such as `setpriv …`. */
  readonly before?: readonly string[];
  /** Folders that it may write besides its own. */
  readonly writable?: readonly string[];
}

/** How a process ended, with everything it wrote to its standard error. */
export interface Ended {
  /** The exit code; 128 and the signal's number when a signal ended it. */
  readonly code: number;
  readonly log: string;
}

/** weir, running in the node's namespace. */
export class WeirProcess implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #reading: Promise<unknown>;
  #output = "";
  #log = "";

  /**
   * Starts it; it may not be ready yet.
   *
   * @param namespace The node's.
   * @param options Its flags.
   */
  constructor(namespace: NetworkNamespace, { flags, before = [], writable }: WeirOptions) {
    const [program, ...args] = namespace.command([
      ...before,
      ...boundToParent([
        ...taskCommand(writable),
        `--hostname-override=${NODE_NAME}`,
        "-v=2",
        ...flags,
      ]),
    ]);
    this.#process = new Deno.Command(program, {
      args,
      cwd: ROOT,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#reading = Promise.all([this.#readOutput(), this.#readLog()]);
  }

  async #readOutput(): Promise<void> {
    const text = this.#process.stdout.pipeThrough(new TextDecoderStream());
    for await (const part of text) this.#output += part;
  }

  async #readLog(): Promise<void> {
    const text = this.#process.stderr.pipeThrough(new TextDecoderStream());
    for await (const part of text) this.#log += part;
  }

  /** Its process id: the programs before it exec it. */
  get pid(): number {
    return this.#process.pid;
  }

  /** What it has written to its standard output. */
  get output(): string {
    return this.#output;
  }

  /** What it has written to its standard error. */
  get log(): string {
    return this.#log;
  }

  /** The process ids of its sandboxes: the proxier's, and a detector's while it is asked. */
  get sandboxes(): readonly number[] {
    return readSystemFile(`/proc/${this.pid}/task/${this.pid}/children`).trim().split(" ")
      .filter((word) => word !== "").map(Number);
  }

  /**
   * The process of the proxier's sandbox.
   *
   * @returns Its process id, once it is the only sandbox.
   */
  async proxier(): Promise<number> {
    await this.until("one sandbox", () => this.sandboxes.length === 1);
    const [pid] = this.sandboxes;
    assert.ok(pid !== undefined);
    return pid;
  }

  /**
   * Signals it.
   *
   * @param signal For example `SIGKILL`.
   */
  kill(signal: Deno.Signal): void {
    this.#process.kill(signal);
  }

  /**
   * Waits for its end.
   *
   * @returns How it ended.
   */
  async ended(): Promise<Ended> {
    const { code } = await this.#process.status;
    await this.#reading;
    return { code, log: this.#log };
  }

  /**
   * Waits until something is so, and shows the log when it never is.
   *
   * @param what For the message.
   * @param condition Looked at again and again; what it throws counts as "not yet".
   * @param limit Milliseconds.
   * @throws {Error} When it is not so in time, with the whole log.
   */
  async until(
    what: string,
    condition: () => Promise<boolean> | boolean,
    limit = PATIENCE,
  ): Promise<void> {
    try {
      await until(what, condition, limit);
    } catch (fault) {
      throw new Error(`${fault}\n${this.#log}`);
    }
  }

  /**
   * Waits for a line of its log.
   *
   * @param pattern What it looks like.
   * @returns The match.
   * @throws {Error} When it does not come in time, with the whole log.
   */
  async said(pattern: RegExp): Promise<RegExpExecArray> {
    await this.until(`${pattern} in the log`, () => pattern.test(this.#log));
    const match = pattern.exec(this.#log);
    assert.ok(match !== null);
    return match;
  }

  /** Ends it at once, if it still runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.ended();
  }
}
