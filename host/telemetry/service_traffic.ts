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
import type { MetricRow } from "./metric_row.ts";
import { METRICS } from "./metric_table.ts";
import type { MetricRegistry } from "./metrics.ts";
import {
  type CountedService,
  SERVICE_COUNTS,
  type ServiceCounts,
  type ServiceRow,
  ServiceSeries,
} from "./service_series.ts";

/** A service port, as far as its traffic goes. */
export interface CountedPort extends CountedService {
  readonly id: string;
}

/** What the counting stands on. */
export interface ServiceTrafficOptions {
  /** Most Services with series of their own, 0 to count nothing; asked anew each time. */
  readonly limit: () => number;
  /** All service ports there are. */
  readonly ports: () => Iterable<CountedPort>;
  /** Asks the proxier; null when it does not count. */
  readonly call: (query: TrafficQuery) => Promise<readonly number[] | null>;
  /** Where the series are shown. */
  readonly registry: Pick<MetricRegistry, "metrics" | "extend">;
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

/** The metrics of a Service, by what they tell. */
const ROWS: Readonly<Record<keyof ServiceCounts, MetricRow>> = {
  connections: METRICS.serviceConnections,
  packets: METRICS.servicePackets,
  bytes: METRICS.serviceBytes,
};

/** The counts of one service port: connections, packets, bytes. */
const COUNTS = SERVICE_COUNTS.length;

/** What is known of a service port. */
interface Known {
  readonly row: ServiceRow;
  /** Where its counts begin among those that were read last. */
  readonly at: number;
  /** The number of the reading that has seen it last. */
  seen: number;
}

/** Counts per Service. */
export class ServiceTraffic {
  readonly #options: ServiceTrafficOptions;
  /** By id. */
  readonly #known = new Map<string, Known>();
  /** What was read last. What is made anew for each service port at each scrape is litter. */
  #last = new Float64Array(0);
  /** Places in it that are nobody's. */
  #free: number[] = [];
  readonly #series = new ServiceSeries();
  #readings = 0;
  #readAt = -Infinity;
  #reading: Promise<void> | undefined;
  #silent = false;

  /** @param options What it stands on. */
  constructor(options: ServiceTrafficOptions) {
    this.#options = options;
    for (const count of SERVICE_COUNTS) {
      const row = ROWS[count];
      options.registry.extend(row, () => this.#series.lines(row.name, count));
    }
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
    const reading = this.#readings;
    const fresh: { readonly port: CountedPort; readonly from: number }[] = [];
    let from = 0;
    for (const port of ports) {
      const known = this.#known.get(port.id);
      if (known === undefined) fresh.push({ port, from });
      else {
        known.seen = reading;
        this.#add(known, counts, from);
      }
      from += COUNTS;
    }
    const left = this.#sweep(reading);
    // A Service whose port has another name now goes on; places are free before anybody is given one.
    const strangers = fresh.filter(({ port, from }) => {
      const row = this.#series.find(port);
      if (row !== undefined) this.#begin(port, row, counts, from);
      return row === undefined;
    });
    for (const row of left) if (row.ports === 0) this.#series.remove(row);
    for (const { port, from } of strangers) {
      const row = this.#series.find(port) ?? this.#series.add(port, this.#options.limit());
      this.#begin(port, row, counts, from);
    }
    this.#options.registry.metrics.servicesFolded.set(this.#series.folded);
  }

  /** Lets go of service ports that the last reading has not seen; returns whose they were. */
  #sweep(reading: number): ReadonlySet<ServiceRow> {
    const left = new Set<ServiceRow>();
    for (const [id, { row, at, seen }] of this.#known) {
      if (seen === reading) continue;
      this.#known.delete(id);
      this.#free.push(at);
      row.ports--;
      left.add(row);
    }
    return left;
  }

  #begin(port: CountedPort, row: ServiceRow, counts: readonly number[], from: number): void {
    const at = this.#place();
    this.#last.fill(0, at, at + COUNTS);
    const known: Known = { row, at, seen: this.#readings };
    row.ports++;
    this.#known.set(port.id, known);
    this.#add(known, counts, from);
  }

  #place(): number {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    const at = this.#known.size * COUNTS;
    if (at + COUNTS > this.#last.length) {
      const larger = new Float64Array(Math.max(64 * COUNTS, 2 * this.#last.length));
      larger.set(this.#last);
      this.#last = larger;
    }
    return at;
  }

  #add({ row, at }: Known, counts: readonly number[], from: number): void {
    for (let index = 0; index < COUNTS; index++) {
      const had = this.#last[at + index] ?? 0;
      const has = counts[from + index] ?? 0;
      const count = SERVICE_COUNTS[index];
      if (has === had || count === undefined) continue;
      this.#last[at + index] = has;
      // A count that fell has begun anew.
      row.counts[count] += has < had ? has : has - had;
    }
  }

  /** Nobody wants to know any more. */
  #forget(): void {
    if (this.#known.size === 0) return;
    this.#known.clear();
    this.#series.clear();
    this.#last = new Float64Array(0);
    this.#free = [];
    this.#readAt = -Infinity;
    this.#options.registry.metrics.servicesFolded.set(0);
  }
}
