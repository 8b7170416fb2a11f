import assert from "node:assert/strict";
import type { EndpointSlice, Service } from "../../schemas/kube.ts";
import { sampleEndpoint, sampleService, sampleSlice } from "../samples.ts";
import { isProxied, resolveService } from "./resolve.ts";

const HERE = { name: "here", zone: "", addresses: ["192.0.2.1", "2001:db8::1"] };

function resolve(service: Partial<Service>, ...slices: EndpointSlice[]) {
  return resolveService(sampleService(service), slices, HERE);
}

Deno.test("A Service with two ready endpoints balances its cluster IP over both", () => {
  const slice = sampleSlice([
    sampleEndpoint("10.0.0.2", { nodeName: "here" }),
    sampleEndpoint("10.0.0.1"),
  ]);
  assert.deepEqual(resolve({}, slice), {
    views: [{
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
        { ip: "10.0.0.1", port: 8080, local: false, inCluster: true, inLocal: false },
        { ip: "10.0.0.2", port: 8080, local: true, inCluster: true, inLocal: false },
      ],
    }],
    problems: [],
  });
});

const DRAINING = { ready: false, terminating: true };
const UNREADY = { ready: false, serving: false };
const verdicts: readonly [
  sentence: string,
  policy: "Cluster" | "Local",
  endpoints: Parameters<typeof sampleEndpoint>[1][],
  verdict: string,
  members: number,
][] = [
  ["without any slice is rejected", "Cluster", [], "reject", 0],
  ["with unready endpoints only is rejected", "Cluster", [UNREADY], "reject", 0],
  ["with a draining endpoint only goes there", "Cluster", [DRAINING], "cluster", 1],
  ["of policy Local without any endpoint is rejected", "Local", [UNREADY], "reject", 0],
  ["of policy Local whose endpoints are elsewhere is dropped", "Local", [{}, {}], "drop", 0],
  ["of policy Local draining elsewhere is dropped", "Local", [DRAINING], "drop", 0],
  [
    "of policy Local goes to the local endpoint only",
    "Local",
    [{}, { nodeName: "here" }],
    "local",
    1,
  ],
  [
    "of policy Local goes to a local draining endpoint though one elsewhere is ready",
    "Local",
    [{}, { nodeName: "here", ...DRAINING }],
    "local",
    1,
  ],
];
for (const [sentence, internalTrafficPolicy, endpoints, verdict, members] of verdicts) {
  Deno.test(`A Service ${sentence}`, () => {
    const slice = sampleSlice(
      endpoints.map((fields, index) => sampleEndpoint(`10.0.0.${index + 1}`, fields)),
    );
    const [view] = resolve({ internalTrafficPolicy }, slice).views;
    assert.equal(view?.internal, verdict);
    assert.equal(view?.endpoints.length, members);
    for (const endpoint of view?.endpoints ?? []) {
      assert.equal(endpoint.inCluster, verdict === "cluster");
      assert.equal(endpoint.inLocal, verdict === "local");
    }
  });
}

Deno.test("A dual-stack Service has one view for each port and family, sorted by id", () => {
  const ports: Service["ports"] = [
    { name: "web", protocol: "TCP", port: 80, nodePort: 0 },
    { name: "dns", protocol: "UDP", port: 53, nodePort: 0 },
  ];
  const slicePorts: EndpointSlice["ports"] = [
    { name: "web", protocol: "TCP", port: 8080 },
    { name: "dns", protocol: "UDP", port: 5353 },
  ];
  const { views } = resolve(
    { clusterIPs: ["10.96.0.1", "FD00:96::0:1"], ports },
    sampleSlice([sampleEndpoint("10.0.0.1")], { ports: slicePorts }),
    sampleSlice([sampleEndpoint("FD00::0:A")], {
      name: "web-6",
      addressType: "IPv6",
      ports: slicePorts,
    }),
  );
  assert.deepEqual(
    views.map((view) => {
      const [endpoint] = view.endpoints;
      return `${view.id} ${view.clusterIP} -> ${endpoint?.ip}:${endpoint?.port}`;
    }),
    [
      "default/web:dns/UDP/IPv4 10.96.0.1 -> 10.0.0.1:5353",
      "default/web:dns/UDP/IPv6 fd00:96::1 -> fd00::a:5353",
      "default/web:web/TCP/IPv4 10.96.0.1 -> 10.0.0.1:8080",
      "default/web:web/TCP/IPv6 fd00:96::1 -> fd00::a:8080",
    ],
  );
});

Deno.test("A port without a name has an id without a colon and reads slice ports without a name", () => {
  const { views } = resolve(
    { ports: [{ name: "", protocol: "TCP", port: 80, nodePort: 0 }] },
    sampleSlice([sampleEndpoint("10.0.0.1")], {
      ports: [{ name: "", protocol: "TCP", port: 8080 }],
    }),
  );
  assert.deepEqual(views.map(({ id, internal }) => [id, internal]), [
    ["default/web/TCP/IPv4", "cluster"],
  ]);
});

const notProxied: readonly [sentence: string, fields: Partial<Service>][] = [
  ["a headless Service", { clusterIP: "None" }],
  ["a Service without a cluster IP yet", { clusterIP: "", clusterIPs: [] }],
  ["an ExternalName Service", { type: "ExternalName" }],
  ["a Service of another proxy", {
    labels: { "service.kubernetes.io/service-proxy-name": "other" },
  }],
  ["a Service whose proxy name is empty", {
    labels: { "service.kubernetes.io/service-proxy-name": "" },
  }],
  ["a Service with the headless label", { labels: { "service.kubernetes.io/headless": "" } }],
];
for (const [sentence, fields] of notProxied) {
  Deno.test(`Nothing is programmed for ${sentence}`, () => {
    assert.equal(isProxied(sampleService(fields)), false);
    assert.deepEqual(resolve(fields, sampleSlice([sampleEndpoint("10.0.0.1")])), {
      views: [],
      problems: [],
    });
  });
}

Deno.test("Slices without their Service come to nothing", () => {
  const slice = sampleSlice([sampleEndpoint("10.0.0.1")]);
  assert.deepEqual(resolveService(undefined, [slice], HERE), { views: [], problems: [] });
});

Deno.test("An object from before clusterIPs is served at its clusterIP", () => {
  const [view] = resolve({ clusterIP: "10.96.0.9", clusterIPs: [] }).views;
  assert.equal(view?.clusterIP, "10.96.0.9");
});

Deno.test("Malformed ports and addresses are told of with their paths, and the rest is programmed", () => {
  const { views, problems } = resolve({
    clusterIPs: ["10.96.0.1", "10.96.0.2", "10.96.0.300", "fd00::1"],
    ports: [
      { name: "http", protocol: "TCP", port: 80, nodePort: 0 },
      { name: "zero", protocol: "TCP", port: 0, nodePort: 0 },
      { name: "q", protocol: "QUIC", port: 443, nodePort: 0 },
      { name: "http", protocol: "TCP", port: 81, nodePort: 0 },
      { name: "twin", protocol: "TCP", port: 80, nodePort: 0 },
      { name: "http", protocol: "UDP", port: 80, nodePort: 0 },
    ],
  }, sampleSlice([sampleEndpoint("bad")]));
  assert.deepEqual(views.map(({ id }) => id), [
    "default/web:http/TCP/IPv4",
    "default/web:http/TCP/IPv6",
    "default/web:http/UDP/IPv4",
    "default/web:http/UDP/IPv6",
  ]);
  assert.deepEqual(problems.map(({ object, path, message }) => `${object} ${path}: ${message}`), [
    'Service default/web spec.clusterIPs[1]: Cannot program "10.96.0.2": the Service has another IPv4 cluster IP before it',
    'Service default/web spec.clusterIPs[2]: Cannot program "10.96.0.300": it is no IP address',
    'Service default/web spec.ports[1].port: Cannot program "0": a port is 1–65535',
    'Service default/web spec.ports[2].protocol: Cannot program "QUIC": it is none of TCP, UDP and SCTP',
    'Service default/web spec.ports[3].name: Cannot program "http": another TCP port of the Service has it already',
    'Service default/web spec.ports[4].port: Cannot program "80": another TCP port of the Service has it already',
    'EndpointSlice default/web-1 endpoints[0].addresses[0]: Cannot program "bad": it is no IPv4 address',
  ]);
});

Deno.test("A fault in a slice is told of once, though two ports of the Service meet it", () => {
  const ports: Service["ports"] = [
    { name: "a", protocol: "TCP", port: 1, nodePort: 0 },
    { name: "b", protocol: "TCP", port: 2, nodePort: 0 },
  ];
  const slice = sampleSlice([sampleEndpoint("bad")], {
    ports: ports.map(({ name, protocol, port }) => ({ name, protocol, port })),
  });
  assert.equal(resolve({ ports }, slice).problems.length, 1);
});
