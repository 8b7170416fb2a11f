/**
 * A test's end of an agent: a program inside a network namespace that listens and connects.
 *
 * @module
 */
import type { NetworkNamespace } from "../../../host/capabilities/namespace.ts";
import type { AgentReply, AgentRequest, Connect, Exchange, Listen } from "./protocol.ts";

/** What a connection needs said; the rest has defaults. */
export type ConnectTo =
  & Pick<Connect, "transport" | "address" | "port">
  & Partial<Pick<Connect, "count" | "concurrency" | "timeout" | "sourcePort">>;

/** Requests go out at once; this many connections are under way together unless told. */
const CONCURRENCY = 16;
/** Milliseconds. A machine under load answers late, a dropped packet never. */
const TIMEOUT = 5000;

/** A running program and the lines to and from it. */
interface Running {
  readonly process: Deno.ChildProcess;
  readonly writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly reading: Promise<void>;
}

/** An agent, which runs from its first request on: many a member of a topology is never asked. */
export class Agent implements AsyncDisposable {
  /** For messages. */
  readonly name: string;
  readonly #namespace: NetworkNamespace;
  readonly #pending = new Map<number, PromiseWithResolvers<readonly Exchange[]>>();
  #running: Running | undefined;
  #next = 1;

  /**
   * Makes an agent; its program starts when it is first asked for something.
   *
   * @param name For messages.
   * @param namespace Where it runs.
   */
  constructor(name: string, namespace: NetworkNamespace) {
    this.name = name;
    this.#namespace = namespace;
  }

  #start(): Running {
    const [program, ...args] = this.#namespace.command([
      Deno.execPath(),
      "run",
      "--no-prompt",
      "--no-config",
      "--no-lock",
      "--cached-only",
      "--no-check",
      "--allow-net",
      "--allow-ffi",
      import.meta.resolve("./agent_main.ts"),
    ]);
    const process = new Deno.Command(program, {
      args,
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    return { process, writer: process.stdin.getWriter(), reading: this.#read(process.stdout) };
  }

  async #read(stdout: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    let rest = "";
    for await (const text of stdout.pipeThrough(new TextDecoderStream())) {
      rest += text;
      for (let end = rest.indexOf("\n"); end >= 0; end = rest.indexOf("\n")) {
        this.#take(JSON.parse(rest.slice(0, end)));
        rest = rest.slice(end + 1);
      }
    }
    for (const { reject } of this.#pending.values()) {
      reject(new Error(`Cannot ask agent "${this.name}": it has ended`));
    }
  }

  #take(reply: AgentReply): void {
    const pending = this.#pending.get(reply.id);
    this.#pending.delete(reply.id);
    if ("error" in reply) {
      pending?.reject(new Error(`Cannot ask agent "${this.name}": ${reply.error}`));
    } else pending?.resolve(reply.exchanges);
  }

  async #ask(request: AgentRequest): Promise<readonly Exchange[]> {
    const id = this.#next++;
    const pending = Promise.withResolvers<readonly Exchange[]>();
    this.#pending.set(id, pending);
    this.#running ??= this.#start();
    await this.#running.writer.write(
      new TextEncoder().encode(`${JSON.stringify({ id, request })}\n`),
    );
    return await pending.promise;
  }

  /**
   * Starts a server that answers with its name and the address it sees the client come from.
   *
   * @param what Transport, address, port and name.
   * @returns When it listens.
   */
  async listen(what: Omit<Listen, "do">): Promise<void> {
    await this.#ask({ do: "listen", ...what });
  }

  /**
   * Connects, by default once.
   *
   * @param to Where to, how often, how many at a time, and for how long at most (milliseconds).
   * @returns How each connection went, in the order in which they ended.
   */
  async connect(to: ConnectTo): Promise<readonly Exchange[]> {
    const { count = 1, concurrency = Math.min(count, CONCURRENCY), timeout = TIMEOUT, ...where } =
      to;
    return await this.#ask({ do: "connect", count, concurrency, timeout, ...where });
  }

  /**
   * Connects once.
   *
   * @param to Where to, and for how long at most (milliseconds).
   * @returns How it went.
   */
  async connectOnce(to: Omit<ConnectTo, "count" | "concurrency">): Promise<Exchange> {
    const [exchange] = await this.connect(to);
    if (exchange === undefined) throw new Error(`Cannot ask agent "${this.name}": no answer`);
    return exchange;
  }

  /** Ends the agent. */
  async [Symbol.asyncDispose](): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    // The agent ends with its stdin; it may already have gone.
    await running.writer.close().catch(() => undefined);
    await running.reading;
    await running.process.status;
  }
}
