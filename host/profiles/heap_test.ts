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
  return {
    id,
    callFrame: { functionName, url: "", lineNumber: 0, columnNumber: 0 },
    selfSize,
    children,
  };
}

function told(samples: readonly StackSample[]) {
  return samples.map(({ stack, values }) => [stack.map(({ name }) => name).join(" < "), ...values]);
}

const PROFILE = {
  head: node(1, "(root)", 0, [
    node(2, "main", 0, [node(3, "keep", 121_016), node(4, "leave", 800_016)]),
  ]),
  // One sample of 56 bytes stands for 1081 objects, and two for 2161.
  samples: [
    { nodeId: 3, size: 60_536 },
    { nodeId: 3, size: 60_536 },
    { nodeId: 4, size: 800_016 },
  ],
};

Deno.test("a heap's stacks have their objects and their bytes", () => {
  assert.deepEqual(told(heapSamples(PROFILE, naming, 60_480)), [
    ["keep < main", 2161, 121_016],
    ["leave < main", 1, 800_016],
  ]);
});

Deno.test("a change counts what was given back below zero", () => {
  const samples = heapSamples(PROFILE, naming, 60_480);
  assert.deepEqual(told(heapDelta(samples.slice(1), samples.slice(0, 1))), [
    ["keep < main", 2161, 121_016],
    ["leave < main", -1, -800_016],
  ]);
});
