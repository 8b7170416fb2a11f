/**
 * What weir says of itself to who asks why: against the running weir, after real connections.
 */
import assert from "node:assert/strict";
import * as v from "valibot";
import { sampleEndpoint, sampleNode, sampleService, sampleSlice } from "../../host/samples.ts";
import { type Explanation, ExplanationSchema } from "../../schemas/explanation.ts";
import { PendingSyncSchema, TopServicesSchema } from "../../schemas/insight.ts";
import type { Service } from "../../schemas/kube.ts";
import { NODE, Topology } from "../kit/packet/topology.ts";
import { kubeObject } from "./kube_object.ts";
import { outcomeOf, reach, TARGET_PORT, VIP, web } from "./cluster.ts";
import { NodeAgent } from "./node_agent.ts";
import { NODE_NAME } from "./program.ts";
import { startWeirCluster } from "./weir_on_manifests.ts";
import { taskCommand } from "./weir_process.ts";

const ROOT = new URL("../../", import.meta.url);
const METRICS = "http://127.0.0.1:10249";
const FLAGS = ["--cluster-cidr=10.244.0.0/16,fd00:10:244::/64", "--per-service-metrics=10"];

/** A Service of one TCP port over endpoints that are known to be good, gone or elsewhere. */
function shop(fields: Partial<Service>, address: string) {
  const { name = "shop" } = fields;
  return [
    sampleService({
      clusterIP: address,
      ports: [
        { name: "http", protocol: "TCP", port: 80, nodePort: 0 },
      ],
      ...fields,
    }),
    sampleSlice([
      sampleEndpoint("10.244.0.11", { nodeName: NODE_NAME }),
      sampleEndpoint("10.244.9.1", { nodeName: "elsewhere" }),
      sampleEndpoint("10.244.9.2", { nodeName: "elsewhere", ready: false }),
    ], { name: `${name}-1`, serviceName: name }),
  ] as const;
}

async function stage() {
  const cluster = await startWeirCluster(FLAGS);
  const { weir, topology } = cluster;
  const ask = async (query: string): Promise<Explanation> => {
    const { status, text } = await weir.pages.at(`${METRICS}/debug/explain?${query}`);
    assert.equal(status, 200, text);
    return v.parse(ExplanationSchema, JSON.parse(text));
  };
  const command = async (...words: readonly string[]) => {
    const [program, ...args] = topology.node.namespace.command([
      // Of a shell that sends everything elsewhere, which is nobody.
      "env",
      "http_proxy=http://127.0.0.1:1",
      ...taskCommand(),
      ...words,
    ]);
    const { code, stdout, stderr } = await new Deno.Command(program, { args, cwd: ROOT }).output();
    const text = new TextDecoder();
    return { code, out: text.decode(stdout), err: text.decode(stderr) };
  };
  return { ...cluster, ask, command, [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose]() };
}

function verdicts({ ports }: Explanation): readonly string[] {
  return ports.flatMap(({ addresses }) =>
    addresses.map(({ kind, address, verdict }) => `${kind} ${address} ${verdict}`)
  );
}

Deno.test("weir explains every type of Service as it treats it, by name and by each address", async () => {
  await using cluster = await stage();
  const { weir, ask } = cluster;
  await weir.serveNode(sampleNode("", { name: NODE_NAME, addresses: [NODE[4], NODE[6]] }));
  await weir.serve([
    ...shop({ name: "plain" }, "10.96.0.11"),
    ...shop({
      name: "ports",
      type: "NodePort",
      ports: [
        { name: "http", protocol: "TCP", port: 80, nodePort: 30_080 },
      ],
    }, "10.96.0.12"),
    ...shop({
      name: "balanced",
      type: "LoadBalancer",
      externalTrafficPolicy: "Local",
      healthCheckNodePort: 32_000,
      loadBalancerSourceRanges: ["192.0.2.0/24"],
      loadBalancerIngress: [{ ip: "203.0.113.9", ipMode: "VIP" }, {
        ip: "203.0.113.10",
        ipMode: "Proxy",
      }],
    }, "10.96.0.13"),
    ...shop({ name: "outside", externalIPs: ["198.51.100.7"] }, "10.96.0.14"),
    sampleService({ name: "empty", clusterIP: "10.96.0.15" }),
    sampleService({ name: "headless", clusterIP: "None" }),
  ]);
  const plain = await ask("service=default/plain");
  assert.deepEqual(verdicts(plain), ["clusterIP 10.96.0.11:80 cluster"]);
  const [port] = plain.ports;
  assert.ok(port !== undefined);
  assert.equal(port.programmed, true);
  assert.deepEqual(
    port.endpoints.map(({ address, cluster }) => [address, cluster.serves, cluster.code]),
    [
      ["10.244.0.11:8080", true, "member"],
      ["10.244.9.1:8080", true, "member"],
      ["10.244.9.2:8080", false, "not-ready"],
    ],
  );
  // The rules that are told end at the endpoints that are told to serve.
  const targets = plain.ways.flatMap(({ steps }) => steps.map(({ outcome }) => outcome))
    .filter((outcome) => outcome.startsWith("dnat to"));
  assert.deepEqual(targets, ["dnat to 10.244.0.11:8080", "dnat to 10.244.9.1:8080"]);
  assert.deepEqual(verdicts(await ask("service=ports")), [
    "clusterIP 10.96.0.12:80 cluster",
    `nodePort ${NODE[4]}:30080 cluster`,
  ]);
  const balanced = await ask("to=203.0.113.9:80&from=192.0.2.77");
  assert.deepEqual(verdicts(balanced), [
    "clusterIP 10.96.0.13:80 cluster",
    "loadBalancerIP 203.0.113.9:80 local",
  ]);
  assert.deepEqual(balanced.addressesLeftOut.map(({ address, code }) => [address, code]), [
    ["203.0.113.10", "proxied-by-load-balancer"],
  ]);
  assert.equal(balanced.ways[0]?.steps[0]?.outcome, "goes on");
  const refused = await ask("to=203.0.113.9:80&from=8.8.8.8");
  assert.deepEqual(refused.ways[0]?.steps.map(({ outcome }) => outcome), ["drop"]);
  for (
    const [query, service] of [
      ["to=10.96.0.14:80", "outside"],
      ["to=198.51.100.7:80&protocol=tcp", "outside"],
      [`to=${NODE[4]}:30080`, "ports"],
      ["to=10.96.0.12", "ports"],
    ] as const
  ) assert.equal((await ask(query)).service?.name, service, query);
  const empty = await ask("service=empty");
  assert.deepEqual(verdicts(empty), ["clusterIP 10.96.0.15:80 reject"]);
  assert.match(empty.summary.join(" "), /10\.96\.0\.15:80 are rejected.*has no endpoint/);
  assert.equal(empty.ways[0]?.steps.at(-1)?.outcome, "reject with tcp reset");
  assert.equal((await ask("service=headless")).notProxied?.code, "headless");
  assert.match((await ask("service=palin")).summary.join(), /Did you mean default\/plain\?/);
  assert.match((await ask("to=10.96.0.11:81")).summary.join(), /no port 10\.96\.0\.11:81/);
  const { status, text } = await weir.pages.at(`${METRICS}/debug/explain?to=nowhere`);
  assert.deepEqual([status, text.startsWith("Cannot explain")], [400, true]);
});

Deno.test("weir tells of connections which endpoint has them, and counts them, as the client saw", async () => {
  await using cluster = await stage();
  const { weir, ask, topology, command } = cluster;
  const { client, backends } = topology;
  await weir.serve(web(backends));
  // By the Service's own counters nothing has been sent before.
  const exchange = await reach(client, { version: 4, transport: "tcp" });
  const by = outcomeOf(exchange);
  const told = await ask(`to=${VIP[4]}:80&protocol=tcp&from=${client.addresses[4]}`);
  assert.equal(told.connections?.total, 1);
  const [connection] = told.connections?.listed ?? [];
  const backend = backends.find(({ name }) => name === by);
  assert.equal(connection?.endpoint, `${backend?.addresses[4]}:${TARGET_PORT}`);
  assert.equal(connection?.destination, `${VIP[4]}:80`);
  assert.ok(connection?.source.startsWith(`${client.addresses[4]}:`));
  assert.equal(told.ports[0]?.traffic?.connections, 1);
  assert.equal((await ask(`to=${VIP[4]}:80&from=10.244.0.99`)).connections?.total, 0);

  const top = v.parse(
    TopServicesSchema,
    JSON.parse((await weir.pages.at(`${METRICS}/debug/top`)).text),
  );
  const row = top.services.find(({ name }) => name === "web");
  assert.deepEqual([top.counted, row?.tracked, row?.connections], [true, 1, 1]);

  const explained = await command("explain", `${VIP[4]}:80`, "-p", "tcp");
  assert.equal(explained.code, 0, explained.err);
  assert.match(explained.out, /^default\/web:tcp\/TCP\/IPv4: 3 endpoints of 3 serve\.\n/);
  assert.match(explained.out, new RegExp(`✔ ${backend?.addresses[4]}:${TARGET_PORT} +node`));
  assert.match(explained.out, /Connections: 1 tracked/);
  assert.ok(!explained.out.includes("\x1b"), "no colours but on a terminal");
  const topped = await command("top", "-n", "1");
  assert.match(topped.out, /^SERVICE +TRACKED +TOTAL.*\n\w+\/\w+ /);
});

Deno.test("weir diff says what other manifests would change, and a dead weir is told of with the remedy", async () => {
  await using cluster = await stage();
  const { weir, topology: { backends }, command } = cluster;
  await weir.serve(web(backends));
  const pending = v.parse(
    PendingSyncSchema,
    JSON.parse((await weir.pages.at(`${METRICS}/debug/diff`)).text),
  );
  assert.deepEqual([pending.changes, pending.views], [[], undefined]);
  const folder = await Deno.makeTempDir({ prefix: "weir-diff-" });
  try {
    const [first] = backends;
    const items = web(first === undefined ? [] : [first]).map(kubeObject);
    await Deno.writeTextFile(
      `${folder}/web.json`,
      JSON.stringify({ apiVersion: "v1", kind: "List", items }),
    );
    const { code, out, err } = await command("diff", `--manifests=${folder}`, "--exit-code");
    assert.equal(code, 1, err);
    assert.match(out, /^- barrier\/barrier:tcp\/TCP\/IPv4$/m);
    const gone = backends[1]?.addresses[4];
    assert.match(out, new RegExp(`^~ default/web:tcp/TCP/IPv4\n {4}- endpoint ${gone}:8080`, "m"));
    assert.match(out, /nothing was changed\.\n$/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  weir.process.kill("SIGTERM");
  await weir.process.ended();
  const dead = await command("explain", "web");
  assert.equal(dead.code, 1);
  assert.match(dead.err, /^weir: Cannot ask weir at "127\.0\.0\.1:10249": nobody answers/);
});

Deno.test("weir check ticks a node that is well, beside a running weir and without, and says what lacks", async () => {
  await using cluster = await stage();
  const { weir, topology: { backends, node }, command } = cluster;
  await weir.serve(web(backends));
  const flags = ["--manifests=examples/demo", "--hostname-override=node"];
  const beside = await command("check", ...flags);
  assert.equal(beside.code, 0, beside.out + beside.err);
  assert.match(beside.out, /✔ nf_tables serves IPv6\n/);
  assert.match(beside.out, /✔ weir runs \(process \d+\), at revision \d+\n/);
  assert.match(beside.out, /✔ proxier proxier-nftables starts and takes its grants\n/);
  node.namespace.sysctl("ipv4/ip_forward", "0");
  weir.process.kill("SIGTERM");
  await weir.process.ended();
  const alone = await command("check", ...flags, "--proxy-mode=./no-such-plugin.ts");
  assert.equal(alone.code, 1);
  assert.match(alone.out, /- no weir runs here\n/);
  assert.match(
    alone.out,
    /! net\.ipv4\.ip_forward is off.*\n {6}→ sysctl -w net\.ipv4\.ip_forward=1/,
  );
  assert.match(
    alone.out,
    /✘ proxier \.\/no-such-plugin\.ts does not start\n {6}→ Cannot bundle plugin/,
  );
});

Deno.test("weir check asks the API server for the rights that weir needs, and for its time", async () => {
  await using topology = await Topology.create({ backends: 1 });
  await using agent = new NodeAgent(topology);
  const master = await agent.startApiServer();
  const check = async () => {
    const words = [
      ...taskCommand(),
      "check",
      `--master=${master}`,
      `--hostname-override=${NODE_NAME}`,
    ];
    const [program, ...args] = topology.node.namespace.command(words);
    const { code, stdout } = await new Deno.Command(program, { args, cwd: ROOT }).output();
    return { code, out: new TextDecoder().decode(stdout) };
  };
  const well = await check();
  assert.equal(well.code, 0, well.out);
  assert.match(well.out, /✔ the API server answers \(v1\.34\.0\)\n {2}✔ this node's clock agrees/);
  assert.match(well.out, /✔ may watch services\n/);
  await agent.deny("watch endpointslices", "list servicecidrs");
  const lacking = await check();
  assert.equal(lacking.code, 1);
  assert.match(
    lacking.out,
    /✘ may not watch endpointslices\.discovery\.k8s\.io\n {6}→ grant it by/,
  );
  assert.match(lacking.out, /! may not list servicecidrs\.networking\.k8s\.io: /);
  assert.match(lacking.out, /\n1 failure, 1 warning\.\n$/);
});
