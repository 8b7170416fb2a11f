/**
 * What this process uses of the system, as /proc tells it. Deno keeps /proc behind `--allow-all`,
 * and prom-client's own collectors read it through node:fs.
 *
 * @module
 */
import { checked, fixed, libc } from "./libc.ts";
import { openSystemFile, readSystemFile } from "./system_file.ts";

/** What a process uses. */
export interface SystemUsage {
  /** Address space, in bytes. */
  readonly virtualBytes: number;
  /** The most address space that it may have, in bytes; Infinity without a limit. */
  readonly virtualBytesMax: number;
  readonly openFiles: number;
  /** Infinity without a limit. */
  readonly openFilesMax: number;
  /** Bytes that came to the network namespace by IP, since it was made. */
  readonly receivedBytes: number;
  /** Bytes that left it by IP, since it was made. */
  readonly sentBytes: number;
}

/** The number of getdents64: of what a directory holds libc tells by pointers only. */
const GETDENTS64 = Deno.build.arch === "x86_64" ? 217n : 61n;
/** Where struct linux_dirent64 has its length. */
const RECORD_LENGTH = 16;

/** How many entries a directory of the kernel has, besides `.` and `..`. */
function entriesOf(path: string): number {
  const fd = openSystemFile(path, "read");
  try {
    const buffer = fixed(1 << 15);
    const view = new DataView(buffer.buffer);
    let count = 0;
    for (;;) {
      const length = checked(
        `getdents64 ${path}`,
        libc().syscall(GETDENTS64, fd, buffer, BigInt(buffer.length)),
      );
      if (length === 0) return count - 2;
      for (let at = 0; at < length; at += view.getUint16(at + RECORD_LENGTH, true)) count++;
    }
  } finally {
    libc().close(fd);
  }
}

/** The soft limit of a line of /proc/self/limits. */
function limitOf(limits: string, name: string): number {
  const value = new RegExp(`^${name} +(\\S+)`, "m").exec(limits)?.[1] ?? "unlimited";
  return value === "unlimited" ? Infinity : Number(value);
}

/** A counter of /proc/self/net/netstat: one line has the names, the next the values. */
function ipCounter(netstat: string, name: string): number {
  const [names = [], values = []] = netstat.split("\n")
    .filter((line) => line.startsWith("IpExt:"))
    .map((line) => line.split(" "));
  return Number(values[names.indexOf(name)] ?? 0);
}

/**
 * Reads what this process uses.
 *
 * @returns As of now.
 * @throws {SystemCallError} When /proc is not there.
 */
export function systemUsage(): SystemUsage {
  // The command's name, the second field, may hold blanks and brackets: proc(5) counts from there.
  const fields = readSystemFile("/proc/self/stat").replace(/^.*\) /s, "").split(" ");
  const limits = readSystemFile("/proc/self/limits");
  const netstat = readSystemFile("/proc/self/net/netstat");
  return {
    virtualBytes: Number(fields[20]),
    virtualBytesMax: limitOf(limits, "Max address space"),
    // Its own descriptor is one of them while it is read.
    openFiles: entriesOf("/proc/self/fd") - 1,
    openFilesMax: limitOf(limits, "Max open files"),
    receivedBytes: ipCounter(netstat, "InOctets"),
    sentBytes: ipCounter(netstat, "OutOctets"),
  };
}
