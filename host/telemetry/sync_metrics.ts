/**
 * What one sync tells the metrics.
 *
 * @module
 */
import type { IpFamily } from "../../schemas/kube.ts";
import type { Revisions } from "../diff.ts";
import type { PendingChanges } from "../tracker.ts";
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
  /** Of its trace, 32 hexadecimal digits. */
  readonly traceId?: string;
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
  const { traceId } = report;
  for (const family of report.families) {
    const labels = { ip_family: family };
    metrics.syncDuration.observe(labels, seconds, traceId);
    byKind.observe(labels, seconds, traceId);
    if (report.outcome.type === "failed") {
      metrics.nftablesSyncFailures.inc(labels);
      continue;
    }
    metrics.syncLastTimestamp.set(labels, report.endedAt / 1000);
    for (const changedAt of report.outcome.changedAt) {
      // A control plane whose clock is ahead must not count as a negative latency.
      const latency = Math.max(0, report.endedAt - changedAt) / 1000;
      metrics.networkProgrammingDuration.observe(labels, latency, traceId);
    }
  }
}

/**
 * Records that a sync was asked for.
 *
 * @param metrics The instruments.
 * @param families The families that it will program.
 * @param at When, in milliseconds since the epoch.
 */
export function recordQueued(metrics: Metrics, families: readonly IpFamily[], at: number): void {
  for (const ip_family of families) metrics.syncLastQueuedTimestamp.set({ ip_family }, at / 1000);
}

/**
 * Records how many changes wait.
 *
 * @param metrics The instruments.
 * @param pending What waits.
 */
export function recordPending(metrics: Metrics, pending: PendingChanges): void {
  metrics.serviceChangesPending.set(pending.services);
  metrics.endpointChangesPending.set(pending.endpointSlices);
}

/**
 * Records what a delivery of the source has added.
 *
 * @param metrics The instruments.
 * @param before What waited before it.
 * @param after What waits now.
 */
export function recordChanges(
  metrics: Metrics,
  before: PendingChanges,
  after: PendingChanges,
): void {
  metrics.serviceChanges.inc(after.services - before.services);
  metrics.endpointChanges.inc(after.endpointSlices - before.endpointSlices);
  recordPending(metrics, after);
}

/**
 * Records the service ports whose policy is Local without a local endpoint.
 *
 * @param metrics The instruments.
 * @param families The families that are programmed.
 * @param revisions Counts them.
 */
export function recordDrops(
  metrics: Metrics,
  families: readonly IpFamily[],
  revisions: Pick<Revisions, "dropped">,
): void {
  for (const ip_family of families) {
    for (const traffic_policy of ["internal", "external"] as const) {
      const count = revisions.dropped(ip_family, traffic_policy);
      metrics.noLocalEndpoints.set({ ip_family, traffic_policy }, count);
    }
  }
}
