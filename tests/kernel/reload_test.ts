/**
 * The configuration changes while weir runs, and traffic does not notice.
 */
import assert from "node:assert/strict";
import { Links } from "../../host/capabilities/link.ts";
import { sampleNode } from "../../host/samples.ts";
import { POD_CIDR, Topology } from "../kit/packet/topology.ts";
import { outcomeOf, reach, sourceOf, TARGET_PORT, VIP, web } from "./cluster.ts";
import { ConfigMap, type ProxyFields } from "./config_map.ts";
import { Lasting } from "./lasting.ts";
import { Load } from "./load.ts";
import { nft } from "./namespace_program.ts";
import { NodeAgent } from "./node_agent.ts";
import { patient } from "./patience.ts";
import { copyProxier } from "./proxier_copy.ts";
import { NODE_NAME } from "./program.ts";
import { startOnManifests, type WeirOnManifests } from "./weir_on_manifests.ts";
import { Pages } from "./weir_pages.ts";
import { WeirProcess } from "./weir_process.ts";

const TCP = { version: 4, transport: "tcp" } as const;
const BASE: ProxyFields = { mode: "nftables" };
const DETECT = { interfaceNamePrefix: "veth" };

/** Milliseconds within which a change must have been noticed. */
const NOTICED = patient(2_000);

/** weir on manifests and a configuration file that is in force. */
async function startConfigured(fields: ProxyFields = BASE, flags: readonly string[] = []) {
  await using stack = new AsyncDisposableStack();
  const topology = stack.use(await Topology.create({ port: TARGET_PORT }));
  const config = stack.use(await ConfigMap.create(topology.node, fields));
  const weir = stack.use(
    await startOnManifests(topology, [`--config=${config.path}`, ...flags]),
  );
  await weir.serve(web(topology.backends));
  const running = stack.move();
  return { topology, config, weir, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0;
}

/** Writes another configuration and waits for it; how long it took to be noticed. */
async function change(
  { process }: Pick<WeirOnManifests, "process">,
  config: ConfigMap,
  fields: ProxyFields,
): Promise<number> {
  const noticed = () => count(process.log, /"Configuration changed"/g);
  const applied = () => count(process.log, /"Configuration is in force"/g);
  const before = { noticed: noticed(), applied: applied() };
  const written = performance.now();
  await config.write(fields);
  await process.until("a change is noticed", () => noticed() > before.noticed, NOTICED);
  const took = performance.now() - written;
  await process.until("a change is in force", () => applied() > before.applied);
  return took;
}

Deno.test("a hundred changes of configuration fail no new connection, the proxier's replacement among them", async () => {
  await using own = await copyProxier();
  await using other = await copyProxier("weir-other");
  await using scene = await startConfigured();
  const { topology: { client, node, backends }, config, weir } = scene;
  const variants: readonly ProxyFields[] = [
    // The same table, and another.
    { mode: own.path },
    { mode: "nftables" },
    { mode: other.path },
    { mode: own.path, nftables: { masqueradeBit: 15 } },
    { mode: "nftables", clusterCIDR: POD_CIDR[4] },
    { mode: "nftables", detectLocalMode: "InterfaceNamePrefix", detectLocal: DETECT },
    { mode: "nftables", nodePortAddresses: ["localhost", "primary"] },
    { mode: "nftables", metricsBindAddress: "127.0.0.1:10250", logging: { verbosity: 3 } },
    { mode: "nftables", healthzBindAddress: "127.0.0.1:10256" },
    { mode: "nftables", nftables: { minSyncPeriod: "100ms", syncPeriod: "10s" } },
  ];
  await using load = await Load.start(client);
  const took: number[] = [];
  for (let round = 0; round < 100; round++) {
    took.push(await change(weir, config, variants[round % variants.length] ?? BASE));
  }
  const { byServer } = await load.noneFailed(5);
  assert.deepEqual(Object.keys(byServer).sort(), backends.map(({ name }) => name));
  assert.deepEqual(took.filter((milliseconds) => milliseconds >= NOTICED), []);
  assert.doesNotMatch(weir.process.log, /^E/m);
  const tables = await nft(node, "list tables");
  assert.equal(tables, "table ip weir\ntable ip6 weir\n");
  // What changes afterwards is programmed.
  await change(weir, config, BASE);
  await weir.serve(web(backends.slice(1, 2)));
  assert.equal(outcomeOf(await reach(client, TCP)), "backend-1");
  assert.equal(await weir.pages.metric("weir_config_reloads_total", 'result="applied"'), 101);
  assert.equal(await weir.pages.metric("weir_config_last_reload_successful"), 1);
});

for (const table of [undefined, "weir-other"]) {
  const what = table === undefined ? "with the same table" : "with another table";
  Deno.test(`established connections outlive the switch to a proxier ${what}`, async () => {
    await using copy = await copyProxier(table);
    await using scene = await startConfigured();
    const { topology: { client, backends }, config, weir } = scene;
    const [backend] = backends;
    assert.ok(backend !== undefined);
    await weir.serve(web([backend], { sessionAffinity: "ClientIP", affinityTimeoutSeconds: 600 }));
    await using server = new Lasting(backend);
    await using connection = new Lasting(client);
    await server.open("listen", backend.addresses[4], TARGET_PORT + 1);
    const lasting = web([backend], {
      ports: [{ name: "tcp", protocol: "TCP", port: 81, nodePort: 0 }],
    }).map((object) =>
      object.kind === "EndpointSlice"
        ? { ...object, ports: [{ name: "tcp", protocol: "TCP" as const, port: TARGET_PORT + 1 }] }
        : object
    );
    await weir.serve(lasting);
    await connection.open("connect", VIP[4], 81);
    assert.equal(await connection.say("before"), "before");
    await change(weir, config, { mode: copy.path });
    assert.equal(await connection.say("with the copy"), "with the copy");
    await change(weir, config, BASE);
    assert.equal(await connection.say("with weir's own"), "with weir's own");
  });
}

Deno.test("clients stay with their endpoint across the switch to a copy with the same table", async () => {
  await using copy = await copyProxier();
  await using scene = await startConfigured();
  const { topology: { client, backends }, config, weir } = scene;
  await weir.serve(web(backends, { sessionAffinity: "ClientIP", affinityTimeoutSeconds: 600 }));
  const chosen = outcomeOf(await reach(client, TCP));
  for (const mode of [copy.path, "nftables", copy.path]) {
    await change(weir, config, { mode });
    for (let round = 0; round < 10; round++) {
      assert.equal(outcomeOf(await reach(client, TCP)), chosen, mode);
    }
  }
});

Deno.test("a file that cannot be used stays without effect, and health, log and metrics say why", async () => {
  await using scene = await startConfigured();
  const { topology: { client }, config, weir } = scene;
  await config.write({ mode: "nftables", clusterCIDR: "10.0.0.0/33", oomScoreAdj: 5000 });
  await weir.process.said(/^E.*"Cannot use configuration .*the one in force stays"/m);
  const { status, text } = await weir.pages.health("healthz");
  const { configuration } = JSON.parse(text);
  assert.equal(status, 200);
  assert.equal(configuration.state, "invalid");
  assert.match(configuration.problems.join("\n"), /clusterCIDR[^]*10\.0\.0\.0\/33/);
  assert.match(configuration.problems.join("\n"), /oomScoreAdj[^]*5000/);
  assert.equal(await weir.pages.metric("weir_config_last_reload_successful"), 0);
  assert.equal(await weir.pages.metric("weir_config_reloads_total", 'result="invalid"'), 1);
  assert.match(outcomeOf(await reach(client, TCP)), /^backend/);
  assert.doesNotMatch(weir.process.log, /"Configuration changed"/);

  await config.writeText("mode: [unclosed");
  await weir.process.until(
    "the second refusal",
    async () => await weir.pages.metric("weir_config_reloads_total", 'result="invalid"') === 2,
  );
  await change(weir, config, { ...BASE, clusterCIDR: POD_CIDR[4] });
  const healed = JSON.parse((await weir.pages.health("healthz")).text);
  assert.equal(healed.configuration, undefined);
  assert.equal(await weir.pages.metric("weir_config_last_reload_successful"), 1);
});

Deno.test("a proxier that cannot serve leaves the former one in force, until the file names a good one", async () => {
  await using copy = await copyProxier();
  await using scene = await startConfigured();
  const { topology: { client, node, backends }, config, weir } = scene;
  const pid = await weir.process.proxier();
  // It is there, and it is a detector.
  const detector = new URL("../../plugins/detect-node-cidr/plugin.ts", import.meta.url).pathname;
  for (const mode of ["/nowhere/plugin.ts", detector]) {
    const failures = count(weir.process.log, /^E.*"Cannot put configuration/gm);
    await config.write({ mode });
    await weir.process.until(
      `${mode} is refused`,
      () => count(weir.process.log, /^E.*"Cannot put configuration/gm) > failures,
    );
    const { configuration } = JSON.parse((await weir.pages.health("healthz")).text);
    assert.equal(configuration.state, "failed", mode);
    assert.equal(await weir.process.proxier(), pid);
    assert.equal((await weir.pages.at("http://127.0.0.1:10249/proxyMode")).text, "nftables");
    await weir.serve(web(backends.slice(0, 1)));
    assert.equal(outcomeOf(await reach(client, TCP)), "backend-0");
    await weir.serve(web(backends));
  }
  await change(weir, config, { mode: copy.path });
  assert.notEqual(await weir.process.proxier(), pid);
  assert.equal((await weir.pages.at("http://127.0.0.1:10249/proxyMode")).text, copy.path);
  assert.equal(await nft(node, "list tables"), "table ip weir\ntable ip6 weir\n");
  assert.equal((await weir.pages.health("healthz")).status, 200);
});

/** A proxier that writes a table and then fails to program everything. */
function failing(table: string): string {
  return `
import { defineProxier, table } from "weir";
const own = table("ip", "${table}");
export default defineProxier({
  name: "failing",
  version: "0.1.0",
  api: 1,
  requires: { nft: { version: 1, table: "${table}" } },
  async resync(_snapshot, { nft }) {
    const tx = nft.transaction();
    tx.replaceTable({ table: own, sets: [], chains: [] });
    await tx.commit();
    throw new Error("that is all I can do");
  },
  apply: () => Promise.resolve(),
  explain: () => [],
  cleanup: () => Promise.reject(new Error("nor can I clean up")),
});
`;
}

for (const table of ["weir", "weir-other"]) {
  Deno.test(`what a failing proxier wrote to table ${table} is undone, and the former one goes on`, async () => {
    await using stack = new AsyncDisposableStack();
    const folder = await Deno.makeTempDir({ prefix: "weir-failing-" });
    stack.defer(() => Deno.remove(folder, { recursive: true }));
    await Deno.writeTextFile(`${folder}/plugin.ts`, failing(table));
    const { topology, config, weir } = stack.use(await startConfigured());
    const { client, node, backends } = topology;
    const pid = await weir.process.proxier();
    await config.write({ mode: `${folder}/plugin.ts` });
    await weir.process.said(/^E.*"Cannot put configuration.*that is all I can do/m);
    await weir.process.until(
      "the former tables alone",
      async () => await nft(node, "list tables") === "table ip weir\ntable ip6 weir\n",
    );
    await weir.serve(web(backends.slice(0, 1)));
    for (const version of [4, 6] as const) {
      assert.equal(outcomeOf(await reach(client, { version, transport: "tcp" })), "backend-0");
    }
    assert.equal(await weir.process.proxier(), pid);
  });
}

Deno.test("a proxier that was refused at the start is replaced by one that the file names later", async () => {
  const detector = new URL("../../plugins/detect-node-cidr/plugin.ts", import.meta.url).pathname;
  await using stack = new AsyncDisposableStack();
  const topology = stack.use(await Topology.create({ port: TARGET_PORT }));
  const config = stack.use(await ConfigMap.create(topology.node, { mode: detector }));
  const weir = stack.use(await startOnManifests(topology, [`--config=${config.path}`]));
  await weir.process.said(/plugin is parked/);
  await weir.write(web(topology.backends));
  await change(weir, config, BASE);
  await weir.serve(web(topology.backends));
  assert.match(outcomeOf(await reach(topology.client, TCP)), /^backend/);
  assert.equal((await weir.pages.health("livez")).status, 200);
  assert.doesNotMatch((await weir.pages.health("healthz")).text, /parked/);
});

Deno.test("a start with another proxier removes the rules of weir's own from before", async () => {
  await using copy = await copyProxier("weir-other");
  await using scene = await startConfigured();
  const { topology: { client, node, backends }, config, weir } = scene;
  await using load = await Load.start(client);
  weir.process.kill("SIGTERM");
  assert.equal((await weir.process.ended()).code, 0);
  await config.write({ mode: copy.path });
  weir.restart();
  await weir.serve(web(backends.slice(0, 1)));
  await weir.process.until(
    "the other tables alone",
    async () => await nft(node, "list tables") === "table ip weir-other\ntable ip6 weir-other\n",
  );
  assert.equal(outcomeOf(await reach(client, TCP)), "backend-0");
  await load.noneFailed(0.5);
});

Deno.test("how traffic is masqueraded follows the file", async () => {
  await using scene = await startConfigured();
  const { topology: { remote }, config, weir } = scene;
  const clients = async () => sourceOf(await reach(remote, TCP));
  assert.equal(await clients(), remote.addresses[4], "nothing is told from anything");
  await change(weir, config, { ...BASE, clusterCIDR: POD_CIDR[4] });
  await weir.process.until(
    "traffic from outside is masqueraded",
    async () => await clients() === "10.244.0.1",
  );
  await change(weir, config, BASE);
  await weir.process.until(
    "it is not any more",
    async () => await clients() === remote.addresses[4],
  );
});

Deno.test("what a feature gate takes away goes at once, and comes back", async () => {
  await using scene = await startConfigured();
  const { topology: { client, backends }, config, weir } = scene;
  const address = "198.51.100.77";
  await weir.serve(web(backends, { externalIPs: [address] }));
  const answers = async () => {
    const where = { transport: "tcp", address, port: 80, timeout: patient(250) } as const;
    return (await client.agent.connectOnce(where)).outcome === "answered";
  };
  assert.ok(await answers());
  await change(weir, config, { ...BASE, featureGates: { AllowServiceExternalIPs: false } });
  await weir.process.until("the external IP is nobody's", async () => !await answers());
  assert.match(outcomeOf(await reach(client, TCP)), /^backend/);
  await change(weir, config, BASE);
  await weir.process.until("the external IP answers again", answers);
});

Deno.test("NodePorts move to the address that bindAddress names, and back to the Node's", async () => {
  await using scene = await startConfigured();
  const { topology: { node, remote, backends }, config, weir } = scene;
  const [own, other] = [node.addresses[4], "10.77.0.1"];
  using links = new Links(node.namespace);
  links.addAddress("wan", `${other}/32`);
  const port = { name: "tcp", protocol: "TCP", port: 80, nodePort: 30_080 } as const;
  await weir.serveNode(sampleNode("", { name: NODE_NAME, addresses: [own] }));
  await weir.serve(web(backends, { type: "NodePort", ports: [port] }));
  const answers = async (address: string) => {
    const where = { transport: "tcp", address, port: 30_080, timeout: patient(250) } as const;
    return (await remote.agent.connectOnce(where)).outcome === "answered";
  };
  await weir.process.until("the Node's own address answers", () => answers(own));
  await change(weir, config, { ...BASE, bindAddress: other });
  await weir.process.until("the other address answers", () => answers(other));
  assert.ok(!await answers(own));
  await change(weir, config, BASE);
  await weir.process.until("the Node's own address answers again", () => answers(own));
});

Deno.test("servers move to another address, and a taken one leaves them where they are", async () => {
  await using scene = await startConfigured();
  const { config, weir } = scene;
  await change(weir, config, { ...BASE, healthzBindAddress: "127.0.0.1:10300" });
  assert.equal((await weir.pages.at("http://127.0.0.1:10300/healthz")).status, 200);
  await weir.process.until(
    "the former port is closed",
    () => weir.pages.health("healthz").then(() => false, () => true),
  );
  // The metrics' port.
  await config.write({ ...BASE, healthzBindAddress: "127.0.0.1:10249" });
  await weir.process.said(/^E.*another process listens on port 10249/m);
  const { text } = await weir.pages.at("http://127.0.0.1:10300/healthz");
  assert.equal(JSON.parse(text).configuration.state, "failed");
  // A narrower address of the same port cannot be bound beside.
  await change(weir, config, { ...BASE, healthzBindAddress: "0.0.0.0:10300" });
  await weir.process.until(
    "it answers there",
    async () => (await weir.pages.at("http://127.0.0.1:10300/healthz")).status === 200,
  );
});

Deno.test("with --config-reload=exit a change ends weir with code 1, and its rules stay", async () => {
  await using scene = await startConfigured(BASE, ["--config-reload=exit"]);
  const { topology: { client }, config, weir } = scene;
  await config.write({ ...BASE, clusterCIDR: POD_CIDR[4] });
  const { code, log } = await weir.process.ended();
  assert.equal(code, 1, log);
  assert.match(log, /its content has changed.*\(WEIR_CONFIG_CHANGED\)/);
  assert.match(outcomeOf(await reach(client, TCP)), /^backend/);
});

Deno.test("another API server lists first, and takes over without a failed connection", async () => {
  await using topology = await Topology.create({ port: TARGET_PORT });
  const { client, node, backends } = topology;
  await using stack = new AsyncDisposableStack();
  const [one, two] = [stack.use(new NodeAgent(topology)), stack.use(new NodeAgent(topology))];
  const [first, second] = [await one.startApiServer(), await two.startApiServer()];
  const config = stack.use(await ConfigMap.create(node, BASE));
  const kubeconfig = async (master: string) => {
    const path = `${await Deno.makeTempDir({ prefix: "weir-kubeconfig-" })}/config`;
    stack.defer(() => Deno.remove(path.replace(/\/config$/, ""), { recursive: true }));
    const clusters = [{ name: "c", cluster: { server: master } }];
    const contexts = [{ name: "c", context: { cluster: "c", user: "u" } }];
    const users = [{ name: "u", user: {} }];
    const fields = { apiVersion: "v1", kind: "Config", clusters, contexts, users };
    await Deno.writeTextFile(path, JSON.stringify({ ...fields, "current-context": "c" }));
    return { ...BASE, clientConnection: { kubeconfig: path } };
  };
  const objects = [sampleNode("", { name: NODE_NAME }), ...web(backends)];
  await one.apply(objects);
  await two.apply(objects);
  await config.write(await kubeconfig(first));
  const weir = stack.use(
    new WeirProcess(node.namespace, { flags: [`--config=${config.path}`] }),
  );
  const pages = new Pages(one);
  await weir.until(
    "the Service",
    async () => (await reach(client, TCP, { timeout: 250 })).outcome === "answered",
  );
  await using load = await Load.start(client);
  const commits = () => pages.metric("weir_netlink_batches_total", 'plugin="proxier-nftables"');
  const before = await commits();
  await change({ process: weir }, config, await kubeconfig(second));
  assert.equal(await commits(), before, "what is the same changes no rule");
  await one.apply(web([]));
  await two.apply(web(backends.slice(1, 2)));
  await weir.until("the second API server is heard", async () => {
    const exchanges = await client.agent.connect({
      ...{ transport: "tcp", address: VIP[4], port: 80 },
      count: 10,
    });
    return exchanges.every((exchange) => outcomeOf(exchange) === "backend-1");
  });
  await new Promise((resume) => setTimeout(resume, 500));
  await load.noneFailed(0.5);
});
