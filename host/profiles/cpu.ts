/**
 * A CPU profile of V8 as stacks with the time that was spent there.
 *
 * @module
 */
import type { Frame, Naming, StackSample } from "./stack.ts";
import type { CpuProfile } from "./v8.ts";

/** What stands at the end of every stack, and what V8 shows while the thread waits. */
const ROOT = "(root)";
const IDLE = "(idle)";

/**
 * The stacks that were seen.
 *
 * @param profile From V8.
 * @param naming Finds the words.
 * @returns By the id of their node: innermost first, without the root.
 */
export function stacksOf(profile: CpuProfile, naming: Naming): Map<number, readonly Frame[]> {
  const parents = new Map<number, number>();
  for (const { id, children } of profile.nodes) {
    for (const child of children) parents.set(child, id);
  }
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const frames = new Map<number, Frame>();
  const frameOf = (id: number): Frame | undefined => {
    const known = frames.get(id);
    if (known !== undefined) return known;
    const node = nodes.get(id);
    if (node === undefined || node.callFrame.functionName === ROOT) return undefined;
    const frame = naming(node.callFrame);
    frames.set(id, frame);
    return frame;
  };
  const stacks = new Map<number, readonly Frame[]>();
  // Only nodes that were seen: a stack of each would be quadratic in a deep profile.
  for (const id of new Set(profile.samples)) {
    const stack: Frame[] = [];
    // A hostile answer may hold a circle: no stack is longer than there are nodes.
    for (
      let at: number | undefined = id;
      at !== undefined && stack.length < MOST_FRAMES;
      at = parents.get(at)
    ) {
      const frame = frameOf(at);
      if (frame === undefined) break;
      stack.push(frame);
    }
    stacks.set(id, stack);
  }
  return stacks;
}

/** Frames of one stack that are kept, as V8's own profiler keeps at most 255. */
const MOST_FRAMES = 256;

/**
 * How long each sample stood, in microseconds: until the next one.
 *
 * @param profile From V8.
 * @returns One number for each sample, none below 0.
 */
export function durationsOf(profile: CpuProfile): readonly number[] {
  const { samples, timeDeltas, startTime, endTime } = profile;
  let at = startTime + (timeDeltas[0] ?? 0);
  return samples.map((_, index) => {
    const next = timeDeltas[index + 1];
    const duration = next ?? endTime - at;
    at += duration;
    return Math.max(0, duration);
  });
}

/**
 * Adds up a CPU profile. Time in which the thread waited is not CPU time and is left out.
 *
 * @param profile From V8.
 * @param naming Finds the words.
 * @returns For each stack how often it was seen, and nanoseconds.
 */
export function cpuSamples(profile: CpuProfile, naming: Naming): StackSample[] {
  const stacks = stacksOf(profile, naming);
  const durations = durationsOf(profile);
  const sums = new Map<number, { seen: number; micros: number }>();
  for (const [index, id] of profile.samples.entries()) {
    const sum = sums.get(id) ?? { seen: 0, micros: 0 };
    sum.seen++;
    sum.micros += durations[index] ?? 0;
    sums.set(id, sum);
  }
  return [...sums].flatMap(([id, { seen, micros }]) => {
    const stack = stacks.get(id) ?? [];
    const [innermost] = stack;
    if (innermost === undefined || innermost.name === IDLE) return [];
    return [{ stack, values: [seen, Math.round(micros * 1000)] }];
  });
}
