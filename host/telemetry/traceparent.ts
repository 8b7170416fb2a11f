/**
 * Trace context on the wire: the `traceparent` of W3C Trace Context, Level 1.
 *
 * @module
 */

/**
 * Writes a span's context for the wire.
 *
 * @param traceId 32 hexadecimal digits.
 * @param spanId 16 hexadecimal digits, of the sending span.
 * @returns `00-<trace id>-<span id>-01`: each span is recorded, which is what the flag says;
 * whether it is exported is decided when the trace is over.
 */
export function formatTraceparent(traceId: string, spanId: string): string {
  return `00-${traceId}-${spanId}-01`;
}
