import assert from "node:assert/strict";
import { SimulatedClock } from "./simulated_clock.ts";
import { Bell } from "./folder_watch.ts";

function waiting(bell: Bell, clock: SimulatedClock, signal: AbortSignal) {
  const state = { over: false };
  bell.wait(clock, 1_000, signal).then(() => state.over = true);
  return state;
}

Deno.test("A wait ends at the ring, and leaves no timer behind", async () => {
  const clock = new SimulatedClock();
  const bell = new Bell();
  const wait = waiting(bell, clock, new AbortController().signal);
  await clock.advance(500);
  assert.equal(wait.over, false);
  bell.ring();
  await clock.advance(0);
  assert.equal(wait.over, true);
  assert.equal(clock.waiting, 0);
});

Deno.test("A ring while nobody waits ends the next wait at once, but only one", async () => {
  const clock = new SimulatedClock();
  const bell = new Bell();
  const { signal } = new AbortController();
  bell.ring();
  bell.ring();
  const first = waiting(bell, clock, signal);
  await clock.advance(0);
  assert.equal(first.over, true);
  const second = waiting(bell, clock, signal);
  await clock.advance(999);
  assert.equal(second.over, false);
  await clock.advance(1);
  assert.equal(second.over, true);
});

Deno.test("An abort ends the wait, also when it came before", async () => {
  const clock = new SimulatedClock();
  const controller = new AbortController();
  const before = waiting(new Bell(), clock, controller.signal);
  controller.abort();
  const after = waiting(new Bell(), clock, controller.signal);
  await clock.advance(0);
  assert.deepEqual([before.over, after.over, clock.waiting], [true, true, 0]);
});
