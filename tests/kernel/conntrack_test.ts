/**
 * What becomes of tracked flows when the Services behind them change.
 */
import assert from "node:assert/strict";
import { trackFlows } from "../../host/capabilities/conntrack/sample.ts";
import { socketKey } from "../../host/capabilities/conntrack/socket_key.ts";
import { ipBytes } from "../../schemas/ip.ts";
import type { Protocol } from "../../schemas/kube.ts";
import type { ExternalView } from "../../schemas/view.ts";
import { type Member, Topology } from "../kit/packet/topology.ts";
import { outcomeOf, TARGET_PORT, VIP, web } from "./cluster.ts";
import { type ConntrackNode, startConntrackNode, udpPort } from "./conntrack_node.ts";
import { until } from "./patience.ts";
import { startWeirCluster } from "./weir_on_manifests.ts";

const EXTERNAL_IP = "203.0.113.7";
const LOAD_BALANCER_IP = "203.0.113.8";
const NODE_PORT = 30080;
const EXTERNAL: ExternalView = {
  verdict: "cluster",
  externalIPs: [EXTERNAL_IP],
  loadBalancerIPs: [LOAD_BALANCER_IP],
  nodePort: NODE_PORT,
};

interface Scene extends AsyncDisposable {
  readonly topology: Topology;
  readonly node: ConntrackNode;
  /** The addresses of backends of a version of IP, by their numbers. */
  pods(version: 4 | 6, ...numbers: readonly number[]): readonly string[];
}

async function scene(protocols?: Parameters<typeof startConntrackNode>[1]): Promise<Scene> {
  await using stack = new AsyncDisposableStack();
  const topology = stack.use(await Topology.create({ backends: 2, port: TARGET_PORT }));
  const node = stack.use(await startConntrackNode(topology.node.namespace, protocols));
  const running = stack.move();
  return {
    topology,
    node,
    pods: (version, ...numbers) =>
      numbers.map((number) => topology.backends[number]?.addresses[version] ?? ""),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** One datagram of a flow that is told by its source port, and who answers it. */
async function ask(
  member: Member,
  address: string,
  port = 80,
  { sourcePort = 4000, timeout = 5000 } = {},
): Promise<string> {
  return outcomeOf(
    await member.agent.connectOnce({ transport: "udp", address, port, sourcePort, timeout }),
  );
}

for (const version of [4, 6] as const) {
  Deno.test(`over IPv${version} a UDP client that keeps its source port follows when its endpoint goes`, async () => {
    await using stage = await scene();
    const { topology: { client }, node, pods } = stage;
    await node.serve([udpPort(VIP[version], pods(version, 0, 1), TARGET_PORT)]);
    assert.equal(await ask(client, VIP[version]), "backend-0");
    await node.serve([udpPort(VIP[version], pods(version, 1), TARGET_PORT)]);
    assert.equal(await ask(client, VIP[version]), "backend-1");
    assert.deepEqual(node.reports.map(({ deleted }) => deleted), [0, 1]);
  });
}

Deno.test("without reconciliation the same client stays with the endpoint that is gone", async () => {
  await using stage = await scene(["SCTP"]);
  const { topology: { client }, node, pods } = stage;
  // Of SCTP nothing is removed; the proxier's rules are the same.
  await node.serve([
    udpPort(VIP[4], pods(4, 0, 1), TARGET_PORT),
    udpPort(VIP[4], pods(4, 0), TARGET_PORT, { protocol: "SCTP", name: "other" }),
  ]);
  assert.equal(await ask(client, VIP[4]), "backend-0");
  await node.serve([
    udpPort(VIP[4], pods(4, 1), TARGET_PORT),
    udpPort(VIP[4], pods(4, 1), TARGET_PORT, { protocol: "SCTP", name: "other" }),
  ]);
  assert.equal(await ask(client, VIP[4]), "backend-0");
  assert.equal(await ask(client, VIP[4], 80, { sourcePort: 4001 }), "backend-1");
});

Deno.test("flows of a Service that has lost all endpoints go, and find the ones that come later", async () => {
  await using stage = await scene();
  const { topology: { client }, node, pods } = stage;
  await node.serve([udpPort(VIP[4], pods(4, 0), TARGET_PORT)]);
  assert.equal(await ask(client, VIP[4]), "backend-0");
  await node.serve([udpPort(VIP[4], [], TARGET_PORT)]);
  assert.deepEqual(await node.flows({ family: "IPv4", protocol: "UDP", port: 80 }), []);
  await node.serve([udpPort(VIP[4], pods(4, 1), TARGET_PORT)]);
  assert.equal(await ask(client, VIP[4]), "backend-1");
});

Deno.test("flows of a Service that is deleted go", async () => {
  await using stage = await scene();
  const { topology: { client }, node, pods } = stage;
  await node.serve([udpPort(VIP[4], pods(4, 0), TARGET_PORT)]);
  assert.equal(await ask(client, VIP[4]), "backend-0");
  await node.serve([]);
  assert.deepEqual(await node.flows({ family: "IPv4", protocol: "UDP", port: 80 }), []);
});

for (
  const [what, address, port] of [
    ["the node port", undefined, NODE_PORT],
    ["an external IP", EXTERNAL_IP, 80],
    ["the load balancer's IP", LOAD_BALANCER_IP, 80],
  ] as const
) {
  Deno.test(`a client outside that keeps its source port follows at ${what}`, async () => {
    await using stage = await scene();
    const { topology: { remote, node: { addresses } }, node, pods } = stage;
    const at = address ?? addresses[4];
    const outside = { external: EXTERNAL };
    await node.serve([udpPort(VIP[4], pods(4, 0, 1), TARGET_PORT, outside)]);
    assert.equal(await ask(remote, at, port), "backend-0");
    await node.serve([udpPort(VIP[4], pods(4, 1), TARGET_PORT, outside)]);
    assert.equal(await ask(remote, at, port), "backend-1");
    // And when it is not reached there any more, nothing is left of it.
    await node.serve([udpPort(VIP[4], pods(4, 1), TARGET_PORT)]);
    assert.deepEqual(await node.flows({ family: "IPv4", protocol: "UDP", port }), []);
  });

  Deno.test(`a flow to ${what} that began before the rules is answered once they are there`, async () => {
    await using stage = await scene();
    const { topology: { remote, node: { addresses } }, node, pods } = stage;
    const at = address ?? addresses[4];
    await ask(remote, at, port, { timeout: 100 });
    assert.equal((await node.flows({ family: "IPv4", protocol: "UDP", port })).length, 1);
    await node.serve([udpPort(VIP[4], pods(4, 0), TARGET_PORT, { external: EXTERNAL })]);
    assert.equal(await ask(remote, at, port), "backend-0");
  });
}

Deno.test("a flow to a cluster IP that began before the rules is answered once they are there", async () => {
  await using stage = await scene();
  const { topology: { client }, node, pods } = stage;
  assert.equal(await ask(client, VIP[4], 80, { timeout: 100 }), "ETIMEDOUT");
  await node.serve([udpPort(VIP[4], [], TARGET_PORT)]);
  assert.equal((await node.flows({ family: "IPv4", protocol: "UDP", port: 80 })).length, 1);
  await node.serve([udpPort(VIP[4], pods(4, 0), TARGET_PORT)]);
  assert.equal(await ask(client, VIP[4]), "backend-0");
});

/** The entry of one flow, as it is named to the kernel. */
async function entryOf(
  node: ConntrackNode,
  protocol: Protocol,
  [destination, responder]: readonly [string, string],
) {
  const [to, from] = [destination, responder].map((text) => {
    const [ip = "", port] = text.split(":");
    return socketKey(ipBytes(ip), Number(port));
  });
  const found = (await node.flows({ family: "IPv4", protocol }))
    .find((flow) => flow.destination === to && flow.responder === from);
  assert.ok(found !== undefined, `${protocol} ${destination} answered by ${responder} is gone`);
  return found.identity;
}

Deno.test("flows to endpoints that stay keep their entries, and so do everybody else's", async () => {
  await using stage = await scene();
  const { topology: { client, node: { namespace } }, node, pods } = stage;
  const [first = "", second = ""] = pods(4, 0, 1);
  await node.serve([udpPort(VIP[4], [first, second], TARGET_PORT)]);
  assert.equal(await ask(client, VIP[4]), "backend-0");
  // Straight to the pod that will be gone: it has nothing to do with the Service.
  assert.equal(await ask(client, second, TARGET_PORT), "backend-1");
  const foreign = ["198.51.100.10:80", "10.244.0.99:80"] as const;
  const connection = [`${VIP[4]}:80`, `10.244.0.99:${TARGET_PORT}`] as const;
  const { tracked } = namespace.inside(() => ({
    tracked: trackFlows([
      {
        protocol: "UDP",
        client: "198.51.100.9:4000",
        destination: foreign[0],
        responder: foreign[1],
      },
      {
        protocol: "TCP",
        client: "10.244.0.10:4000",
        destination: connection[0],
        responder: connection[1],
      },
    ]),
  }));
  await tracked;
  const entries = async () => [
    await entryOf(node, "UDP", [`${VIP[4]}:80`, `${first}:${TARGET_PORT}`]),
    await entryOf(node, "UDP", [`${second}:${TARGET_PORT}`, `${second}:${TARGET_PORT}`]),
    await entryOf(node, "UDP", foreign),
    await entryOf(node, "TCP", connection),
  ];
  const before = await entries();
  await node.serve([
    udpPort(VIP[4], [first], TARGET_PORT),
    udpPort(VIP[4], [first], TARGET_PORT, { protocol: "TCP", name: "tcp" }),
  ]);
  await node.resync();
  assert.deepEqual(await entries(), before);
  assert.deepEqual(node.reports.map(({ deleted }) => deleted), [0, 0, 0]);
});

Deno.test("with TCP asked for, only connections whose endpoint is gone are forgotten", async () => {
  await using stage = await scene(["UDP", "TCP"]);
  const { topology: { node: { namespace } }, node, pods } = stage;
  const [first = ""] = pods(4, 0);
  const flow = { protocol: "TCP", destination: `${VIP[4]}:80` } as const;
  const { tracked } = namespace.inside(() => ({
    tracked: trackFlows([
      { ...flow, client: "10.244.0.10:4000", responder: `${first}:${TARGET_PORT}` },
      { ...flow, client: "10.244.0.10:4001", responder: `10.244.0.99:${TARGET_PORT}` },
      { ...flow, client: "10.244.0.10:4002", responder: `10.244.0.98:${TARGET_PORT}` },
      { ...flow, client: "10.244.0.10:4003" },
    ]),
  }));
  await tracked;
  node.serving([{ ip: "10.244.0.98", port: TARGET_PORT }]);
  await node.serve([udpPort(VIP[4], [first], TARGET_PORT, { protocol: "TCP" })]);
  assert.deepEqual(node.reports.map(({ deleted }) => deleted), [1]);
  assert.equal((await node.flows({ family: "IPv4", protocol: "TCP" })).length, 3);
});

Deno.test("a client stays with an endpoint that terminates as long as it serves, and then follows", async () => {
  await using stage = await scene();
  const { topology: { client }, node, pods } = stage;
  await node.serve([udpPort(VIP[4], pods(4, 0), TARGET_PORT)]);
  assert.equal(await ask(client, VIP[4]), "backend-0");
  node.serving(pods(4, 0).map((ip) => ({ ip, port: TARGET_PORT })));
  await node.serve([udpPort(VIP[4], pods(4, 1), TARGET_PORT)]);
  assert.equal(await ask(client, VIP[4]), "backend-0");
  node.serving([]);
  await until("the flow to the terminated endpoint is gone", async () => {
    return (await node.flows({ family: "IPv4", protocol: "UDP", port: 80 })).length === 0;
  });
  assert.equal(await ask(client, VIP[4]), "backend-1");
});

Deno.test("after a resync stale flows go without anybody saying whose they are", async () => {
  await using stage = await scene();
  const { topology: { client, node: { namespace } }, node, pods } = stage;
  await node.serve([udpPort(VIP[4], pods(4, 0), TARGET_PORT)]);
  assert.equal(await ask(client, VIP[4]), "backend-0");
  // As a former life of weir has left it.
  const { tracked } = namespace.inside(() => ({
    tracked: trackFlows([{
      protocol: "UDP",
      client: "10.244.0.10:4001",
      destination: `${VIP[4]}:80`,
      responder: `10.244.0.99:${TARGET_PORT}`,
    }]),
  }));
  await tracked;
  await node.resync();
  assert.equal(await ask(client, VIP[4], 80, { sourcePort: 4001 }), "backend-0");
  assert.deepEqual(node.reports.map(({ deleted }) => deleted), [0, 1]);
});

Deno.test("in the whole of weir a UDP client follows, and the metrics count what was removed", async () => {
  const plugin = new URL("plain_proxier/plugin.ts", import.meta.url).pathname;
  await using cluster = await startWeirCluster([`--proxy-mode=${plugin}`, "-v=2"]);
  const { topology: { client, backends }, weir } = cluster;
  const [first, second] = backends;
  assert.ok(first !== undefined && second !== undefined);
  await weir.serve(web([first]));
  for (const version of [4, 6] as const) assert.equal(await ask(client, VIP[version]), first.name);
  await weir.serve(web([second]));
  for (const version of [4, 6] as const) {
    await until(`the client follows over IPv${version}`, async () => {
      return await ask(client, VIP[version]) === second.name;
    });
    const family = `ip_family="IPv${version}"`;
    const deleted = "kubeproxy_conntrack_reconciler_deleted_entries_total";
    assert.equal(await weir.pages.metric(deleted, family), 1);
  }
  await weir.process.said(/"Reconciled conntrack" family="IPv6" deleted=1/);
});
