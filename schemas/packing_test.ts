import assert from "node:assert/strict";
import fc from "fast-check";
import { packParams, unpackParams } from "./packing.ts";
import type { ExternalView, ServicePortView } from "./view.ts";

const endpoint = fc.record({
  ip: fc.constantFrom("10.244.0.1", "fd00::1", "8080"),
  // Few, so that neighbours are alike.
  port: fc.constantFrom(80, 8080, 65535),
  local: fc.boolean(),
  inCluster: fc.boolean(),
  inLocal: fc.boolean(),
});
const external: fc.Arbitrary<ExternalView> = fc.record({
  verdict: fc.constantFrom("cluster", "local", "reject", "drop"),
  externalIPs: fc.array(fc.constant("192.0.2.7"), { maxLength: 2 }),
  loadBalancerIPs: fc.array(fc.constant("192.0.2.8"), { maxLength: 2 }),
  loadBalancerSources: fc.array(fc.constant("10.0.0.0/8"), { maxLength: 2 }),
  nodePort: fc.constantFrom(0, 30080),
}, {
  noNullPrototype: true,
  requiredKeys: ["verdict", "externalIPs", "loadBalancerIPs", "nodePort"],
});
const REQUIRED = [
  ...["id", "namespace", "name", "portName", "protocol", "family"] as const,
  ...["clusterIP", "port", "internal", "affinitySeconds", "endpoints"] as const,
];
const port: fc.Arbitrary<ServicePortView> = fc.record({
  id: fc.string(),
  namespace: fc.string(),
  name: fc.string(),
  portName: fc.string(),
  protocol: fc.constantFrom("TCP", "UDP", "SCTP"),
  family: fc.constantFrom("IPv4", "IPv6"),
  clusterIP: fc.constant("10.96.0.1"),
  port: fc.integer({ min: 1, max: 65535 }),
  internal: fc.constantFrom("cluster", "local", "reject", "drop"),
  affinitySeconds: fc.constantFrom(0, 10_800),
  external,
  endpoints: fc.array(endpoint, { maxLength: 5 }),
}, { noNullPrototype: true, requiredKeys: REQUIRED });
const settings = {
  families: ["IPv4", "IPv6"],
  masqueradeAll: true,
  masqueradeBit: 14,
  localMatches: [{ type: "interface", name: "cni0" }],
  nodePorts: { type: "listed", addresses: ["192.0.2.1"] },
  serviceCIDRs: ["10.96.0.0/16"],
} as const;

/** What the other side of the wire sees. */
const sent = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

Deno.test("a snapshot and a diff arrive as they were sent", () => {
  fc.assert(
    fc.property(fc.array(port, { maxLength: 5 }), (ports) => {
      const snapshot = { revision: 3, settings, ports };
      const diff = { from: 3, to: 4, upserts: ports, removes: ["gone"] };
      const resync = unpackParams("resync", sent(packParams("resync", snapshot)));
      assert.deepEqual(sent(resync), sent(snapshot));
      const apply = unpackParams("apply", sent(packParams("apply", diff)));
      assert.deepEqual(sent(apply), sent(diff));
    }),
    { seed: 7, numRuns: 200 },
  );
});

Deno.test("neighbours with the same port and flags say them once", () => {
  const alike = { port: 8080, local: false, inCluster: true, inLocal: false };
  const web: ServicePortView = {
    id: "default/web:http/TCP/IPv4",
    namespace: "default",
    name: "web",
    portName: "http",
    protocol: "TCP",
    family: "IPv4",
    clusterIP: "10.96.0.1",
    port: 80,
    internal: "cluster",
    affinitySeconds: 0,
    endpoints: [
      { ip: "10.0.0.1", ...alike },
      { ip: "10.0.0.2", ...alike },
      { ip: "10.0.0.3", ...alike, local: true },
    ],
  };
  assert.deepEqual(packParams("apply", { from: 1, to: 2, upserts: [web], removes: [] }), {
    from: 1,
    to: 2,
    upserts: [[
      ...["default/web:http/TCP/IPv4", "default", "web", "http", "TCP", "IPv4", "10.96.0.1"],
      ...[80, "cluster", 0, null, 8080, 2, "10.0.0.1", "10.0.0.2", 8080, 3, "10.0.0.3"],
    ]],
    removes: [],
  });
});

Deno.test("other calls travel as they are", () => {
  const query = { ip: "10.0.0.1", port: 80, protocol: "TCP" } as const;
  assert.equal(packParams("explain", query), query);
  assert.equal(unpackParams("explain", query), query);
});
