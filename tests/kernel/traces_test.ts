/**
 * Traces of the whole of weir: what a collector has of one change, and what a dead one costs.
 */
import assert from "node:assert/strict";
import type { ReceivedSpan } from "../kit/collector_protocol.ts";
import { web } from "./cluster.ts";
import { NodeAgent } from "./node_agent.ts";
import { patient } from "./patience.ts";
import { startWeirCluster, type WeirCluster } from "./weir_on_manifests.ts";

const PORT = 4318;

/** weir in a node, with a collector's address in its environment. */
function traced(...variables: readonly string[]): Promise<WeirCluster> {
  const endpoint = `OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:${PORT}`;
  return startWeirCluster([], ["env", endpoint, "OTEL_BSP_SCHEDULE_DELAY=50", ...variables]);
}

/** The spans with what they are children of, in the order of their begin. */
function tree(spans: readonly ReceivedSpan[]): string[] {
  return spans.toSorted((one, other) => one.startedAt - other.startedAt).map((span) => {
    const parent = spans.find(({ spanId }) => spanId === span.parentId);
    const method = span.attributes["weir.method"];
    return `${parent?.name ?? "-"} > ${span.name}${method === undefined ? "" : ` ${method}`}`;
  });
}

Deno.test("a collector has one trace of a change of an endpoint, from the event to the kernel", async () => {
  await using cluster = await traced("OTEL_EXPORTER_OTLP_COMPRESSION=gzip");
  const { topology: { backends }, topology, weir } = cluster;
  await using agent = new NodeAgent(topology);
  await agent.startCollector(PORT);
  await weir.serve(web(backends));
  await weir.serve(web(backends.slice(1)));
  let spans: readonly ReceivedSpan[] = [];
  const whole = async () => {
    const collected = await agent.collected();
    assert.deepEqual(collected.faults, []);
    const root = collected.spans.find(({ attributes }) =>
      attributes["weir.sync.kind"] === "partial"
    );
    spans = collected.spans.filter(({ traceId }) => traceId === root?.traceId);
    return root !== undefined;
  };
  await weir.process.until("the change at the collector", whole);
  assert.deepEqual(
    new Set(tree(spans)),
    new Set([
      "- > weir.sync",
      "weir.sync > weir.queue",
      "weir.sync > weir.event",
      "weir.sync > weir.resolve",
      "weir.sync > weir.diff",
      "weir.sync > weir.plugin.call apply",
      "weir.plugin.call > weir.plugin.encode",
      "weir.plugin.call > weir.plugin.wire",
      "weir.plugin.call > weir.plugin.handler",
      "weir.plugin.handler > plugin.compute",
      "weir.plugin.handler > plugin.commit",
      "plugin.commit > weir.capability nft.commit",
      "weir.capability > weir.capability.check",
      "weir.capability > weir.capability.queue",
      "weir.capability > weir.netlink.send",
      "weir.capability > weir.netlink.acknowledge",
      "weir.plugin.handler > weir.capability conntrack.reconcile",
      "weir.sync > weir.landed",
    ]),
  );
  const named = (name: string) => {
    const found = spans.find((span) => span.name === name);
    assert.ok(found !== undefined, name);
    return found;
  };
  const root = named("weir.sync");
  assert.equal(root.error, undefined);
  assert.deepEqual(root.attributes["weir.sync.kind"], "partial");
  assert.equal(root.attributes["weir.revision"], 2);
  assert.equal(named("weir.plugin.call").attributes["weir.plugin"], "proxier-nftables");
  assert.ok(Number(named("weir.netlink.send").attributes["weir.bytes"]) > 40);
  // A link to each event, and what it was.
  const events = spans.filter(({ name }) => name === "weir.event");
  assert.deepEqual(root.links.map(({ spanId }) => spanId), events.map(({ spanId }) => spanId));
  assert.equal(root.attributes["weir.events"], events.length);
  assert.ok(
    root.links.some(({ attributes }) =>
      attributes["weir.object.kind"] === "EndpointSlice" && attributes["weir.service"] === "web"
    ),
  );
  // Every span lies within its parent, but for an event that the control plane was asked for before.
  for (const span of spans) {
    const parent = spans.find(({ spanId }) => spanId === span.parentId);
    if (parent === undefined) continue;
    assert.ok(span.endedAt <= parent.endedAt + 0.01, `${span.name} ends after ${parent.name}`);
    assert.ok(span.startedAt >= parent.startedAt - 0.01, `${span.name} begins too early`);
  }
  assert.deepEqual(root.resource["service.name"], "weir");
  // The pages tell the same without a collector.
  const { status, text } = await weir.pages.at(
    `http://127.0.0.1:10249/debug/traces/${root.traceId}`,
  );
  assert.equal(status, 200);
  assert.equal(JSON.parse(text).spans.length, spans.length);
});

Deno.test("the plugin's spans are in the traces of syncs that somebody may look at", async () => {
  await using cluster = await startWeirCluster();
  const { topology: { backends }, weir } = cluster;
  const traces = "http://127.0.0.1:10249/debug/traces";
  const read = async (id = "") => JSON.parse((await weir.pages.at(traces + id)).text);
  await weir.serve(web(backends));
  await weir.serve(web(backends.slice(1)));
  const [unseen] = (await read()).traces;
  await weir.serve(web(backends));
  const [seen] = (await read()).traces;
  const found = await Promise.all([unseen, seen].map(({ traceId }) => read(`/${traceId}`)));
  assert.deepEqual(
    found.map(({ sampled, attributes, spans }) => [
      attributes["weir.sync.kind"],
      sampled,
      spans.some(({ name }: { readonly name: string }) => name === "plugin.commit"),
      spans.some(({ name }: { readonly name: string }) => name === "weir.netlink.acknowledge"),
    ]),
    [["partial", false, false, true], ["partial", true, true, true]],
  );
});

Deno.test("with the sampler off, or the SDK, nothing is sent and the pages tell all the same", async () => {
  for (const variable of ["OTEL_TRACES_SAMPLER=always_off", "OTEL_SDK_DISABLED=true"]) {
    await using cluster = await traced(variable);
    const { topology, weir } = cluster;
    await using agent = new NodeAgent(topology);
    await agent.startCollector(PORT);
    await weir.serve(web(topology.backends));
    await new Promise((resume) => setTimeout(resume, 300));
    assert.equal((await agent.collected()).requests, 0);
    const { text } = await weir.pages.at("http://127.0.0.1:10249/debug/traces");
    assert.ok(JSON.parse(text).traces.length > 0);
  }
});

Deno.test("what the last syncs were is sent before weir ends, within two seconds", async () => {
  // The flag is enough, and the variables hold all the same.
  const flag = `--traces-endpoint=http://127.0.0.1:${PORT}`;
  await using cluster = await startWeirCluster([flag], ["env", "OTEL_BSP_SCHEDULE_DELAY=60000"]);
  const { topology, weir } = cluster;
  await using agent = new NodeAgent(topology);
  await agent.startCollector(PORT);
  await weir.serve(web(topology.backends));
  await weir.process.said(/Sending traces/);
  assert.equal((await agent.collected()).requests, 0);
  const before = performance.now();
  weir.process.kill("SIGTERM");
  const { code } = await weir.process.ended();
  assert.equal(code, 0);
  assert.ok(performance.now() - before < patient(2_000));
  const { spans } = await agent.collected();
  assert.ok(spans.some(({ name }) => name === "weir.netlink.acknowledge"));
});

Deno.test("a collector that hangs makes none of 200 changes late, nor weir end late", async () => {
  await using cluster = await traced("OTEL_EXPORTER_OTLP_TIMEOUT=400");
  const { topology, topology: { backends }, weir } = cluster;
  await using agent = new NodeAgent(topology);
  await agent.startCollector(PORT, { type: "hangs" });
  await weir.serve(web(backends));
  const seen = new Map<string, number>();
  const look = async () => {
    const { text } = await weir.pages.at("http://127.0.0.1:10249/debug/traces?limit=256");
    for (const { traceId, milliseconds, attributes } of JSON.parse(text).traces) {
      if (attributes["weir.sync.kind"] === "partial") seen.set(traceId, milliseconds);
    }
  };
  for (let count = 0; seen.size < 200; count++) {
    assert.ok(count < 1_000, `only ${seen.size} of 1000 writes became syncs of their own`);
    await weir.write(web(backends.slice(count % 2)));
    await new Promise((resume) => setTimeout(resume, 60));
    if (count % 50 === 49) await look();
  }
  const slowest = [...seen.values()].sort((one, other) => other - one)[0] ?? Infinity;
  assert.ok(slowest < patient(250), `the slowest of ${seen.size} changes took ${slowest} ms`);
  assert.ok((await agent.collected()).requests > 0, "the collector was asked");
  assert.match(weir.process.log, /Cannot send traces to/);
  const before = performance.now();
  weir.process.kill("SIGTERM");
  await weir.process.ended();
  assert.ok(performance.now() - before < patient(2_000));
});
