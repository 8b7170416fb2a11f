/**
 * The metric table as Markdown, for host/telemetry's README.
 *
 * @module
 */
import type { MetricRow } from "../../host/telemetry/metric_row.ts";
import { METRICS } from "../../host/telemetry/metric_table.ts";

/** The comments between which the page holds the table. */
export const MARKERS = {
  begin: "<!-- metrics: begin -->",
  end: "<!-- metrics: end -->",
} as const;

const ROOMS: readonly (readonly [title: string, prefix: RegExp])[] = [
  ["kube-proxy's", /^kubeproxy_/],
  ["weir's own", /^weir_/],
  ["Every component's", /^(kubernetes|registered|hidden|disabled)_/],
  ["The API server's client", /^rest_client_/],
  ["The process", /^process_/],
];

/** 81 bounds say less than the first and the last. */
const MOST_BOUNDS = 15;

function bucketsOf(buckets: readonly number[]): string {
  const text = (bounds: readonly number[]) =>
    bounds.map((bound) => Number(bound.toPrecision(6))).join(" ");
  return buckets.length <= MOST_BOUNDS
    ? text(buckets)
    : `${text(buckets.slice(0, 3))} … ${text(buckets.slice(-2))} (${buckets.length})`;
}

function line(row: MetricRow): string {
  const kind = row.buckets === undefined ? row.type : `${row.type}: ${bucketsOf(row.buckets)}`;
  const cells = [
    `\`${row.name}\``,
    row.labels.map((label) => `\`${label}\``).join(" "),
    kind,
    (row.stability ?? "").toLowerCase(),
    row.constant === undefined ? row.help : `${row.help} (Constant: ${row.constant}.)`,
  ];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

/**
 * Renders the table.
 *
 * @returns Markdown: a heading and a table for each kind.
 */
export function metricsMarkdown(): string {
  const rows: readonly MetricRow[] = Object.values(METRICS);
  return ROOMS.flatMap(([title, prefix]) => [
    `### ${title}`,
    "",
    "| metric | labels | type, buckets | stability | meaning |",
    "| --- | --- | --- | --- | --- |",
    ...rows.filter(({ name }) => prefix.test(name)).map(line),
    "",
  ]).join("\n");
}

/**
 * Puts the table where a page holds it.
 *
 * @param page With {@linkcode MARKERS}.
 * @returns The page with the table as it is now.
 */
export function withTable(page: string): string {
  const begin = page.indexOf(MARKERS.begin) + MARKERS.begin.length;
  const end = page.indexOf(MARKERS.end);
  return `${page.slice(0, begin)}\n\n${metricsMarkdown()}\n${page.slice(end)}`;
}
