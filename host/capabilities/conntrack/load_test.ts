import { conntrackUsage } from "../sysctl/readings.ts";
import assert from "node:assert/strict";
import { loadConntrack } from "./load.ts";

Deno.test("once it has been loaded, connection tracking has settings", async () => {
  await loadConntrack();
  assert.notEqual(conntrackUsage(), undefined);
});
