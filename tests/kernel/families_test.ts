/**
 * A kernel that lacks an IP family: weir serves the other one, and that alone; and one on which a
 * family is switched off, which may be switched on again.
 */
import assert from "node:assert/strict";
import { outcomeOf, reach, web } from "./cluster.ts";
import { nft, runInside } from "./namespace_program.ts";
import { NODE_NAME } from "./program.ts";
import { startWeirCluster } from "./weir_on_manifests.ts";
import { taskCommand } from "./weir_process.ts";

const WITHOUT_IPV6 = [
  Deno.execPath(),
  "run",
  "--quiet",
  "--no-prompt",
  "--allow-ffi",
  new URL("without_ipv6_child.ts", import.meta.url).pathname,
];

Deno.test("without IPv6 in the kernel, IPv4 is served: rules, health and metrics know no other", async () => {
  await using cluster = await startWeirCluster([], WITHOUT_IPV6);
  const { topology: { client, backends, node }, weir } = cluster;
  await weir.serve(web(backends.slice(0, 1)));
  const tcp = { version: 4, transport: "tcp" } as const;
  assert.equal(outcomeOf(await reach(client, tcp)), backends[0]?.name);
  const tables = await nft({ namespace: node.namespace }, "list tables");
  assert.deepEqual(tables.trim().split("\n").filter((line) => line.includes("weir")), [
    "table ip weir",
  ]);
  await weir.process.said(
    /"This kernel cannot serve an IP family" family="IPv6" reason="it has no/,
  );
  await weir.process.said(/"Running in single-stack mode" primary="IPv4"/);
  const health = await weir.pages.health("healthz");
  assert.equal(health.status, 200);
  assert.deepEqual(Object.keys(JSON.parse(health.text).status), ["IPv4"]);
  const metrics = await weir.pages.at("http://127.0.0.1:10249/metrics");
  assert.doesNotMatch(metrics.text, /ip_family="IPv6"/);
  assert.doesNotMatch(weir.process.log, /^E/m);
});

Deno.test("without IPv6 in the kernel, a node whose primary family it is cannot be served", async () => {
  await using cluster = await startWeirCluster([], WITHOUT_IPV6);
  await cluster.weir.serveNode({
    kind: "Node",
    name: "node",
    resourceVersion: "1",
    labels: {},
    podCIDRs: [],
    addresses: ["fd00:0:0:1::1"],
    taints: [],
    deleting: false,
  });
  const { code, log } = await cluster.weir.process.ended();
  assert.equal(code, 1, log);
  assert.match(
    log,
    /^weir: Cannot serve "IPv6", the primary family of this node: .*ipv6\.disable=1; or name an address of another family with --bind-address \(WEIR_KERNEL\)$/m,
  );
});

Deno.test("while a sysctl keeps IPv6 from all interfaces IPv4 is served, and IPv6's rules wait", async () => {
  await using cluster = await startWeirCluster(["--healthz-bind-address=[::]:10256"]);
  const { topology: { client, backends, node }, weir } = cluster;
  node.namespace.sysctl("ipv6/conf/all/disable_ipv6", "1");
  // A node that is not to use IPv6 is not told to forward it.
  node.namespace.sysctl("ipv6/conf/all/forwarding", "0");
  await weir.serve(web(backends));
  const tcp = { version: 4, transport: "tcp" } as const;
  assert.equal((await reach(client, tcp)).outcome, "answered");
  // Sockets of IPv6 can be opened: what is every address takes IPv4, too.
  assert.equal((await weir.pages.health("healthz")).status, 200);
  const tables = await nft({ namespace: node.namespace }, "list tables");
  assert.match(tables, /table ip6 weir/, "it may be switched on again");
  const check = await runInside(node, [
    ...taskCommand(),
    "check",
    "--manifests=examples/demo",
    `--hostname-override=${NODE_NAME}`,
  ]);
  assert.match(
    check.stdout,
    / {2}- net\.ipv6\.conf\.all\.forwarding: net\.ipv6\.conf\.all\.disable_ipv6 keeps IPv6 from all/,
  );
  assert.doesNotMatch(weir.process.log, /forwards no packets/);
  assert.doesNotMatch(weir.process.log, /^E/m);
});
