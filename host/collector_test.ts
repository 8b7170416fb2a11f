import assert from "node:assert/strict";
import { Collector } from "./collector.ts";
import { SimulatedClock } from "./simulated_clock.ts";

function collecting() {
  const clock = new SimulatedClock();
  const at: number[] = [];
  return { clock, at, collector: new Collector({ collect: () => at.push(clock.now()), clock }) };
}

Deno.test("garbage is collected once, a second after the last large sync", async () => {
  const { clock, at, collector } = collecting();
  collector.soon();
  await clock.advance(600);
  collector.soon();
  await clock.advance(999);
  assert.deepEqual(at, []);
  await clock.advance(10_000);
  assert.deepEqual(at, [1_600]);
  collector.soon();
  await clock.advance(10_000);
  assert.deepEqual(at, [1_600, 12_599]);
});

Deno.test("a collector that is stopped leaves no timer behind", async () => {
  const { clock, at, collector } = collecting();
  collector.soon();
  collector.stop();
  assert.equal(clock.waiting, 0);
  await clock.advance(10_000);
  assert.deepEqual(at, []);
});

Deno.test("where V8 does not offer it nothing is collected", () => {
  const clock = new SimulatedClock();
  new Collector({ collect: undefined, clock }).soon();
  assert.equal(clock.waiting, 0);
});

Deno.test("after work that is repeated garbage is collected every five minutes", async () => {
  const { clock, at, collector } = collecting();
  for (let scrape = 1; scrape <= 60; scrape++) {
    await clock.advance(15_000);
    collector.sometimes();
  }
  await clock.advance(1_000);
  assert.deepEqual(at, [301_000, 616_000]);
});

Deno.test("what views of the page leave is given back once, a minute after the last look", async () => {
  const { clock, at, collector } = collecting();
  for (let look = 1; look <= 120; look++) {
    await clock.advance(500);
    collector.looked();
  }
  await clock.advance(60_999);
  assert.deepEqual(at, []);
  await clock.advance(1);
  assert.deepEqual(at, [121_000]);
  await clock.advance(600_000);
  assert.deepEqual(at, [121_000]);
  assert.equal(clock.waiting, 0);
});

Deno.test("a few looks at the page hold nothing up, and neither do those before a collection", async () => {
  const { clock, at, collector } = collecting();
  for (let look = 1; look <= 49; look++) collector.looked();
  await clock.advance(600_000);
  assert.deepEqual(at, []);
  collector.looked();
  collector.soon();
  await clock.advance(600_000);
  assert.equal(at.length, 1);
});

Deno.test("while people look on and on garbage is collected every 300 looks", async () => {
  const { clock, at, collector } = collecting();
  for (let look = 1; look <= 750; look++) {
    await clock.advance(100);
    collector.looked();
  }
  assert.deepEqual(at, [31_000, 61_900]);
  await clock.advance(600_000);
  assert.deepEqual(at, [31_000, 61_900, 136_000]);
});
