/**
 * A log that remembers.
 *
 * @module
 */
import type { Log } from "../../schemas/capability.ts";

/** One line that was logged. */
export interface RecordedLine {
  /** How loud it was. */
  readonly level: keyof Log;
  /** What was said. */
  readonly message: string;
  /** What was said beside; empty for nothing. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/**
 * Makes a log that remembers its lines.
 *
 * @returns The log, and its lines, oldest first.
 *
 * @example
 * ```ts
 * import { recordingLog } from "weir/testing";
 * import assert from "node:assert/strict";
 *
 * const { log, lines } = recordingLog();
 * log.info("programmed", { ports: 3 });
 * assert.deepEqual(lines, [{ level: "info", message: "programmed", fields: { ports: 3 } }]);
 * ```
 */
export function recordingLog(): { readonly log: Log; readonly lines: readonly RecordedLine[] } {
  const lines: RecordedLine[] = [];
  const line =
    (level: keyof Log) => (message: string, fields: Readonly<Record<string, unknown>> = {}) => {
      lines.push({ level, message, fields });
    };
  const log = {
    debug: line("debug"),
    info: line("info"),
    warn: line("warn"),
    error: line("error"),
  };
  return { log, lines };
}
