/**
 * The suite through the packet tracer; for whose proxier see README.md.
 */
import assert from "node:assert/strict";
import { CASES } from "./cases.ts";
import { loadProxier } from "./proxier.ts";
import { runTraced } from "./traced.ts";

const plugin = await loadProxier();

for (const each of CASES) {
  Deno.test(`traced: ${each.topic}: ${each.name}`, async (t) => {
    for (const { name, fault } of await runTraced(plugin, each)) {
      await t.step(name, () => assert.equal(fault ?? "as expected", "as expected"));
    }
  });
}
