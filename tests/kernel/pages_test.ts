/**
 * What weir tells of itself while it serves: to a kubelet, to a load balancer, to a scraper.
 */
import assert from "node:assert/strict";
import { sampleNode } from "../../host/samples.ts";
import type { Taint } from "../../schemas/kube.ts";
import { reach, web } from "./cluster.ts";
import { NODE_NAME } from "./program.ts";
import { startWeirCluster } from "./weir_on_manifests.ts";

const DRAINED: Taint = {
  key: "ToBeDeletedByClusterAutoscaler",
  value: "1700000000",
  effect: "NoSchedule",
};

Deno.test("/healthz is 503 while the autoscaler is about to delete the Node, which goes on serving", async () => {
  await using cluster = await startWeirCluster();
  const { topology: { client, backends }, weir } = cluster;
  await weir.serve(web(backends));
  for (const [taints, status] of [[[], 200], [[DRAINED], 503], [[], 200]] as const) {
    await weir.serveNode(sampleNode("", { name: NODE_NAME, taints }));
    await weir.process.until(
      `/healthz ${status}`,
      async () => (await weir.pages.health("healthz")).status === status,
    );
    const { text } = await weir.pages.health("healthz");
    const { healthy, nodeEligible } = JSON.parse(text);
    assert.deepEqual({ healthy, nodeEligible }, { healthy: true, nodeEligible: status === 200 });
    assert.equal((await weir.pages.health("livez")).status, 200);
    const exchange = await reach(client, { version: 4, transport: "tcp" });
    assert.equal(exchange.outcome, "answered");
  }
  assert.ok(await weir.pages.metric("kubeproxy_proxy_healthz_total", 'code="503"') >= 1);
});

Deno.test("each change moves kube-proxy's metrics and weir's own, and nothing else does", async () => {
  await using cluster = await startWeirCluster();
  const { topology: { backends }, weir } = cluster;
  const { pages } = weir;
  const NFT = 'plugin="proxier-nftables"';
  const read = async () => ({
    services: await pages.metric("kubeproxy_sync_proxy_rules_service_changes_total"),
    endpoints: await pages.metric("kubeproxy_sync_proxy_rules_endpoint_changes_total"),
    partial: await pages.metric(
      "kubeproxy_sync_partial_proxy_rules_duration_seconds_count",
      'ip_family="IPv4"',
    ),
    batches: await pages.metric("weir_netlink_batches_total", NFT),
    applies: await pages.metric("weir_plugin_call_duration_seconds_count", NFT, 'method="apply"'),
  });
  await weir.serve(web(backends));
  await weir.serve(web(backends.slice(1)));
  // The packet that ends serve() may overtake the plugin's own answer.
  const settled = async () => {
    let last: Awaited<ReturnType<typeof read>> | undefined;
    await weir.process.until("metrics at rest", async () => {
      await new Promise((resume) => setTimeout(resume, 200));
      const former = last;
      last = await read();
      return JSON.stringify(former) === JSON.stringify(last);
    });
    assert.ok(last !== undefined);
    return last;
  };
  const before = await settled();
  await weir.serve(web(backends));
  // Both slices of the Service, and the barrier's Service with its new port.
  assert.deepEqual(await settled(), {
    services: before.services + 1,
    endpoints: before.endpoints + 2,
    partial: before.partial + 1,
    batches: before.batches + 1,
    applies: before.applies + 1,
  });
  const queued = await pages.metric(
    "kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds",
    'ip_family="IPv4"',
  );
  assert.ok(Math.abs(Date.now() / 1000 - queued) < 60, String(queued));
  for (const name of ["service", "endpoint"]) {
    assert.equal(await pages.metric(`kubeproxy_sync_proxy_rules_${name}_changes_pending`), 0);
  }
  await new Promise((resume) => setTimeout(resume, 500));
  assert.equal((await read()).batches, before.batches + 1, "idle weir leaves the kernel alone");
  assert.equal(await pages.metric("weir_repairs_total"), 0);
});
