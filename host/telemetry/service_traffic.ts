/**
 * What single Services get: read from the proxier when somebody scrapes, and added up, so that the
 * series are counters whatever becomes of the kernel's.
 *
 * @module
 */
import type { Log } from "../../schemas/capability.ts";
import { MOST_TRAFFIC_IDS, type TrafficQuery } from "../../schemas/calls.ts";
import { messageOf } from "../../schemas/errors.ts";
import type { Clock } from "../clock.ts";
import type { Metrics } from "./metrics.ts";

/** A service port, as far as its traffic goes. */
export interface CountedPort {
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
}

/** What the counting stands on. */
export interface ServiceTrafficOptions {
  /** Most Services with series of their own, 0 to count nothing; asked anew each time. */
  readonly limit: () => number;
  /** All service ports there are. */
  readonly ports: () => Iterable<CountedPort>;
  /** Asks the proxier; null when it does not count. */
  readonly call: (query: TrafficQuery) => Promise<readonly number[] | null>;
  readonly metrics: Metrics;
  /** Told of each reading that was large. */
  readonly large: () => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** Milliseconds for which a reading answers further scrapes. */
const FRESH_MS = 1_000;
/** Milliseconds that a scrape waits; then it shows the last reading. */
const PATIENCE_MS = 2_000;

/** Service ports from which on a reading leaves a heap that V8 does not tidy up for long. */
const LARGE_PORTS = 2_000;

/** Stands for all Services that have no series of their own; no Service can be called so. */
export const FOLDED: ServiceLabels = { service_namespace: "", service_name: "_other" };

/** The labels of a Service's series; `service` and `namespace` are Prometheus' own for targets. */
export interface ServiceLabels {
  readonly service_namespace: string;
  readonly service_name: string;
}

/** The counts of one service port: connections, packets, bytes. */
const COUNTS = 3;

function keyOf({ namespace, name }: CountedPort): string {
  return `${namespace}/${name}`;
}

/** Counts per Service. */
export class ServiceTraffic {
  readonly #options: ServiceTrafficOptions;
  /** What was read last of each service port. */
  readonly #last = new Map<string, readonly number[]>();
  /**
   * The Services that have series of their own, and those that are summed. Who comes when there is
   * room has its own, and it stays so: a Service that changed sides would make both fall.
   */
  readonly #own = new Map<string, ServiceLabels>();
  readonly #folded = new Set<string>();
  #readings = 0;
  #readAt = -Infinity;
  #reading: Promise<void> | undefined;
  #silent = false;

  /** @param options What it stands on. */
  constructor(options: ServiceTrafficOptions) {
    this.#options = options;
  }

  /**
   * Brings the metrics up to date.
   *
   * @returns Settles when they are, or when it would take too long. Never rejects.
   */
  async collect(): Promise<void> {
    const { clock, limit } = this.#options;
    if (limit() === 0) return this.#forget();
    if (this.#reading === undefined && clock.now() - this.#readAt < FRESH_MS) return;
    this.#reading ??= this.#read().finally(() => this.#reading = undefined);
    const late = Promise.withResolvers<void>();
    const cancel = clock.after(PATIENCE_MS, late.resolve);
    await Promise.race([this.#reading, late.promise]);
    cancel();
  }

  /**
   * Asks for the counts of single service ports, past the metrics.
   *
   * @param ids Of service ports.
   * @returns Three counts for each, in order: connections, packets, bytes; undefined when nothing
   * counts.
   * @throws {WeirError} When the proxier does not answer.
   */
  async countsOf(ids: readonly string[]): Promise<readonly number[] | undefined> {
    if (this.#options.limit() === 0) return undefined;
    const counts: number[] = [];
    const reading = ++this.#readings;
    for (let from = 0; from < ids.length; from += MOST_TRAFFIC_IDS) {
      const paged = ids.slice(from, from + MOST_TRAFFIC_IDS);
      const last = from + paged.length === ids.length;
      const page = await this.#options.call({ reading, last, ids: paged });
      // It does not count, or has not begun to.
      if (page === null) return undefined;
      for (let index = 0; index < paged.length * COUNTS; index++) counts.push(page[index] ?? 0);
    }
    return counts;
  }

  async #read(): Promise<void> {
    const { clock, log, ports } = this.#options;
    const all = [...ports()];
    let counts: readonly number[];
    try {
      const read = await this.countsOf(all.map(({ id }) => id));
      if (read === undefined) return;
      counts = read;
    } catch (thrown) {
      if (!this.#silent) log.warn("Cannot read what Services get", { error: messageOf(thrown) });
      this.#silent = true;
      return;
    }
    this.#silent = false;
    this.#readAt = clock.now();
    this.#take(all, counts);
    if (all.length >= LARGE_PORTS) this.#options.large();
  }

  #take(ports: readonly CountedPort[], counts: readonly number[]): void {
    const services = new Set(ports.map(keyOf));
    // Their places are free before anybody is given one.
    for (const [key, labels] of this.#own) if (!services.has(key)) this.#remove(key, labels);
    for (const key of this.#folded) if (!services.has(key)) this.#folded.delete(key);
    const ids = new Set(ports.map(({ id }) => id));
    for (const id of this.#last.keys()) if (!ids.has(id)) this.#last.delete(id);
    for (const [index, port] of ports.entries()) {
      const [before, at] = [this.#last.get(port.id), index * COUNTS];
      // Most have got nothing since. What is made anew for each of them at each scrape outlives
      // V8's young generation, and what lies about then is tens of megabytes.
      if (before?.every((had, each) => had === counts[at + each])) continue;
      const now = counts.slice(at, at + COUNTS);
      this.#last.set(port.id, now);
      this.#add(this.#labelsOf(port), before, now);
    }
    this.#options.metrics.servicesFolded.set(this.#folded.size);
  }

  #labelsOf(port: CountedPort): ServiceLabels {
    const key = keyOf(port);
    const own = this.#own.get(key);
    if (own !== undefined) return own;
    if (this.#folded.has(key) || this.#own.size >= this.#options.limit()) {
      this.#folded.add(key);
      return FOLDED;
    }
    const labels = { service_namespace: port.namespace, service_name: port.name };
    this.#own.set(key, labels);
    return labels;
  }

  #add(
    labels: ServiceLabels,
    before: readonly number[] | undefined,
    now: readonly number[],
  ): void {
    const { serviceConnections, servicePackets, serviceBytes } = this.#options.metrics;
    for (const [index, counter] of [serviceConnections, servicePackets, serviceBytes].entries()) {
      const [had, has] = [before?.[index] ?? 0, now[index] ?? 0];
      // A count that fell has begun anew.
      const more = has < had ? has : has - had;
      // Zero from the start, so that the first is an increase to rate().
      if (more > 0 || before === undefined) counter.inc({ ...labels }, more);
    }
  }

  #remove(key: string, labels: ServiceLabels): void {
    const { serviceConnections, servicePackets, serviceBytes } = this.#options.metrics;
    this.#own.delete(key);
    for (const counter of [serviceConnections, servicePackets, serviceBytes]) {
      counter.remove({ ...labels });
    }
  }

  /** Nobody wants to know any more. */
  #forget(): void {
    if (this.#last.size === 0) return;
    const { serviceConnections, servicePackets, serviceBytes, servicesFolded } =
      this.#options.metrics;
    for (const counter of [serviceConnections, servicePackets, serviceBytes]) counter.reset();
    servicesFolded.set(0);
    this.#last.clear();
    this.#own.clear();
    this.#folded.clear();
    this.#readAt = -Infinity;
  }
}
