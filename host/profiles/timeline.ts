/**
 * A CPU profile of V8 drawn over time, in the Trace Event Format of Chrome: Go's own execution
 * trace tells of goroutines, which are not here, in a format of its runtime's insides.
 *
 * @module
 */
import { durationsOf, stacksOf } from "./cpu.ts";
import type { Frame, Naming } from "./stack.ts";
import type { CpuProfile } from "./v8.ts";

/** A function that runs from one moment to another. */
interface Slice {
  readonly ph: "X";
  readonly pid: 1;
  readonly tid: 1;
  readonly name: string;
  /** Microseconds since the beginning. */
  readonly ts: number;
  /** Microseconds. */
  readonly dur: number;
  readonly args: { readonly file: string };
}

/**
 * Draws a profile over time. A function that is seen in samples that follow each other counts as
 * one call.
 *
 * @param profile From V8.
 * @param naming Finds the words.
 * @param subject Whose process.
 * @returns JSON.
 */
export function timeline(profile: CpuProfile, naming: Naming, subject: string): string {
  const stacks = stacksOf(profile, naming);
  const durations = durationsOf(profile);
  const slices: Slice[] = [];
  let open: { readonly frame: Frame; readonly since: number }[] = [];
  let now = profile.timeDeltas[0] ?? 0;
  const closeTo = (depth: number) => {
    // Callers begin before what they call.
    for (const { frame, since } of open.slice(depth)) {
      const { name, file, line } = frame;
      const where = file === "" ? "" : `${file}:${line}`;
      slices.push({
        ph: "X",
        pid: 1,
        tid: 1,
        name,
        ts: since,
        dur: now - since,
        args: { file: where },
      });
    }
    open = open.slice(0, depth);
  };
  for (const [index, id] of profile.samples.entries()) {
    const stack = (stacks.get(id) ?? []).toReversed();
    const differs = stack.findIndex((frame, at) => open[at]?.frame !== frame);
    closeTo(differs === -1 ? stack.length : differs);
    for (const frame of stack.slice(open.length)) open.push({ frame, since: now });
    now += durations[index] ?? 0;
  }
  closeTo(0);
  return JSON.stringify({
    displayTimeUnit: "ms",
    traceEvents: [
      { ph: "M", pid: 1, name: "process_name", args: { name: subject } },
      ...slices,
    ],
  });
}
