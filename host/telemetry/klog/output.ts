/**
 * Where lines go: klog's rules about standard streams and files.
 *
 * @module
 */
import { messageOf } from "../../../schemas/errors.ts";
import type { LogSeverity } from "../log.ts";
import type { LogMachine } from "../log_machine.ts";
import { LogFile, SEVERITY_NAMES } from "./file.ts";
import type { LogSettings } from "./settings.ts";
import { logStreams } from "./stream.ts";

/** klog's numbers, which --stderrthreshold takes. */
const RANKS: Readonly<Record<LogSeverity, number>> = { info: 0, warning: 1, error: 2 };

/** Takes lines. */
export interface LogOutput {
  /**
   * Writes a line before it returns, but for news that is gathered.
   *
   * @param text The line.
   * @param severity How bad it is.
   */
  write(text: string, severity: LogSeverity): void;
  /** Writes what is gathered. */
  flush(): void;
  /** Writes what is gathered and closes the files. */
  close(): void;
}

/** The files, by severity; those of warnings and errors are made when there is one. */
class LogFiles {
  readonly #settings: LogSettings;
  readonly #machine: LogMachine;
  readonly #files: (LogFile | undefined)[];
  readonly #unsynced = new Set<LogFile>();
  #failing = false;

  constructor(settings: LogSettings, machine: LogMachine) {
    this.#settings = settings;
    this.#machine = machine;
    // Opened now, so that a folder that cannot be written is found out at the start.
    this.#files = [this.#open(0), undefined, undefined];
  }

  #open(rank: number): LogFile {
    const severity = SEVERITY_NAMES[rank] ?? "INFO";
    const { files, format } = this.#settings;
    return new LogFile(files, severity, this.#machine, format === "text");
  }

  #append(rank: number, bytes: Uint8Array<ArrayBuffer>): void {
    const file = this.#files[rank] ??= this.#open(rank);
    file.write(bytes);
    this.#unsynced.add(file);
  }

  /** As klog, but that a full disk does not end weir: what cannot be written shows on stderr. */
  write(text: string, rank: number, shown: boolean): void {
    const bytes = new TextEncoder().encode(text);
    try {
      if (this.#settings.files.file !== "") this.#append(0, bytes);
      else if (this.#settings.files.oneOutput) this.#append(rank, bytes);
      else for (let at = rank; at >= 0; at--) this.#append(at, bytes);
      this.#failing = false;
    } catch (fault) {
      if (!this.#failing) {
        this.#machine.stderr(
          `weir: Cannot write log file: ${messageOf(fault)}; lines show here meanwhile\n`,
        );
      }
      this.#failing = true;
      if (!shown) this.#machine.stderr(text);
    }
  }

  sync(): void {
    for (const file of this.#unsynced) void file.sync();
    this.#unsynced.clear();
  }

  close(): void {
    for (const file of this.#files) file?.close();
  }
}

/**
 * Opens what lines are written to.
 *
 * @param settings Which streams and files.
 * @param machine The streams and files.
 * @returns The open output.
 * @throws {WeirError} WEIR_LOG_FILE when a file cannot be opened.
 */
export function openOutput(settings: LogSettings, machine: LogMachine): LogOutput {
  const { format, flushFrequency, files: { toStderr, alsoToStderr, stderrThreshold } } = settings;
  const streams = logStreams(settings.options[format], format, machine.stdout, machine.stderr);
  const files = toStderr ? undefined : new LogFiles(settings, machine);
  let callOff: (() => void) | undefined;
  const settle = () => {
    callOff = undefined;
    streams.flush();
    files?.sync();
  };
  return {
    write(text, severity) {
      const rank = RANKS[severity];
      const shown = files === undefined || alsoToStderr || rank >= stderrThreshold;
      const waits = shown && streams.write(text, severity);
      files?.write(text, rank, shown);
      if (waits || files !== undefined) callOff ??= machine.schedule(flushFrequency, settle);
    },
    flush: () => streams.flush(),
    close() {
      callOff?.();
      streams.flush();
      files?.close();
    },
  };
}
