import assert from "node:assert/strict";
import { atOnce, MOST_MS, Pace } from "./pace.ts";

function* steps(count: number): Generator<void, string> {
  for (let index = 0; index < count; index++) yield;
  return "done";
}

Deno.test("work goes on for some milliseconds, and then others have their turn", async () => {
  let now = 0;
  const turns: number[] = [];
  const pace = new Pace({ now: () => now++, turn: async () => void turns.push(now) });
  assert.equal(await pace.through(steps(100)), "done");
  assert.equal(turns.length, 100 / MOST_MS, "each look at the clock takes a millisecond here");
  assert.equal(atOnce(steps(100)), "done");
  assert.equal(turns.length, 100 / MOST_MS);
});

Deno.test("work that is short does not wait for anybody", async () => {
  const pace = new Pace({ now: () => 0, turn: () => assert.fail("a turn") });
  assert.equal(await pace.through(steps(100)), "done");
  assert.equal(pace.due(), undefined);
});
