/**
 * What a metric is declared with: one row is one metric.
 *
 * @module
 */

/** How long a name can be relied on, as component-base says it (KEP-1209). */
export type Stability = "ALPHA" | "BETA";

/** One row: one metric. */
export interface MetricRow {
  readonly type: "counter" | "gauge" | "histogram";
  readonly name: string;
  /** One line, without stability and deprecation, which {@linkcode helpOf} puts before it. */
  readonly help: string;
  /** Of Kubernetes' own metrics; weir's have none. */
  readonly stability?: Stability;
  readonly labels: readonly string[];
  /** Upper bounds of a histogram, ascending, without infinity; absent for the other types. */
  readonly buckets?: readonly number[];
  /** Where it is served; /metrics when absent. */
  readonly page?: "slis";
  /** The version of weir that says it goes, for example `0.2`; the next one hides it. */
  readonly deprecated?: string;
  /** Why nothing that happens moves it; absent when something does. */
  readonly constant?: string;
}

/** Rows by the name that the code knows them under. */
export type MetricRows = Readonly<Record<string, MetricRow>>;

/** What became of a row in this version. */
export type Visibility = "shown" | "hidden";

function minorOf(version: string): readonly [major: number, minor: number] {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return [major, minor];
}

/**
 * Whether a row is there. As in component-base a deprecated metric is served for the rest of its
 * version and hidden from the next one on. `--show-hidden-metrics-for-version` shows all that are
 * hidden, whatever version it names, as kube-proxy reads it (SetShowHidden).
 *
 * @param row The metric.
 * @param version weir's, for example `0.3.1`.
 * @param shownFor What the flag says, for example `1.36`; "" when it is not given.
 * @returns `hidden` when it must not be registered.
 */
export function visibilityOf(row: MetricRow, version: string, shownFor: string): Visibility {
  if (row.deprecated === undefined) return "shown";
  const [major, minor] = minorOf(version);
  const [atMajor, atMinor] = minorOf(row.deprecated);
  const past = atMajor < major || (atMajor === major && atMinor < minor);
  return past && shownFor === "" ? "hidden" : "shown";
}

/**
 * The help as it is served.
 *
 * @param row The metric.
 * @returns With stability and deprecation before it, as component-base writes them.
 */
export function helpOf({ stability, deprecated, help }: MetricRow): string {
  const since = deprecated === undefined ? "" : `(Deprecated since ${deprecated}) `;
  return `${stability === undefined ? "" : `[${stability}] `}${since}${help}`;
}

/**
 * Buckets of equal width.
 *
 * @param start The first bound.
 * @param width Between two bounds.
 * @param count How many there are.
 * @returns Ascending bounds.
 */
export function linear(start: number, width: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => start + width * index);
}

/**
 * Buckets that grow.
 *
 * @param start The first bound.
 * @param factor From one bound to the next.
 * @param count How many there are.
 * @returns Ascending bounds.
 */
export function exponential(start: number, factor: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => start * factor ** index);
}
