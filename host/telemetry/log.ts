/**
 * The log: records with fields and levels. LogTape carries contexts and hands the records on; what
 * is klog's (levels, places, formats, files) is passed in.
 *
 * @module
 */
import {
  configureSync,
  getConfig,
  getLogger,
  type Logger as Tape,
  type LogLevel,
} from "@logtape/logtape";
import type { Log } from "../../schemas/capability.ts";
import { callFrame, type CallSite, callStack, parseFrame } from "./call_site.ts";
import type { ModuleLevels } from "./klog/vmodule.ts";

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
  /** Where it was logged. */
  readonly site: CallSite;
  /** How that place was reached, innermost caller first, where that was asked for. */
  readonly stack?: readonly string[];
}

/** Turns a record into text, line feed included. */
export type LogFormat = (record: LogRecord) => string;

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
   * Whether records of a level show where this is called, for what is costly to gather.
   *
   * @param level klog's level.
   * @returns True when they show.
   */
  enabled(level: number): boolean;
}

/** What shows, and with how much. */
export interface LogGate {
  /** klog's -v. */
  readonly verbosity: number;
  /** What --vmodule says, if it says anything. */
  readonly modules?: ModuleLevels | undefined;
  /** The places that show a stack trace; mostly none. */
  readonly backtraceAt?: readonly { readonly file: string; readonly line: number }[];
}

/** What a log stands on. */
export interface LogOptions {
  /** Milliseconds since the epoch, with a fraction if the clock has one. */
  readonly now: () => number;
  /** Asked anew for every record, so that -v can change while weir runs. */
  readonly gate: () => LogGate;
  /** Takes a record, at once, so that a crash loses nothing. */
  readonly write: (record: LogRecord) => void;
}

/** `debug` of a plugin or a stage is klog's -v=4. */
const DEBUG_LEVEL = 4;

/** LogTape's category, under which other sinks would find weir's records. */
const CATEGORY = "weir";

/** The field that takes along what LogTape has no word for. Nobody's field can come behind it. */
const ORIGIN = "weir.origin";

interface Origin extends Omit<LogRecord, "message" | "fields"> {
  readonly write: LogOptions["write"];
}

function tapeLevel(severity: LogSeverity, level: number): LogLevel {
  if (severity !== "info") return severity;
  return level < DEBUG_LEVEL ? "info" : "debug";
}

function traced(
  { backtraceAt = [] }: LogGate,
  { path, line }: CallSite,
  boundary: unknown,
): { readonly stack?: readonly string[] } {
  if (!backtraceAt.some((at) => at.line === line && path.endsWith(`/${at.file}`))) return {};
  return { stack: callStack(boundary) };
}

class ContextLogger implements Logger {
  readonly #options: LogOptions;
  readonly #tape: Tape;

  constructor(options: LogOptions, tape: Tape) {
    this.#options = options;
    this.#tape = tape;
  }

  with(fields: Readonly<Record<string, unknown>>): Logger {
    return new ContextLogger(this.#options, this.#tape.with(fields));
  }

  enabled(level: number): boolean {
    return this.#shows(level, this.enabled);
  }

  v(level: number, message: string, fields?: Readonly<Record<string, unknown>>): void {
    if (this.#shows(level, this.v)) this.#write("info", level, message, fields, this.v);
  }

  debug(message: string, fields?: Readonly<Record<string, unknown>>): void {
    if (!this.#shows(DEBUG_LEVEL, this.debug)) return;
    this.#write("info", DEBUG_LEVEL, message, fields, this.debug);
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

  #shows(level: number, boundary: unknown): boolean {
    const { verbosity, modules } = this.#options.gate();
    if (level <= verbosity) return true;
    if (modules === undefined || level > modules.highest) return false;
    return level <= modules.levelAt(callFrame(boundary));
  }

  #write(
    severity: LogSeverity,
    level: number,
    message: string,
    fields: Readonly<Record<string, unknown>> | undefined,
    boundary: unknown,
  ): void {
    const { now, gate, write } = this.#options;
    const site = parseFrame(callFrame(boundary));
    const origin: Origin = {
      write,
      time: now(),
      severity,
      level,
      site,
      ...traced(gate(), site, boundary),
    };
    this.#tape[tapeLevel(severity, level)](message, { ...fields, [ORIGIN]: origin });
  }
}

/** LogTape's configuration is the process's: it is made once, and each record names its taker. */
function tape(): Tape {
  if (getConfig() === null) {
    configureSync({
      sinks: {
        klog({ rawMessage, properties }) {
          const { [ORIGIN]: origin, ...fields } = properties;
          const { write, ...known } = origin as Origin;
          write({ ...known, message: String(rawMessage), fields });
        },
      },
      loggers: [
        { category: CATEGORY, sinks: ["klog"], lowestLevel: "trace" },
        // It would announce itself on the console.
        { category: ["logtape", "meta"], sinks: [] },
      ],
    });
  }
  return getLogger(CATEGORY);
}

/**
 * Makes a log.
 *
 * @param options Clock, verbosity, and what takes the records.
 * @returns A log without context.
 */
export function createLog(options: LogOptions): Logger {
  return new ContextLogger(options, tape());
}
