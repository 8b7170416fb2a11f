/**
 * Where in the source something was called.
 *
 * @module
 */

/** A place in the source. */
export interface CallSite {
  /** As the engine names it, mostly a URL: `file:///weir/host/tracker.ts`. */
  readonly path: string;
  /** Counted from 1; 0 when the engine does not tell. */
  readonly line: number;
}

/** `file:///weir/host/tracker.ts:123:4` at the end of a frame, whose column is not wanted. */
const FRAME = /([^()\s]+):(\d+):\d+\)?$/;

/** Frames in a stack trace that is asked for. */
const DEEPEST = 50;

function capture(boundary: unknown, frames: number): string {
  const limit = Error.stackTraceLimit;
  const holder: { stack?: string } = {};
  try {
    Error.stackTraceLimit = frames;
    if (typeof boundary === "function") Error.captureStackTrace(holder, boundary);
  } finally {
    Error.stackTraceLimit = limit;
  }
  return holder.stack ?? "";
}

/**
 * Finds who called a function, at the cost of one stack frame (a few microseconds).
 *
 * @param boundary The function whose caller is wanted; it must be on the stack.
 * @returns A frame that only {@linkcode parseFrame} understands; the same for the same place.
 */
export function callFrame(boundary: unknown): string {
  return capture(boundary, 1);
}

/**
 * Reads a frame.
 *
 * @param frame As {@linkcode callFrame} gave it.
 * @returns The place, or `unknown`, line 0, when the engine did not tell.
 */
export function parseFrame(frame: string): CallSite {
  const [, path = "unknown", line = "0"] = FRAME.exec(frame) ?? [];
  return { path, line: Number(line) };
}

/**
 * Tells how a function came to be called.
 *
 * @param boundary The function; it must be on the stack.
 * @returns One line per caller, innermost first, without indentation.
 */
export function callStack(boundary: unknown): string[] {
  // The first line names the error, which there is none of.
  return capture(boundary, DEEPEST).split("\n").slice(1).map((line) => line.trim());
}

/**
 * Names a place by its file.
 *
 * @param site A place.
 * @param parts How many parts of the path: 1 is the file alone, 2 its folder as well.
 * @returns `tracker.ts:123` or `host/tracker.ts:123`.
 */
export function siteName({ path, line }: CallSite, parts: 1 | 2): string {
  const slash = path.lastIndexOf("/");
  const start = parts === 1 ? slash : path.lastIndexOf("/", slash - 1);
  return `${path.slice(start + 1)}:${line}`;
}
