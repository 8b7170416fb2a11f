/**
 * The memory of a process and everything it started, as proportional set size: shared pages are
 * counted once over all that share them, so that sums are true.
 *
 * @module
 */
import { SystemCallError } from "../../host/capabilities/libc.ts";
import { readSystemFile } from "../../host/capabilities/system_file.ts";

/** What one process holds. */
export interface ProcessMemory {
  readonly pid: number;
  /** Proportional set size in bytes (`Pss` of /proc/PID/smaps_rollup). */
  readonly pss: number;
}

/** Deno lets only `--allow-all` read below /proc, so libc reads. */
function read(path: string): string {
  try {
    return readSystemFile(path);
  } catch (fault) {
    // The process has ended meanwhile.
    if (fault instanceof SystemCallError) return "";
    throw fault;
  }
}

/**
 * Lists a process and its descendants, as far as each parent's first thread started them, which
 * is the thread that runs JavaScript.
 *
 * @param pid The process to begin with.
 * @returns The process first, then its descendants.
 */
export function processTree(pid: number): number[] {
  const tree = [pid];
  for (let at = 0; at < tree.length; at++) {
    const children = read(`/proc/${tree[at]}/task/${tree[at]}/children`);
    tree.push(...children.split(" ").map(Number).filter((child) => child > 0));
  }
  return tree;
}

/**
 * Reads the memory of a process and its descendants.
 *
 * @param pid The process to begin with.
 * @returns Each that is still there; the first is the process itself.
 */
export function memoryOfTree(pid: number): ProcessMemory[] {
  return processTree(pid).flatMap((one) => {
    const kilobytes = /^Pss:\s+(\d+) kB$/m.exec(read(`/proc/${one}/smaps_rollup`))?.[1];
    return kilobytes === undefined ? [] : [{ pid: one, pss: Number(kilobytes) * 1024 }];
  });
}
