import assert from "node:assert/strict";
import type { EndpointSlice, Service, ServicePort } from "../../schemas/kube.ts";
import type { ExternalView, ServicePortView, Verdict } from "../../schemas/view.ts";
import { sampleEndpoint, sampleService, sampleSlice } from "../samples.ts";
import { resolveService } from "./resolve.ts";

const HERE = { name: "here", zone: "", addresses: ["192.0.2.1", "2001:db8::1"] };
const SLICE = sampleSlice([sampleEndpoint("10.0.0.1")]);

function port(nodePort: number, fields: Partial<ServicePort> = {}): ServicePort {
  return { name: "http", protocol: "TCP", port: 80, nodePort, ...fields };
}

function resolve(fields: Partial<Service>, ...slices: EndpointSlice[]) {
  return resolveService(sampleService(fields), slices.length === 0 ? [SLICE] : slices, HERE);
}

function viewOf(fields: Partial<Service>, ...slices: EndpointSlice[]): ServicePortView {
  const { views, problems } = resolve(fields, ...slices);
  assert.deepEqual(problems, []);
  const [view] = views;
  assert.ok(view !== undefined && views.length === 1);
  return view;
}

function vip(...ips: string[]): Service["loadBalancerIngress"] {
  return ips.map((ip) => ({ ip, ipMode: "VIP" }));
}

const NOWHERE = { verdict: "cluster", externalIPs: [], loadBalancerIPs: [], nodePort: 0 } as const;
const BALANCED = { type: "LoadBalancer", loadBalancerIngress: vip("203.0.113.9") } as const;

const reaches: readonly [
  sentence: string,
  fields: Partial<Service>,
  external: Partial<ExternalView> | undefined,
][] = [
  ["A ClusterIP Service is not reached from outside", {}, undefined],
  ["A node port that a ClusterIP Service still has is closed", { ports: [port(30080)] }, undefined],
  ["A load balancer's address that a ClusterIP Service still has is not handled", {
    loadBalancerIngress: vip("203.0.113.9"),
  }, undefined],
  ["A NodePort Service is reached at its node port", {
    type: "NodePort",
    ports: [port(30080)],
  }, { nodePort: 30080 }],
  ["A load balancer's address that a NodePort Service still has is not handled", {
    type: "NodePort",
    ports: [port(30080)],
    loadBalancerIngress: vip("203.0.113.9"),
  }, { nodePort: 30080 }],
  ["A LoadBalancer Service is reached at its node port and its addresses", {
    type: "LoadBalancer",
    ports: [port(30080)],
    loadBalancerIngress: vip("203.0.113.9", "203.0.113.8"),
  }, { nodePort: 30080, loadBalancerIPs: ["203.0.113.9", "203.0.113.8"] }],
  ["A LoadBalancer Service without node ports is reached at its addresses", BALANCED, {
    loadBalancerIPs: ["203.0.113.9"],
  }],
  ["A LoadBalancer Service that has no node port and no address yet is not reached", {
    type: "LoadBalancer",
  }, undefined],
  ["A load balancer that is a proxy keeps its address, and the node port stays", {
    type: "LoadBalancer",
    ports: [port(30080)],
    loadBalancerIngress: [
      { ip: "203.0.113.9", ipMode: "Proxy" },
      { ip: "203.0.113.8", ipMode: "VIP" },
    ],
  }, { nodePort: 30080, loadBalancerIPs: ["203.0.113.8"] }],
  ["Any Service with external IPs is reached at them", { externalIPs: ["198.51.100.7"] }, {
    externalIPs: ["198.51.100.7"],
  }],
  ["External IPs keep the object's order, and none is there twice", {
    externalIPs: ["198.51.100.9", "198.51.100.7", "198.51.100.9"],
  }, { externalIPs: ["198.51.100.9", "198.51.100.7"] }],
  ["An address that is an external IP and the load balancer's is the load balancer's", {
    ...BALANCED,
    externalIPs: ["203.0.113.9", "198.51.100.7"],
  }, { externalIPs: ["198.51.100.7"], loadBalancerIPs: ["203.0.113.9"] }],
  ["Addresses of a family that the Service does not have are passed over", {
    type: "LoadBalancer",
    ports: [port(30080)],
    externalIPs: ["2001:db8::7"],
    loadBalancerIngress: vip("2001:db8::9"),
  }, { nodePort: 30080 }],
];
for (const [sentence, fields, external] of reaches) {
  Deno.test(sentence, () => {
    assert.deepEqual(
      viewOf(fields).external,
      external === undefined ? undefined : { ...NOWHERE, ...external },
    );
  });
}

Deno.test("Each family of a dual-stack Service has its own addresses, canonical, and the same node port", () => {
  const { views, problems } = resolve({
    type: "LoadBalancer",
    clusterIPs: ["10.96.0.1", "fd00:96::1"],
    ports: [port(30080)],
    externalIPs: ["2001:DB8::0:7", "198.51.100.7", "2001:db8::7"],
    loadBalancerIngress: vip("203.0.113.9", "2001:DB8:0::9"),
    loadBalancerSourceRanges: ["10.1.2.3/8", "2001:DB8:1::1/48"],
  }, SLICE);
  assert.deepEqual(problems, []);
  assert.deepEqual(views.map(({ family, external }) => [family, external]), [
    ["IPv4", {
      verdict: "cluster",
      externalIPs: ["198.51.100.7"],
      loadBalancerIPs: ["203.0.113.9"],
      loadBalancerSources: ["10.0.0.0/8"],
      nodePort: 30080,
    }],
    ["IPv6", {
      // The slice has no IPv6 endpoints.
      verdict: "reject",
      externalIPs: ["2001:db8::7"],
      loadBalancerIPs: ["2001:db8::9"],
      loadBalancerSources: ["2001:db8:1::/48"],
      nodePort: 30080,
    }],
  ]);
});

Deno.test("One port number of two protocols is two node ports, or the same one of two protocols", () => {
  const { views, problems } = resolve({
    type: "NodePort",
    ports: [
      port(30053, { name: "dns", port: 53, protocol: "UDP" }),
      port(30053, { name: "dns-tcp", port: 53, protocol: "TCP" }),
      port(30443, { name: "https", port: 443 }),
    ],
  });
  assert.deepEqual(problems, []);
  assert.deepEqual(views.map(({ id, external }) => [id, external?.nodePort]), [
    ["default/web:dns-tcp/TCP/IPv4", 30053],
    ["default/web:dns/UDP/IPv4", 30053],
    ["default/web:https/TCP/IPv4", 30443],
  ]);
});

Deno.test("A Service that changes its type resolves as if it had never been of another", () => {
  const ports = [port(30080)];
  const types: Service["type"][] = ["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"];
  const reached = types.map((type) => {
    const [view] = resolve({ ...BALANCED, type, ports }).views;
    return view === undefined
      ? "none"
      : `${view.external?.nodePort} ${view.external?.loadBalancerIPs}`;
  });
  assert.deepEqual(reached, ["undefined undefined", "30080 ", "30080 203.0.113.9", "none"]);
});

// Who is in which set, for each pair of policies: "C" in the cluster set, "L" in the local one.
const LOCAL = { nodeName: "here" };
const DRAINING = { ready: false, terminating: true };
const policies: readonly [
  sentence: string,
  internal: "Cluster" | "Local",
  external: "Cluster" | "Local",
  endpoints: Parameters<typeof sampleEndpoint>[1][],
  verdicts: readonly [Verdict, Verdict],
  sets: string,
][] = [
  ["policy Cluster balances over all", "Cluster", "Cluster", [{}, LOCAL], [
    "cluster",
    "cluster",
  ], "C C"],
  ["external policy Local goes to local ones, and inside to all", "Cluster", "Local", [{}, LOCAL], [
    "cluster",
    "local",
  ], "C CL"],
  [
    "external policy Local without a local one drops, and inside goes to all",
    "Cluster",
    "Local",
    [
      {},
    ],
    ["cluster", "drop"],
    "C",
  ],
  ["external policy Local without any endpoint rejects", "Cluster", "Local", [], [
    "reject",
    "reject",
  ], ""],
  [
    "external policy Local goes to a local draining one",
    "Cluster",
    "Local",
    [{}, {
      ...LOCAL,
      ...DRAINING,
    }],
    ["cluster", "local"],
    "C L",
  ],
  [
    "external policy Local with draining ones elsewhere only drops",
    "Cluster",
    "Local",
    [DRAINING],
    [
      "cluster",
      "drop",
    ],
    "C",
  ],
  ["internal policy Local needs all for the outside", "Local", "Cluster", [{}, LOCAL], [
    "local",
    "cluster",
  ], "C CL"],
  ["internal policy Local drops inside only", "Local", "Cluster", [{}], ["drop", "cluster"], "C"],
  [
    "both Local keep all for pods and the node at external addresses",
    "Local",
    "Local",
    [
      {},
      LOCAL,
    ],
    ["local", "local"],
    "C CL",
  ],
  ["both Local without a local one drop both", "Local", "Local", [{}], ["drop", "drop"], "C"],
];
for (const [sentence, internal, external, endpoints, verdicts, sets] of policies) {
  Deno.test(`Of a Service that is reached from outside, ${sentence}`, () => {
    const slice = sampleSlice(
      endpoints.map((fields, index) => sampleEndpoint(`10.0.0.${index + 1}`, fields)),
    );
    const view = viewOf({
      type: "NodePort",
      ports: [port(30080)],
      internalTrafficPolicy: internal,
      externalTrafficPolicy: external,
    }, slice);
    assert.deepEqual([view.internal, view.external?.verdict], verdicts);
    assert.equal(
      view.endpoints.map(({ inCluster, inLocal }) => `${inCluster ? "C" : ""}${inLocal ? "L" : ""}`)
        .join(" "),
      sets,
    );
  });
}

Deno.test("Without reach from outside no set is kept for it, whatever externalTrafficPolicy says", () => {
  const slice = sampleSlice([sampleEndpoint("10.0.0.1"), sampleEndpoint("10.0.0.2", LOCAL)]);
  const sets = (fields: Partial<Service>) =>
    viewOf({ externalTrafficPolicy: "Local", ...fields }, slice).endpoints
      .map(({ ip, inCluster, inLocal }) => [ip, inCluster, inLocal]);
  assert.deepEqual(sets({}), [["10.0.0.1", true, false], ["10.0.0.2", true, false]]);
  assert.deepEqual(sets({ internalTrafficPolicy: "Local" }), [["10.0.0.2", false, true]]);
});

Deno.test("Affinity is the Service's timeout at every port", () => {
  const { views } = resolve({
    sessionAffinity: "ClientIP",
    affinityTimeoutSeconds: 600,
    ports: [port(0), port(0, { name: "dns", protocol: "UDP" })],
  });
  assert.deepEqual(views.map(({ affinitySeconds }) => affinitySeconds), [600, 600]);
  assert.equal(viewOf({}).affinitySeconds, 0);
});

const sources: readonly [
  sentence: string,
  ranges: readonly string[],
  admitted: readonly string[] | undefined,
][] = [
  ["without ranges everyone may come", [], undefined],
  ["ranges are canonical and none is there twice", [
    "10.1.2.3/8",
    " 172.16.0.0/12\t",
    "10.0.0.0/8",
  ], ["10.0.0.0/8", "172.16.0.0/12"]],
  ["a range of everyone lifts the restriction", ["10.0.0.0/8", "0.0.0.0/0"], undefined],
  ["host bits do not hide that a range is everyone's", ["10.0.0.0/0"], undefined],
  ["ranges of the other family alone restrict nobody of this one", ["2001:db8::/32"], undefined],
  ["everyone of the other family does not lift the restriction", ["10.0.0.0/8", "::/0"], [
    "10.0.0.0/8",
  ]],
  ["where the node may come, so may the load balancer's own address", ["192.0.2.0/24"], [
    "192.0.2.0/24",
    "203.0.113.9/32",
  ]],
  ["the load balancer's own address is not there twice", ["192.0.2.1/32", "203.0.113.9/32"], [
    "192.0.2.1/32",
    "203.0.113.9/32",
  ]],
];
for (const [sentence, loadBalancerSourceRanges, admitted] of sources) {
  Deno.test(`Of load balancer source ranges, ${sentence}`, () => {
    const { external } = viewOf({ ...BALANCED, loadBalancerSourceRanges });
    assert.deepEqual(external?.loadBalancerSources, admitted);
    assert.deepEqual(external?.loadBalancerIPs, ["203.0.113.9"]);
  });
}

const malformed: readonly [
  sentence: string,
  ranges: readonly string[],
  v4: readonly string[] | undefined,
  v6: readonly string[] | undefined,
][] = [
  ["is passed over beside good ones", ["10.0.0.0/8", "10.0.0.0/33"], ["10.0.0.0/8"], undefined],
  ["still keeps everyone out when it is alone", ["10.0.0.0/33"], [], undefined],
  ["of IPv6 keeps everyone of IPv6 out", ["fd00::/129"], undefined, []],
  ["of no family keeps everyone out", ["everyone"], [], []],
  ["that is empty keeps everyone out", [""], [], []],
  ["does not take back that everyone may come", ["10.0.0.0/33", "0.0.0.0/0"], undefined, undefined],
  ["is no reason to keep the node's load balancer out", ["10.0.0.0/33", "192.0.2.1/32"], [
    "192.0.2.1/32",
    "203.0.113.9/32",
  ], undefined],
];
for (const [sentence, loadBalancerSourceRanges, v4, v6] of malformed) {
  Deno.test(`A malformed source range ${sentence}, and is told of`, () => {
    const { views, problems } = resolve({
      ...BALANCED,
      clusterIPs: ["10.96.0.1", "fd00:96::1"],
      loadBalancerIngress: vip("203.0.113.9", "2001:db8::9"),
      loadBalancerSourceRanges,
    });
    assert.deepEqual(views.map(({ external }) => external?.loadBalancerSources), [v4, v6]);
    assert.equal(problems.length, 1);
    assert.match(problems[0]?.path ?? "", /^spec\.loadBalancerSourceRanges\[\d\]$/);
    assert.match(problems[0]?.message ?? "", /^Cannot program ".*": it is no CIDR/);
  });
}

Deno.test("Ranges that are malformed do not close a NodePort Service, which they say nothing of", () => {
  const { views, problems } = resolve({
    type: "NodePort",
    ports: [port(30080)],
    loadBalancerSourceRanges: ["nonsense"],
  });
  assert.deepEqual(views[0]?.external, { ...NOWHERE, nodePort: 30080 });
  assert.deepEqual(problems, []);
});

Deno.test("Malformed external addresses and node ports are told of with their paths, and the rest is programmed", () => {
  const { views, problems } = resolve({
    type: "LoadBalancer",
    externalIPs: [
      "198.51.100.300",
      "198.51.100.7",
      "127.0.0.1",
      "0.0.0.0",
      "169.254.0.1",
      "224.0.0.1",
      "::1",
      "::",
      "fe80::1",
      "ff02::1",
      "10.96.0.1",
    ],
    loadBalancerIngress: vip("203.0.113.9", "balancer.example", "balancer-2.example"),
    ports: [
      port(30080, { name: "a", port: 1 }),
      port(30080, { name: "b", port: 2 }),
      port(70_000, { name: "c", port: 3 }),
      port(-1, { name: "d", port: 4 }),
      port(30080, { name: "e", port: 5, protocol: "UDP" }),
    ],
  });
  assert.deepEqual(views.map(({ portName, external }) => [portName, external?.nodePort]), [
    ["a", 30080],
    ["b", 0],
    ["c", 0],
    ["d", 0],
    ["e", 30080],
  ]);
  for (const { external } of views) {
    assert.deepEqual(external?.externalIPs, ["198.51.100.7"]);
    assert.deepEqual(external?.loadBalancerIPs, ["203.0.113.9"]);
  }
  assert.ok(problems.every(({ object }) => object === "Service default/web"));
  assert.deepEqual(problems.map(({ path, message }) => `${path}: ${message}`), [
    'spec.ports[1].nodePort: Cannot program "30080": another TCP port of the Service has it already',
    'spec.ports[2].nodePort: Cannot program "70000": a port is 1–65535',
    'spec.ports[3].nodePort: Cannot program "-1": a port is 1–65535',
    'status.loadBalancer.ingress: Cannot program "balancer.example": it is no IP address',
    'status.loadBalancer.ingress: Cannot program "balancer-2.example": it is no IP address',
    'spec.externalIPs[0]: Cannot program "198.51.100.300": it is no IP address',
    'spec.externalIPs[2]: Cannot program "127.0.0.1": it is a loopback address',
    'spec.externalIPs[3]: Cannot program "0.0.0.0": it is the unspecified address',
    'spec.externalIPs[4]: Cannot program "169.254.0.1": it is a link-local address',
    'spec.externalIPs[5]: Cannot program "224.0.0.1": it is a link-local multicast address',
    'spec.externalIPs[6]: Cannot program "::1": it is a loopback address',
    'spec.externalIPs[7]: Cannot program "::": it is the unspecified address',
    'spec.externalIPs[8]: Cannot program "fe80::1": it is a link-local address',
    'spec.externalIPs[9]: Cannot program "ff02::1": it is a link-local multicast address',
    'spec.externalIPs[10]: Cannot program "10.96.0.1": it is the Service\'s cluster IP',
  ]);
});

Deno.test("A Service of 10,000 endpoints has every one of them in its sets", () => {
  const slices = Array.from({ length: 100 }, (_, slice) =>
    sampleSlice(
      Array.from({ length: 100 }, (_, index) =>
        sampleEndpoint(`10.1.${slice}.${index}`, { nodeName: index === 0 ? "here" : "elsewhere" })),
      { name: `web-${slice}` },
    ));
  const view = viewOf({
    type: "NodePort",
    ports: [port(30080)],
    externalTrafficPolicy: "Local",
  }, ...slices);
  assert.equal(new Set(view.endpoints.map(({ ip }) => ip)).size, 10_000);
  assert.equal(view.endpoints.filter(({ inCluster }) => inCluster).length, 10_000);
  assert.equal(view.endpoints.filter(({ inLocal }) => inLocal).length, 100);
});

const LOCALLY_BALANCED = {
  type: "LoadBalancer",
  externalTrafficPolicy: "Local",
  healthCheckNodePort: 32_000,
} as const;

const health: readonly [
  sentence: string,
  fields: Partial<Service>,
  slices: readonly EndpointSlice[],
  localEndpoints: number | undefined,
][] = [
  ["counts the endpoints of this node only", {}, [
    sampleSlice([
      sampleEndpoint("10.0.0.1"),
      sampleEndpoint("10.0.0.2", LOCAL),
      sampleEndpoint("10.0.0.3", LOCAL),
    ]),
  ], 2],
  ["does not count those that are not ready, though they serve", {}, [
    sampleSlice([sampleEndpoint("10.0.0.2", { ...LOCAL, ...DRAINING })]),
  ], 0],
  ["counts an endpoint of two ports once", {
    ports: [port(0), port(0, { name: "alt", port: 81 })],
  }, [
    sampleSlice([sampleEndpoint("10.0.0.2", LOCAL)], {
      ports: [
        { name: "http", protocol: "TCP", port: 8080 },
        { name: "alt", protocol: "TCP", port: 8081 },
      ],
    }),
  ], 1],
  ["counts a pod of two families once", { clusterIPs: ["10.96.0.1", "fd00:96::1"] }, [
    sampleSlice([sampleEndpoint("10.0.0.2", LOCAL)]),
    sampleSlice([sampleEndpoint("fd00::2", LOCAL)], { name: "web-6", addressType: "IPv6" }),
  ], 1],
  ["is there before the load balancer has an address", { loadBalancerIngress: [] }, [], 0],
  ["is not there under externalTrafficPolicy Cluster", { externalTrafficPolicy: "Cluster" }, [
    SLICE,
  ], undefined],
  ["is not there for a NodePort Service", { type: "NodePort" }, [SLICE], undefined],
  [
    "is not there for a Service of another proxy",
    {
      labels: { "service.kubernetes.io/service-proxy-name": "other" },
    },
    [SLICE],
    undefined,
  ],
];
for (const [sentence, fields, slices, localEndpoints] of health) {
  Deno.test(`The health-check node port ${sentence}`, () => {
    const service = sampleService({ ...LOCALLY_BALANCED, ...fields });
    const { health, problems } = resolveService(service, slices, HERE);
    assert.deepEqual(
      health,
      localEndpoints === undefined
        ? undefined
        : { namespace: "default", name: "web", port: 32_000, localEndpoints },
    );
    assert.deepEqual(problems, []);
  });
}

Deno.test("A missing or impossible health-check node port is told of, and the Service is programmed", () => {
  for (const healthCheckNodePort of [0, 65_536]) {
    const { views, health, problems } = resolve({ ...LOCALLY_BALANCED, healthCheckNodePort });
    assert.equal(health, undefined);
    assert.equal(views.length, 1);
    assert.deepEqual(problems.map(({ path }) => path), ["spec.healthCheckNodePort"]);
  }
});

Deno.test("with AllowServiceExternalIPs off a Service is not reached at its external IPs", () => {
  const service = sampleService({ externalIPs: ["203.0.113.7"], ports: [port(0)] });
  const reached = (ignoresExternalIPs: boolean) =>
    resolveService(service, [SLICE], { ...HERE, ignoresExternalIPs }).views
      .map(({ external }) => external?.externalIPs);
  assert.deepEqual([reached(false), reached(true)], [[["203.0.113.7"]], [undefined]]);
});
