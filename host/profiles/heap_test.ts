import assert from "node:assert/strict";
import { heapDelta, heapSamples } from "./heap.ts";
import type { Naming, StackSample } from "./stack.ts";
import type { HeapNode } from "./v8.ts";

const naming: Naming = ({ functionName, url }) => ({ name: functionName, file: url, line: 0 });

function node(
  id: number,
  functionName: string,
  selfSize: number,
  children: readonly HeapNode[] = [],
): HeapNode {
  return { id, callFrame: { functionName, url: "", lineNumber: 0 }, selfSize, children };
}

function told(samples: readonly StackSample[]) {
  return samples.map(({ stack, values }) => [stack.map(({ name }) => name).join(" < "), ...values]);
}

const PROFILE = {
  head: node(1, "(root)", 0, [
    node(2, "main", 0, [node(3, "keep", 1024), node(4, "leave", 512)]),
  ]),
  samples: [{ nodeId: 3 }, { nodeId: 3 }, { nodeId: 4 }],
};

Deno.test("a heap's stacks have their sampled objects and their bytes", () => {
  assert.deepEqual(told(heapSamples(PROFILE, naming)), [
    ["keep < main", 2, 1024],
    ["leave < main", 1, 512],
  ]);
});

Deno.test("a change counts what was given back below zero", () => {
  const samples = heapSamples(PROFILE, naming);
  assert.deepEqual(told(heapDelta(samples.slice(1), samples.slice(0, 1))), [
    ["keep < main", 2, 1024],
    ["leave < main", -1, -512],
  ]);
});
