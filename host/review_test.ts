import assert from "node:assert/strict";
import { Review } from "./review.ts";
import { SimulatedClock } from "./simulated_clock.ts";

Deno.test("everything is looked at each --config-sync-period, also when it becomes another", async () => {
  const clock = new SimulatedClock();
  const at: number[] = [];
  let period = 900_000;
  const review = new Review({ period: () => period, look: () => at.push(clock.now()), clock });
  review.begin();
  await clock.advance(1_800_000);
  assert.deepEqual(at, [900_000, 1_800_000]);
  period = 60_000;
  review.begin();
  await clock.advance(60_000);
  assert.deepEqual(at.slice(2), [1_860_000]);
  review.stop();
  await clock.advance(3_600_000);
  assert.equal(at.length, 3);
  assert.equal(clock.waiting, 0);
});
