/**
 * Where in the source something was called.
 *
 * @module
 */

/** `tracker.ts:123` at the end of a frame, whose column is not wanted. */
const FRAME = /([^/\\()\s]+:\d+):\d+\)?$/;

/**
 * Finds who called a function, at the cost of one stack frame (a few microseconds).
 *
 * @param boundary The function whose caller is wanted; it must be on the stack.
 * @returns `file.ts:123`, or `unknown:0` when the engine does not tell.
 */
export function callSite(boundary: unknown): string {
  const limit = Error.stackTraceLimit;
  const holder: { stack?: string } = {};
  try {
    Error.stackTraceLimit = 1;
    if (typeof boundary === "function") Error.captureStackTrace(holder, boundary);
  } finally {
    Error.stackTraceLimit = limit;
  }
  return FRAME.exec(holder.stack ?? "")?.[1] ?? "unknown:0";
}
