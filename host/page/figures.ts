/**
 * How fast syncs are, out of the last of them.
 *
 * @module
 */
import type { TraceRecord } from "../telemetry/span.ts";

/** Figures of the last syncs that had anything to do; times are milliseconds from the first change to the sync's end. */
export interface SyncFigures {
  /** How many syncs the figures are of. */
  readonly count: number;
  /** How many of them failed. */
  readonly failed: number;
  /** Syncs a second within the last minute. */
  readonly perSecond: number;
  /** Undefined while there is no sync. */
  readonly median: number | undefined;
  /** Undefined while there is no sync. */
  readonly p99: number | undefined;
  /** Undefined while there is no sync. */
  readonly slowest: number | undefined;
}

/** Milliseconds of which the rate is told. */
const WINDOW_MS = 60_000;

/**
 * How long a sync took.
 *
 * @param trace The sync.
 * @returns Milliseconds.
 */
export function durationOf({ spans: [root] }: TraceRecord): number {
  return Math.max(0, root.endedAt - root.startedAt);
}

/**
 * Whether a sync gave the proxier anything to do, or failed before it could.
 *
 * @param trace The sync.
 * @returns False when all that had changed came to the same.
 */
export function didSomething({ spans: [root] }: TraceRecord): boolean {
  return root.attributes["weir.revision"] !== undefined || root.error !== undefined;
}

/** The value below or at which a share of all values lies (nearest rank). */
function quantile(sorted: readonly number[], share: number): number | undefined {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

/**
 * Counts.
 *
 * @param traces The last syncs, the newest first.
 * @param now Milliseconds since the epoch.
 * @param startedAt When weir started, in milliseconds since the epoch.
 * @param kept How many syncs are kept at most: that many may be less than a minute's.
 * @returns The figures.
 */
export function syncFigures(
  traces: readonly TraceRecord[],
  now: number,
  startedAt: number,
  kept: number,
): SyncFigures {
  const counted = traces.filter(didSomething);
  const durations = counted.map(durationOf).sort((one, other) => one - other);
  const oldest = traces.at(-1)?.spans[0].endedAt ?? now;
  const since = Math.max(now - WINDOW_MS, traces.length < kept ? startedAt : oldest);
  const recent = counted.filter(({ spans: [root] }) => root.endedAt >= since).length;
  return {
    count: counted.length,
    failed: counted.filter(({ spans: [root] }) => root.error !== undefined).length,
    perSecond: recent / Math.max(1, (now - since) / 1000),
    median: quantile(durations, 0.5),
    p99: quantile(durations, 0.99),
    slowest: durations.at(-1),
  };
}
