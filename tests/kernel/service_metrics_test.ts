/**
 * What single Services get, as the whole of weir tells a scraper.
 */
import assert from "node:assert/strict";
import { reach, web } from "./cluster.ts";
import { nft } from "./namespace_program.ts";
import { startWeirCluster } from "./weir_on_manifests.ts";

const NAMES = ["connections", "packets", "bytes"] as const;

Deno.test("with --per-service-metrics a Service's connections are on the page, and go on when the rules are replaced", async () => {
  await using cluster = await startWeirCluster(["--per-service-metrics=1"]);
  const { topology: { client, backends }, weir } = cluster;
  const read = async (name: string, service: string) =>
    await weir.pages.metric(`weir_service_${name}_total`, `service_name="${service}"`);
  await weir.serve(web(backends));
  const path = { version: 4, transport: "udp" } as const;
  // The barrier's Service comes first by its id, and the only series of its own is its.
  const service = "_other";
  const start = await read("connections", service);
  for (let round = 0; round < 3; round++) await reach(client, path);
  await weir.process.until(
    "three connections",
    async () => await read("connections", service) === start + 3,
  );
  assert.equal(await read("packets", service), 6);
  assert.equal(await weir.pages.metric("weir_services_folded"), 1);
  assert.ok(await read("connections", "barrier") > 0);
  const { topology: { node } } = cluster;
  // Somebody's hand replaces the table, and with it what it had counted.
  await nft(node, "flush chain ip weir services");
  await weir.process.until(
    "the repair",
    async () => await weir.pages.metric("weir_repairs_total") === 1,
  );
  await weir.process.until("a connection more", async () => {
    await reach(client, path);
    return await read("connections", service) > start + 3;
  });
});

Deno.test("without it the kernel counts nothing, and there are no such series", async () => {
  await using cluster = await startWeirCluster();
  const { topology: { node, client, backends }, weir } = cluster;
  await weir.serve(web(backends));
  await reach(client, { version: 4, transport: "tcp" });
  const page = (await weir.pages.at("http://127.0.0.1:10249/metrics")).text;
  for (const name of NAMES) {
    assert.doesNotMatch(page, new RegExp(`^weir_service_${name}_total\\{`, "m"));
  }
  const rules = await nft(node, "list ruleset");
  assert.match(rules, /set-sizes/);
  assert.doesNotMatch(rules, /counter|set-connections|service-packets|count-/);
});
