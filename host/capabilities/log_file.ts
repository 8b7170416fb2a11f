/**
 * Files for the log, the names that lead to the newest of them, and the user's in theirs.
 *
 * @module
 */
import type { OpenFile } from "../telemetry/log_machine.ts";
import { cString, libc } from "./libc.ts";

const NEW_LINE = new TextEncoder().encode("\n");

/**
 * Opens a log file, made if need be.
 *
 * @param path Where.
 * @param mode Whether what it holds is kept or dropped.
 * @returns The file, to be written at its end.
 * @throws {Deno.errors.NotCapable} Without `--allow-write` for it.
 * @throws {Error} When the system refuses it.
 */
export function openLogFile(path: string, mode: "append" | "truncate"): OpenFile {
  const file = Deno.openSync(path, { append: true, create: true });
  // Still at its end: whoever empties it from outside, such as logrotate, leaves no hole in it.
  if (mode === "truncate") file.truncateSync(0);
  // What a full disk took half of: the next line begins on one of its own.
  let torn = false;
  return {
    size: () => file.statSync().size,
    write(bytes) {
      if (torn) file.writeSync(NEW_LINE);
      torn = false;
      let written = 0;
      try {
        while (written < bytes.length) written += file.writeSync(bytes.subarray(written));
      } catch (fault) {
        torn = written > 0;
        throw fault;
      }
    },
    sync: () => file.syncData(),
    close: () => file.close(),
  };
}

/**
 * Lets a name lead to a file beside it; as in klog, it is no fault when that cannot be done.
 *
 * @param target The file's name.
 * @param path The name that leads to it; what has it now is removed.
 */
export function linkLogFile(target: string, path: string): void {
  try {
    Deno.removeSync(path);
  } catch (fault) {
    if (!(fault instanceof Deno.errors.NotFound)) return;
  }
  // Deno makes symbolic links only for who may read and write everything. weir may write here:
  // the file is made already, and the name beside it has just been removed by Deno's own rules.
  libc().symlink(cString(target), cString(path));
}

/**
 * The name of the user that weir runs as, of which Deno tells only who may know all of the user.
 *
 * @returns The name; klog's word for it when the system knows none, as in a container.
 */
export function userName(): string {
  const { getuid, getpwuid } = libc();
  const entry = getpwuid(getuid());
  // pw_name is the first field of struct passwd (getpwuid(3)).
  const name = entry === null ? null : new Deno.UnsafePointerView(entry).getPointer();
  return name === null ? "unknownuser" : new Deno.UnsafePointerView(name).getCString();
}
