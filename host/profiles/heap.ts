/**
 * A heap profile of V8 as stacks with the objects and bytes that were allocated there.
 *
 * @module
 */
import { countObjects } from "./object_size.ts";
import type { Frame, Naming, StackSample } from "./stack.ts";
import type { HeapNode, HeapProfile } from "./v8.ts";

/**
 * Adds up a heap profile.
 *
 * @param profile From V8.
 * @param naming Finds the words.
 * @param interval Bytes between two samples, on average, with which it was taken.
 * @returns For each stack objects, and bytes.
 */
export function heapSamples(
  profile: HeapProfile,
  naming: Naming,
  interval: number,
): StackSample[] {
  const groups = new Map<number, Map<number, number>>();
  for (const { nodeId, size } of profile.samples) {
    const known = groups.get(nodeId) ?? new Map<number, number>();
    groups.set(nodeId, known);
    known.set(size, (known.get(size) ?? 0) + 1);
  }
  const samples: StackSample[] = [];
  const walk = (node: HeapNode, callers: readonly Frame[]) => {
    const stack = node.callFrame.functionName === "(root)"
      ? callers
      : [naming(node.callFrame), ...callers];
    const seen = [...groups.get(node.id) ?? []].map(([bytes, samples]) => ({ bytes, samples }));
    if (stack.length > 0 && seen.length > 0) {
      const objects = countObjects(seen, node.selfSize, interval);
      samples.push({ stack, values: [objects, node.selfSize] });
    }
    for (const child of node.children) walk(child, stack);
  };
  walk(profile.head, []);
  return samples;
}

/**
 * What has changed between two profiles, as Go's `?seconds=` of a heap profile tells it: what was
 * given back counts below 0.
 *
 * @param before The earlier samples.
 * @param after The later ones.
 * @returns Both together, the earlier ones negated.
 */
export function heapDelta(
  before: readonly StackSample[],
  after: readonly StackSample[],
): StackSample[] {
  return [
    ...after,
    ...before.map(({ stack, values }) => ({ stack, values: values.map((value) => -value) })),
  ];
}
