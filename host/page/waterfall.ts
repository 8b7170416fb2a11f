/**
 * A trace laid out for people: spans beneath the one they belong to, each with its place in time.
 *
 * @module
 */
import type { SpanRecord, TraceRecord } from "../telemetry/span.ts";

/** A span with its place. */
export interface Step {
  readonly span: SpanRecord;
  /** 0 for the root. */
  readonly depth: number;
  /** Where it begins, from 0 at the trace's first moment to 1 at its last. */
  readonly begin: number;
  /** How much of the trace it takes, from 0 to 1. */
  readonly share: number;
  /** Milliseconds from the root's beginning; below 0 for what was before. */
  readonly after: number;
  /** Milliseconds. */
  readonly milliseconds: number;
}

/**
 * Lays a trace out.
 *
 * @param trace The trace.
 * @returns Its spans, each after the one it belongs to and after what began before it.
 */
export function waterfall({ spans }: TraceRecord): readonly Step[] {
  const [root] = spans;
  const first = Math.min(...spans.map(({ startedAt }) => startedAt));
  const whole = Math.max(...spans.map(({ endedAt }) => endedAt)) - first;
  const known = new Set(spans.map(({ spanId }) => spanId));
  const children = new Map<string, SpanRecord[]>();
  for (const span of spans) {
    if (span === root) continue;
    // A span whose parent was dropped is shown beneath the root.
    const parent = span.parentId !== undefined && known.has(span.parentId)
      ? span.parentId
      : root.spanId;
    children.set(parent, [...children.get(parent) ?? [], span]);
  }
  const steps: Step[] = [];
  const told = new Set<SpanRecord>();
  const tell = (span: SpanRecord, depth: number) => {
    if (told.has(span)) return;
    told.add(span);
    const milliseconds = Math.max(0, span.endedAt - span.startedAt);
    steps.push({
      span,
      depth,
      begin: whole <= 0 ? 0 : (span.startedAt - first) / whole,
      share: whole <= 0 ? 1 : milliseconds / whole,
      after: span.startedAt - root.startedAt,
      milliseconds,
    });
    const below = children.get(span.spanId) ?? [];
    below.sort((one, other) => one.startedAt - other.startedAt);
    for (const child of below) tell(child, depth + 1);
  };
  tell(root, 0);
  return steps;
}
