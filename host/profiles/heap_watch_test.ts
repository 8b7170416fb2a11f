import assert from "node:assert/strict";
import { SimulatedClock } from "../simulated_clock.ts";
import { sleep } from "../sleep.ts";
import { HeapBusy, HeapWatch } from "./heap_watch.ts";
import type { Profile } from "./pprof.ts";

const PROFILE: Profile = {
  types: [],
  samples: [],
  period: { type: "space", unit: "bytes", value: 1 },
  program: "weir",
  startedAt: 0,
  duration: 0,
  comments: [],
};

/** A heap that takes a second to be read, and what was done to it when. */
function watched() {
  const clock = new SimulatedClock();
  const never = new AbortController().signal;
  const done: string[] = [];
  const taking = (what: string) => async (seconds: number) => {
    done.push(`${what} at ${clock.now()}`);
    await sleep(clock, seconds * 1000, never);
    return PROFILE;
  };
  const heap = new HeapWatch(
    {
      heap: () => taking("read")(1),
      heapChange: taking("change"),
      allocations: taking("allocations"),
    },
    clock,
  );
  const use = (what: string) => () => Promise.resolve(what);
  return {
    clock,
    done,
    read: () => heap.read(false, never, use("read")),
    change: (seconds: number) => heap.change(seconds, never, use("change")),
    allocations: (seconds: number) => heap.allocations(seconds, never, use("allocations")),
  };
}

Deno.test("the heap is read for one at a time, and rests four times as long as that took", async () => {
  const { clock, done, read } = watched();
  const first = [read(), read(), read()];
  assert.deepEqual(
    await read(),
    new HeapBusy("Could not read the heap: it is being read for others, ask again", 4),
  );
  await clock.advance(20_000);
  assert.deepEqual(await Promise.all(first), ["read", "read", "read"]);
  assert.deepEqual(done, ["read at 0", "read at 5000", "read at 10000"]);
});

Deno.test("allocations are sampled once who reads the heap has done, and keep others from reading", async () => {
  const { clock, done, read, allocations } = watched();
  const reading = read();
  await clock.advance(0);
  const sampling = allocations(10);
  await clock.advance(4_000);
  assert.deepEqual(done, ["read at 0", "allocations at 1000"]);
  assert.deepEqual(
    await read(),
    new HeapBusy("Could not read the heap: allocations are being sampled", 6),
  );
  await clock.advance(7_000);
  assert.deepEqual(await Promise.all([reading, sampling]), ["read", "allocations"]);
});

Deno.test("who waits for the heap while allocations begin to be sampled does not read it", async () => {
  const { clock, done, read, allocations } = watched();
  const readings = [read(), read()];
  await clock.advance(0);
  const sampling = allocations(10);
  await clock.advance(20_000);
  const [, second] = await Promise.all(readings);
  assert.ok(second instanceof HeapBusy);
  assert.deepEqual(done, ["read at 0", "allocations at 1000"]);
  assert.equal(await sampling, "allocations");
});

Deno.test("a change is watched for one at a time, and others are told when it is over", async () => {
  const { clock, change, allocations } = watched();
  const first = change(10);
  await clock.advance(4_000);
  const state = "Could not watch the heap: it is being watched for another request";
  assert.deepEqual(await change(1), new HeapBusy(state, 6));
  assert.deepEqual(await allocations(1), new HeapBusy(state, 6));
  await clock.advance(6_000);
  assert.equal(await first, "change");
  const next = change(1);
  await clock.advance(1_000);
  assert.equal(await next, "change");
});
