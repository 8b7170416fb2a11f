/**
 * The suite with real packets; for whose proxier see README.md.
 */
import assert from "node:assert/strict";
import { CASES } from "./cases.ts";
import { PacketCluster, packetGroups } from "./packets.ts";
import { loadProxier } from "./proxier.ts";

const plugin = await loadProxier();

Deno.test("packets", async (t) => {
  await using cluster = await PacketCluster.create();
  for (const group of packetGroups(CASES)) {
    for (const { name, fault } of await cluster.run(plugin, group)) {
      await t.step(name, () => assert.equal(fault ?? "as expected", "as expected"));
    }
  }
});
