/**
 * The log of one run, whose settings can be replaced while it runs.
 *
 * @module
 */
import type { Prepared } from "../prepared.ts";
import { jsonFormat } from "./klog/json.ts";
import { type LogOutput, openOutput } from "./klog/output.ts";
import type { LogSettings } from "./klog/settings.ts";
import { textFormat } from "./klog/text.ts";
import { moduleLevels } from "./klog/vmodule.ts";
import { createLog, type LogFormat, type LogGate, type Logger } from "./log.ts";
import type { LogMachine } from "./log_machine.ts";

/** A log, and the hands on it. */
export interface RunningLog {
  /** The log itself; it stays the same whatever is configured. */
  readonly log: Logger;
  /** What is in force. */
  readonly settings: LogSettings;
  /**
   * Opens what other settings need, beside what is open; files that stay are not touched.
   *
   * @param settings All of them, for example `{ ...running.settings, verbosity: 4 }`.
   * @returns Puts them in force from the next record on, and closes what they do not need, or
   * drops them.
   * @throws {WeirError} WEIR_LOG_FILE when a file cannot be opened; then nothing has changed.
   */
  prepare(settings: LogSettings): Prepared;
  /** Writes what is gathered. */
  flush(): void;
  /** Writes what is gathered and closes the files; what is logged later shows on stderr. */
  close(): void;
}

/** What of the settings decides which streams and files are open. */
function outputKey({ format, flushFrequency, options, files }: LogSettings): string {
  const { backtraceAt: _, ...opened } = files;
  return JSON.stringify([format, flushFrequency, options[format], opened]);
}

function gateOf({ verbosity, vmodule, files: { backtraceAt } }: LogSettings): LogGate {
  return { verbosity, modules: moduleLevels(vmodule), backtraceAt };
}

/**
 * Opens the log of a run.
 *
 * @param initial The settings to begin with.
 * @param machine Streams, files, clock and names.
 * @returns The log.
 * @throws {WeirError} WEIR_LOG_FILE when a file cannot be opened.
 */
export function openLog(initial: LogSettings, machine: LogMachine): RunningLog {
  const formatOf = ({ format, files }: LogSettings): LogFormat =>
    format === "json" ? jsonFormat() : textFormat(machine.pid, files);
  const stderr: LogOutput = { write: (text) => machine.stderr(text), flush() {}, close() {} };
  let settings = initial;
  let gate = gateOf(initial);
  let format = formatOf(initial);
  let output = openOutput(initial, machine);
  const log = createLog({
    now: machine.now,
    gate: () => gate,
    write: (record) => output.write(format(record), record.severity),
  });
  return {
    log,
    get settings() {
      return settings;
    },
    prepare(next) {
      const others = outputKey(next) === outputKey(settings)
        ? undefined
        : openOutput(next, machine);
      return {
        commit() {
          settings = next;
          gate = gateOf(next);
          if (others === undefined) return;
          const former = output;
          output = others;
          format = formatOf(next);
          former.close();
        },
        abort: () => others?.close(),
      };
    },
    flush: () => output.flush(),
    close() {
      const former = output;
      output = stderr;
      former.close();
    },
  };
}
