/**
 * How gladly the kernel kills this process when memory runs out (proc_pid_oom_score_adj(5)).
 *
 * @module
 */
import { errnoOf } from "./errno.ts";
import { SystemCallError } from "./libc.ts";
import { writeSystemFile } from "./system_file.ts";

const PATH = "/proc/self/oom_score_adj";

const REMEDIES: ReadonlyMap<number, string> = new Map([
  [
    errnoOf("EACCES"),
    "to lower it takes CAP_SYS_RESOURCE: add the capability, or give --oom-score-adj the value " +
    "that the supervisor has set (the kubelet gives -997 to node-critical pods)",
  ],
  [errnoOf("EROFS"), "/proc is mounted read-only: mount it writable"],
]);

/**
 * Sets it for this process and for the programs that it starts.
 *
 * @param score −1000 (never) to 1000 (first).
 * @param write Writes a file of the kernel.
 * @returns Undefined when it is set, else one sentence on why not, with the remedy. Nothing is lost
 * but rank among those that are killed, so it is never an error.
 */
export function adjustOomScore(
  score: number,
  write: (path: string, text: string) => void = writeSystemFile,
): string | undefined {
  try {
    write(PATH, String(score));
    return undefined;
  } catch (fault) {
    if (!(fault instanceof SystemCallError)) throw fault;
    const remedy = REMEDIES.get(fault.errno);
    return `Cannot set OOM score "${score}": ${fault.message}` +
      (remedy === undefined ? "" : `; ${remedy}`);
  }
}
