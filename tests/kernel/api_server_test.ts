/**
 * The whole of weir on an API server that goes away and comes back.
 */
import assert from "node:assert/strict";
import { sampleNode } from "../../host/samples.ts";
import type { ServiceCIDR } from "../../schemas/kube.ts";
import { Topology } from "../kit/packet/topology.ts";
import { outcomeOf, PORT, reach, tally, TARGET_PORT, web } from "./cluster.ts";
import { Load } from "./load.ts";
import { nft } from "./namespace_program.ts";
import { NodeAgent } from "./node_agent.ts";
import { until } from "./patience.ts";
import { NODE_NAME } from "./program.ts";
import { Pages } from "./weir_pages.ts";
import { WeirProcess } from "./weir_process.ts";

const TCP = { version: 4, transport: "tcp" } as const;
/** The cluster IP of a Service that will be deleted. */
const SECOND = "10.96.0.2";

function pause(milliseconds: number): Promise<void> {
  return new Promise((resume) => setTimeout(resume, milliseconds));
}

/**
 * Milliseconds in which a source has certainly tried again: its back-off grows to 30 s with jitter
 * and starts over only after two minutes of health.
 */
const BACK_OFF = 60_000;

Deno.test("while the API server is away no rule changes, and what changed meanwhile arrives after", async () => {
  await using topology = await Topology.create({ port: TARGET_PORT });
  const { client, node, backends } = topology;
  await using agent = new NodeAgent(topology);
  const master = await agent.startApiServer();
  const second = web(backends, { name: "second", clusterIP: SECOND, clusterIPs: [SECOND] })
    .map((object) =>
      object.kind === "Service"
        ? object
        : { ...object, name: `second-${object.addressType}`, serviceName: "second" }
    );
  await agent.apply([sampleNode("", { name: NODE_NAME }), ...web(backends), ...second]);
  await using weir = new WeirProcess(node.namespace, { flags: [`--master=${master}`] });
  const toSecond = () =>
    client.agent.connectOnce({ transport: "tcp", address: SECOND, port: PORT, timeout: 250 });
  await until(
    "both Services",
    async () =>
      (await reach(client, TCP, { timeout: 250 })).outcome === "answered" &&
      (await toSecond()).outcome === "answered",
  );

  await using load = await Load.start(client);
  await agent.pause();
  await agent.apply(web(backends.slice(0, 1)));
  const rules = await nft(node, "list ruleset");
  await pause(3_000);
  assert.equal(await nft(node, "list ruleset"), rules);
  assert.match(weir.log, /^W.*no rule changes until it is back/m);
  await agent.resume();
  await until("the change made meanwhile", async () => {
    const exchanges = await client.agent.connect({
      ...{ transport: "tcp", address: "10.96.0.1", port: PORT },
      count: 10,
    });
    return tally(exchanges).get("backend-0") === 10;
  }, BACK_OFF);

  // An API server that has forgotten what happened cannot tell of the deletion: 410, new lists.
  await agent.pause();
  const lists = await agent.lists();
  for (const name of ["second-IPv4", "second-IPv6"]) {
    assert.ok(await agent.remove("EndpointSlice", "default", name));
  }
  assert.ok(await agent.remove("Service", "default", "second"));
  await agent.compact();
  assert.equal((await toSecond()).outcome, "answered", "as long as nobody tells, it is there");
  await agent.resume();
  await until("the deletion", async () => (await toSecond()).outcome === "failed", BACK_OFF);
  assert.ok(await agent.lists() > lists);
  assert.equal(outcomeOf(await reach(client, TCP)), "backend-0");
  await load.noneFailed(3);
});

Deno.test("new ranges of cluster IPs program everything anew, and Local without local endpoints is counted", async () => {
  await using topology = await Topology.create({ port: TARGET_PORT });
  const { client, node, backends } = topology;
  await using agent = new NodeAgent(topology);
  const master = await agent.startApiServer();
  const elsewhere = web(backends, {
    externalIPs: ["198.51.100.7"],
    externalTrafficPolicy: "Local",
  }, false);
  await agent.apply([sampleNode("", { name: NODE_NAME }), ...elsewhere]);
  await using weir = new WeirProcess(node.namespace, { flags: [`--master=${master}`] });
  const pages = new Pages(agent);
  await weir.until(
    "the Service",
    async () => (await reach(client, TCP, { timeout: 250 })).outcome === "answered",
  );
  const dropped = (family: string, policy: string) =>
    pages.metric(
      "kubeproxy_sync_proxy_rules_no_local_endpoints_total",
      `ip_family="${family}"`,
      `traffic_policy="${policy}"`,
    );
  // Three ports, which only IPv4 clients reach from outside.
  assert.equal(await dropped("IPv4", "external"), 3);
  assert.equal(await dropped("IPv6", "external"), 0);
  assert.equal(await dropped("IPv4", "internal"), 0);

  const fulls = () =>
    pages.metric(
      "kubeproxy_sync_full_proxy_rules_duration_seconds_count",
      'ip_family="IPv4"',
    );
  const before = await fulls();
  const ranges: ServiceCIDR = {
    kind: "ServiceCIDR",
    name: "kubernetes",
    resourceVersion: "",
    cidrs: ["10.96.0.0/12"],
  };
  await agent.apply([ranges]);
  await weir.until("a full sync", async () => await fulls() === before + 1);
  // The same ranges in another version of the object are no news.
  await agent.apply([ranges]);
  await pause(1_000);
  assert.equal(await fulls(), before + 1);
  assert.equal((await reach(client, TCP)).outcome, "answered");
});
