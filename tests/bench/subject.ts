/**
 * What is measured: weir as operators run it, with its sandboxes, against the bench's API server.
 *
 * @module
 */
import { TextLineStream } from "./lines.ts";

/** A moment: milliseconds since the epoch with a fraction. */
export function moment(): number {
  return performance.timeOrigin + performance.now();
}

/** A child process whose output is read line by line. */
export class LineProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;

  /**
   * Starts it.
   *
   * @param command Program and arguments.
   * @param from Which of its streams is read; the other is passed through or dropped.
   */
  constructor(command: readonly string[], from: "stdout" | "stderr") {
    const [program = "", ...args] = command;
    this.#child = new Deno.Command(program, {
      args,
      stdin: "piped",
      stdout: from === "stdout" ? "piped" : "null",
      stderr: from === "stderr" ? "piped" : "inherit",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#lines = this.#child[from].pipeThrough(new TextLineStream()).getReader();
  }

  /** The process id. */
  get pid(): number {
    return this.#child.pid;
  }

  /**
   * Waits for a line.
   *
   * @param matches Passes over the lines for which it is false.
   * @returns The line, and when it was read.
   */
  async line(
    matches: (line: string) => boolean = () => true,
  ): Promise<{ readonly line: string; readonly at: number }> {
    let last = "";
    for (;;) {
      const { value, done } = await this.#lines.read();
      if (done || value === undefined) {
        throw new Error(`Cannot read "line": the process has ended, its last was "${last}"`);
      }
      last = value;
      if (/^E\d{4} /.test(value)) console.error(value);
      if (matches(value)) return { line: value, at: moment() };
    }
  }

  /**
   * Says a line to it.
   *
   * @param line Without line feed.
   */
  async say(line: string): Promise<void> {
    await this.#writer.write(new TextEncoder().encode(`${line}\n`));
  }

  /** Ends it in good order. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGTERM");
    } catch {
      // It has ended.
    }
    const drain = async () => {
      while (!(await this.#lines.read()).done);
    };
    await Promise.all([drain().catch(() => {}), this.#child.status]);
    await this.#writer.close().catch(() => {});
  }
}

/** Makes a command run somewhere else, as in another network namespace. */
export type Place = (command: readonly string[]) => readonly string[];

const HERE: Place = (command) => command;

/**
 * Starts the API server with a loaded cluster.
 *
 * @param services The number of Services.
 * @param endpoints The number of endpoints of each.
 * @param place Where.
 * @returns The process, and the server's URL.
 */
export async function startApiServer(
  services: number,
  endpoints: number,
  place: Place = HERE,
): Promise<{ readonly process: LineProcess; readonly url: string }> {
  const child = new URL("api_server_child.ts", import.meta.url).pathname;
  const command = [
    Deno.execPath(),
    "run",
    "--quiet",
    "--allow-net=127.0.0.1",
    child,
    String(services),
    String(endpoints),
  ];
  const process = new LineProcess(place(command), "stdout");
  const { url } = JSON.parse((await process.line()).line);
  return { process, url };
}

/**
 * Starts weir on an API server.
 *
 * @param url The server.
 * @param weir The command, to which flags are added.
 * @param place Where.
 * @returns The process; its log is read at -v=2.
 */
export function startWeir(
  url: string,
  weir: readonly string[],
  place: Place = HERE,
): LineProcess {
  const command = [
    ...weir,
    `--master=${url}`,
    "--hostname-override=node-0",
    "--cluster-cidr=10.0.0.0/9",
    "-v=2",
  ];
  return new LineProcess(place(command), "stderr");
}
