/**
 * Exemplars: which trace one observation of a histogram was part of.
 *
 * @module
 */
import { TraceFlags } from "@opentelemetry/api";
import { parseTraceparent } from "./traceparent.ts";

/** The labels by which Grafana and others find a trace, or none. */
export type Exemplar = { readonly trace_id: string; readonly span_id: string } | {
  readonly [label: string]: never;
};

const NONE: Exemplar = {};

/**
 * The exemplar of what was traced.
 *
 * @param traceparent W3C trace context, or undefined when nothing was traced.
 * @returns Its labels; none when the trace was not sampled, so that nobody could look it up.
 */
export function exemplarOf(traceparent: string | undefined): Exemplar {
  if (traceparent === undefined) return NONE;
  const span = parseTraceparent(traceparent);
  if (span === undefined || (span.traceFlags & TraceFlags.SAMPLED) === 0) return NONE;
  return { trace_id: span.traceId, span_id: span.spanId };
}
