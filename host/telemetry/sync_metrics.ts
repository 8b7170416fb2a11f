/**
 * What one sync tells the metrics.
 *
 * @module
 */
import type { IpFamily } from "../../schemas/kube.ts";
import type { Metrics } from "./metrics.ts";

/** A sync that has ended. */
export interface SyncReport {
  /** `full` for a resync, `partial` for a diff. */
  readonly kind: "full" | "partial";
  /** The families that it programmed; weir programs all of them in one transaction. */
  readonly families: readonly IpFamily[];
  /** When it began, in milliseconds since the epoch. */
  readonly startedAt: number;
  /** When it ended, in milliseconds since the epoch. */
  readonly endedAt: number;
  readonly outcome:
    | {
      readonly type: "done";
      /** When the changes that it programmed happened, in milliseconds since the epoch. */
      readonly changedAt: readonly number[];
    }
    | { readonly type: "failed" };
}

/**
 * Records a sync as kube-proxy records it: durations whether it failed or not, timestamp and
 * network programming latency (one observation for each changed slice) only when it succeeded.
 *
 * @param metrics The instruments.
 * @param report The sync.
 */
export function recordSync(metrics: Metrics, report: SyncReport): void {
  const seconds = (report.endedAt - report.startedAt) / 1000;
  const byKind = report.kind === "full" ? metrics.fullSyncDuration : metrics.partialSyncDuration;
  for (const family of report.families) {
    const labels = { ip_family: family };
    metrics.syncDuration.observe(labels, seconds);
    byKind.observe(labels, seconds);
    if (report.outcome.type === "failed") {
      metrics.nftablesSyncFailures.inc(labels);
      continue;
    }
    metrics.syncLastTimestamp.set(labels, report.endedAt / 1000);
    for (const changedAt of report.outcome.changedAt) {
      // A control plane whose clock is ahead must not count as a negative latency.
      const latency = Math.max(0, report.endedAt - changedAt) / 1000;
      metrics.networkProgrammingDuration.observe(labels, latency);
    }
  }
}
