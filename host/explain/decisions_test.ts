import assert from "node:assert/strict";
import fc from "fast-check";
import type { SliceEndpoint } from "../../schemas/kube.ts";
import { anyCluster } from "../histories.ts";
import { resolveService, resolvingService } from "../resolver/resolve.ts";
import { sampleEndpoint, sampleService, sampleSlice } from "../samples.ts";
import { LABEL_ZONE } from "../tracker.ts";
import { decide } from "./decisions.ts";
import { atOnce } from "./pace.ts";
import { socketText } from "./question.ts";

const PLACE = { nodePorts: { type: "every" }, families: ["IPv4", "IPv6"] } as const;
const HERE = { name: "here", zone: "a", addresses: [] };

Deno.test("what is said to serve is what the proxier is told, for any cluster", () => {
  fc.assert(
    fc.property(anyCluster(), ({ service, slices, node }) => {
      const here = { name: "here", zone: node.labels[LABEL_ZONE] ?? "", addresses: node.addresses };
      const plain = resolveService(service, slices, here);
      const { ports, problems } = decide(service, slices, here, PLACE);
      assert.deepEqual(ports.map(({ view }) => view), plain.views);
      assert.deepEqual(problems, plain.problems);
      assert.deepEqual(atOnce(resolvingService(service, slices, here)), plain);
      for (const { view, endpoints } of ports) {
        const said = (set: "cluster" | "local") =>
          endpoints.filter((endpoint) => endpoint[set].serves)
            .map(({ address }) => address).sort();
        const told = (set: "inCluster" | "inLocal") =>
          view.endpoints.filter((endpoint) => endpoint[set])
            .map(({ ip, port }) => socketText(ip, port)).sort();
        assert.deepEqual(said("cluster"), told("inCluster"));
        assert.deepEqual(said("local"), told("inLocal"));
        for (const { cluster, local } of endpoints) {
          assert.ok(cluster.reason !== "" && local.reason !== "", "a decision without a reason");
        }
      }
    }),
    { seed: 5, numRuns: 2_000 },
  );
});

const READY = sampleEndpoint("10.0.0.9");
const REASONS: readonly (readonly [
  sentence: string,
  endpoint: Partial<SliceEndpoint>,
  others: readonly SliceEndpoint[],
  cluster: string,
  local: string,
])[] = [
  ["a ready one elsewhere serves the cluster", {}, [], "member", "not-local"],
  ["a ready one here serves both", { nodeName: "here" }, [], "member", "member"],
  ["one that is not ready", { ready: false, serving: false }, [READY], "not-ready", "not-local"],
  [
    "one that is terminating beside a ready one",
    { ready: false, terminating: true },
    [READY],
    "terminating",
    "not-local",
  ],
  [
    "one that is terminating, alone",
    { ready: false, terminating: true, nodeName: "here" },
    [],
    "fallback",
    "fallback",
  ],
  [
    "one that serves no more",
    { ready: false, serving: false, terminating: true, nodeName: "here" },
    [READY],
    "stopped",
    "stopped",
  ],
  [
    "one whose hints are for another zone",
    { hintZones: ["b"] },
    [sampleEndpoint("10.0.0.9", { hintZones: ["a"] })],
    "other-zone",
    "not-local",
  ],
  [
    "one whose hints are for another node",
    { hintNodes: ["elsewhere"] },
    [sampleEndpoint("10.0.0.9", { hintNodes: ["here"] })],
    "other-node",
    "not-local",
  ],
  ["one that is no address", { addresses: ["web"] }, [], "malformed-address", "malformed-address"],
];
for (const [sentence, fields, others, cluster, local] of REASONS) {
  Deno.test(`of endpoints it is said why: ${sentence}`, () => {
    const endpoint = sampleEndpoint("10.0.0.1", fields);
    const service = sampleService({
      type: "NodePort",
      externalTrafficPolicy: "Local",
      ports: [
        { name: "http", protocol: "TCP", port: 80, nodePort: 30080 },
      ],
    });
    const { ports: [port] } = decide(service, [sampleSlice([endpoint, ...others])], HERE, PLACE);
    const told = port?.endpoints.find(({ address }) => !address.startsWith("10.0.0.9"));
    assert.deepEqual([told?.cluster.code, told?.local.code], [cluster, local]);
  });
}

Deno.test("of two endpoints with one address, the one that is left out is told too", () => {
  const slices = [sampleSlice([
    sampleEndpoint("10.0.0.1", { ready: false, terminating: true }),
    sampleEndpoint("10.0.0.1"),
  ])];
  const { ports: [port] } = decide(sampleService(), slices, HERE, PLACE);
  assert.deepEqual(port?.endpoints.map(({ ready, cluster }) => [ready, cluster.code]), [
    [true, "member"],
    [false, "duplicate"],
  ]);
});

Deno.test("slices that are not read say why, and those that are do not", () => {
  const slices = [
    sampleSlice([READY], { name: "web-a" }),
    sampleSlice([READY], {
      name: "web-b",
      ports: [{ name: "https", protocol: "TCP", port: 8443 }],
    }),
    sampleSlice([READY], { name: "web-c", ports: [{ name: "http", protocol: "TCP", port: 0 }] }),
    sampleSlice([sampleEndpoint("fd00::1")], { name: "web-d", addressType: "IPv6" }),
    sampleSlice([READY], { name: "web-e", ports: [] }),
  ];
  const { ports: [port] } = decide(sampleService(), slices, HERE, PLACE);
  assert.deepEqual(port?.slicesPassedOver.map(({ slice, code }) => [slice, code]), [
    ["web-b", "other-name"],
    ["web-c", "all-ports"],
    ["web-d", "other-family"],
    ["web-e", "other-name"],
  ]);
});

Deno.test("addresses that are left to others say why", () => {
  const service = sampleService({
    type: "LoadBalancer",
    externalIPs: ["198.51.100.7"],
    loadBalancerIngress: [{ ip: "203.0.113.9", ipMode: "Proxy" }],
  });
  const node = { ...HERE, ignoresExternalIPs: true };
  const { addressesLeftOut } = decide(service, [], node, PLACE);
  assert.deepEqual(addressesLeftOut.map(({ address, path, code }) => [address, path, code]), [
    ["203.0.113.9", "status.loadBalancer.ingress", "proxied-by-load-balancer"],
    ["198.51.100.7", "spec.externalIPs[0]", "external-ips-off"],
  ]);
});

Deno.test("hints that count for nobody are said to be ignored, and why", () => {
  const topology = (...hints: string[][]) => {
    const endpoints = hints.map((hintZones, index) =>
      sampleEndpoint(`10.0.0.${index}`, { hintZones })
    );
    return decide(sampleService(), [sampleSlice(endpoints)], HERE, PLACE).ports[0]?.topology.reason;
  };
  assert.match(topology([], []) ?? "", /no endpoint has topology hints/);
  assert.match(topology(["a"], ["b"]) ?? "", /hints name zone a/);
  assert.match(topology(["a"], []) ?? "", /ignored, because some ready endpoint has none/);
  assert.match(topology(["b"], ["b"]) ?? "", /ignored, because none names zone a/);
});
