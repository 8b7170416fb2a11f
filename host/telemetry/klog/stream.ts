/**
 * The standard streams: all lines to the standard error or, when split, news to the standard
 * output, gathered if so wished.
 *
 * @module
 */
import type { LogSeverity } from "../log.ts";
import type { StreamSettings } from "./settings.ts";

/** Writes all of a text at once. */
export type WriteText = (text: string) => void;

/** What a log writes to. */
export interface LogStreams {
  /**
   * Writes a line, or gathers it.
   *
   * @param text The line.
   * @param severity Decides the stream when they are split.
   * @returns Whether something is gathered and waits for {@linkcode LogStreams.flush}.
   */
  write(text: string, severity: LogSeverity): boolean;
  /** Writes what is gathered. */
  flush(): void;
}

const encoder = new TextEncoder();

/**
 * Makes the streams of a format.
 *
 * @param settings How they are used.
 * @param format Where warnings go: in the text format they are errors' company, in JSON they are
 * news, as in component-base.
 * @param stdout The standard output.
 * @param stderr The standard error.
 * @returns The streams.
 */
export function logStreams(
  settings: StreamSettings,
  format: "text" | "json",
  stdout: WriteText,
  stderr: WriteText,
): LogStreams {
  const { splitStream, infoBufferSize } = settings;
  let gathered = "";
  let bytes = 0;
  const flush = () => {
    if (bytes === 0) return;
    const text = gathered;
    gathered = "";
    bytes = 0;
    stdout(text);
  };
  if (!splitStream) {
    return {
      write(text) {
        stderr(text);
        return false;
      },
      flush,
    };
  }
  return {
    write(text, severity) {
      if (severity === "error" || (severity === "warning" && format === "text")) {
        // What led to an error is of no use when it is lost with the process.
        flush();
        stderr(text);
        return false;
      }
      if (infoBufferSize === 0) {
        stdout(text);
        return false;
      }
      const size = encoder.encode(text).length;
      if (bytes + size > infoBufferSize) flush();
      if (size > infoBufferSize) stdout(text);
      else {
        gathered += text;
        bytes += size;
      }
      return bytes > 0;
    },
    flush,
  };
}
