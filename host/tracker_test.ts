import assert from "node:assert/strict";
import type { KubeObject, SourceEvent } from "../schemas/kube.ts";
import { sampleEndpoint, sampleNode, sampleService, sampleSlice } from "./samples.ts";
import { Tracker } from "./tracker.ts";

function upsert(object: KubeObject, at = 100): SourceEvent {
  return { type: "upsert", object, at };
}

function removeSlice(name: string): SourceEvent {
  return { type: "remove", kind: "EndpointSlice", namespace: "default", name, at: 100 };
}

const SYNCED: readonly SourceEvent[] = [
  { type: "synced", kind: "Service", at: 100 },
  { type: "synced", kind: "EndpointSlice", at: 100 },
];

function readyTracker(): Tracker {
  const tracker = new Tracker({ nodeName: "here", startedAt: 1_000 });
  tracker.accept(SYNCED);
  return tracker;
}

function keys(tracker: Tracker): string[] {
  return tracker.take().services.map(({ key }) => key);
}

Deno.test("No sync is called for before both Services and EndpointSlices are listed completely", () => {
  const tracker = new Tracker({ nodeName: "here", startedAt: 0 });
  assert.equal(tracker.accept([upsert(sampleService())]), false);
  assert.equal(tracker.accept([{ type: "synced", kind: "Service", at: 1 }]), false);
  assert.equal(tracker.accept([{ type: "synced", kind: "Node", at: 1 }]), false);
  assert.equal(tracker.ready, false);
  assert.equal(tracker.accept([{ type: "synced", kind: "EndpointSlice", at: 1 }]), true);
  assert.equal(tracker.ready, true);
  assert.deepEqual(keys(tracker), ["default/web"]);
});

Deno.test("An empty cluster is synced too, so that left-over rules are removed", () => {
  const tracker = new Tracker({ nodeName: "here", startedAt: 0 });
  assert.equal(tracker.accept(SYNCED), true);
  assert.equal(tracker.accept(SYNCED), false);
});

Deno.test("A touched Service is handed out once, with its slices sorted by name", () => {
  const tracker = readyTracker();
  const service = sampleService();
  const slices = ["web-c", "web-a", "web-b"].map((name) => sampleSlice([], { name }));
  assert.equal(tracker.accept(slices.map((slice) => upsert(slice))), true);
  tracker.accept([upsert(service)]);
  const { services } = tracker.take();
  assert.equal(services.length, 1);
  assert.equal(services[0]?.service, service);
  assert.deepEqual(services[0]?.slices.map(({ name }) => name), ["web-a", "web-b", "web-c"]);
  assert.deepEqual(tracker.take().services, []);
});

Deno.test("Touched Services come in the order of their keys, whatever came first", () => {
  const tracker = readyTracker();
  for (const name of ["zoo", "api", "web"]) tracker.accept([upsert(sampleService({ name }))]);
  assert.deepEqual(keys(tracker), ["default/api", "default/web", "default/zoo"]);
});

Deno.test("What was handed out does not change when the next events come", () => {
  const tracker = readyTracker();
  tracker.accept([upsert(sampleSlice([], { name: "web-a" }))]);
  const [taken] = tracker.take().services;
  tracker.accept([upsert(sampleSlice([], { name: "web-b" })), removeSlice("web-a")]);
  assert.deepEqual(taken?.slices.map(({ name }) => name), ["web-a"]);
  assert.deepEqual(tracker.lookUp("default", "web").slices.map(({ name }) => name), ["web-b"]);
});

Deno.test("A Service that is removed is handed out as absent, and its slices stay", () => {
  const tracker = readyTracker();
  tracker.accept([upsert(sampleService()), upsert(sampleSlice([]))]);
  tracker.take();
  const removal: SourceEvent = {
    type: "remove",
    kind: "Service",
    namespace: "default",
    name: "web",
    at: 5,
  };
  assert.equal(tracker.accept([removal]), true);
  const [change] = tracker.take().services;
  assert.equal(change?.service, undefined);
  assert.equal(change?.slices.length, 1);
  assert.equal(tracker.accept([removal]), false);
});

Deno.test("A slice that changes its Service touches both", () => {
  const tracker = readyTracker();
  tracker.accept([upsert(sampleSlice([]))]);
  tracker.take();
  tracker.accept([upsert(sampleSlice([], { serviceName: "api" }))]);
  const { services } = tracker.take();
  assert.deepEqual(services.map(({ key, slices }) => [key, slices.length]), [
    ["default/api", 1],
    ["default/web", 0],
  ]);
});

Deno.test("A slice that loses its Service's name is taken away, and one without is passed over", () => {
  const tracker = readyTracker();
  assert.equal(tracker.accept([upsert(sampleSlice([], { serviceName: "" }))]), false);
  tracker.accept([upsert(sampleSlice([]))]);
  tracker.take();
  tracker.accept([upsert(sampleSlice([], { serviceName: "" }))]);
  assert.deepEqual(tracker.take().services.map(({ slices }) => slices.length), [0]);
  assert.equal(tracker.accept([removeSlice("web-1")]), false);
});

Deno.test("A relist of what is known touches nothing; another version does", () => {
  const tracker = readyTracker();
  const objects = (version: string) => [
    upsert(sampleService({ resourceVersion: version })),
    upsert(sampleSlice([], { resourceVersion: version })),
  ];
  tracker.accept(objects("7"));
  tracker.take();
  assert.equal(tracker.accept(objects("7")), false);
  assert.deepEqual(keys(tracker), []);
  assert.equal(tracker.accept(objects("8")), true);
});

Deno.test("A heartbeat of the Node touches nothing; a new zone touches the Services with zone hints", () => {
  const tracker = readyTracker();
  const hinted = sampleSlice([sampleEndpoint("10.0.0.1", { hintZones: ["a"] })], {
    name: "api-1",
    serviceName: "api",
  });
  tracker.accept([upsert(hinted), upsert(sampleSlice([sampleEndpoint("10.0.0.2")]))]);
  tracker.take();
  assert.equal(tracker.accept([upsert(sampleNode(""))]), false);
  assert.equal(tracker.accept([upsert(sampleNode("a"))]), true);
  assert.equal(tracker.zone, "a");
  const changes = tracker.take();
  assert.deepEqual(changes.services.map(({ key }) => key), ["default/api"]);
  assert.equal(changes.node?.name, "here");
  assert.equal(tracker.accept([upsert(sampleNode("a", { podCIDRs: ["10.1.0.0/24"] }))]), false);
  assert.deepEqual(tracker.node?.podCIDRs, ["10.1.0.0/24"]);
  assert.equal(tracker.accept([upsert(sampleNode("b", { name: "other" }))]), false);
  assert.equal(tracker.zone, "a");
  const removal = { type: "remove", kind: "Node", namespace: "", name: "here", at: 5 } as const;
  assert.equal(tracker.accept([removal]), true);
  assert.equal(tracker.node, undefined);
});

Deno.test("New addresses of the Node touch the Services with source ranges, and nothing else does", () => {
  const tracker = readyTracker();
  const ranged = { loadBalancerSourceRanges: ["192.0.2.0/24"] };
  tracker.accept([
    upsert(sampleService({ name: "api", type: "LoadBalancer", ...ranged })),
    upsert(sampleService({ type: "LoadBalancer" })),
    upsert(sampleSlice([sampleEndpoint("10.0.0.1", { hintNodes: ["here"], hintZones: ["a"] })])),
  ]);
  tracker.take();
  assert.deepEqual(tracker.addresses, []);
  const node = (...addresses: string[]) => upsert(sampleNode("", { addresses }), 700);
  assert.equal(tracker.accept([node("192.0.2.1")]), true);
  assert.deepEqual(tracker.addresses, ["192.0.2.1"]);
  const changes = tracker.take();
  assert.deepEqual(changes.services.map(({ key }) => key), ["default/api"]);
  assert.equal(changes.earliest, 700);
  assert.equal(tracker.accept([node("192.0.2.1")]), false);
  assert.equal(tracker.accept([node("192.0.2.1", "2001:db8::1")]), true);
  tracker.take();
  const removal = { type: "remove", kind: "Node", namespace: "", name: "here", at: 5 } as const;
  assert.equal(tracker.accept([removal]), true);
  assert.deepEqual(keys(tracker), ["default/api"]);
});

Deno.test("The ranges of cluster IPs are those of all ServiceCIDRs, sorted, and one list until they change", () => {
  const tracker = readyTracker();
  assert.deepEqual(tracker.serviceCIDRs, []);
  const put = (name: string, ...cidrs: string[]) => {
    const object = { kind: "ServiceCIDR", name, resourceVersion: "", cidrs } as const;
    assert.equal(tracker.accept([upsert(object)]), false, "no Service is touched");
  };
  put("kubernetes", "fd00:96::/112", "10.96.0.0/12");
  put("more", "10.112.0.0/16", "10.96.0.0/12");
  const ranges = tracker.serviceCIDRs;
  assert.deepEqual(ranges, ["10.112.0.0/16", "10.96.0.0/12", "fd00:96::/112"]);
  put("same", "10.96.0.0/12");
  assert.equal(tracker.serviceCIDRs, ranges);
  const removal = {
    type: "remove",
    kind: "ServiceCIDR",
    namespace: "",
    name: "kubernetes",
    at: 5,
  } as const;
  tracker.accept([removal]);
  assert.deepEqual(tracker.serviceCIDRs, ["10.112.0.0/16", "10.96.0.0/12"]);
});

Deno.test("No sync waits for ServiceCIDRs: the cluster may not tell", () => {
  const tracker = readyTracker();
  assert.equal(tracker.ready, true);
  assert.equal(tracker.accept([{ type: "synced", kind: "ServiceCIDR", at: 1 }]), false);
});

Deno.test("The earliest arrival and the triggers of changed slices are told once", () => {
  const tracker = readyTracker();
  const slice = (name: string, lastChangeTriggerTime: string) =>
    sampleSlice([], { name, lastChangeTriggerTime });
  tracker.accept([upsert(slice("web-1", "1970-01-01T00:00:02Z"), 5_000)]);
  tracker.accept([
    upsert(slice("web-2", "1970-01-01T00:00:03.5Z"), 4_000),
    upsert(slice("web-3", "nonsense"), 6_000),
    upsert(slice("web-4", ""), 6_000),
    // Before this host started: no measure of how fast it is.
    upsert(slice("web-5", "1970-01-01T00:00:00.5Z"), 6_000),
  ]);
  const changes = tracker.take();
  assert.equal(changes.earliest, 4_000);
  assert.deepEqual(changes.triggers, [2_000, 3_500]);
  const { earliest, triggers } = tracker.take();
  assert.deepEqual({ earliest, triggers }, { earliest: undefined, triggers: [] });
});

Deno.test("A trigger without a time zone is none: it would be read as this node's local time", () => {
  const tracker = readyTracker();
  const slice = (lastChangeTriggerTime: string) =>
    upsert(sampleSlice([], { name: lastChangeTriggerTime, lastChangeTriggerTime }));
  const zoneless = ["2026-01-02T00:00:00", "2026-01-02 00:00:00", "2 January 2026", "2026-01-02"];
  tracker.accept(zoneless.map(slice));
  assert.deepEqual(tracker.take().triggers, []);
  tracker.accept([slice("1970-01-01T01:00:02.123456789+01:00")]);
  assert.deepEqual(tracker.take().triggers, [2_123]);
});

Deno.test("While nothing is taken, triggers do not pile up without end", () => {
  const tracker = readyTracker();
  for (let version = 0; version < 12_000; version++) {
    const lastChangeTriggerTime = new Date(2_000 + version).toISOString();
    tracker.accept([
      upsert(sampleSlice([], { resourceVersion: String(version), lastChangeTriggerTime })),
    ]);
  }
  const { triggers } = tracker.take();
  assert.equal(triggers.length, 10_000);
  // The oldest wait longest, and they are what a slow proxy is to be judged by.
  assert.equal(triggers[0], 2_000);
  tracker.accept([upsert(sampleSlice([], { lastChangeTriggerTime: "1970-01-01T00:00:02Z" }))]);
  assert.deepEqual(tracker.take().triggers, [2_000]);
});

Deno.test("Of a Service that came and went, in whatever order with its slices, nothing is kept", () => {
  const removal: SourceEvent = {
    type: "remove",
    kind: "Service",
    namespace: "default",
    name: "web",
    at: 100,
  };
  for (const removals of [[removal, removeSlice("web-1")], [removeSlice("web-1"), removal]]) {
    const tracker = readyTracker();
    tracker.accept([upsert(sampleService()), upsert(sampleSlice([]))]);
    assert.equal(tracker.size, 1);
    tracker.accept(removals);
    assert.equal(tracker.size, 0);
    assert.deepEqual(keys(tracker), ["default/web"]);
  }
});

Deno.test("Pending changes are counted by kind until they are taken", () => {
  const tracker = readyTracker();
  tracker.accept([upsert(sampleService()), upsert(sampleSlice([]))]);
  tracker.accept([upsert(sampleSlice([])), removeSlice("web-1")]);
  assert.deepEqual(tracker.pending, { services: 1, endpointSlices: 3 });
  tracker.take();
  assert.deepEqual(tracker.pending, { services: 0, endpointSlices: 0 });
});

Deno.test("Another source's objects take the place of what is known, whatever their versions say", () => {
  const tracker = readyTracker();
  const shared = sampleService({ name: "shared", resourceVersion: "7" });
  tracker.accept([
    upsert(sampleService({ name: "gone" })),
    upsert(sampleSlice([], { name: "gone-1", serviceName: "gone" })),
    upsert(shared),
    upsert(sampleSlice([], { name: "shared-1", serviceName: "shared" })),
    upsert(sampleNode("a", { name: "here" })),
    upsert({ kind: "ServiceCIDR", name: "k", resourceVersion: "1", cidrs: ["10.96.0.0/12"] }),
  ]);
  tracker.take();
  const ranges = tracker.serviceCIDRs;
  const other = sampleService({ name: "shared", resourceVersion: "7", clusterIP: "10.96.9.9" });
  const slice = sampleSlice([], {
    name: "fresh-1",
    serviceName: "fresh",
    lastChangeTriggerTime: "2026-11-27T00:00:00Z",
  });
  tracker.adopt(
    [
      other,
      sampleService({ name: "fresh" }),
      slice,
      sampleNode("b", { name: "there" }),
      { kind: "ServiceCIDR", name: "k", resourceVersion: "9", cidrs: ["10.96.0.0/12"] },
    ],
    "there",
    200,
  );
  const { services, triggers } = tracker.take();
  assert.deepEqual(
    services.map(({ key, service, slices }) => [key, service?.clusterIP, slices.length]),
    [
      ["default/fresh", sampleService().clusterIP, 1],
      ["default/gone", undefined, 0],
      ["default/shared", "10.96.9.9", 0],
    ],
  );
  assert.deepEqual(triggers, [], "what was programmed long ago is no measure of this host");
  assert.equal(tracker.zone, "b");
  assert.equal(tracker.serviceCIDRs, ranges, "the same ranges are no change");
  tracker.accept([upsert(sampleNode("c", { name: "here" }))]);
  assert.equal(tracker.zone, "b");
});

Deno.test("When Services come to mean something else, all of them are handed out anew", () => {
  const tracker = readyTracker();
  tracker.accept(["a", "b"].map((name) => upsert(sampleService({ name }))));
  tracker.take();
  tracker.touchAll(100);
  assert.deepEqual(keys(tracker), ["default/a", "default/b"]);
});
