import assert from "node:assert/strict";
import { systemClock } from "./clock.ts";
import { SimulatedClock } from "./simulated_clock.ts";

Deno.test("The simulated clock rings timers in the order of their due time, then of their making", async () => {
  const clock = new SimulatedClock(1_000);
  const rung: string[] = [];
  clock.after(20, () => rung.push(`late at ${clock.now()}`));
  clock.after(10, () => {
    rung.push(`first at ${clock.now()}`);
    clock.after(5, () => rung.push(`nested at ${clock.now()}`));
  });
  clock.after(10, () => rung.push(`second at ${clock.now()}`));
  clock.after(10, () => rung.push("cancelled"))();
  await clock.advance(15);
  assert.deepEqual(rung, ["first at 1010", "second at 1010", "nested at 1015"]);
  assert.equal(clock.now(), 1_015);
  assert.equal(clock.waiting, 1);
  await clock.advance(100);
  assert.deepEqual(rung.at(-1), "late at 1020");
  assert.equal(clock.now(), 1_115);
});

Deno.test("A simulated timer whose callback awaits sees its continuation run before time moves on", async () => {
  const clock = new SimulatedClock();
  const seen: number[] = [];
  clock.after(1, () => {
    (async () => {
      await Promise.resolve();
      await Promise.resolve();
      seen.push(clock.now());
    })();
  });
  clock.after(2, () => seen.push(clock.now()));
  await clock.advance(10);
  assert.deepEqual(seen, [1, 2]);
});

Deno.test("The system clock rings once, and a cancelled timer never", async () => {
  const before = Date.now();
  let rung = 0;
  systemClock.after(1, () => rung += 100)();
  await new Promise<void>((resolve) =>
    systemClock.after(5, () => {
      rung++;
      resolve();
    })
  );
  assert.equal(rung, 1);
  assert.ok(systemClock.now() - before >= 4, "the timer rang too early");
});

Deno.test("The machine's clock rings a delay of 0 after the current macrotask and before any timer", async () => {
  const rung: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  setTimeout(() => {
    rung.push("timer");
    resolve();
  }, 1);
  systemClock.after(0, () => rung.push("cancelled"))();
  systemClock.after(0, () => rung.push("zero"));
  await Promise.resolve();
  rung.push("microtask");
  await promise;
  assert.deepEqual(rung, ["microtask", "zero", "timer"]);
});

Deno.test("a timer beyond what the system can count does not ring at once", async () => {
  let rung = false;
  const cancel = systemClock.after(2 ** 31, () => rung = true);
  await new Promise((resolve) => setTimeout(resolve, 50));
  cancel();
  assert.equal(rung, false);
});
