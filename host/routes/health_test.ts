import assert from "node:assert/strict";
import { healthRoutes } from "./health.ts";

function routes(waitingSince: number | undefined) {
  const seen: string[] = [];
  const app = healthRoutes({
    facts: () => ({
      families: ["IPv4"],
      lastCompleted: 1_000,
      waitingSince,
      node: undefined,
      parked: [],
    }),
    now: () => 70_000,
    timeout: () => 60_000,
    observe: (probe, code) => seen.push(`${probe} ${code}`),
  });
  return { app, seen };
}

Deno.test("/livez answers in JSON that must not be sniffed, and is counted by code", async () => {
  const { app, seen } = routes(undefined);
  const response = await app.request("/livez");
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "application/json");
  assert.equal(response.headers.get("x-content-type-options"), "nosniff");
  assert.deepEqual(await response.json(), {
    lastUpdated: "1970-01-01T00:01:10.000Z",
    currentTime: "1970-01-01T00:01:10.000Z",
    healthy: true,
    status: { IPv4: { lastUpdated: "1970-01-01T00:00:01.000Z", healthy: true } },
  });
  assert.deepEqual(seen, ["livez 200"]);
});

Deno.test("/healthz without a Node answers 503 with the reason, and is counted by code", async () => {
  const { app, seen } = routes(undefined);
  const response = await app.request("/healthz");
  assert.equal(response.status, 503);
  const { nodeEligible, healthy } = await response.json();
  assert.deepEqual({ nodeEligible, healthy }, { nodeEligible: false, healthy: true });
  assert.deepEqual(seen, ["healthz 503"]);
});

Deno.test("each probe is answered with what is known at that moment", async () => {
  assert.equal((await routes(10_000).app.request("/livez")).status, 503);
  assert.equal((await routes(10_001).app.request("/livez")).status, 200);
});

Deno.test("a load balancer that only asks for headers gets the code", async () => {
  const response = await routes(10_000).app.request("/livez", { method: "HEAD" });
  assert.equal(response.status, 503);
  assert.equal(await response.text(), "");
});

Deno.test("the health server has nothing else", async () => {
  assert.equal((await routes(undefined).app.request("/metrics")).status, 404);
});
