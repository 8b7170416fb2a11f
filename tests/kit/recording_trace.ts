/**
 * A trace that remembers.
 *
 * @module
 */
import { CallSpans, type SpanDetails, type Trace } from "../../plugins/sdk/trace.ts";

/** One span that is over. */
export interface RecordedSpan {
  /** What was done. */
  readonly name: string;
  /** The span that it was part of; undefined for the handler itself. */
  readonly parent: string | undefined;
  /** What it said of itself. */
  readonly details: SpanDetails;
  /** What it failed with; undefined when it did not. */
  readonly error: string | undefined;
}

/**
 * Makes a trace that remembers its spans.
 *
 * @returns The trace, and what tells its spans so far, in the order of their begin.
 *
 * @example
 * ```ts
 * import { recordingTrace } from "weir/testing";
 * import assert from "node:assert/strict";
 *
 * const { trace, spans } = recordingTrace();
 * trace.span("encode", { ports: 3 }, () => trace.span("sort", {}, () => {}));
 * assert.deepEqual(spans().map(({ name, parent }) => [name, parent]), [
 *   ["encode", undefined],
 *   ["sort", "encode"],
 * ]);
 * ```
 */
export function recordingTrace(): {
  readonly trace: Trace;
  readonly spans: () => readonly RecordedSpan[];
} {
  const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
  const told: Parameters<ConstructorParameters<typeof CallSpans>[2]>[0]["spans"] = [];
  const call = new CallSpans(1, traceparent, ({ spans }) => told.push(...spans), () => 0);
  const spans = () => {
    call.flush();
    return told.toSorted((one, other) => one.number - other.number).map((span) => ({
      name: span.name,
      parent: told.find(({ number }) => number === span.parent)?.name,
      details: span.attributes,
      error: span.error,
    }));
  };
  return { trace: call.trace, spans };
}
