import assert from "node:assert/strict";
import { Backoff } from "./backoff.ts";

Deno.test("delays double from 0.8 s to 30 s", () => {
  const backoff = new Backoff({ now: () => 0, random: () => 0 });
  const delays = Array.from({ length: 8 }, () => backoff.next());
  assert.deepEqual(delays, [800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
});

Deno.test("chance makes a delay up to twice as long", () => {
  const backoff = new Backoff({ now: () => 0, random: () => 0.5 });
  assert.deepEqual([backoff.next(), backoff.next()], [1200, 2400]);
});

Deno.test("two minutes without a failure begin the row anew", () => {
  let now = 0;
  const backoff = new Backoff({ now: () => now, random: () => 0 });
  for (let failures = 0; failures < 9; failures++) backoff.next();
  now += 120_000;
  assert.equal(backoff.next(), 30_000, "exactly two minutes are not enough");
  now += 120_001;
  assert.equal(backoff.next(), 800);
});
