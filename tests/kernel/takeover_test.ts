/**
 * weir replaces kube-proxy on a node that is in use: its rules go after weir's are there, and
 * nobody notices.
 */
import assert from "node:assert/strict";
import type { ProxiedService } from "./kube_proxy.ts";
import { type Member, Topology } from "../kit/packet/topology.ts";
import { outcomeOf, PORT, reach, TARGET_PORT, VIP, web } from "./cluster.ts";
import { Lasting } from "./lasting.ts";
import { Load } from "./load.ts";
import { ManifestFolder } from "./manifest_folder.ts";
import { nft } from "./namespace_program.ts";
import { type ProxyMode, putKubelet, putKubeProxy, stateOf } from "./node_rules.ts";
import { WeirProcess } from "./weir_process.ts";

const MODES: readonly ProxyMode[] = [
  { mode: "nftables" },
  { mode: "iptables", backend: "nft" },
  { mode: "iptables", backend: "legacy" },
];

const TCP = { version: 4, transport: "tcp" } as const;

function pause(milliseconds: number): Promise<void> {
  return new Promise((resume) => setTimeout(resume, milliseconds));
}

function services(backends: readonly Member[], targetPort: number): readonly ProxiedService[] {
  return ([4, 6] as const).map((version) => ({
    family: version === 4 ? "ip" : "ip6",
    vip: VIP[version],
    port: PORT,
    endpoints: backends.map(({ addresses }) => addresses[version]),
    targetPort,
  }));
}

for (const proxy of MODES) {
  const tool = "backend" in proxy ? ` by iptables-${proxy.backend}` : "";
  Deno.test(`taking over from kube-proxy's mode ${proxy.mode}${tool} fails no connection`, async () => {
    await using topology = await Topology.create({ port: TARGET_PORT });
    const { client, node, backends } = topology;
    await using folder = await ManifestFolder.create();
    await folder.write("web.json", web(backends));
    if ("backend" in proxy) await putKubelet(node, proxy.backend);
    await putKubeProxy(node, proxy, services(backends, TARGET_PORT));
    await using load = await Load.start(client);
    await pause(500);
    await using weir = new WeirProcess(node.namespace, { flags: [`--manifests=${folder.path}`] });
    await weir.said(/"Removed what kube-proxy left" removed=/);
    await pause(1_000);
    const { byServer } = await load.noneFailed(1.5);
    assert.deepEqual(Object.keys(byServer).sort(), backends.map(({ name }) => name));
    // Only a full sync that has landed comes before it.
    assert.ok(weir.log.indexOf('"Synced" kind="full"') < weir.log.indexOf("Removed what"));
    assert.doesNotMatch(await stateOf(node), /kube-proxy|KUBE-(?!MARK-MASQ)/);
  });
}

Deno.test("a connection that kube-proxy's rules began goes on under weir's", async () => {
  const echoPort = 9090;
  await using topology = await Topology.create({ port: TARGET_PORT });
  const { client, node, backends } = topology;
  const [backend] = backends;
  assert.ok(backend !== undefined);
  await using server = new Lasting(backend);
  await server.open("listen", backend.addresses[4], echoPort);
  await putKubeProxy(node, { mode: "nftables" }, services([backend], echoPort));
  await using connection = new Lasting(client);
  await connection.open("connect", VIP[4], PORT);
  assert.equal(await connection.say("before"), "before");
  // For weir the Service leads elsewhere, so that nothing but conntrack can know of it.
  await using folder = await ManifestFolder.create();
  await folder.write("web.json", web(backends.slice(1)));
  await using weir = new WeirProcess(node.namespace, { flags: [`--manifests=${folder.path}`] });
  await weir.said(/"Removed what kube-proxy left"/);
  assert.notEqual(outcomeOf(await reach(client, TCP)), backend.name);
  assert.equal(await connection.say("after"), "after");
});

Deno.test("as long as nothing is programmed kube-proxy's rules stay and serve", async () => {
  await using topology = await Topology.create({ port: TARGET_PORT });
  const { client, node, backends } = topology;
  await putKubeProxy(node, { mode: "nftables" }, services(backends.slice(0, 1), TARGET_PORT));
  await using folder = await ManifestFolder.create();
  await Deno.remove(folder.path);
  await using weir = new WeirProcess(node.namespace, { flags: [`--manifests=${folder.path}`] });
  await weir.said(/Cannot read manifests folder/);
  await weir.said(/"Told local traffic by"/);
  await pause(500);
  assert.equal(outcomeOf(await reach(client, TCP)), backends[0]?.name);
  await Deno.mkdir(folder.path);
  await folder.write("web.json", web(backends.slice(1, 2)));
  await weir.said(/"Removed what kube-proxy left"/);
  assert.equal(outcomeOf(await reach(client, TCP)), backends[1]?.name);
});

Deno.test("a kube-proxy that puts its table back is left alone", async () => {
  await using topology = await Topology.create({ port: TARGET_PORT });
  const { node, backends } = topology;
  await using folder = await ManifestFolder.create();
  await folder.write("web.json", web(backends));
  await putKubeProxy(node, { mode: "nftables" }, services(backends, TARGET_PORT));
  await using weir = new WeirProcess(node.namespace, { flags: [`--manifests=${folder.path}`] });
  await weir.said(/"Removed what kube-proxy left"/);
  await putKubeProxy(node, { mode: "nftables" }, services(backends, TARGET_PORT));
  // A repair is a full sync, too, and must not begin it again.
  await nft(node, "flush table ip weir");
  await weir.said(/"Synced" kind="full" revision=[2-9]/);
  await pause(500);
  assert.match(await nft(node, "list tables"), /^table ip kube-proxy$/m);
});
