import assert from "node:assert/strict";
import fc from "fast-check";
import type { Node } from "../../schemas/kube.ts";
import { type HealthFacts, healthz, livez } from "./proxy_health.ts";

const NOW = Date.UTC(2026, 10, 23, 2, 44, 38, 123);
const TIMEOUT = 60_000;

const node: Node = {
  kind: "Node",
  name: "node-1",
  resourceVersion: "1",
  labels: {},
  podCIDRs: [],
  addresses: [],
  taints: [],
  deleting: false,
};

const wellFacts: HealthFacts = {
  families: ["IPv4", "IPv6"],
  lastCompleted: NOW - 1000,
  waitingSince: undefined,
  node,
  parked: [],
};

const doomed = { key: "ToBeDeletedByClusterAutoscaler", value: "", effect: "NoSchedule" };

const cases: readonly {
  what: string;
  facts: Partial<HealthFacts>;
  healthz: number;
  livez: number;
}[] = [
  { what: "nothing waits", facts: {}, healthz: 200, livez: 200 },
  {
    what: "a change waits a little",
    facts: { waitingSince: NOW - 59_999 },
    healthz: 200,
    livez: 200,
  },
  {
    what: "a change waits too long",
    facts: { waitingSince: NOW - 60_000 },
    healthz: 503,
    livez: 503,
  },
  { what: "nothing has synced yet", facts: { lastCompleted: undefined }, healthz: 200, livez: 200 },
  {
    what: "the first sync never succeeds",
    facts: { lastCompleted: undefined, waitingSince: NOW - 60_000 },
    healthz: 503,
    livez: 503,
  },
  { what: "there is no Node", facts: { node: undefined }, healthz: 503, livez: 200 },
  {
    what: "the Node is being deleted",
    facts: { node: { ...node, deleting: true } },
    healthz: 503,
    livez: 200,
  },
  {
    what: "the autoscaler is about to delete the Node",
    facts: { node: { ...node, taints: [doomed] } },
    healthz: 503,
    livez: 200,
  },
  {
    what: "the Node has another taint",
    facts: { node: { ...node, taints: [{ ...doomed, key: "x" }] } },
    healthz: 200,
    livez: 200,
  },
  {
    what: "a plugin is parked",
    facts: { parked: [{ plugin: "p", reason: "exit 1" }] },
    healthz: 503,
    livez: 200,
  },
];

for (const { what, facts, ...codes } of cases) {
  Deno.test(`while ${what}, /healthz answers ${codes.healthz} and /livez ${codes.livez}`, () => {
    const all = { ...wellFacts, ...facts };
    assert.deepEqual({
      healthz: healthz(all, NOW, TIMEOUT).code,
      livez: livez(all, NOW, TIMEOUT).code,
    }, codes);
  });
}

Deno.test("a healthy answer is upstream's, with lastUpdated being now", () => {
  const family = { lastUpdated: "2026-11-23T02:44:37.123Z", healthy: true };
  assert.deepEqual(healthz(wellFacts, NOW, TIMEOUT).report, {
    lastUpdated: "2026-11-23T02:44:38.123Z",
    currentTime: "2026-11-23T02:44:38.123Z",
    nodeEligible: true,
    healthy: true,
    status: { IPv4: family, IPv6: family },
  });
});

Deno.test("of what nothing is heard is told, and makes nothing unhealthy", () => {
  const silence = {
    plural: "services",
    since: NOW - 90_000,
    reason: "401 Unauthorized",
    remedy: "check the token",
  };
  const { code, report } = healthz({ ...wellFacts, silence }, NOW, TIMEOUT);
  assert.deepEqual([code, report.healthy, report.source], [200, true, {
    ...silence,
    state: "silent",
    since: "2026-11-23T02:43:08.123Z",
  }]);
  assert.equal(livez({ ...wellFacts, silence }, NOW, TIMEOUT).report.source, undefined);
});

Deno.test("an unhealthy answer tells when the last sync was, and what is parked", () => {
  const facts: HealthFacts = {
    ...wellFacts,
    families: ["IPv4"],
    waitingSince: NOW - 90_000,
    node: undefined,
    parked: [{ plugin: "proxier", reason: "it died 5 times" }],
  };
  assert.deepEqual(healthz(facts, NOW, TIMEOUT).report, {
    lastUpdated: "2026-11-23T02:44:37.123Z",
    currentTime: "2026-11-23T02:44:38.123Z",
    nodeEligible: false,
    healthy: false,
    status: { IPv4: { lastUpdated: "2026-11-23T02:44:37.123Z", healthy: false } },
    plugins: { proxier: { state: "parked", reason: "it died 5 times" } },
  });
});

Deno.test("/livez says nothing of the Node nor of plugins, and nothing per family before a sync", () => {
  const facts: HealthFacts = {
    ...wellFacts,
    lastCompleted: undefined,
    waitingSince: NOW - 90_000,
    node: undefined,
    parked: [{ plugin: "p", reason: "r" }],
  };
  assert.deepEqual(livez(facts, NOW, TIMEOUT).report, {
    lastUpdated: "0001-01-01T00:00:00Z",
    currentTime: "2026-11-23T02:44:38.123Z",
    healthy: false,
  });
});

Deno.test("whatever fails /livez fails /healthz", () => {
  const moments = fc.option(fc.integer({ min: NOW - 200_000, max: NOW }), { nil: undefined });
  const facts: fc.Arbitrary<HealthFacts> = fc.record({
    families: fc.constant(["IPv4"] as const),
    lastCompleted: moments,
    waitingSince: moments,
    node: fc.constantFrom(undefined, node, { ...node, deleting: true }),
    parked: fc.constantFrom([], [{ plugin: "p", reason: "r" }]),
  });
  fc.assert(fc.property(facts, (each) => {
    const live = livez(each, NOW, TIMEOUT).code === 200;
    const ready = healthz(each, NOW, TIMEOUT).code === 200;
    assert.ok(live || !ready);
  }));
});
