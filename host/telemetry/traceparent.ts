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
 * @param sampled Whether the receiver is to tell of spans of its own.
 * @returns `00-<trace id>-<span id>-01`, or with `00` at its end when it is not sampled.
 */
export function formatTraceparent(traceId: string, spanId: string, sampled: boolean): string {
  return `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`;
}
