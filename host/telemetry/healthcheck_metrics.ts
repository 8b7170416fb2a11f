/**
 * What a health check tells the metrics of /metrics/slis (KEP-3466).
 *
 * @module
 */
import type { Metrics } from "./metrics.ts";

/** A health check that was asked for. */
export interface Healthcheck {
  /** `ping` answers always, `proxy` for the proxy as a whole. */
  readonly name: "ping" | "proxy";
  /** The path it was asked by. */
  readonly type: "healthz" | "livez";
  readonly healthy: boolean;
}

/**
 * Records a health check as component-base does.
 *
 * @param metrics The instruments.
 * @param check What it was and how it ended.
 */
export function recordHealthcheck(metrics: Metrics, { name, type, healthy }: Healthcheck): void {
  metrics.healthcheck.set({ name, type }, healthy ? 1 : 0);
  metrics.healthchecks.inc({ name, type, status: healthy ? "success" : "error" });
}
