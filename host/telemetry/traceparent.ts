/**
 * Trace context on the wire: the `traceparent` of W3C Trace Context, Level 1. `@opentelemetry/api`
 * has the words for it but no propagator; that comes with an SDK, which a plugin never has.
 *
 * @module
 */
import { isSpanContextValid, type SpanContext, TraceFlags } from "@opentelemetry/api";

/** §3.2.2: lower-case hexadecimal digits; a later version may append fields after a hyphen. */
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/**
 * Writes a span's context for the wire.
 *
 * @param span The context of the sending span.
 * @returns `00-<trace id>-<span id>-<flags>`, or undefined when nothing is traced.
 */
export function formatTraceparent(span: SpanContext): string | undefined {
  if (!isSpanContextValid(span)) return undefined;
  // Of the flags, version 00 knows only `sampled`; others must be sent as 0.
  const flags = (span.traceFlags & TraceFlags.SAMPLED).toString(16).padStart(2, "0");
  return `00-${span.traceId}-${span.spanId}-${flags}`;
}

/**
 * Reads a `traceparent`.
 *
 * @param text What came over the wire.
 * @returns The sender's span, or undefined when the text is none: a receiver then starts anew.
 */
export function parseTraceparent(text: string): SpanContext | undefined {
  const match = TRACEPARENT.exec(text);
  if (match === null) return undefined;
  const [, version = "", traceId = "", spanId = "", flags = "", more] = match;
  // §3.2.1: ff is never a version, and version 00 has exactly four fields.
  if (version === "ff" || (version === "00" && more !== undefined)) return undefined;
  const span: SpanContext = {
    traceId,
    spanId,
    traceFlags: parseInt(flags, 16) & TraceFlags.SAMPLED,
    isRemote: true,
  };
  return isSpanContextValid(span) ? span : undefined;
}
