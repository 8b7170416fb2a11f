import assert from "node:assert/strict";
import { SimulatedClock } from "../../simulated_clock.ts";
import { Suspicion } from "./suspicion.ts";

function watched() {
  const clock = new SimulatedClock();
  const begun = clock.now();
  const reports: number[] = [];
  const suspicion = new Suspicion({
    clock,
    report: () => reports.push((clock.now() - begun) / 1000),
  });
  return { clock, suspicion, reports };
}

Deno.test("a program that commits all the time is suspected less and less often, and never for good", async () => {
  const { clock, suspicion, reports } = watched();
  for (let tenths = 0; tenths < 2400; tenths++) {
    suspicion.raise();
    await clock.advance(100);
  }
  assert.deepEqual(reports, [0, 2, 6, 14, 30, 62, 122, 182]);
});

Deno.test("after some quiet the next suspicion is told at once", async () => {
  const { clock, suspicion, reports } = watched();
  suspicion.raise();
  suspicion.raise();
  await clock.advance(2_000);
  await clock.advance(121_000);
  suspicion.raise();
  assert.deepEqual(reports, [0, 2, 123]);
});

Deno.test("what was suspected once is told, though nobody commits any more; not once it is stopped", async () => {
  const { clock, suspicion, reports } = watched();
  suspicion.raise();
  suspicion.raise();
  await clock.advance(60_000);
  assert.deepEqual(reports, [0, 2]);
  suspicion.raise();
  suspicion.raise();
  suspicion.stop();
  await clock.advance(600_000);
  assert.deepEqual(reports, [0, 2, 60]);
});
