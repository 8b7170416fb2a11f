import assert from "node:assert/strict";
import { systemClock } from "../clock.ts";
import { Profiling } from "../profiles/profiling.ts";
import { debugRoutes } from "./debug.ts";

function routes(profiling: boolean) {
  return debugRoutes(
    {
      profiling: profiling ? new Profiling(new URL("file:///opt/weir/"), systemClock) : undefined,
      commandLine: () => [],
      profileSeconds: 1,
      setVerbosity: () => {},
      zpages: { flags: () => new Map(), startedAt: 0, now: () => 0, version: "1", runtime: "deno" },
    },
    () => ({}),
    systemClock,
  );
}

const PROFILING = ["/debug/pprof/", "/debug/pprof/goroutine", "/debug/pprof/cmdline"];

for (const path of [...PROFILING, "/debug/flags/"]) {
  Deno.test(`${path} is there with --profiling, and not found without`, async () => {
    assert.equal((await routes(true).request(path)).status, 200);
    assert.equal((await routes(false).request(path)).status, 404);
  });
}

for (const path of ["/flagz", "/statusz"]) {
  Deno.test(`${path} is there in any case`, async () => {
    assert.equal((await routes(false).request(path)).status, 200);
    assert.equal((await routes(true).request(path)).status, 200);
  });
}

Deno.test("the verbosity cannot be set without --profiling, as in kube-proxy", async () => {
  const put = { method: "PUT", body: "4" };
  assert.equal((await routes(false).request("/debug/flags/v", put)).status, 404);
});
