import assert from "node:assert/strict";
import { Semaphore } from "./semaphore.ts";

/** Tells whether a promise is settled by now. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  void promise.then(() => done = true);
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  return done;
}

Deno.test("places are given until there are none, and then as they come back", async () => {
  const { signal } = new AbortController();
  const places = new Semaphore(2);
  assert.deepEqual([await places.take(signal), await places.take(signal)], [true, true]);
  for (let round = 0; round < 3; round++) {
    const third = places.take(signal);
    assert.equal(await settled(third), false);
    places.release();
    assert.equal(await third, true);
  }
});

Deno.test("places that came back while nobody waited are there for those who come", async () => {
  const { signal } = new AbortController();
  const places = new Semaphore(1);
  await places.take(signal);
  places.release();
  assert.equal(await places.take(signal), true);
  assert.equal(await settled(places.take(signal)), false);
});

Deno.test("the signal ends the wait, before it and during it, and takes no place", async () => {
  const ended = new AbortController();
  const places = new Semaphore(1);
  await places.take(ended.signal);
  const waiting = places.take(ended.signal);
  ended.abort();
  assert.equal(await waiting, false);
  places.release();
  assert.equal(await places.take(ended.signal), false);
  assert.equal(await places.take(new AbortController().signal), true);
});
