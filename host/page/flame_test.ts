import assert from "node:assert/strict";
import { flameBoxes, heaviestFunctions } from "./flame.ts";

/** Stacks as they are written down: the outermost function first. */
function samples(...stacks: readonly (readonly [string, number])[]) {
  return stacks.map(([stack, value]) => ({
    stack: stack.split(" ").reverse().map((name) => ({ name, file: "", line: 0 })),
    values: [1, value],
  }));
}

const SAMPLES = samples(["main a", 20], ["main b c", 50], ["main b", 10], ["idle", 20]);

function boxes(focus?: string): string[] {
  return flameBoxes(SAMPLES, focus).map(({ name, depth, begin, share }) =>
    `${name} ${depth} ${begin.toFixed(2)} ${share.toFixed(2)}`
  );
}

Deno.test("stacks that begin alike share their boxes, the widest on the left", () => {
  assert.deepEqual(boxes(), [
    "everything 0 0.00 1.00",
    "main 1 0.00 0.80",
    "b 2 0.00 0.60",
    "c 3 0.00 0.50",
    "a 2 0.60 0.20",
    "idle 1 0.80 0.20",
  ]);
});

Deno.test("of one function its share is the whole", () => {
  assert.deepEqual(boxes("b"), ["everything 0 0.00 1.00", "b 1 0.00 1.00", "c 2 0.00 0.83"]);
  assert.deepEqual(boxes("nobody"), []);
});

Deno.test("a stack without end, and stacks without number, stay a drawing", () => {
  const deep = samples([Array.from({ length: 5_000 }, (_, at) => `f${at}`).join(" "), 1]);
  assert.ok(flameBoxes(deep, undefined).length < 60);
  const wide = samples(...Array.from({ length: 50_000 }, (_, at) => [`f${at}`, 1] as const));
  assert.ok(flameBoxes(wide, undefined).length < 1_000);
});

Deno.test("a function that calls itself takes its time once", () => {
  const costs = heaviestFunctions(samples(["f f g", 4], ["f", 6]), 10);
  assert.deepEqual(costs, [
    { name: "f", self: 6, total: 10 },
    { name: "g", self: 4, total: 4 },
  ]);
});
