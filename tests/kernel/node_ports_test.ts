/**
 * Where NodePorts answer, as the whole of weir finds it out.
 */
import assert from "node:assert/strict";
import { Links } from "../../host/capabilities/link.ts";
import { sampleNode } from "../../host/samples.ts";
import type { Service } from "../../schemas/kube.ts";
import type { Member } from "../kit/packet/topology.ts";
import { outcomeOf, PORT, tally, web } from "./cluster.ts";
import { until } from "./patience.ts";
import { NODE_NAME } from "./program.ts";
import { startWeirCluster } from "./weir_on_manifests.ts";

/** What weir says, as `["192.0.2.1"]` or `"every address"`. */
const said = (addresses: string) =>
  new RegExp(`NodePorts answer on" addresses=${RegExp.escape(addresses)}$`, "m");

Deno.test("NodePorts follow the Node, and the addresses that the node gets and loses", async () => {
  await using cluster = await startWeirCluster([
    "--nodeport-addresses=primary",
    "--nodeport-addresses=10.77.0.0/16",
  ]);
  const { topology: { node }, weir } = cluster;
  const [v4, v6] = [node.addresses[4], node.addresses[6]];
  await weir.serveNode(sampleNode("", { name: NODE_NAME, addresses: [v4, v6] }));
  await weir.serve([]);
  await weir.process.said(said(`["${v4}","${v6}"]`));
  using links = new Links(node.namespace);
  links.addAddress("wan", "10.77.0.1/32");
  await weir.process.said(said(`["10.77.0.1","${v4}","${v6}"]`));
  links.remove("wan");
  const again = new RegExp(said(`["${v4}","${v6}"]`), "gm");
  await weir.process.until(
    "the address is gone",
    () => weir.process.log.match(again)?.length === 2,
  );
  assert.ok(!/^E/m.test(weir.process.log), weir.process.log);
});

Deno.test("without a Node the address towards the world is the node's own, or every one if asked", async () => {
  await using cluster = await startWeirCluster();
  const { weir } = cluster;
  await weir.serve([]);
  await weir.process.said(said('["198.51.100.1","2001:db8:1::1"]'));
  weir.process.kill("SIGTERM");
  await weir.process.ended();
  weir.restart(["--nodeport-addresses=all"]);
  await weir.process.said(said('"every address"'));
});

/** A NodePort and a health check node port that no other test's namespace shares. */
const NODE_PORT = 30_080;
const HEALTH_PORT = 30_900;

/** The web Service behind a load balancer, of TCP alone. */
function published(backends: readonly Member[], fields: Partial<Service>, terminating = false) {
  const port = { name: "tcp", protocol: "TCP", port: PORT, nodePort: NODE_PORT } as const;
  return web(backends, { type: "LoadBalancer", ports: [port], ...fields }).map((object) =>
    object.kind === "EndpointSlice" && terminating
      ? {
        ...object,
        endpoints: object.endpoints.map((each) => ({ ...each, ready: false, terminating })),
      }
      : object
  );
}

Deno.test("a load balancer hears which node has endpoints, and of a drain while they still serve", async () => {
  await using cluster = await startWeirCluster();
  const { topology: { node, remote, backends }, weir } = cluster;
  await weir.serveNode(sampleNode("", { name: NODE_NAME, addresses: [node.addresses[4]] }));
  const local = { externalTrafficPolicy: "Local", healthCheckNodePort: HEALTH_PORT } as const;
  const url = `http://${node.addresses[4]}:${HEALTH_PORT}/any/path`;
  const told = async (status: number, weight: number) => {
    await until(`${status} and ${weight}`, async () => {
      const page = await weir.pages.at(url).catch(() => undefined);
      return page?.status === status && JSON.parse(page.text).localEndpoints === weight;
    });
  };
  const where = { transport: "tcp", address: node.addresses[4], port: NODE_PORT } as const;
  await weir.serve(published(backends, local));
  await told(200, backends.length);
  assert.match(outcomeOf(await remote.agent.connectOnce(where)), /^backend-/);
  await weir.serve(published(backends, local, true));
  await told(503, 0);
  assert.match(outcomeOf(await remote.agent.connectOnce(where)), /^backend-/);
  await weir.serve(published(backends, { ...local, externalTrafficPolicy: "Cluster" }));
  await assert.rejects(weir.pages.at(url));
});

Deno.test("programs of the node reach a TCP NodePort on loopback of both families", async () => {
  await using cluster = await startWeirCluster(["--nodeport-addresses=primary,localhost"]);
  const { topology: { node, remote, backends }, weir } = cluster;
  const { 4: v4, 6: v6 } = node.addresses;
  await weir.serveNode(sampleNode("", { name: NODE_NAME, addresses: [v4, v6] }));
  await weir.serve(published(backends, {}));
  for (const address of ["127.0.0.1", "::1", v4, v6]) {
    const where = { transport: "tcp", address, port: NODE_PORT, count: 50 } as const;
    const names = tally(await node.agent.connect(where));
    assert.deepEqual([...names.keys()].sort(), backends.map(({ name }) => name), address);
  }
  const outside = { transport: "tcp", address: v4, port: NODE_PORT } as const;
  assert.match(outcomeOf(await remote.agent.connectOnce(outside)), /^backend-/);
  const listeners = "kubeproxy_nftables_localhost_nodeport_listeners";
  for (const family of ["IPv4", "IPv6"]) {
    assert.equal(await weir.pages.metric(listeners, `ip_family="${family}"`), 1);
  }
  await weir.serve(published([], {}));
  const loopback = { transport: "tcp", address: "127.0.0.1", port: NODE_PORT } as const;
  await until(
    "nobody listens",
    async () => outcomeOf(await node.agent.connectOnce(loopback)) === "ECONNREFUSED",
  );
});
