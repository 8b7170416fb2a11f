/**
 * The log: records with fields and levels, handed through a format to a sink. Both are functions
 * passed in, so that another format or a file is another function.
 *
 * @module
 */
import type { Log } from "../../schemas/capability.ts";

/** How bad it is. Debugging is `info` at a higher verbosity, as in klog. */
export type LogSeverity = "info" | "warning" | "error";

/** One thing to log. */
export interface LogRecord {
  /** Milliseconds since the epoch, with microseconds behind the point. */
  readonly time: number;
  readonly severity: LogSeverity;
  /** The verbosity from which it shows; 0 is always. */
  readonly level: number;
  readonly message: string;
  /** The logger's own fields first, then the record's; a key appears once. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Where it was logged: `file.ts:123`. */
  readonly site: string;
}

/** Turns a record into text, line feed included. */
export type LogFormat = (record: LogRecord) => string;

/** Takes a formatted record; called at once, so that a crash loses nothing. */
export type LogSink = (text: string, severity: LogSeverity) => void;

/** A log with context. Levels follow klog: `debug` shows from -v=4 on. */
export interface Logger extends Log {
  /**
   * Narrows the log to a context.
   *
   * @param fields What every record of it carries, for example `{ plugin: "proxier-nftables" }`.
   * @returns A log that shares everything else.
   */
  with(fields: Readonly<Record<string, unknown>>): Logger;
  /**
   * Logs from a verbosity on.
   *
   * @param level klog's level: 0 is always, 2 for changes of state, 4 and up for debugging.
   * @param message What happened, capitalised, without a final period.
   * @param fields What it happened to.
   */
  v(level: number, message: string, fields?: Readonly<Record<string, unknown>>): void;
  /**
   * Whether records of a level show, for what is costly to gather.
   *
   * @param level klog's level.
   * @returns True when they show.
   */
  enabled(level: number): boolean;
}

/** What a log stands on. */
export interface LogOptions {
  /** Milliseconds since the epoch, with a fraction if the clock has one. */
  readonly now: () => number;
  /** Asked anew for every record, so that -v can change while weir runs. */
  readonly verbosity: () => number;
  readonly format: LogFormat;
  readonly sink: LogSink;
  /** Finds `file.ts:123` of whoever called the given function. */
  readonly callSite: (boundary: unknown) => string;
}

/** `debug` of a plugin or a stage is klog's -v=4. */
const DEBUG_LEVEL = 4;

class ContextLogger implements Logger {
  readonly #options: LogOptions;
  readonly #context: Readonly<Record<string, unknown>>;

  constructor(options: LogOptions, context: Readonly<Record<string, unknown>>) {
    this.#options = options;
    this.#context = context;
  }

  with(fields: Readonly<Record<string, unknown>>): Logger {
    return new ContextLogger(this.#options, { ...this.#context, ...fields });
  }

  enabled(level: number): boolean {
    return level <= this.#options.verbosity();
  }

  v(level: number, message: string, fields?: Readonly<Record<string, unknown>>): void {
    if (this.enabled(level)) this.#write("info", level, message, fields, this.v);
  }

  debug(message: string, fields?: Readonly<Record<string, unknown>>): void {
    if (this.enabled(DEBUG_LEVEL)) this.#write("info", DEBUG_LEVEL, message, fields, this.debug);
  }

  info(message: string, fields?: Readonly<Record<string, unknown>>): void {
    this.#write("info", 0, message, fields, this.info);
  }

  warn(message: string, fields?: Readonly<Record<string, unknown>>): void {
    this.#write("warning", 0, message, fields, this.warn);
  }

  error(message: string, fields?: Readonly<Record<string, unknown>>): void {
    this.#write("error", 0, message, fields, this.error);
  }

  #write(
    severity: LogSeverity,
    level: number,
    message: string,
    fields: Readonly<Record<string, unknown>> | undefined,
    boundary: unknown,
  ): void {
    const { now, format, sink, callSite } = this.#options;
    const record: LogRecord = {
      time: now(),
      severity,
      level,
      message,
      fields: fields === undefined ? this.#context : { ...this.#context, ...fields },
      site: callSite(boundary),
    };
    sink(format(record), severity);
  }
}

/**
 * Makes a log.
 *
 * @param options Clock, verbosity, format and sink.
 * @returns A log without context.
 */
export function createLog(options: LogOptions): Logger {
  return new ContextLogger(options, {});
}
