/**
 * Tracing for tests: it keeps its traces, and counts where identifiers would be random.
 *
 * @module
 */
import { countingIdentifiers } from "./identifiers.ts";
import type { TraceRecord } from "./span.ts";
import { createTracing, type Tracing, type TracingOptions } from "./trace.ts";

/**
 * Makes it.
 *
 * @param now Milliseconds since the epoch.
 * @param more What else is not as ever.
 * @returns Where traces begin, and those that are over.
 */
export function recordingTracing(
  now: () => number,
  more: Partial<TracingOptions> = {},
): { readonly tracing: Tracing; readonly traces: readonly TraceRecord[] } {
  const traces: TraceRecord[] = [];
  const tracing = createTracing({
    now,
    identifiers: countingIdentifiers(),
    finished: (trace) => traces.push(trace),
    ...more,
  });
  return { tracing, traces };
}

/**
 * Writes a trace down.
 *
 * @param trace The trace.
 * @returns For each span `parent > name attributes`, with `-` for the parent of the root.
 */
export function spanTree({ spans }: TraceRecord): string[] {
  return spans.map(({ parentId, name, attributes }) => {
    const parent = spans.find(({ spanId }) => spanId === parentId);
    return `${parent?.name ?? "-"} > ${name} ${JSON.stringify(attributes)}`;
  });
}

/**
 * Writes the times of a trace down.
 *
 * @param trace The trace.
 * @returns For each span `name begin–end`, in milliseconds since the root's begin.
 */
export function spanTimes({ spans }: TraceRecord): string[] {
  const [{ startedAt: origin }] = spans;
  return spans.map(({ name, startedAt, endedAt }) =>
    `${name} ${startedAt - origin}–${endedAt - origin}`
  );
}
