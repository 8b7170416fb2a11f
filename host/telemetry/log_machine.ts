/**
 * What a log needs of the machine.
 *
 * @module
 */

/** A file that is open for writing. */
export interface OpenFile {
  /** How many bytes it has. */
  size(): number;
  /**
   * Writes all of the bytes at its end, before it returns.
   *
   * @param bytes What to write.
   */
  write(bytes: Uint8Array<ArrayBuffer>): void;
  /** Waits until the disk has them. */
  sync(): Promise<void>;
  /** Closes it. */
  close(): void;
}

/** Streams, files, the clock, and what a log says of where it was written. */
export interface LogMachine {
  /** What the names of files begin with: `weir`. */
  readonly program: string;
  /** The process id. */
  readonly pid: number;
  /** The hostname. */
  readonly host: string;
  /** The name of the user that weir runs as. Asked for only when a name of a file needs it. */
  readonly user: () => string;
  /** Runtime and platform: `deno 2.9.6 for linux/amd64`. */
  readonly built: string;
  /** Writes all of a text to the standard output, before it returns. */
  readonly stdout: (text: string) => void;
  /** Writes all of a text to the standard error, before it returns. */
  readonly stderr: (text: string) => void;
  /**
   * Opens a file, made if need be, and keeps or drops what it holds.
   */
  readonly openFile: (path: string, mode: "append" | "truncate") => OpenFile;
  /** Lets a name lead to a file beside it, if that can be done. */
  readonly link: (target: string, path: string) => void;
  /** Milliseconds since the epoch, with microseconds behind the point. */
  readonly now: () => number;
  /**
   * Calls once, after some milliseconds, without keeping the process alive for it; what it returns
   * calls it off.
   */
  readonly schedule: (milliseconds: number, task: () => void) => () => void;
}
