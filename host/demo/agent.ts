/**
 * The stage's hand on an agent: a program in a namespace that connects when it is told to.
 *
 * @module
 */
import {
  type AgentReport,
  AgentReportSchema,
  type AgentRequest,
  messageLine,
  type Outcome,
  readMessages,
  type Target,
} from "./message.ts";

/** One connection of a stream. */
export interface Sample {
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly outcome: Outcome;
}

/** The part of a child process that is used. */
export interface AgentProcess {
  readonly stdin: WritableStream<Uint8Array<ArrayBufferLike>>;
  readonly stdout: ReadableStream<Uint8Array<ArrayBuffer>>;
}

type Waiting = PromiseWithResolvers<AgentReport>;

/** Milliseconds that one page or one connection may take. */
const TIMEOUT_MS = 2_000;

/** An agent that runs. */
export class Agent {
  readonly #name: string;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array<ArrayBufferLike>>;
  readonly #waiting = new Map<number, Waiting>();
  readonly #ready = Promise.withResolvers<AgentReport>();
  #sample: (sample: Sample) => void = () => {};
  #nextId = 1;
  /** Why it can be asked no more. */
  #fault: Error | undefined;

  /**
   * Takes hold of an agent.
   *
   * @param name For messages, for example `client`.
   * @param process Its pipes.
   */
  constructor(name: string, process: AgentProcess) {
    this.#name = name;
    this.#writer = process.stdin.getWriter();
    // Both are for who waits; nobody may.
    this.#ready.promise.catch(() => {});
    void this.#listen(process.stdout);
  }

  async #listen(stdout: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    let why = "it ended";
    try {
      for await (const report of readMessages(stdout, AgentReportSchema)) this.#take(report);
    } catch (thrown) {
      why = `it said something else than agreed: ${thrown}`;
    }
    const fault = new Error(`Cannot ask agent "${this.#name}": ${why}`);
    this.#fault = fault;
    this.#ready.reject(fault);
    for (const waiting of this.#waiting.values()) waiting.reject(fault);
    this.#waiting.clear();
  }

  #take(report: AgentReport): void {
    switch (report.type) {
      case "ready":
        return this.#ready.resolve(report);
      case "sample":
        return this.#sample({ startedAt: report.startedAt, outcome: report.outcome });
      case "failed":
        this.#waiting.get(report.id)?.reject(
          new Error(`Cannot ask agent "${this.#name}": ${report.why}`),
        );
        break;
      default:
        this.#waiting.get(report.id)?.resolve(report);
    }
    this.#waiting.delete(report.id);
  }

  async #send(request: AgentRequest): Promise<void> {
    await this.#writer.write(messageLine(request));
  }

  async #ask(make: (id: number) => AgentRequest): Promise<AgentReport> {
    if (this.#fault !== undefined) throw this.#fault;
    const id = this.#nextId++;
    const waiting = Promise.withResolvers<AgentReport>();
    this.#waiting.set(id, waiting);
    const [report] = await Promise.all([waiting.promise, this.#send(make(id))]);
    return report;
  }

  /** Settles when the agent listens; rejects when it ended before. */
  async ready(): Promise<void> {
    await this.#ready.promise;
  }

  /**
   * Connects several times, one after the other.
   *
   * @param target Where to.
   * @param count How many times; fewer when one is neither answered nor refused, which is then the last.
   * @returns How each ended.
   * @throws {Error} When the agent has ended.
   */
  async probe(target: Target, count: number): Promise<readonly Outcome[]> {
    const report = await this.#ask((id) => ({
      type: "probe",
      id,
      target,
      count,
      timeoutMs: TIMEOUT_MS,
    }));
    return report.type === "probed" ? report.outcomes : [];
  }

  /**
   * Fetches a page from where the agent is.
   *
   * @param url For example `http://127.0.0.1:10256/healthz`.
   * @returns The HTTP status, 100–599, and what the page says.
   * @throws {Error} When nobody answers there, or the agent has ended.
   */
  async get(url: string): Promise<{ readonly status: number; readonly text: string }> {
    const report = await this.#ask((id) => ({ type: "get", id, url, timeoutMs: TIMEOUT_MS }));
    const { status, text } = report.type === "got" ? report : { status: 0, text: "" };
    return { status, text };
  }

  /**
   * Leads a unix socket to a loopback port of the agent's network.
   *
   * @param path Of the socket, which must not be there yet; at most 107 bytes (unix(7)).
   * @param port 1–65535.
   * @throws {Error} When it cannot listen there.
   */
  async bridge(path: string, port: number): Promise<void> {
    await this.#ask((id) => ({ type: "bridge", id, path, port }));
  }

  /**
   * Opens connections at an even pace, without waiting for one before the next.
   *
   * @param targets Where to, in turn.
   * @param perSecond How many connections a second.
   * @param take Receives every connection when it has ended.
   * @returns Ends it; settles when the last connection was handed to `take`.
   */
  async stream(
    targets: readonly Target[],
    perSecond: number,
    take: (sample: Sample) => void,
  ): Promise<() => Promise<void>> {
    this.#sample = take;
    await this.#send({ type: "stream", targets: [...targets], perSecond, timeoutMs: TIMEOUT_MS });
    return async () => {
      await this.#ask((id) => ({ type: "stop", id }));
    };
  }
}
