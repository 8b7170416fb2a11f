/**
 * The whole of weir when somebody else changes its rules.
 */
import assert from "node:assert/strict";
import { outcomeOf, reach, web } from "./cluster.ts";
import { nft } from "./namespace_program.ts";
import { patient } from "./patience.ts";
import { startWeirCluster } from "./weir_on_manifests.ts";

const TCP = { version: 4, transport: "tcp" } as const;

Deno.test("weir repairs its table within a second whatever others do to it, and counts the repairs", async () => {
  await using cluster = await startWeirCluster();
  const { topology: { client, node, backends }, weir } = cluster;
  await weir.serve(web(backends));
  const damages = [
    "flush table ip weir",
    "delete table ip weir",
    "flush ruleset",
    "add chain ip weir intruder { type filter hook prerouting priority -300; policy drop; }",
  ];
  for (const [index, damage] of damages.entries()) {
    await nft(node, damage);
    const broken = performance.now();
    while ((await reach(client, TCP, { timeout: patient(100) })).outcome !== "answered") {
      assert.ok(
        performance.now() - broken < patient(1_000),
        `still broken a second after "${damage}"`,
      );
    }
    // One repair each, also after a while: our own repair is no foreign change.
    await new Promise((resume) => setTimeout(resume, 200));
    assert.equal(await weir.pages.metric("weir_repairs_total"), index + 1, damage);
  }
  assert.match(weir.process.log, /^W.*Somebody else changed the rules.*by="nft \(process \d+\)"/m);
  await weir.serve(web(backends.slice(0, 1)));
  assert.equal(outcomeOf(await reach(client, TCP)), "backend-0");
});

Deno.test("what others do in their own tables is none of weir's business", async () => {
  await using cluster = await startWeirCluster();
  const { topology: { node, backends }, weir } = cluster;
  await weir.serve(web(backends));
  await nft(node, "add table ip other");
  await nft(node, "delete table ip other");
  await weir.serve(web(backends.slice(1)));
  assert.doesNotMatch(weir.process.log, /Somebody else/);
});
