import assert from "node:assert/strict";
import { mean, quantile } from "./statistics.ts";

Deno.test("a mean is the sum by the number", () => {
  assert.equal(mean([1, 2, 6]), 3);
});

Deno.test("a quantile is the sample at the nearest rank", () => {
  const samples = [5, 1, 4, 2, 3];
  assert.equal(quantile(samples, 0), 1);
  assert.equal(quantile(samples, 0.5), 3);
  assert.equal(quantile(samples, 0.99), 5);
  assert.equal(quantile(samples, 1), 5);
});
