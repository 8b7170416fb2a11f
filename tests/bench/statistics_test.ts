import assert from "node:assert/strict";
import { mean, medianInterval, quantile } from "./statistics.ts";

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

Deno.test("the interval of a median is narrower the more samples there are, and has it in 95 %", () => {
  // Numbers that look like chance and are the same in every run (Park and Miller).
  let seed = 42;
  const chance = () => (seed = seed * 48271 % 2147483647) / 2147483647;
  const trial = (count: number) =>
    medianInterval(Array.from({ length: count }, () => chance() ** 3));
  let within = 0;
  for (let round = 0; round < 1_000; round++) {
    const [least, most] = trial(200);
    if (least <= 0.125 && 0.125 <= most) within++;
  }
  assert.ok(within > 920 && within < 980, `${within} of 1000`);
  const width = ([least, most]: readonly [number, number]) => most - least;
  assert.ok(width(trial(10_000)) < width(trial(100)) / 3);
});
