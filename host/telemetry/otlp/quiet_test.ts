import assert from "node:assert/strict";
import { SimulatedClock } from "../../simulated_clock.ts";
import { Quiet } from "./quiet.ts";

Deno.test("what can wait is done at once between syncs, and after one that is under way", async () => {
  const clock = new SimulatedClock();
  const quiet = new Quiet(clock);
  const done: string[] = [];
  quiet.when(() => done.push("at once"));
  assert.deepEqual(done.splice(0), ["at once"]);
  quiet.begin();
  quiet.when(() => done.push("first"));
  quiet.when(() => done.push("second"));
  await clock.advance(10);
  assert.deepEqual(done, []);
  quiet.end();
  assert.deepEqual(done, [], "not in the sync's own turn");
  await clock.advance(1);
  assert.deepEqual(done, ["first", "second"]);
  assert.equal(clock.waiting, 0);
});

Deno.test("what waited for a sync waits for the next if that begins first", async () => {
  const clock = new SimulatedClock();
  const quiet = new Quiet(clock);
  const done: string[] = [];
  quiet.begin();
  quiet.when(() => done.push("work"));
  quiet.end();
  quiet.begin();
  await clock.advance(10);
  assert.deepEqual(done, []);
  quiet.end();
  await clock.advance(1);
  assert.deepEqual(done, ["work"]);
});

Deno.test("a sync that hangs holds nothing up for longer than a second", async () => {
  const clock = new SimulatedClock();
  const quiet = new Quiet(clock);
  const done: string[] = [];
  quiet.begin();
  quiet.when(() => done.push("work"));
  await clock.advance(999);
  assert.deepEqual(done, []);
  await clock.advance(2);
  assert.deepEqual(done, ["work"]);
  quiet.end();
  await clock.advance(10);
  assert.deepEqual(done, ["work"], "once");
});
