/**
 * What tests of the source stand on: a fake API server and a source that runs against it.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { KubeKind, SourceEvent } from "../../../schemas/kube.ts";
import {
  FakeApiServer,
  type FakeApiServerOptions,
  type SeenRequest,
} from "../../../tests/kit/api_server.ts";
import { type RecordedLine, recordingLog } from "../../../tests/kit/recording_log.ts";
import { SimulatedClock } from "../../simulated_clock.ts";
import { kubeSource, type KubeSourceOptions } from "./source.ts";

/** A simulated clock that also says who waits on it, and lets the network have a turn. */
class WatchedClock extends SimulatedClock {
  readonly #due = new Set<number[]>();

  override after(delay: number, callback: () => void): () => void {
    const due = [this.now() + delay];
    this.#due.add(due);
    const cancel = super.after(delay, () => {
      this.#due.delete(due);
      callback();
    });
    return () => {
      this.#due.delete(due);
      cancel();
    };
  }

  /** The remaining milliseconds of whoever waits, shortest first. */
  get waits(): number[] {
    return [...this.#due].flat().map((due) => due - this.now()).sort((a, b) => a - b);
  }
}

/** A server and a source that runs against it, with everything the source did. */
export class Scene {
  /** The server. */
  readonly server: FakeApiServer;
  /** The source's clock. */
  readonly clock = new WatchedClock(Date.UTC(2026, 0, 1));
  /** What the source delivered, batch by batch. */
  readonly batches: (readonly SourceEvent[])[] = [];
  readonly #recording = recordingLog();
  #stop = new AbortController();
  #running = Promise.resolve();

  private constructor(server: FakeApiServer) {
    this.server = server;
  }

  /**
   * Starts the server.
   *
   * @param options The server's.
   * @returns The scene; the source does not run yet.
   */
  static async open(options: FakeApiServerOptions = {}): Promise<Scene> {
    return new Scene(await FakeApiServer.start(options));
  }

  /**
   * Starts the source.
   *
   * @param options What is otherwise than for other tests.
   * @returns The scene.
   */
  run(options: Partial<KubeSourceOptions> = {}): this {
    const credentials = { server: this.server.url, tls: { insecure: false } };
    const source = kubeSource({
      credentials: { current: async () => credentials, renew: async () => credentials },
      nodeName: "node-a",
      log: this.#recording.log,
      userAgent: "weir/test",
      qps: -1,
      clock: this.clock,
      random: () => 0,
      ...options,
    });
    this.#running = source.run((events) => this.batches.push(events), this.#stop.signal);
    return this;
  }

  /** What the source delivered. */
  get events(): SourceEvent[] {
    return this.batches.flat();
  }

  /**
   * What the source told of one kind.
   *
   * @param kind The kind.
   * @returns Its events as short text, for example `upsert web`.
   */
  told(kind: KubeKind): string[] {
    return this.events.flatMap((event) => {
      if (event.type === "upsert") {
        return event.object.kind === kind ? [`upsert ${event.object.name}`] : [];
      }
      if (event.kind !== kind) return [];
      return [event.type === "remove" ? `remove ${event.name}` : "synced"];
    });
  }

  /**
   * The requests that came for one resource.
   *
   * @param path Its path.
   * @param verb Which of them.
   * @returns In the order they came.
   */
  requests(path: string, verb: "list" | "watch"): SeenRequest[] {
    return this.server.requests.filter((seen) => seen.path === path && seen.verb === verb);
  }

  /** What the source logged. */
  get lines(): readonly RecordedLine[] {
    return this.#recording.lines;
  }

  /**
   * The warnings among what the source logged.
   *
   * @returns In their order.
   */
  warnings(): RecordedLine[] {
    return this.lines.filter(({ level }) => level === "warn");
  }

  /**
   * Waits for something that the network will bring.
   *
   * @param holds Whether it is there.
   * @param what Its name, for the failure.
   * @returns Settles when it is there.
   */
  async until(holds: () => boolean, what: string): Promise<void> {
    for (let tries = 0; !holds(); tries++) {
      if (tries > 2000) assert.fail(`never came: ${what}\n${JSON.stringify(this.lines, null, 1)}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  /**
   * Lets whatever is under way arrive; used to see that something does not happen.
   *
   * @returns Settles after 60 ms.
   */
  async quiet(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 60));
  }

  /**
   * Runs to where all four kinds are listed and watched, and the watches are not young.
   *
   * @returns Settles then.
   */
  async settled(): Promise<void> {
    await this.until(() => this.server.watches === 4, "four watches");
    await this.clock.advance(5000);
  }

  /**
   * Runs to where all four kinds wait after a failure; a watch waits longer than any back-off.
   *
   * @returns Settles then.
   */
  async backedOff(): Promise<void> {
    const waiting = () => this.clock.waits.filter((wait) => wait <= 60_000).length;
    await this.until(() => waiting() === 4, "four back-offs");
  }

  /**
   * Puts a Service of the namespace `shop` on the server.
   *
   * @param name Its name.
   * @param labels Its labels.
   */
  service(name: string, labels: Record<string, string> = {}): void {
    const spec = { clusterIP: "10.0.0.1", ports: [{ port: 80, protocol: "TCP" }] };
    this.server.store.apply("Service", { metadata: { namespace: "shop", name, labels }, spec });
  }

  /**
   * Stops the source and the server.
   *
   * @returns Settles when both are closed.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.server[Symbol.asyncDispose]();
  }
}
