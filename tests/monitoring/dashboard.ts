/**
 * The Grafana dashboard: one panel for each metric that something moves, by kind, in rows.
 *
 * @module
 */
import type { MetricRow } from "../../host/telemetry/metric_row.ts";
import { METRICS } from "../../host/telemetry/metric_table.ts";

/** One query of a panel. */
export interface Target {
  readonly refId: string;
  readonly expr: string;
  readonly legendFormat: string;
  readonly datasource: typeof SOURCE;
  /** Shows the points that lead to traces. */
  readonly exemplar?: true;
}

const SOURCE = { type: "prometheus", uid: "${datasource}" } as const;

/** The rows of the dashboard, and which metrics are in each, by the beginning of their names. */
const SECTIONS: readonly (readonly [title: string, prefixes: readonly string[]])[] = [
  ["Syncs", ["kubeproxy_sync", "kubeproxy_network", "weir_repairs", "weir_takeover"]],
  ["Services", ["weir_service"]],
  ["Plugins", ["weir_plugin"]],
  ["Kernel", ["weir_netlink", "weir_conntrack", "kubeproxy_conntrack", "kubeproxy_nftables"]],
  ["API server", ["rest_client"]],
  ["Configuration and health", [
    "weir_config",
    "weir_proxy_mode",
    "kubeproxy_proxy",
    "kubernetes_health",
  ]],
  ["Process", ["process_", "weir_trace"]],
];

/** Grafana's units, by what a metric's name ends with. */
function unitOf({ name, type }: MetricRow): string {
  if (name.includes("timestamp_seconds")) return "dateTimeFromNow";
  if (/_(seconds|age)$/.test(name) || name.endsWith("cpu_seconds_total")) return "s";
  if (name.endsWith("_bytes_total")) return "Bps";
  if (name.endsWith("_bytes")) return "bytes";
  return type === "counter" ? "cps" : "short";
}

/** Grafana's timestamps are milliseconds. */
function scaled({ name }: MetricRow, expression: string): string {
  return name.includes("timestamp_seconds") ? `${expression} * 1000` : expression;
}

const SELECTOR = '{job=~"$job", instance=~"$instance"}';

function targetsOf(row: MetricRow): Target[] {
  const by = ["instance", ...row.labels].join(", ");
  const legend = ["{{instance}}", ...row.labels.map((label) => `{{${label}}}`)].join(" ");
  const target = (refId: string, expr: string, legendFormat: string): Target => ({
    refId,
    expr,
    legendFormat,
    datasource: SOURCE,
    ...(row.type === "histogram" ? { exemplar: true as const } : {}),
  });
  switch (row.type) {
    case "counter": {
      const rate = `sum by (${by}) (rate(${row.name}${SELECTOR}[$__rate_interval]))`;
      // Thousands of lines are no picture.
      return row.name.startsWith("weir_service_")
        ? [target("A", `topk(20, ${rate})`, "{{service_namespace}}/{{service_name}}")]
        : [target("A", rate, legend)];
    }
    case "gauge":
      return [target("A", scaled(row, `${row.name}${SELECTOR}`), legend)];
    case "histogram": {
      const buckets = `rate(${row.name}_bucket${SELECTOR}[$__rate_interval])`;
      return [0.5, 0.9, 0.99].map((quantile, index) =>
        target(
          "ABC"[index] ?? "A",
          `histogram_quantile(${quantile}, sum by (le, ${
            row.labels.join(", ") || "job"
          }) (${buckets}))`,
          `p${quantile * 100} ${row.labels.map((label) => `{{${label}}}`).join(" ")}`.trim(),
        )
      );
    }
  }
}

/** A title for people: the name without what it says of its kind. */
function titleOf({ name }: MetricRow): string {
  const words = name.replace(/^(kubeproxy|weir|rest_client|process|kubernetes)_/, "")
    .replace(/_(total|seconds|bytes|timestamp_seconds)$/, "").replace(/_seconds$/, "")
    .replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

const WIDTH = 12;
const HEIGHT = 8;

function panel(row: MetricRow, id: number, index: number, top: number) {
  return {
    id,
    type: "timeseries",
    title: titleOf(row),
    description: `${row.name}: ${row.help}`,
    datasource: SOURCE,
    gridPos: {
      h: HEIGHT,
      w: WIDTH,
      x: index % 2 * WIDTH,
      y: top + Math.floor(index / 2) * HEIGHT,
    },
    fieldConfig: { defaults: { unit: unitOf(row), min: 0 }, overrides: [] },
    options: {
      legend: { displayMode: "list", placement: "bottom", showLegend: true },
      tooltip: { mode: "multi", sort: "desc" },
    },
    targets: targetsOf(row),
  };
}

function variable(name: string, label: string, query: string) {
  return {
    name,
    label,
    type: "query",
    datasource: SOURCE,
    query: { query, refId: name },
    definition: query,
    refresh: 2,
    includeAll: true,
    multi: true,
    sort: 1,
    current: { text: ["All"], value: ["$__all"] },
  };
}

/**
 * Makes the dashboard.
 *
 * @returns As Grafana imports it.
 */
export function dashboard() {
  const rows: readonly MetricRow[] = Object.values(METRICS);
  const moving = rows.filter(({ constant }) => constant === undefined);
  const panels: unknown[] = [];
  let id = 0;
  let top = 0;
  for (const [title, prefixes] of SECTIONS) {
    const members = moving.filter(({ name }) => prefixes.some((prefix) => name.startsWith(prefix)));
    const position = { h: 1, w: 24, x: 0, y: top };
    panels.push({ id: ++id, type: "row", title, collapsed: false, gridPos: position, panels: [] });
    top++;
    for (const [index, row] of members.entries()) panels.push(panel(row, ++id, index, top));
    top += Math.ceil(members.length / 2) * HEIGHT;
  }
  return {
    uid: "weir",
    title: "weir",
    description: "Made by `deno task generate` from weir's metric table.",
    tags: ["kubernetes", "networking", "weir"],
    schemaVersion: 39,
    version: 1,
    editable: true,
    graphTooltip: 1,
    time: { from: "now-1h", to: "now" },
    refresh: "30s",
    timezone: "browser",
    templating: {
      list: [
        {
          name: "datasource",
          label: "Data source",
          type: "datasource",
          query: "prometheus",
          current: {},
        },
        variable("job", "Job", `label_values(${METRICS.syncLastTimestamp.name}, job)`),
        variable(
          "instance",
          "Node",
          `label_values(${METRICS.syncLastTimestamp.name}{job=~"$job"}, instance)`,
        ),
      ],
    },
    annotations: { list: [] },
    links: [],
    panels,
  };
}
