import assert from "node:assert/strict";
import { afterDeath } from "./restarts.ts";

const LIMITS = { deaths: 5, deathWindowMs: 300_000 };

Deno.test("each death waits four times as long, and the fifth in five minutes parks", () => {
  const deaths: number[] = [];
  const seen = [0, 1, 2, 3, 4].map((minute) => {
    deaths.push(minute * 60_000);
    return afterDeath(deaths, minute * 60_000, 1, LIMITS);
  });
  assert.deepEqual(seen, [
    { type: "restart", delayMs: 250 },
    { type: "restart", delayMs: 1000 },
    { type: "restart", delayMs: 4000 },
    { type: "restart", delayMs: 16_000 },
    { type: "park" },
  ]);
});

Deno.test("deaths older than five minutes are forgotten", () => {
  const deaths = [0, 1, 2, 3, 400_000];
  assert.deepEqual(afterDeath(deaths, 400_000, 1, LIMITS), { type: "restart", delayMs: 250 });
});

Deno.test("chance spreads the delay between half and all of it", () => {
  assert.deepEqual(afterDeath([0], 0, 0, LIMITS), { type: "restart", delayMs: 125 });
  assert.deepEqual(afterDeath([0], 0, 0.5, LIMITS), { type: "restart", delayMs: 187.5 });
});
