/**
 * Metrics as text, in Prometheus' format 0.0.4 and in OpenMetrics 1.0. prom-client writes one format
 * for each registry and, when that is OpenMetrics, takes `_total` off its counters' names for good
 * (15.1.3, registry.js), so that a page in both formats has to be written from its data.
 *
 * @module
 */
import { Registry } from "prom-client";

/** The formats; only OpenMetrics has room for exemplars. */
export type MetricFormat = "text" | "openmetrics";

/** The media type of each format. */
export const CONTENT_TYPES: Readonly<Record<MetricFormat, string>> = {
  text: Registry.PROMETHEUS_CONTENT_TYPE,
  openmetrics: Registry.OPENMETRICS_CONTENT_TYPE,
};

/** Labels with their values. */
export type Labels = Readonly<Record<string, string | number>>;

/** One line. */
export interface Sample {
  /** The family's name, or one with `_bucket`, `_sum` or `_count` behind it. */
  readonly metricName?: string;
  readonly labels: Labels;
  readonly value: number;
  readonly exemplar?: {
    readonly labelSet: Labels;
    readonly value: number;
    /** Seconds since the epoch. */
    readonly timestamp: number;
  } | null;
}

/** All samples of one metric. */
export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly values: readonly Sample[];
  /** Lines that somebody writes himself, many at a time, each with its line feed. */
  readonly lines?: Iterable<string> | undefined;
}

/** Characters of a page that are written in one go: a sync that begins waits for no more. */
export const PIECE = 32_768;

/** One of the media types that a request accepts. */
interface Accepted {
  readonly type: string;
  /** "" when it does not say. */
  readonly version: string;
  /** How much it is wanted, from 0 to 1. */
  readonly quality: number;
}

function accepted(entry: string): Accepted {
  const [type = "", ...rest] = entry.split(";").map((part) => part.trim());
  const parameters = new Map(rest.map((each) => {
    const [name = "", value = ""] = each.split("=");
    return [name.trim().toLowerCase(), value.trim()] as const;
  }));
  const quality = Number(parameters.get("q") ?? 1);
  return { type: type.toLowerCase(), version: parameters.get("version") ?? "", quality };
}

/** The format for a media type, if it is one in a version that is written here. */
function formatOf({ type, version }: Accepted): MetricFormat | undefined {
  if (type === "text/plain" && ["", "0.0.4"].includes(version)) return "text";
  const isOpen = type === "application/openmetrics-text" &&
    ["", "0.0.1", "1.0.0"].includes(version);
  return isOpen ? "openmetrics" : undefined;
}

/**
 * Chooses the format.
 *
 * @param accept The request's Accept header.
 * @returns What it wants most of what is written here; else text, as Prometheus' own handler falls
 * back to it (expfmt.NegotiateIncludingOpenMetrics).
 */
export function formatFor(accept: string | undefined): MetricFormat {
  const wanted = (accept ?? "").split(",").map(accepted).filter(({ quality }) => quality > 0)
    // Stable: of two that are wanted alike the first one wins.
    .sort((one, other) => other.quality - one.quality);
  return wanted.map(formatOf).find((format) => format !== undefined) ?? "text";
}

function escapeHelp(text: string, format: MetricFormat): string {
  const escaped = text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
  return format === "openmetrics" ? escaped.replaceAll('"', '\\"') : escaped;
}

function number(value: number): string {
  if (value === Infinity) return "+Inf";
  return value === -Infinity ? "-Inf" : String(value);
}

/**
 * Writes labels.
 *
 * @param labels Names with values.
 * @returns In braces; "" without any.
 */
export function labelsText(labels: Labels): string {
  const parts = Object.entries(labels).map(([name, value]) => {
    const text = String(value).replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
    return `${name}="${text.replaceAll('"', '\\"')}"`;
  });
  return parts.length === 0 ? "" : `{${parts.join(",")}}`;
}

function line(family: MetricFamily, sample: Sample, format: MetricFormat): string {
  const { exemplar, labels, metricName = family.name, value } = sample;
  const text = `${metricName}${labelsText(labels)} ${number(value)}`;
  if (format === "text" || exemplar === null || exemplar === undefined) return text;
  const { labelSet, value: observed, timestamp } = exemplar;
  return `${text} # ${labelsText(labelSet)} ${number(observed)} ${timestamp}`;
}

/**
 * Writes metrics, piece by piece.
 *
 * @param families What there is.
 * @param format How.
 * @returns The whole page in pieces, each made when it is asked for.
 */
export function* expose(
  families: readonly MetricFamily[],
  format: MetricFormat,
): Generator<string> {
  let piece = "";
  for (const family of families) {
    const { help, name, type, values, lines = [] } = family;
    // OpenMetrics names the family of a counter without what its samples end with.
    const named = format === "openmetrics" && type === "counter"
      ? name.replace(/_total$/, "")
      : name;
    piece += `# HELP ${named} ${escapeHelp(help, format)}\n# TYPE ${named} ${type}\n`;
    for (const sample of values) {
      piece += `${line(family, sample, format)}\n`;
      if (piece.length < PIECE) continue;
      yield piece;
      piece = "";
    }
    for (const more of lines) {
      yield piece + more;
      piece = "";
    }
  }
  yield format === "openmetrics" ? `${piece}# EOF\n` : piece;
}
