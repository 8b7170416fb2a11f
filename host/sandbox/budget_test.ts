import assert from "node:assert/strict";
import { Budget } from "./budget.ts";

Deno.test("a budget gives its burst at once and its rate over time", () => {
  let now = 0;
  const budget = new Budget(10, 3, () => now);
  const taken = () => Array.from({ length: 5 }, () => budget.take(1));
  assert.deepEqual(taken(), [true, true, true, false, false]);
  now = 100;
  assert.deepEqual(taken(), [true, false, false, false, false], "10 a second is one in 100 ms");
  now = 60_000;
  assert.deepEqual(taken(), [true, true, true, false, false], "never more than the burst");
});

Deno.test("a budget that refuses keeps what it has", () => {
  const budget = new Budget(1, 10, () => 0);
  assert.equal(budget.take(11), false);
  assert.equal(budget.take(10), true);
});
