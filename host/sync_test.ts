import assert from "node:assert/strict";
import type { CallParams } from "../schemas/calls.ts";
import type { Service, SourceEvent } from "../schemas/kube.ts";
import type { ProxierSettings } from "../schemas/view.ts";
import { Revisions } from "./diff.ts";
import { sampleEndpoint, sampleService, sampleSlice } from "./samples.ts";
import { SimulatedClock } from "./simulated_clock.ts";
import { createSync, type Order, type SyncOutcome } from "./sync.ts";
import { createLog } from "./telemetry/log.ts";
import { recordingTracing, spanTimes, spanTree } from "./telemetry/recording_tracing.ts";
import { Tracker } from "./tracker.ts";

const SETTINGS: ProxierSettings = {
  families: ["IPv4", "IPv6"],
  masqueradeAll: false,
  masqueradeBit: 14,
  localMatches: [],
  nodePorts: { type: "listed", addresses: [] },
  serviceCIDRs: [],
};
/** 2026-01-01T00:00:00Z, when every stage here starts. */
const START = Date.UTC(2026, 0, 1);

type Called =
  & { readonly traceparent: string | undefined }
  & (
    | { readonly method: "resync"; readonly params: CallParams["resync"] }
    | { readonly method: "apply"; readonly params: CallParams["apply"] }
  );

/** A sync between a real tracker and a plugin that does as it is told. */
class Stage {
  readonly clock = new SimulatedClock(START);
  readonly tracker = new Tracker({ nodeName: "here", startedAt: START });
  readonly calls: Called[] = [];
  readonly outcomes: SyncOutcome[] = [];
  readonly landed: Order[] = [];
  /** What the load balancers were told, as `namespace/name:port localEndpoints`. */
  readonly health: string[][] = [];
  readonly log: string[] = [];
  readonly trace = recordingTracing(() => this.clock.now());
  /** What the plugin does with a call; it takes 5 ms and succeeds unless told. */
  plugin = () => this.clock.advance(5);
  readonly sync = createSync({
    tracker: this.tracker,
    revisions: new Revisions(),
    nodeName: () => "here",
    externalIPs: () => true,
    settings: () => SETTINGS,
    call: async (method, params, { span }) => {
      this.calls.push({ method, params, traceparent: span.traceparent } as Called);
      await this.plugin();
    },
    tracing: this.trace.tracing,
    clock: this.clock,
    log: createLog({
      now: () => this.clock.now(),
      gate: () => ({ verbosity: 2 }),
      write: ({ severity, message, fields }) =>
        this.log.push(`${severity} ${message} ${JSON.stringify(fields)}`),
    }),
    observe: (outcome) => this.outcomes.push(outcome),
    landed: (order) => this.landed.push(order),
    tellHealth: (news) =>
      this.health.push(
        [...news].map(([key, health]) =>
          health === undefined ? `${key} gone` : `${key}:${health.port} ${health.localEndpoints}`
        ),
      ),
  });

  /** The first complete listing. */
  list(...objects: Extract<SourceEvent, { type: "upsert" }>["object"][]): void {
    const at = this.clock.now();
    this.tracker.accept([
      ...objects.map((object) => ({ type: "upsert", object, at }) as const),
      ...(["Service", "EndpointSlice"] as const).map((kind) =>
        ({ type: "synced", kind, at }) as const
      ),
    ]);
  }

  put(object: Extract<SourceEvent, { type: "upsert" }>["object"]): void {
    this.tracker.accept([{ type: "upsert", object, at: this.clock.now() }]);
  }

  /** The warnings since the last time. */
  warnings(): string[] {
    return this.log.splice(0).filter((line) => line.startsWith("warning "));
  }
}

/** A slice that the control plane was triggered to change at a second after the start. */
function sliceAt(second: number, ...addresses: readonly string[]) {
  return sampleSlice(addresses.map((address) => sampleEndpoint(address)), {
    resourceVersion: String(second),
    lastChangeTriggerTime: new Date(START + second * 1000).toISOString(),
  });
}

Deno.test("the first sync gives the plugin everything, the next only what changed", async () => {
  const stage = new Stage();
  stage.list(sampleService(), sliceAt(0, "10.0.0.1"));
  await stage.sync("resync");
  stage.put(sliceAt(1, "10.0.0.1", "10.0.0.2"));
  await stage.sync("apply");
  const [first, second] = stage.calls;
  assert.ok(first?.method === "resync" && second?.method === "apply");
  assert.deepEqual(first.params.settings, SETTINGS);
  assert.deepEqual(first.params.ports.map(({ id }) => id), ["default/web:http/TCP/IPv4"]);
  assert.deepEqual([second.params.from, second.params.to], [1, 2]);
  assert.deepEqual(second.params.upserts[0]?.endpoints.map(({ ip }) => ip), [
    "10.0.0.1",
    "10.0.0.2",
  ]);
});

Deno.test("a change that changes nothing for a proxy does not reach the plugin", async () => {
  const stage = new Stage();
  stage.list(sampleService(), sliceAt(0, "10.0.0.1"));
  await stage.sync("resync");
  stage.put(sampleService({ resourceVersion: "7", labels: { any: "other" } }));
  await stage.sync("apply");
  assert.equal(stage.calls.length, 1);
  assert.equal(stage.outcomes.length, 1);
});

const SLICE_EVENT = '{"weir.event.type":"upsert","weir.object.kind":"EndpointSlice",' +
  '"k8s.namespace.name":"default","weir.object.name":"web-1","weir.service":"web"';

Deno.test("every sync is one trace from the API event on, and the plugin is told which", async () => {
  const stage = new Stage();
  stage.list(sampleService(), sliceAt(0, "10.0.0.1"));
  await stage.clock.advance(3);
  await stage.sync("resync");
  const [first] = stage.trace.traces;
  assert.ok(first !== undefined);
  assert.deepEqual(spanTree(first), [
    '- > weir.sync {"weir.sync.kind":"full","weir.services":1,"weir.events":2,"weir.revision":1}',
    "weir.sync > weir.queue {}",
    'weir.sync > weir.event {"weir.event.type":"upsert","weir.object.kind":"Service",' +
    '"k8s.namespace.name":"default","weir.object.name":"web"}',
    `weir.sync > weir.event ${SLICE_EVENT},"weir.object.resource_version":"0"}`,
    "weir.sync > weir.resolve {}",
    'weir.sync > weir.diff {"weir.upserts":1,"weir.removes":0}',
    'weir.sync > weir.plugin.call {"weir.method":"resync"}',
    "weir.sync > weir.landed {}",
  ]);
  assert.deepEqual(spanTimes(first).filter((text) => /queue|call|sync/.test(text)), [
    "weir.sync 0–8",
    "weir.queue 0–3",
    "weir.plugin.call 3–8",
  ]);
  const call = first.spans.find(({ name }) => name === "weir.plugin.call");
  assert.equal(stage.calls[0]?.traceparent, `00-${first.traceId}-${call?.spanId}-01`);
  assert.equal(stage.outcomes[0]?.traceId, first.traceId);

  stage.tracker.accept([
    { type: "remove", kind: "Service", namespace: "default", name: "web", at: START },
  ]);
  await stage.sync("apply");
  const second = stage.trace.traces[1];
  assert.ok(second !== undefined);
  assert.deepEqual(spanTree(second).slice(0, 3), [
    '- > weir.sync {"weir.sync.kind":"partial","weir.services":1,"weir.events":1,"weir.revision":2}',
    "weir.sync > weir.queue {}",
    'weir.sync > weir.event {"weir.event.type":"remove","weir.object.kind":"Service",' +
    '"k8s.namespace.name":"default","weir.object.name":"web"}',
  ]);
  assert.notEqual(second.traceId, first.traceId);
});

Deno.test("an event's span begins when the control plane was triggered, if its clock agrees", async () => {
  const stage = new Stage();
  stage.list(sampleService(), sliceAt(0, "10.0.0.1"));
  await stage.sync("resync");
  const origin = START + 10_000;
  await stage.clock.advance(origin - stage.clock.now());
  stage.put(sliceAt(8, "10.0.0.2"));
  stage.put(sliceAt(60, "10.0.0.3"));
  await stage.sync("apply");
  const events = stage.trace.traces[1]?.spans.filter(({ name }) => name === "weir.event") ?? [];
  assert.deepEqual(
    events.map(({ startedAt, endedAt, events }) => [
      startedAt - origin,
      endedAt - origin,
      events.map(({ name, at, attributes }) => [name, at - origin, attributes]),
    ]),
    [
      [-2_000, 0, [["triggered", -2_000, { "weir.trigger.wait": 2 }], ["received", 0, {}]]],
      [0, 0, [["triggered", 0, { "weir.trigger.wait": 0 }], ["received", 0, {}]]],
    ],
  );
});

Deno.test("a sync links to each event it coalesced, and to those that a failed one left", async () => {
  const stage = new Stage();
  stage.list(sampleService(), sliceAt(0, "10.0.0.1"));
  await stage.sync("resync");
  stage.put(sliceAt(1, "10.0.0.2"));
  stage.put(sliceAt(2, "10.0.0.3"));
  stage.plugin = () => Promise.reject(new Error("no"));
  await assert.rejects(stage.sync("apply"));
  stage.put(sliceAt(3, "10.0.0.4"));
  stage.plugin = () => Promise.resolve();
  await stage.sync("resync");
  stage.put(sliceAt(4, "10.0.0.5"));
  await stage.sync("apply");
  const versions = stage.trace.traces.slice(1).map(({ spans: [root] }) =>
    root.links.map(({ attributes }) => attributes["weir.object.resource_version"])
  );
  assert.deepEqual(versions, [["1", "2"], ["1", "2", "3"], ["4"]]);
  const [, failed, resync] = stage.trace.traces;
  const traces = resync?.spans[0].links.map(({ traceId }) => traceId);
  assert.deepEqual(traces, [failed?.traceId, failed?.traceId, resync?.traceId]);
  const ids = new Set(failed?.spans.map(({ spanId }) => spanId));
  assert.ok(failed?.spans[0].links.every(({ spanId }) => ids.has(spanId)));
});

Deno.test("a sync of very many events links to 128 and counts the others, until they have landed", async () => {
  const stage = new Stage();
  stage.list(sampleService(), sliceAt(0, "10.0.0.1"));
  await stage.sync("resync");
  for (let second = 1; second <= 200; second++) stage.put(sliceAt(second, `10.0.1.${second}`));
  stage.plugin = () => Promise.reject(new Error("no"));
  await assert.rejects(stage.sync("apply"));
  stage.put(sliceAt(201, "10.0.0.2"));
  stage.plugin = () => Promise.resolve();
  await stage.sync("resync");
  stage.put(sliceAt(202, "10.0.0.3"));
  await stage.sync("apply");
  const counts = stage.trace.traces.slice(1).map((
    { spans: [root] },
  ) => [root.links.length, root.droppedLinks]);
  assert.deepEqual(counts, [[128, 72], [128, 73], [1, 0]]);
});

Deno.test("a sync that fails says so in its trace, and its changes count for the next that lands", async () => {
  const stage = new Stage();
  stage.list(sampleService(), sliceAt(0, "10.0.0.1"));
  await stage.sync("resync");
  stage.outcomes.length = 0;
  await stage.clock.advance(10_000);

  stage.put(sliceAt(3, "10.0.0.2"));
  stage.plugin = () => Promise.reject(new Error("no"));
  await assert.rejects(stage.sync("apply"), /^Error: no$/);
  assert.deepEqual(stage.landed.map(({ method }) => method), ["resync"]);
  stage.put(sliceAt(9, "10.0.0.3"));
  stage.plugin = () => stage.clock.advance(40);
  await stage.sync("resync");
  assert.equal(stage.landed.length, 2);

  const at = stage.clock.now();
  assert.deepEqual(stage.outcomes.map(({ traceId: _, ...outcome }) => outcome), [
    { kind: "partial", startedAt: at - 40, endedAt: at - 40, changedAt: undefined },
    {
      kind: "full",
      startedAt: at - 40,
      endedAt: at,
      changedAt: [START + 3_000, START + 9_000],
    },
  ]);
  // What the failed diff said is in the snapshot, though the tracker gave it away before.
  const last = stage.calls.at(-1);
  assert.ok(last?.method === "resync");
  assert.deepEqual(last.params.ports[0]?.endpoints.map(({ ip }) => ip), ["10.0.0.3"]);
  const failed = stage.trace.traces.flatMap(({ spans }) =>
    spans.filter(({ error }) => error !== undefined)
  );
  assert.deepEqual(failed.map(({ name }) => name), ["weir.sync", "weir.plugin.call"]);
});

Deno.test("what a resync programs is not measured again by the sync after it", async () => {
  const stage = new Stage();
  await stage.clock.advance(5_000);
  stage.list(sampleService(), sliceAt(1, "10.0.0.1"));
  await stage.sync("resync");
  await stage.sync("resync");
  assert.deepEqual(stage.outcomes.map(({ changedAt }) => changedAt), [[START + 1_000], []]);
});

Deno.test("what is wrong with a Service is told once, not at every change of its endpoints", async () => {
  const broken: Service = sampleService({
    ports: [
      { name: "http", protocol: "TCP", port: 80, nodePort: 0 },
      { name: "bad", protocol: "TCP", port: 70_000, nodePort: 0 },
    ],
  });
  const stage = new Stage();
  stage.list(broken, sliceAt(0, "10.0.0.1"));
  await stage.sync("resync");
  const [line = "", ...more] = stage.warnings();
  assert.match(line, /^warning Cannot program "70000": .*"object":"Service default\/web"/);
  assert.deepEqual(more, []);

  stage.put(sliceAt(1, "10.0.0.2"));
  await stage.sync("apply");
  await stage.sync("resync");
  assert.deepEqual(stage.warnings(), [], "the same object is told of once");

  stage.put(sliceAt(2, "fd00::1"));
  await stage.sync("apply");
  const fresh = stage.warnings();
  assert.equal(fresh.length, 1, fresh.join());
  assert.match(fresh[0] ?? "", /Cannot program "fd00::1".*EndpointSlice default\/web-1/);

  stage.put(sampleService({ resourceVersion: "2" }));
  stage.put(sliceAt(3, "10.0.0.2"));
  await stage.sync("apply");
  assert.deepEqual(stage.warnings(), []);
  stage.put({ ...broken, resourceVersion: "3" });
  await stage.sync("apply");
  assert.deepEqual(stage.warnings().length, 1, "who was well and is wrong again is told again");
});

Deno.test("of a Service with thousands of bad endpoints a few are told, and how many more there are", async () => {
  const stage = new Stage();
  const bad = Array.from({ length: 10_000 }, (_, index) => `10.0.0.${index + 1_000}`);
  stage.list(sampleService(), sliceAt(0, ...bad, "10.0.0.1"), sampleService({ name: "api" }));
  await stage.sync("resync");
  const warnings = stage.warnings();
  assert.equal(warnings.length, 21);
  assert.match(
    warnings.at(-1) ?? "",
    /^warning More of the Service cannot be programmed .*"default\/web","more":9980/,
  );
  const [call] = stage.calls;
  assert.ok(call?.method === "resync");
  assert.deepEqual(call.params.ports.map(({ name, endpoints }) => [name, endpoints.length]), [
    ["api", 0],
    ["web", 1],
  ]);
});

const BALANCED = {
  type: "LoadBalancer",
  externalTrafficPolicy: "Local",
  healthCheckNodePort: 32_000,
  loadBalancerIngress: [{ ip: "203.0.113.9", ipMode: "VIP" }],
} as const;

function localSlice(version: number, ...addresses: readonly string[]) {
  return sampleSlice(addresses.map((ip) => sampleEndpoint(ip, { nodeName: "here" })), {
    resourceVersion: String(version),
  });
}

Deno.test("a load balancer is told of local endpoints once the kernel has their rules", async () => {
  const stage = new Stage();
  stage.list(sampleService(BALANCED), localSlice(1, "10.0.0.1"), sampleService({ name: "api" }));
  stage.plugin = async () => assert.deepEqual(stage.health, []);
  await stage.sync("resync");
  assert.deepEqual(stage.health.splice(0), [["default/web:32000 1"]]);
  stage.plugin = () => Promise.reject(new Error("no"));
  stage.put(localSlice(2, "10.0.0.1", "10.0.0.2"));
  await assert.rejects(stage.sync("apply"));
  assert.deepEqual(stage.health, []);
  stage.plugin = () => Promise.resolve();
  await stage.sync("resync");
  assert.deepEqual(stage.health.splice(0), [["default/web:32000 2"]]);
});

Deno.test("a load balancer is told of what no rule depends on too, and nothing twice", async () => {
  const stage = new Stage();
  stage.list(sampleService(BALANCED), localSlice(1, "10.0.0.1"));
  await stage.sync("resync");
  stage.put(sampleService({ name: "api", resourceVersion: "1" }));
  await stage.sync("apply");
  assert.equal(stage.health.splice(0).length, 1);
  stage.put(sampleService({ ...BALANCED, healthCheckNodePort: 32_001, resourceVersion: "2" }));
  await stage.sync("apply");
  assert.equal(stage.calls.length, 2, "the plugin has nothing to do");
  assert.deepEqual(stage.health.splice(0), [["default/web:32001 1"]]);
  stage.put(sampleService({ ...BALANCED, type: "NodePort", resourceVersion: "3" }));
  await stage.sync("apply");
  assert.deepEqual(stage.health.splice(0), [["default/web gone"]]);
});

Deno.test("at -v=2 each sync is one line with what it was and how long it took", async () => {
  const stage = new Stage();
  stage.list(sampleService(), sliceAt(0, "10.0.0.1"));
  await stage.clock.advance(20);
  await stage.sync("resync");
  stage.put(sliceAt(1, "10.0.0.2"));
  await stage.sync("apply");
  assert.deepEqual(stage.log, [
    'info Synced {"kind":"full","revision":1,"ports":1,"milliseconds":5,"sinceChange":25}',
    'info Synced {"kind":"partial","revision":2,"upserts":1,"removes":0,"milliseconds":5,"sinceChange":5}',
  ]);
});
