/**
 * The metric table made into instruments of prom-client, on a registry of their own.
 *
 * @module
 */
import type { IpFamily } from "../../schemas/kube.ts";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { expose, type MetricFamily, type MetricFormat } from "./exposition.ts";
import { helpOf, type MetricRow, type MetricRows, visibilityOf } from "./metric_row.ts";
import { METRICS } from "./metric_table.ts";

/** A histogram: what it observes can point to the trace that it was part of. */
export interface Distribution<Label extends string> {
  /**
   * Records one value.
   *
   * @param labels The row's labels.
   * @param value In the unit that the metric's name ends with.
   * @param traceId Of what took so long, 32 hexadecimal digits, if it is traced.
   */
  observe(labels: Readonly<Record<Label, string>>, value: number, traceId?: string): void;
  /**
   * Makes the series be there before anything is observed.
   *
   * @param labels The row's labels.
   */
  zero(labels: Readonly<Record<Label, string>>): void;
}

/** The instrument of a row: a counter, a gauge or a histogram that takes the row's labels. */
export type Instrument<Row extends MetricRow> = Row["type"] extends "counter"
  ? Counter<Row["labels"][number]>
  : Row["type"] extends "gauge" ? Gauge<Row["labels"][number]>
  : Distribution<Row["labels"][number]>;

/** The instruments of a table, under the table's keys. */
export type Instruments<Rows extends MetricRows> = {
  readonly [Key in keyof Rows]: Instrument<Rows[Key]>;
};

/** All of weir's instruments. */
export type Metrics = Instruments<typeof METRICS>;

/** The pages that metrics are served on. */
export type MetricPage = "metrics" | "slis";

/** A registry: the instruments, and their text. */
export interface MetricRegistry {
  readonly metrics: Metrics;
  /** Where metrics that are not of the table, such as a plugin's own, are registered. */
  readonly registry: Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE>;
  /**
   * Has something asked whenever /metrics is rendered.
   *
   * @param collect Brings gauges and counters up to date. When it rejects, they stay as they are.
   */
  onScrape(collect: () => Promise<void> | void): void;
  /**
   * Has the series of a metric of the table written by somebody who keeps them himself.
   *
   * @param row Of the table; nothing else is recorded of it.
   * @param lines Asked whenever /metrics is rendered: lines, each with its line feed.
   */
  extend(row: MetricRow, lines: () => Iterable<string>): void;
  /**
   * Renders a page.
   *
   * @param format Its format.
   * @param page Which.
   * @returns Its text in pieces, each made when it is asked for.
   */
  render(format: MetricFormat, page: MetricPage): Promise<Iterable<string>>;
  /**
   * Renders /metrics.
   *
   * @returns Prometheus' text format 0.0.4.
   */
  text(): Promise<string>;
  /** Forgets what was counted for /metrics/slis. */
  resetSlis(): void;
}

/** What `process_*` metrics tell; undefined is what the system does not say. */
export interface ProcessUsage {
  /** Resident set, in bytes. */
  readonly residentBytes: number;
  /** User and system time since the start, in seconds. */
  readonly cpuSeconds: number;
  /** Address space, in bytes. */
  readonly virtualBytes?: number | undefined;
  /** The most address space it may have, in bytes; Infinity without a limit. */
  readonly virtualBytesMax?: number | undefined;
  readonly openFiles?: number | undefined;
  readonly openFilesMax?: number | undefined;
  /** Bytes that came to the network namespace. */
  readonly receivedBytes?: number | undefined;
  /** Bytes that left it. */
  readonly sentBytes?: number | undefined;
}

/** A feature gate. */
export interface FeatureGate {
  readonly name: string;
  /** `ALPHA`, `BETA`, or "" for what is generally available. */
  readonly stage: string;
  readonly enabled: boolean;
}

/** What a registry is made of. */
export interface MetricsOptions {
  /** The IP families that are served; both unless told otherwise. */
  readonly families?: readonly IpFamily[];
  /** weir's version, for example `0.1.0`. */
  readonly version: string;
  /** For example `linux/amd64`. */
  readonly platform: string;
  /** What runs weir, for example `deno2.9.6`. */
  readonly runtime: string;
  /** When the process started, in seconds since the epoch. */
  readonly startedAt: number;
  /** `--show-hidden-metrics-for-version`; "" when it is not given. */
  readonly showHiddenFor?: string;
  /** The feature gates, as `kubernetes_feature_enabled` tells them. */
  readonly features?: readonly FeatureGate[];
  /** Asked whenever the metrics are rendered. */
  readonly usage: () => ProcessUsage;
  /**
   * How full the conntrack table is, in entries; asked whenever the metrics are rendered. While it
   * is not told, there are no such metrics.
   */
  readonly conntrack?: () => { readonly entries: number; readonly limit: number } | undefined;
}

type OpenRegistry = Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE>;

function distribution(row: MetricRow, registers: readonly OpenRegistry[]): Distribution<string> {
  const histogram = new Histogram({
    name: row.name,
    help: helpOf(row),
    labelNames: row.labels,
    registers: [...registers],
    buckets: [...row.buckets ?? []],
    enableExemplars: true,
  });
  return {
    observe: (labels, value, traceId) =>
      histogram.observe({
        labels,
        value,
        // OpenMetrics leaves the name open; this is the one that Grafana looks for.
        exemplarLabels: traceId === undefined ? {} : { trace_id: traceId },
      }),
    zero: (labels) => histogram.zero(labels),
  };
}

function instrument(
  row: MetricRow,
  registers: readonly OpenRegistry[],
): Counter | Gauge | Distribution<string> {
  const configuration = {
    name: row.name,
    help: helpOf(row),
    labelNames: row.labels,
    registers: [...registers],
  };
  switch (row.type) {
    case "counter":
      return new Counter(configuration);
    case "gauge":
      return new Gauge(configuration);
    case "histogram":
      return distribution(row, registers);
  }
}

/**
 * Makes the instruments of a table.
 *
 * @param table Its rows.
 * @param registerOf Where a row is registered; undefined for one that is hidden, whose instrument
 * counts for nobody.
 * @returns The instruments.
 */
export function instruments<Rows extends MetricRows>(
  table: Rows,
  registerOf: (row: MetricRow) => OpenRegistry | undefined,
): Instruments<Rows> {
  const made = Object.entries(table).map(([key, row]) => {
    const registry = registerOf(row);
    return [key, instrument(row, registry === undefined ? [] : [registry])] as const;
  });
  // The keys and types are the table's: Object.fromEntries() cannot say so.
  return Object.fromEntries(made) as Instruments<Rows>;
}

/**
 * Sets a counter to what somebody else has counted.
 *
 * @param counter The counter.
 * @param labels Of the series.
 * @param value What has been counted.
 */
function setCounter<Label extends string>(
  counter: Counter<Label>,
  labels: Readonly<Record<Label, string>>,
  value: number,
): void {
  counter.remove(labels);
  counter.inc(labels, value);
}

function tellProcess(metrics: Metrics, usage: ProcessUsage): void {
  metrics.processResident.set(usage.residentBytes);
  setCounter(metrics.processCpu, {}, usage.cpuSeconds);
  if (usage.virtualBytes !== undefined) metrics.processVirtual.set(usage.virtualBytes);
  if (usage.virtualBytesMax !== undefined) metrics.processVirtualMax.set(usage.virtualBytesMax);
  if (usage.openFiles !== undefined) metrics.processOpenFds.set(usage.openFiles);
  if (usage.openFilesMax !== undefined) metrics.processMaxFds.set(usage.openFilesMax);
  if (usage.receivedBytes !== undefined) {
    setCounter(metrics.processReceived, {}, usage.receivedBytes);
  }
  if (usage.sentBytes !== undefined) setCounter(metrics.processSent, {}, usage.sentBytes);
}

/** Counts from zero what may come, so that the first of it is an increase to rate(). */
function beginCounters(metrics: Metrics, families: readonly IpFamily[]): void {
  for (const ip_family of families) {
    metrics.nftablesSyncFailures.inc({ ip_family }, 0);
    metrics.nftablesCleanupFailures.inc({ ip_family }, 0);
    metrics.localhostNodePortFailures.inc({ ip_family }, 0);
    metrics.conntrackDeleted.inc({ ip_family }, 0);
    for (const protocol of ["TCP", "UDP", "SCTP"]) {
      metrics.localhostNodePortRejected.inc({ ip_family, protocol }, 0);
    }
  }
  // Nothing has failed yet.
  metrics.configReloadSuccessful.set(1);
  for (const code of ["200", "503"]) {
    metrics.healthz.inc({ code }, 0);
    metrics.livez.inc({ code }, 0);
  }
}

function tellConntrack(
  { conntrackEntries, conntrackLimit }: Metrics,
  usage: ReturnType<NonNullable<MetricsOptions["conntrack"]>>,
): void {
  if (usage === undefined) {
    conntrackEntries.remove({});
    conntrackLimit.remove({});
    return;
  }
  conntrackEntries.set(usage.entries);
  conntrackLimit.set(usage.limit);
}

function tellTable(metrics: Metrics, { version, showHiddenFor = "" }: MetricsOptions): void {
  for (const row of Object.values<MetricRow>(METRICS)) {
    // Only Kubernetes' own are registered through component-base, which counts them.
    if (row.stability === undefined) continue;
    if (visibilityOf(row, version, showHiddenFor) === "hidden") metrics.hiddenMetrics.inc();
    else {
      metrics.registeredMetrics.inc({
        stability_level: row.stability,
        deprecated_version: row.deprecated ?? "",
      });
    }
  }
}

/**
 * Makes the registry of a process.
 *
 * @param options Whose metrics they are.
 * @returns Fresh instruments; nothing is shared between two registries.
 */
export function createMetrics(options: MetricsOptions): MetricRegistry {
  const { version, showHiddenFor = "" } = options;
  const registry = newRegistry();
  const slis = newRegistry();
  const metrics = instruments(METRICS, (row) => {
    if (visibilityOf(row, version, showHiddenFor) === "hidden") return undefined;
    return row.page === "slis" ? slis : registry;
  });
  const [major = "", minor = ""] = version.split(".");
  metrics.kubernetesBuildInfo.set({
    major,
    minor,
    git_version: `v${version}`,
    git_commit: "",
    git_tree_state: "",
    build_date: "",
    go_version: "",
    compiler: options.runtime,
    platform: options.platform,
  }, 1);
  metrics.processStart.set(options.startedAt);
  for (const { name, stage, enabled } of options.features ?? []) {
    metrics.featureEnabled.set({ name, stage }, enabled ? 1 : 0);
  }
  beginCounters(metrics, options.families ?? ["IPv4", "IPv6"]);
  // As client-go says it while no plugin has given a certificate.
  metrics.execPluginTtl.set(Infinity);
  tellTable(metrics, options);
  const collectors: (() => Promise<void> | void)[] = [
    () => tellProcess(metrics, options.usage()),
    () => tellConntrack(metrics, options.conntrack?.()),
  ];
  const collect = async () => {
    await Promise.allSettled(collectors.map(async (each) => await each()));
  };
  const written = new Map<string, () => Iterable<string>>();
  const render = async (format: MetricFormat, page: MetricPage) => {
    if (page === "slis") return expose(await familiesOf(slis), format);
    await collect();
    const families = await familiesOf(registry);
    return expose(
      families.map((family) => ({ ...family, lines: written.get(family.name)?.() })),
      format,
    );
  };
  return {
    metrics,
    registry,
    onScrape: (each) => void collectors.push(each),
    extend: ({ name }, lines) => void written.set(name, lines),
    render,
    text: async () => [...await render("text", "metrics")].join(""),
    resetSlis: () => slis.resetMetrics(),
  };
}

function newRegistry(): OpenRegistry {
  // Histograms with exemplars want a registry that could write them.
  const registry: OpenRegistry = new Registry();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  return registry;
}

async function familiesOf(registry: OpenRegistry): Promise<readonly MetricFamily[]> {
  // At run time the type is its name and values may have an exemplar; prom-client's declarations
  // say otherwise.
  return await registry.getMetricsAsJSON() as unknown as readonly MetricFamily[];
}
