import assert from "node:assert/strict";
import type { EndpointSlice, Service } from "../../schemas/kube.ts";
import { Revisions } from "../diff.ts";
import { resolveService } from "../resolver/resolve.ts";
import { sampleEndpoint, sampleService, sampleSlice } from "../samples.ts";
import { Tracker } from "../tracker.ts";
import { explain } from "./explain.ts";
import type { ExplainFacts } from "./facts.ts";
import { MOST_MS } from "./pace.ts";
import { pendingSync } from "./pending.ts";
import { readQuestion } from "./question.ts";

const HERE = { name: "here", zone: "", addresses: [] };

/** A proxy that has synced all, of which each look at the clock takes a millisecond. */
function proxy(objects: readonly (Service | EndpointSlice)[]) {
  const tracker = new Tracker({ nodeName: "here", startedAt: 0 });
  const revisions = new Revisions();
  const sync = () =>
    revisions.advance(
      tracker.take().services.map(({ key, service, slices }) => (
        { key, views: resolveService(service, slices, HERE).views }
      )),
    );
  const tell = (told: readonly (Service | EndpointSlice)[]) =>
    tracker.accept(told.map((object) => ({ type: "upsert", object, at: 0 }) as const));
  tell(objects);
  sync();
  let now = 0;
  const waiting = { turns: 0, longest: 0, since: 0, inTurn: () => {} };
  const facts: ExplainFacts = {
    tracker,
    revisions,
    node: () => HERE,
    settings: () => ({
      families: ["IPv4", "IPv6"],
      masqueradeAll: false,
      masqueradeBit: 14,
      localMatches: [],
      nodePorts: { type: "every" },
      serviceCIDRs: [],
    }),
    proxier: () => "some-proxier",
    explain: async () =>
      Array.from({ length: 2_000 }, (_, index) => ({ at: "map", match: `${index}`, outcome: "" })),
    traffic: async () => undefined,
    conntrack: () => {
      throw new Error("the kernel has no ctnetlink");
    },
    now: () => ++now,
    turn: async () => {
      waiting.turns++;
      waiting.longest = Math.max(waiting.longest, now - waiting.since);
      waiting.inTurn();
      waiting.since = now;
    },
  };
  return { facts, waiting, sync, tell, tracker };
}

function ip(index: number): string {
  return `10.${index >> 16}.${index >> 8 & 255}.${index & 255}`;
}

/** A Service with so many ports, slices and endpoints in each of them. */
function large(
  ports: number,
  slices: number,
  endpoints: number,
  fields: Partial<Service> = {},
): (Service | EndpointSlice)[] {
  const all = Array.from({ length: ports }, (_, index) => (
    { name: `p${index}`, protocol: "TCP", port: 1_000 + index, nodePort: 0 } as const
  ));
  return [
    sampleService({ ports: all, ...fields }),
    ...Array.from({ length: slices }, (_, slice) => {
      const ready = Array.from(
        { length: endpoints },
        (_, at) => sampleEndpoint(ip(slice * endpoints + at), { ready: at % 10 !== 9 }),
      );
      const name = `web-${String(slice).padStart(5, "0")}`;
      return sampleSlice(ready, { name, ports: all });
    }),
  ];
}

Deno.test("of a thousand ports with a hundred endpoints each all are told of, a few endpoints of each, and others have their turn all the while", async () => {
  const { facts, waiting } = proxy(large(1_000, 1, 100));
  const told = await explain(readQuestion({ service: "web" }), facts);
  assert.equal(told.ports.length, 1_000);
  for (const { endpoints, endpointsMore, endpointsServing, endpointsLeftOut } of told.ports) {
    assert.deepEqual([endpoints.length, endpointsMore], [5, 95]);
    assert.deepEqual(endpointsServing, { cluster: 90, local: 0, any: 90 });
    assert.deepEqual(endpointsLeftOut, { "not-ready": 10 });
    const serving = endpoints.filter(({ cluster }) => cluster.serves).length;
    assert.equal(serving, 3, "some that serve and some that do not");
  }
  assert.match(told.summary[0] ?? "", /90 endpoints of 100 serve \(left out: 10 not ready\)/);
  assert.match(told.summary.join(" "), /900 more sentences about its ports: ask for one, as/);
  assert.equal(told.ways.length, 24);
  assert.ok(JSON.stringify(told).length < 4_000_000);
  assert.ok(waiting.turns > 1_000 / MOST_MS, `${waiting.turns} turns`);
  assert.ok(waiting.longest <= MOST_MS + 2, `${waiting.longest} ms`);
});

Deno.test("who asks for one port of many is told of all its endpoints", async () => {
  const { facts } = proxy(large(1_000, 1, 100));
  for (const words of [{ service: "web:p7" }, { to: "10.96.0.1:1007" }]) {
    const { ports } = await explain(readQuestion(words), facts);
    assert.deepEqual(ports.map(({ endpoints }) => endpoints.length), [100]);
  }
});

Deno.test("of ten thousand slices some are listed, the others counted, and others have their turn between them", async () => {
  const { facts, waiting } = proxy(large(1, 10_000, 1));
  const told = await explain(readQuestion({ service: "web" }), facts);
  assert.deepEqual([told.slices.length, told.notListed], [200, { slices: 9_800 }]);
  const [port] = told.ports;
  assert.deepEqual([port?.endpoints.length, port?.endpointsMore], [1_000, 9_000]);
  assert.match(told.summary.join(" "), /Not all is listed: 9800 of slices are left out\./);
  assert.ok(waiting.turns > 10_000 / MOST_MS, `${waiting.turns} turns`);
  assert.ok(waiting.longest <= MOST_MS + 2, `${waiting.longest} ms`);
});

Deno.test("source ranges by the thousand are not told again with each address and port", async () => {
  const loadBalancerSourceRanges = Array.from(
    { length: 5_000 },
    (_, index) => `172.${16 + (index >> 8)}.${index & 255}.0/24`,
  );
  const { facts } = proxy(large(1_000, 1, 1, {
    type: "LoadBalancer",
    loadBalancerIngress: Array.from(
      { length: 200 },
      (_, index) => ({ ip: `203.0.113.${index}`, ipMode: "VIP" }),
    ),
    loadBalancerSourceRanges,
  }));
  const told = await explain(readQuestion({ service: "web" }), facts);
  assert.deepEqual(told.notListed, { "service.loadBalancerSourceRanges": 4_800 });
  const [port] = told.ports;
  assert.deepEqual([port?.addresses.length, port?.addressesMore], [5, 196]);
  const { sources, sourcesMore } = port?.addresses[1] ?? {};
  assert.deepEqual([sources?.length, sourcesMore], [4, 4_996]);
  assert.ok(JSON.stringify(told).length < 6_000_000);
});

Deno.test("a sync in the midst of an explanation does not make it tell of two moments", async () => {
  const [service, slice] = large(100, 1, 10);
  assert.ok(service?.kind === "Service" && slice?.kind === "EndpointSlice");
  const { facts, waiting, tell, sync } = proxy([service, slice]);
  waiting.inTurn = () => {
    if (waiting.turns !== 10) return;
    tell([{ ...slice, endpoints: [], resourceVersion: "later" }]);
    sync();
  };
  const told = await explain(readQuestion({ service: "web" }), facts);
  assert.ok(waiting.turns > 10);
  assert.deepEqual([told.revision, told.pending], [1, false]);
  assert.ok(told.ports.every(({ programmed, endpoints }) => programmed && endpoints.length === 10));
});

Deno.test("while what waits is looked through others have their turn", async () => {
  const { facts, waiting, tracker } = proxy(large(1_000, 1, 10));
  tracker.touchAll(0);
  const { next, changes } = await pendingSync(facts, undefined, "next");
  assert.deepEqual([next?.ports.length, changes], [1_000, []]);
  assert.ok(waiting.turns > 2_000 / MOST_MS, `${waiting.turns} turns`);
});
