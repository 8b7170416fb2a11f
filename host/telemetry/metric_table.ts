/**
 * The metrics: one row is one metric. What kube-proxy has keeps its name, type, labels, buckets and
 * help; weir's own begin with `weir_`.
 *
 * @module
 */
import { COMPONENT_ROWS } from "./component_rows.ts";
import { KUBE_PROXY_ROWS } from "./kube_proxy_rows.ts";
import type { MetricRows } from "./metric_row.ts";
import { WEIR_ROWS } from "./weir_rows.ts";

/** All metrics, by the name the code knows them under. */
export const METRICS = {
  ...KUBE_PROXY_ROWS,
  ...COMPONENT_ROWS,
  ...WEIR_ROWS,
} as const satisfies MetricRows;
