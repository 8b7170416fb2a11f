/**
 * A heap profile of V8 as stacks with the bytes that were allocated there.
 *
 * @module
 */
import type { Frame, Naming, StackSample } from "./stack.ts";
import type { HeapNode, HeapProfile } from "./v8.ts";

/**
 * Adds up a heap profile. How many objects there were cannot be said, only how many of them were
 * sampled: V8's protocol tells the estimated bytes of a sample and not the size of the object.
 *
 * @param profile From V8.
 * @param naming Finds the words.
 * @returns For each stack sampled objects, and bytes.
 */
export function heapSamples(profile: HeapProfile, naming: Naming): StackSample[] {
  const seen = new Map<number, number>();
  for (const { nodeId } of profile.samples) seen.set(nodeId, (seen.get(nodeId) ?? 0) + 1);
  const samples: StackSample[] = [];
  const walk = (node: HeapNode, callers: readonly Frame[]) => {
    const stack = node.callFrame.functionName === "(root)"
      ? callers
      : [naming(node.callFrame), ...callers];
    const count = seen.get(node.id) ?? 0;
    if (stack.length > 0 && (count > 0 || node.selfSize > 0)) {
      samples.push({ stack, values: [count, node.selfSize] });
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
