/**
 * The metric table made into instruments of prom-client, on a registry of their own.
 *
 * @module
 */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { type MetricRow, METRICS } from "./metric_table.ts";

type Table = Readonly<Record<string, MetricRow>>;

/** The instrument of a row: a counter, a gauge or a histogram that takes the row's labels. */
export type Instrument<Row extends MetricRow> = Row["type"] extends "counter"
  ? Counter<Row["labels"][number]>
  : Row["type"] extends "gauge" ? Gauge<Row["labels"][number]>
  : Histogram<Row["labels"][number]>;

/** The instruments of a table, under the table's keys. */
export type Instruments<Rows extends Table> = {
  readonly [Key in keyof Rows]: Instrument<Rows[Key]>;
};

/** All of weir's instruments. */
export type Metrics = Instruments<typeof METRICS>;

/** A registry: the instruments, and their text. */
export interface MetricRegistry {
  readonly metrics: Metrics;
  /** Where metrics that are not of the table, such as a plugin's own, are registered. */
  readonly registry: Registry;
  /** The media type of {@linkcode MetricRegistry.text}. */
  readonly contentType: string;
  /**
   * Renders every metric.
   *
   * @returns Prometheus' text format 0.0.4.
   */
  text(): Promise<string>;
}

/** What `process_*` metrics tell. */
export interface ProcessUsage {
  /** Resident set, in bytes. */
  readonly residentBytes: number;
  /** User and system time since the start, in seconds. */
  readonly cpuSeconds: number;
}

/** What a registry is made of. */
export interface MetricsOptions {
  /** weir's version, for example `0.1.0`. */
  readonly version: string;
  /** For example `linux/amd64`. */
  readonly platform: string;
  /** What runs weir, for example `deno2.9.6`. */
  readonly runtime: string;
  /** When the process started, in seconds since the epoch. */
  readonly startedAt: number;
  /** Asked whenever the metrics are rendered. */
  readonly usage: () => ProcessUsage;
  /**
   * How full the conntrack table is, in entries; asked whenever the metrics are rendered. While it
   * is not known there is no value.
   */
  readonly conntrack?: () => { readonly entries: number; readonly limit: number } | undefined;
}

/** Gives a gauge's value when the metrics are rendered; undefined for none. */
type Reading = () => number | undefined;

function instrument(
  row: MetricRow,
  registry: Registry,
  reading: Reading | undefined,
): Counter | Gauge | Histogram {
  const configuration = {
    name: row.name,
    help: row.help,
    labelNames: row.labels,
    registers: [registry],
  };
  switch (row.type) {
    case "counter":
      return new Counter(configuration);
    case "gauge":
      return reading === undefined ? new Gauge(configuration) : new Gauge({
        ...configuration,
        collect() {
          const value = reading();
          if (value === undefined) this.remove();
          else this.set(value);
        },
      });
    case "histogram":
      return new Histogram({ ...configuration, buckets: [...row.buckets ?? []] });
  }
}

function instruments<Rows extends Table>(
  table: Rows,
  registry: Registry,
  readings: ReadonlyMap<string, Reading>,
): Instruments<Rows> {
  const made = Object.entries(table)
    .map(([key, row]) => [key, instrument(row, registry, readings.get(key))] as const);
  // The keys and types are the table's: Object.fromEntries() cannot say so.
  return Object.fromEntries(made) as Instruments<Rows>;
}

/**
 * prom-client's own `process_*` collectors read /proc by node:fs, which costs a permission and
 * memory; these three are those that dashboards of kube-proxy ask for.
 */
function addProcessMetrics(registry: Registry, options: MetricsOptions): void {
  new Gauge({
    name: "process_resident_memory_bytes",
    help: "Resident memory size in bytes",
    registers: [registry],
    collect() {
      this.set(options.usage().residentBytes);
    },
  });
  new Counter({
    name: "process_cpu_seconds_total",
    help: "Total user and system CPU time spent in seconds",
    registers: [registry],
    collect() {
      this.reset();
      this.inc(options.usage().cpuSeconds);
    },
  });
  new Gauge({
    name: "process_start_time_seconds",
    help: "Start time of the process since unix epoch in seconds",
    registers: [registry],
  }).set(options.startedAt);
}

/**
 * Makes the registry of a process.
 *
 * @param options Whose metrics they are.
 * @returns Fresh instruments; nothing is shared between two registries.
 */
export function createMetrics(options: MetricsOptions): MetricRegistry {
  const registry = new Registry();
  const readings = new Map<keyof Metrics, Reading>([
    ["conntrackEntries", () => options.conntrack?.()?.entries],
    ["conntrackLimit", () => options.conntrack?.()?.limit],
  ]);
  const metrics = instruments(METRICS, registry, readings);
  const [major = "", minor = ""] = options.version.split(".");
  metrics.kubernetesBuildInfo.set({
    major,
    minor,
    git_version: `v${options.version}`,
    git_commit: "",
    git_tree_state: "",
    build_date: "",
    go_version: "",
    compiler: options.runtime,
    platform: options.platform,
  }, 1);
  addProcessMetrics(registry, options);
  return { metrics, registry, contentType: registry.contentType, text: () => registry.metrics() };
}
