import assert from "node:assert/strict";
import { SimulatedClock } from "./simulated_clock.ts";
import { Turns } from "./turns.ts";

/** Lets what is ready happen. */
async function settle(clock: SimulatedClock): Promise<void> {
  await clock.advance(0);
}

Deno.test("who comes first has its turn first, so many at a time, and who is too many is told so", async () => {
  const clock = new SimulatedClock();
  const turns = new Turns({ most: 2, waiting: 2, clock });
  const had: string[] = [];
  const backs = new Map<string, () => void>();
  const ask = async (name: string) => {
    const giveBack = await turns.take();
    had.push(giveBack === undefined ? `${name} refused` : name);
    if (giveBack !== undefined) backs.set(name, giveBack);
  };
  const asking = ["a", "b", "c", "d", "e"].map(ask);
  await settle(clock);
  assert.deepEqual(had, ["a", "b", "e refused"]);
  backs.get("b")?.();
  await settle(clock);
  assert.deepEqual(had.slice(3), ["c"]);
  backs.get("a")?.();
  backs.get("c")?.();
  await settle(clock);
  await Promise.all(asking);
  assert.deepEqual(had.slice(3), ["c", "d"]);
  await ask("f");
  assert.deepEqual(had.slice(5), ["f"]);
});

Deno.test("who leaves while it waits takes nobody's place, and who was called gives it on", async () => {
  const clock = new SimulatedClock();
  const turns = new Turns({ most: 1, waiting: 1, clock });
  const first = await turns.take();
  const leaving = new AbortController();
  const left = turns.take(leaving.signal);
  leaving.abort();
  assert.equal(await left, undefined);
  const next = turns.take();
  first?.();
  await settle(clock);
  (await next)?.();
  await settle(clock);
  assert.notEqual(await turns.take(), undefined);
  assert.equal(await turns.take(AbortSignal.abort()), undefined);
});

Deno.test("a turn rests in proportion to what it took, whether somebody waits or not", async () => {
  const clock = new SimulatedClock();
  const turns = new Turns({ most: 1, waiting: 1, rest: 4, clock });
  const first = await turns.take();
  await clock.advance(100);
  first?.();
  let had = false;
  const second = turns.take().then((giveBack) => {
    had = true;
    return giveBack;
  });
  await clock.advance(399);
  assert.equal(had, false);
  await clock.advance(1);
  assert.equal(had, true);
  await clock.advance(60_000);
  (await second)?.();
  const third = turns.take();
  await clock.advance(5_000);
  assert.notEqual(await third, undefined);
});
