import assert from "node:assert/strict";
import { Liveness } from "./liveness.ts";

const PATIENCE = { ackMs: 3000, busyMs: 10_000 };
const IDLE = { owed: true, busy: false };
const BUSY = { owed: true, busy: true };

/** How many silent ticks it takes until the plugin counts as hung. */
function ticks(liveness: Liveness, owed: { owed: boolean; busy: boolean }, most = 30): number {
  for (let tick = 1; tick <= most; tick++) {
    if (liveness.tick(owed) !== undefined) return tick;
  }
  return Infinity;
}

Deno.test("a plugin that owes an acknowledgement is hung after 3 s of silence", () => {
  const liveness = new Liveness(PATIENCE);
  assert.equal(liveness.tickMs, 1000);
  assert.equal(ticks(liveness, IDLE), 3);
});

Deno.test("a plugin whose handler runs has 10 s", () => {
  assert.equal(ticks(new Liveness(PATIENCE), BUSY), 10);
});

Deno.test("a plugin that owes nothing may be silent for ever", () => {
  assert.equal(ticks(new Liveness(PATIENCE), { owed: false, busy: false }), Infinity);
});

Deno.test("any sign of life starts the count again", () => {
  const liveness = new Liveness(PATIENCE);
  liveness.tick(IDLE);
  liveness.tick(IDLE);
  liveness.hear();
  assert.equal(ticks(liveness, IDLE), 4, "the tick that heard it, and three more");
});
