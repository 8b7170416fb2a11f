/**
 * What happens when somebody else changes the node's rules.
 */
import assert from "node:assert/strict";
import type { Cluster } from "./cluster.ts";
import { outcomeOf, reach, startCluster, web } from "./cluster.ts";
import { patient } from "./patience.ts";

async function nft(cluster: Cluster, command: string): Promise<void> {
  const [program, ...args] = cluster.topology.node.namespace.command(["nft", command]);
  const { success, stderr } = await new Deno.Command(program, { args }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

const DAMAGES = [
  "flush ruleset",
  "flush table ip weir",
  "delete table ip weir",
  "flush map ip weir service-sets",
  "flush map ip weir set-sizes",
  "flush map ip weir endpoints",
] as const;

for (const damage of DAMAGES) {
  Deno.test(`after "nft ${damage}" by somebody else the Service answers again within a second`, async () => {
    await using cluster = await startCluster();
    const { client, backends } = cluster.topology;
    await cluster.program.serve(web(backends));
    const path = { version: 4, transport: "tcp" } as const;
    assert.match(outcomeOf(await reach(client, path)), /^backend-/);
    await nft(cluster, damage);
    const broken = performance.now();
    for (;;) {
      const exchange = await reach(client, path, { timeout: patient(100) });
      if (exchange.outcome === "answered") break;
      assert.ok(
        performance.now() - broken < patient(1000),
        `still ${exchange.error} after a second`,
      );
    }
    // And it stays: a repair is no foreign change that would be repaired again.
    for (let round = 0; round < 20; round++) {
      assert.match(outcomeOf(await reach(client, path)), /^backend-/);
    }
  });
}

Deno.test("a rule that somebody adds to our table is gone again within a second", async () => {
  await using cluster = await startCluster();
  const { client, backends } = cluster.topology;
  await cluster.program.serve(web(backends));
  const path = { version: 4, transport: "tcp" } as const;
  await nft(
    cluster,
    "add chain ip weir intruder { type filter hook prerouting priority -300; policy drop; }",
  );
  const broken = performance.now();
  while ((await reach(client, path, { timeout: patient(100) })).outcome !== "answered") {
    assert.ok(performance.now() - broken < patient(1000), "still dropped after a second");
  }
});
