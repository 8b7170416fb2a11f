/**
 * A test's end of an agent: who listens and connects inside a network namespace.
 *
 * @module
 */
import type { NetworkNamespace } from "../../../host/capabilities/namespace.ts";
import { messageOf } from "../../../schemas/errors.ts";
import type { AgentReply, AgentRequest, Connect, Exchange, Listen, Numbered } from "./protocol.ts";

/** What a connection needs said; the rest has defaults. */
export type ConnectTo =
  & Pick<Connect, "transport" | "address" | "port">
  & Partial<Pick<Connect, "count" | "concurrency" | "timeout" | "sourcePort">>;

/** Requests go out at once; this many connections are under way together unless told. */
const CONCURRENCY = 16;
/** Milliseconds. A machine under load, or an emulated one, answers late; a dropped packet never. */
const TIMEOUT = 20_000;

/**
 * The program that all agents of this test file share: it is in every namespace at once, because a
 * socket stays where it was made. It runs from an agent's first request until no agent is left.
 */
class AgentProgram {
  readonly #process: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #pending = new Map<number, PromiseWithResolvers<readonly Exchange[]>>();
  readonly #reading: Promise<void>;
  #next = 1;

  constructor() {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-prompt",
        "--no-config",
        "--no-lock",
        "--cached-only",
        "--no-check",
        "--unstable-net",
        "--allow-net",
        "--allow-ffi",
        import.meta.resolve("./agent_main.ts"),
      ],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#writer = this.#process.stdin.getWriter();
    this.#reading = this.#read();
  }

  async #read(): Promise<void> {
    let rest = "";
    for await (const text of this.#process.stdout.pipeThrough(new TextDecoderStream())) {
      rest += text;
      for (let end = rest.indexOf("\n"); end >= 0; end = rest.indexOf("\n")) {
        this.#take(JSON.parse(rest.slice(0, end)));
        rest = rest.slice(end + 1);
      }
    }
    for (const { reject } of this.#pending.values()) reject(new Error("it has ended"));
  }

  #take(reply: AgentReply): void {
    const pending = this.#pending.get(reply.id);
    this.#pending.delete(reply.id);
    if ("error" in reply) pending?.reject(new Error(reply.error));
    else pending?.resolve(reply.exchanges);
  }

  async ask(namespace: string, request: AgentRequest): Promise<readonly Exchange[]> {
    const id = this.#next++;
    const pending = Promise.withResolvers<readonly Exchange[]>();
    this.#pending.set(id, pending);
    const numbered: Numbered = { id, namespace, request };
    await this.#writer.write(new TextEncoder().encode(`${JSON.stringify(numbered)}\n`));
    return await pending.promise;
  }

  async end(): Promise<void> {
    // The program ends with its stdin; it may already have gone.
    await this.#writer.close().catch(() => undefined);
    await this.#reading;
    await this.#process.status;
  }
}

/** The program and how many agents use it. */
let shared: { readonly program: AgentProgram; users: number } | undefined;

function join(): AgentProgram {
  shared ??= { program: new AgentProgram(), users: 0 };
  shared.users++;
  return shared.program;
}

async function leave(program: AgentProgram, namespace: string): Promise<void> {
  if (shared?.program === program && --shared.users === 0) {
    shared = undefined;
    await program.end();
  } else await program.ask(namespace, { do: "leave" });
}

/** Acts inside a namespace. */
export class Agent implements AsyncDisposable {
  /** For messages. */
  readonly name: string;
  readonly #namespace: NetworkNamespace;
  #program: AgentProgram | "none yet" | "ended" = "none yet";

  /**
   * Makes an agent.
   *
   * @param name For messages.
   * @param namespace Where it acts.
   */
  constructor(name: string, namespace: NetworkNamespace) {
    this.name = name;
    this.#namespace = namespace;
  }

  async #ask(request: AgentRequest): Promise<readonly Exchange[]> {
    if (this.#program === "ended") {
      throw new Error(`Cannot ask agent "${this.name}": it has ended`);
    }
    if (this.#program === "none yet") this.#program = join();
    try {
      return await this.#program.ask(this.#namespace.path, request);
    } catch (fault) {
      throw new Error(`Cannot ask agent "${this.name}": ${messageOf(fault)}`, { cause: fault });
    }
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

  /** Ends the agent and closes its listeners. */
  async [Symbol.asyncDispose](): Promise<void> {
    const program = this.#program;
    this.#program = "ended";
    if (typeof program !== "string") await leave(program, this.#namespace.path);
  }
}
