import assert from "node:assert/strict";
import type { EndpointSlice, Service } from "../../schemas/kube.ts";
import type { ProxierSettings } from "../../schemas/view.ts";
import { Revisions } from "../diff.ts";
import { resolveService } from "../resolver/resolve.ts";
import { sampleEndpoint, sampleService, sampleSlice } from "../samples.ts";
import { SimulatedClock } from "../simulated_clock.ts";
import { Tracker } from "../tracker.ts";
import { Insight, type InsightOptions } from "./insight.ts";

const SETTINGS: ProxierSettings = {
  families: ["IPv4", "IPv6"],
  masqueradeAll: false,
  masqueradeBit: 14,
  localMatches: [],
  nodePorts: { type: "every" },
  serviceCIDRs: [],
};

/** A proxy that has synced `before` and has been told of `after` since. */
function proxy(
  before: readonly (Service | EndpointSlice)[],
  after: readonly (Service | EndpointSlice)[],
  options: Partial<InsightOptions> = {},
  listed = true,
) {
  const clock = new SimulatedClock();
  const tracker = new Tracker({ nodeName: "here", startedAt: 0 });
  const revisions = new Revisions();
  const tell = (objects: readonly (Service | EndpointSlice)[]) =>
    tracker.accept(objects.map((object) => ({ type: "upsert", object, at: 0 }) as const));
  if (listed) {
    tracker.accept([
      { type: "synced", kind: "Service", at: 0 },
      { type: "synced", kind: "EndpointSlice", at: 0 },
    ]);
  }
  tell(before);
  const node = { name: "here", zone: "", addresses: [] };
  revisions.advance(
    tracker.take().services.map(({ key, service, slices }) => (
      { key, views: resolveService(service, slices, node).views }
    )),
  );
  tell(after);
  const insight = new Insight({
    tracker,
    revisions,
    config: () => ({ nodeName: "here", featureGates: {} }),
    settings: () => SETTINGS,
    proxier: { name: "some-proxier", call: () => Promise.reject(new Error("it is away")) },
    traffic: { countsOf: async () => undefined },
    scheduler: { status: { lastCompleted: undefined, waitingSince: undefined } },
    conntrack: () => {
      throw new Error("the kernel has no ctnetlink");
    },
    clock,
    ...options,
  } as InsightOptions);
  return { insight, clock, revisions, tracker };
}

const SLICE = sampleSlice([sampleEndpoint("10.0.0.1")], { resourceVersion: "1" });
const GROWN = sampleSlice([sampleEndpoint("10.0.0.1"), sampleEndpoint("10.0.0.2")], {
  resourceVersion: "2",
});

Deno.test("a Service is explained though proxier and kernel do not answer, and it is said that they do not", async () => {
  const { insight } = proxy([sampleService(), SLICE], []);
  const told = await insight.explain({ service: "default/web" });
  assert.equal(told.ports[0]?.programmed, true);
  assert.equal(told.ways.length, 0);
  assert.match(told.waysMissing ?? "", /it is away/);
  assert.match(told.connectionsMissing ?? "", /no ctnetlink/);
  assert.match(told.summary.join(" "), /What the rules do is not all told: it is away\./);
});

Deno.test("what explains is got ready once, in a quiet moment, and not by a proxy that ends", async () => {
  const { insight, clock } = proxy([sampleService(), SLICE], []);
  assert.equal(clock.waiting, 0);
  insight.prepare();
  insight.prepare();
  assert.equal(clock.waiting, 1);
  await clock.advance(500);
  insight.prepare();
  assert.equal(clock.waiting, 0);
  const other = proxy([sampleService(), SLICE], []);
  other.insight.prepare();
  other.insight.stop();
  assert.equal(other.clock.waiting, 0);
});

Deno.test("a proxier that is busy is waited for two seconds", async () => {
  const { insight, clock } = proxy([sampleService(), SLICE], [], {
    proxier: { name: "busy", call: () => new Promise(() => {}) },
  });
  const telling = insight.explain({ service: "default/web" });
  while (clock.waiting === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  await clock.advance(2_000);
  assert.match((await telling).waysMissing ?? "", /has not answered for 2000 ms/);
});

Deno.test("a change that waits for a sync is said to, and what it will change, and nothing is taken", async () => {
  let large = 0;
  const { insight, tracker } = proxy([sampleService(), SLICE], [GROWN], { large: () => large++ });
  const told = await insight.explain({ service: "default/web" });
  assert.deepEqual([told.pending, told.ports[0]?.programmed], [true, false]);
  assert.match(told.summary.join(" "), /2 endpoints of 2 serve\..*a sync has to come/);
  const expected = [{
    id: "default/web:http/TCP/IPv4",
    type: "changed",
    details: ["+ endpoint 10.0.0.2:8080 (cluster)"],
  }];
  assert.deepEqual((await insight.pending("none")).changes, expected);
  assert.deepEqual((await insight.pending("last")).views?.length, 1);
  const { views, next } = await insight.pending("next");
  assert.deepEqual([views, next?.settings], [undefined, SETTINGS]);
  assert.deepEqual(
    next?.ports.flatMap(({ endpoints }) => endpoints.map(({ ip }) => ip)),
    ["10.0.0.1", "10.0.0.2"],
  );
  assert.deepEqual((await insight.pending("none")).changes, expected, "asking changes nothing");
  assert.equal(
    large,
    2,
    "what tells of all service ports leaves something behind, and nothing else does",
  );
  assert.equal(tracker.take().services.length, 1);
});

const STATES: readonly (readonly [string, number | undefined, number, RegExp])[] = [
  ["all has landed", undefined, 0, /^[^.]+serves\. What the rules/],
  ["a sync has just begun", 90_900, 0, /^[^.]+serves\. What the rules/],
  [
    "a sync hangs",
    88_000,
    0,
    /serves\. The kernel may still have older rules: a sync has been under way for 3\.0 s\./,
  ],
  [
    "syncs fail",
    90_900,
    2,
    /serves\. The kernel may still have older rules: nothing has landed for 0\.1 s, 2 syncs in a row failed; the log/,
  ],
];

for (const [what, waitingSince, failures, expected] of STATES) {
  Deno.test(`what was told is not taken for what the kernel has while ${what}`, async () => {
    const { insight, clock } = proxy([sampleService(), SLICE], [], {
      scheduler: {
        status: { lastQueued: undefined, lastCompleted: undefined, waitingSince, failures },
      },
    });
    await clock.advance(91_000 - clock.now());
    assert.match((await insight.explain({ service: "default/web" })).summary.join(" "), expected);
    assert.equal((await insight.pending("none")).failures, failures === 0 ? undefined : failures);
  });
}

Deno.test("what is told says how old it may be while the API server tells nothing", async () => {
  const silence = {
    plural: "services",
    since: 88_000,
    reason: "401 Unauthorized",
    remedy: "check the token",
  };
  const { insight, clock } = proxy([sampleService(), SLICE], [], { silence: () => silence });
  await clock.advance(91_000 - clock.now());
  const says =
    /Nothing is heard of services for 3\.0 s, and .* older than what the API server has: 401 Unauthorized \(check the token\)\./;
  assert.match((await insight.explain({ service: "default/web" })).summary.join(" "), says);
  // A Service that is not known may be one that weir has not been told of.
  assert.match((await insight.explain({ service: "default/new" })).summary.join(" "), says);
  assert.equal((await insight.pending("none")).silent?.milliseconds, 3_000);
});

Deno.test("before all is listed nothing is said not to be there", async () => {
  const { insight, clock } = proxy([], [], {
    scheduler: {
      status: { lastQueued: undefined, lastCompleted: undefined, waitingSince: 0, failures: 0 },
    },
    revisions: new Revisions(),
  }, false);
  await clock.advance(9_000 - clock.now());
  const { summary } = await insight.explain({ service: "default/web" });
  assert.deepEqual(summary, [
    "weir has not heard yet which Services and EndpointSlices there are.",
    "Nothing is programmed yet, 9.0 s after the start: the kernel has what was there before.",
  ]);
});

Deno.test("a plugin that is not started any more is told of with what waits for a sync", async () => {
  const parked = [{ plugin: "mine", reason: "it died 5 times" }];
  const { insight } = proxy([sampleService(), SLICE], [], { parked: () => parked });
  assert.deepEqual((await insight.pending("none")).parked, parked);
});

Deno.test("a Service that no sync has seen yet is found by its address", async () => {
  const { insight } = proxy([], [sampleService(), SLICE]);
  assert.equal((await insight.explain({ to: "10.96.0.1:80" })).service?.name, "web");
});

Deno.test("of two Services with one external IP both are told of", async () => {
  const shared = { externalIPs: ["198.51.100.7"] };
  const { insight } = proxy([
    sampleService(shared),
    sampleService({ ...shared, name: "other", clusterIP: "10.96.0.2" }),
  ], []);
  const { summary } = await insight.explain({ to: "198.51.100.7:80" });
  assert.match(summary.join(" "), /default\/web claims the same address and port/);
});

Deno.test("counters are told beside the port that they are of", async () => {
  const { insight } = proxy([sampleService(), SLICE], [], {
    traffic: { countsOf: async (ids) => ids.flatMap(() => [3, 20, 2_000]) },
  });
  const { ports } = await insight.explain({ service: "web" });
  assert.deepEqual(ports[0]?.traffic, { connections: 3, packets: 20, bytes: 2_000 });
  const { counted, services, trackedMissing } = await insight.top();
  assert.deepEqual([counted, services.length], [true, 1]);
  assert.match(trackedMissing ?? "", /no ctnetlink/);
});

const RESTRICTED = sampleService({
  type: "LoadBalancer",
  loadBalancerIngress: [{ ip: "203.0.113.20", ipMode: "VIP" }],
  loadBalancerSourceRanges: ["198.51.100.0/24"],
});

const CLIENTS: readonly (readonly [string, string | undefined, string, RegExp])[] = [
  [
    "who is refused is told so first, and why",
    "1.1.1.1:40000",
    "drop",
    /^TCP connections from 1\.1\.1\.1 to 203\.0\.113\.20:80 are dropped: source not in 198\.51\.100\.0\/24 \(chain firewall\)\. default\/web\S+: 1 endpoint of 1 serves\.$/,
  ],
  [
    "who is served is not told of others",
    "198.51.100.7",
    "dnat to 10.0.0.1:8080",
    /^default\/web\S+: 1 endpoint of 1 serves\.$/,
  ],
  [
    "who names no client is told that not everyone is served",
    undefined,
    "drop",
    /: 1 endpoint of 1 serves\. \S+: 203\.0\.113\.20:80 takes connections only from 198\.51\.100\.0\/24\.$/,
  ],
];

for (const [what, from, outcome, expected] of CLIENTS) {
  Deno.test(`of an address with source ranges ${what}`, async () => {
    const match = "source not in 198.51.100.0/24";
    const { insight } = proxy([RESTRICTED, SLICE], [], {
      proxier: {
        name: "some-proxier",
        call: (async () => [{ at: "chain firewall", match, outcome }]) as never,
      },
      conntrack: () =>
        ({ localAddresses: async () => new Set(), look: async () => "done" }) as never,
    });
    const { summary } = await insight.explain({ to: "203.0.113.20:80", from });
    assert.match(summary.join(" "), expected);
  });
}
