/**
 * A log file as klog keeps it: written at once, begun anew when it is full.
 *
 * @module
 */
import { messageOf, WeirError } from "../../../schemas/errors.ts";
import type { LogMachine, OpenFile } from "../log_machine.ts";
import { DEFAULT_LOG_SETTINGS, type LogFileSettings } from "./settings.ts";

/** What klog calls severities in the names of files, lowest first. */
export const SEVERITY_NAMES = ["INFO", "WARNING", "ERROR"] as const;

/** One of {@linkcode SEVERITY_NAMES}. */
export type SeverityName = typeof SEVERITY_NAMES[number];

const MEBIBYTE = 1024 * 1024;

/** klog's `os.TempDir`, where files go when no folder is named. */
const TEMPORARY = "/tmp";

const encoder = new TextEncoder();

function pad(value: number): string {
  return String(value).padStart(2, "0");
}

function localTime(time: number, between: readonly [day: string, middle: string, clock: string]) {
  const date = new Date(time);
  const [day, middle, clock] = between;
  return [date.getFullYear(), pad(date.getMonth() + 1), pad(date.getDate())].join(day) + middle +
    [date.getHours(), date.getMinutes(), date.getSeconds()].map(pad).join(clock);
}

/**
 * The lines that a file begins with.
 *
 * @param time Milliseconds since the epoch.
 * @param machine What they tell.
 * @returns Four lines.
 */
function fileHeader(time: number, { host, built }: LogMachine): string {
  return `Log file created at: ${localTime(time, ["/", " ", ":"])}\n` +
    `Running on machine: ${host}\n` +
    `Binary: Built with ${built}\n` +
    "Log line format: [IWEF]mmdd hh:mm:ss.uuuuuu threadid file:line] msg\n";
}

/** Where a file is, and the name that always leads to the newest. */
interface Place {
  readonly path: string;
  readonly link?: { readonly target: string; readonly path: string };
}

function placeOf(
  { file, directory }: LogFileSettings,
  severity: SeverityName,
  time: number,
  { program, host, user, pid }: LogMachine,
): Place {
  if (file !== "") return { path: file };
  const folder = (directory === "" ? TEMPORARY : directory).replace(/(?<=.)\/+$/, "");
  const [shortHost] = host.split(".");
  const name = `${program}.${shortHost}.${user()}.log.${severity}.` +
    `${localTime(time, ["", "-", ""])}.${pid}`;
  return {
    path: `${folder}/${name}`,
    link: { target: name, path: `${folder}/${program}.${severity}` },
  };
}

function cannotOpen(path: string, settings: LogFileSettings, cause: unknown): WeirError {
  const flag = settings.file !== ""
    ? "--log-file"
    : settings.directory !== ""
    ? "--log-dir"
    : "--logtostderr=false without --log-dir";
  const slash = path.lastIndexOf("/");
  const folder = slash < 0 ? "." : path.slice(0, slash) || "/";
  const state = cause instanceof Deno.errors.NotCapable
    ? `Deno may not write there: add ${folder} to --allow-write of deno run`
    : cause instanceof Deno.errors.NotFound
    ? `there is no folder ${folder}: make it, or mount it`
    : `${messageOf(cause)}: let weir's user write to ${folder}`;
  return new WeirError("WEIR_LOG_FILE", `Cannot open log file "${path}" of ${flag}: ${state}`, {
    cause,
  });
}

/** One log file, and those that follow it when it is full. */
export class LogFile {
  readonly #settings: LogFileSettings;
  readonly #severity: SeverityName;
  readonly #machine: LogMachine;
  readonly #withHeader: boolean;
  readonly #limit: number;
  #file: OpenFile;
  #bytes: number;

  /**
   * Opens it; what is there already stays.
   *
   * @param settings Where it is and how long it may be.
   * @param severity The lowest severity that is written to it.
   * @param machine Files, clock and names.
   * @param withHeader Whether a text may stand before the lines.
   * @throws {WeirError} WEIR_LOG_FILE when it cannot be opened.
   */
  constructor(
    settings: LogFileSettings,
    severity: SeverityName,
    machine: LogMachine,
    withHeader: boolean,
  ) {
    this.#settings = settings;
    this.#severity = severity;
    this.#machine = machine;
    this.#withHeader = withHeader;
    // klog limits the files of a folder to its default and does not heed the flag for them.
    const megabytes = settings.file === ""
      ? DEFAULT_LOG_SETTINGS.files.fileMaxMegabytes
      : settings.fileMaxMegabytes;
    this.#limit = megabytes === 0 ? Infinity : megabytes * MEBIBYTE;
    this.#file = this.#open("append");
    this.#bytes = this.#file.size();
    this.#begin();
  }

  #open(mode: "append" | "truncate"): OpenFile {
    const time = this.#machine.now();
    const { path, link } = placeOf(this.#settings, this.#severity, time, this.#machine);
    let file: OpenFile;
    try {
      file = this.#machine.openFile(path, mode);
    } catch (cause) {
      throw cannotOpen(path, this.#settings, cause);
    }
    if (link !== undefined) this.#machine.link(link.target, link.path);
    return file;
  }

  #begin(): void {
    if (this.#settings.skipLogHeaders || !this.#withHeader) return;
    const bytes = encoder.encode(fileHeader(this.#machine.now(), this.#machine));
    this.#file.write(bytes);
    this.#bytes += bytes.length;
  }

  /**
   * Writes a line. A file that would be full with it is begun anew: the one file of all severities
   * is emptied, as klog does, and a folder gets another file.
   *
   * @param bytes The line.
   * @throws What the system says when it cannot be written.
   */
  write(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#bytes + bytes.length >= this.#limit) {
      const full = this.#file;
      this.#file = this.#open("truncate");
      full.close();
      this.#bytes = 0;
      this.#begin();
    }
    this.#file.write(bytes);
    this.#bytes += bytes.length;
  }

  /**
   * Lets the disk have what was written.
   *
   * @returns Settles when it has, or cannot.
   */
  sync(): Promise<void> {
    // As klog: a disk that does not take it shows when it is written to.
    return this.#file.sync().catch(() => {});
  }

  /** Ends it. */
  close(): void {
    this.#file.close();
  }
}
