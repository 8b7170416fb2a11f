import assert from "node:assert/strict";
import { SimulatedClock } from "../../simulated_clock.ts";
import { TokenBucket } from "./rate_limit.ts";

const never = new AbortController().signal;

/** Milliseconds at which each of so many requests, all made at once, may go. */
async function departures(qps: number, burst: number, requests: number): Promise<number[]> {
  const clock = new SimulatedClock();
  const bucket = new TokenBucket({ qps, burst, clock });
  const seen: number[] = [];
  const all = Array.from(
    { length: requests },
    () => bucket.take(never).then(() => seen.push(Math.round(clock.now()))),
  );
  await clock.advance(60_000);
  await Promise.all(all);
  return seen;
}

const cases: readonly {
  readonly name: string;
  readonly qps: number;
  readonly burst: number;
  readonly expected: readonly number[];
}[] = [
  {
    name: "a burst goes at once, the rest at the rate",
    qps: 2,
    burst: 3,
    expected: [0, 0, 0, 500, 1000],
  },
  {
    name: "without settings 10 go at once and then 5 a second",
    qps: 0,
    burst: 0,
    expected: [...Array<number>(10).fill(0), 200, 400, 600],
  },
  { name: "a rate below 0 is no limit", qps: -1, burst: 1, expected: [0, 0, 0, 0] },
  {
    name: "a fraction of a request a second works",
    qps: 0.1,
    burst: 1,
    expected: [0, 10_000, 20_000],
  },
];

for (const { name, qps, burst, expected } of cases) {
  Deno.test(name, async () => {
    assert.deepEqual(await departures(qps, burst, expected.length), expected);
  });
}

Deno.test("tokens that nobody takes fill the bucket and no more", async () => {
  const clock = new SimulatedClock();
  const bucket = new TokenBucket({ qps: 1, burst: 2, clock });
  await bucket.take(never);
  await clock.advance(3_600_000);
  await bucket.take(never);
  await bucket.take(never);
  assert.equal(clock.waiting, 0);
  bucket.take(never);
  assert.equal(clock.waiting, 1);
});

Deno.test("who is stopped while waiting does not wait on", async () => {
  const clock = new SimulatedClock();
  const bucket = new TokenBucket({ qps: 1, burst: 1, clock });
  await bucket.take(never);
  const stop = new AbortController();
  const waiting = bucket.take(stop.signal);
  stop.abort();
  await waiting;
  assert.equal(clock.waiting, 0);
});
