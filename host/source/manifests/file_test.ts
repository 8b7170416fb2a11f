import assert from "node:assert/strict";
import { WeirError } from "../../../schemas/errors.ts";
import { loadFile } from "./file.ts";

function load(text: string, file = "web.yaml") {
  return loadFile(file, new TextEncoder().encode(text));
}

function refusal(text: string, file = "web.yaml"): string {
  let error: unknown;
  try {
    error = load(text, file).refusal?.error;
  } catch (thrown) {
    error = thrown;
  }
  assert.ok(error instanceof WeirError, "the file was accepted");
  assert.equal(error.code, "WEIR_MANIFEST_FILE");
  return error.message;
}

/** One object as the tracker would get it, without its version. */
function only(text: string) {
  const { definitions } = load(text);
  assert.equal(definitions.length, 1);
  const { resourceVersion, ...object } = definitions[0]?.object ?? assert.fail("no object");
  assert.match(resourceVersion, /^[0-9a-f]{16}$/);
  return object;
}

Deno.test("A Service of few fields gets the API server's defaults", () => {
  const text = `
apiVersion: v1
kind: Service
metadata: {name: web, labels: {app: web, service.kubernetes.io/kept: "1"}}
spec:
  clusterIP: 10.96.0.1
  ports: [{port: 80, targetPort: http}]
`;
  assert.deepEqual(only(text), {
    kind: "Service",
    namespace: "default",
    name: "web",
    labels: { "service.kubernetes.io/kept": "1" },
    annotations: {},
    type: "ClusterIP",
    clusterIP: "10.96.0.1",
    clusterIPs: ["10.96.0.1"],
    externalIPs: [],
    ports: [{ name: "", protocol: "TCP", port: 80, nodePort: 0 }],
    sessionAffinity: "None",
    affinityTimeoutSeconds: 0,
    internalTrafficPolicy: "Cluster",
    externalTrafficPolicy: "Cluster",
    healthCheckNodePort: 0,
    publishNotReadyAddresses: false,
    loadBalancerSourceRanges: [],
    loadBalancerIngress: [],
    trafficDistribution: "",
  });
});

Deno.test("Every field that a proxy reads of a Service comes through, and null counts as absent", () => {
  const text = `
apiVersion: v1
kind: Service
metadata:
  name: web
  namespace: shop
  labels: null
  creationTimestamp: null
  annotations: {service.kubernetes.io/topology-mode: Auto, other: x}
spec:
  type: LoadBalancer
  clusterIPs: [10.96.0.1, "fd00::1"]
  ipFamilies: [IPv4, IPv6]
  externalIPs: [192.0.2.1]
  ports:
    - {name: web, protocol: TCP, port: 80, nodePort: 30080}
    - {name: dns, protocol: UDP, port: 53, nodePort: null}
  sessionAffinity: ClientIP
  internalTrafficPolicy: Local
  externalTrafficPolicy: Local
  healthCheckNodePort: 30001
  publishNotReadyAddresses: true
  loadBalancerSourceRanges: [192.0.2.0/24]
  trafficDistribution: PreferSameNode
status:
  loadBalancer:
    ingress: [{ip: 198.51.100.1}, {hostname: lb.example}, {ip: 198.51.100.2, ipMode: Proxy}]
`;
  assert.deepEqual(only(text), {
    kind: "Service",
    namespace: "shop",
    name: "web",
    labels: {},
    annotations: { "service.kubernetes.io/topology-mode": "Auto" },
    type: "LoadBalancer",
    clusterIP: "10.96.0.1",
    clusterIPs: ["10.96.0.1", "fd00::1"],
    externalIPs: ["192.0.2.1"],
    ports: [
      { name: "web", protocol: "TCP", port: 80, nodePort: 30080 },
      { name: "dns", protocol: "UDP", port: 53, nodePort: 0 },
    ],
    sessionAffinity: "ClientIP",
    affinityTimeoutSeconds: 10_800,
    internalTrafficPolicy: "Local",
    externalTrafficPolicy: "Local",
    healthCheckNodePort: 30001,
    publishNotReadyAddresses: true,
    loadBalancerSourceRanges: ["192.0.2.0/24"],
    loadBalancerIngress: [
      { ip: "198.51.100.1", ipMode: "VIP" },
      { ip: "198.51.100.2", ipMode: "Proxy" },
    ],
    trafficDistribution: "PreferSameNode",
  });
});

Deno.test("An EndpointSlice comes through with its conditions, hints and trigger time", () => {
  const text = `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: web-abc
  labels: {kubernetes.io/service-name: web}
  annotations: {endpoints.kubernetes.io/last-change-trigger-time: "2024-01-01T00:00:00Z"}
addressType: IPv4
endpoints:
  - addresses: [10.0.0.1]
    nodeName: worker-1
    zone: a
    hints: {forZones: [{name: a}], forNodes: [{name: worker-1}]}
  - addresses: [10.0.0.2]
    conditions: {ready: false, serving: true, terminating: true}
  - addresses: [10.0.0.3]
    conditions: {ready: null}
ports:
  - {name: http, port: 8080}
  - {name: all}
`;
  assert.deepEqual(only(text), {
    kind: "EndpointSlice",
    namespace: "default",
    name: "web-abc",
    serviceName: "web",
    addressType: "IPv4",
    lastChangeTriggerTime: "2024-01-01T00:00:00Z",
    endpoints: [
      {
        addresses: ["10.0.0.1"],
        ready: true,
        serving: true,
        terminating: false,
        nodeName: "worker-1",
        zone: "a",
        hintZones: ["a"],
        hintNodes: ["worker-1"],
      },
      {
        addresses: ["10.0.0.2"],
        ready: false,
        serving: true,
        terminating: true,
        nodeName: "",
        zone: "",
        hintZones: [],
        hintNodes: [],
      },
      {
        addresses: ["10.0.0.3"],
        ready: true,
        serving: true,
        terminating: false,
        nodeName: "",
        zone: "",
        hintZones: [],
        hintNodes: [],
      },
    ],
    ports: [
      { name: "http", protocol: "TCP", port: 8080 },
      { name: "all", protocol: "TCP", port: 0 },
    ],
  });
});

Deno.test("A Node comes through with its topology, networks, addresses and taints", () => {
  const text = `
apiVersion: v1
kind: Node
metadata: {name: worker-1.example, labels: {topology.kubernetes.io/zone: a, kubernetes.io/os: linux}}
spec: {podCIDR: 10.244.1.0/24, taints: [{key: k, effect: NoSchedule}]}
status:
  addresses:
    - {type: Hostname, address: worker-1}
    - {type: ExternalIP, address: 198.51.100.7}
    - {type: InternalIP, address: 192.0.2.7}
`;
  assert.deepEqual(only(text), {
    kind: "Node",
    name: "worker-1.example",
    labels: { "topology.kubernetes.io/zone": "a" },
    podCIDRs: ["10.244.1.0/24"],
    addresses: ["192.0.2.7", "198.51.100.7"],
    taints: [{ key: "k", value: "", effect: "NoSchedule" }],
    deleting: false,
  });
});

const OBJECT = (name: string, more = "") =>
  `{"apiVersion":"v1","kind":"Service","metadata":{"name":"${name}"${more}},"spec":{"clusterIP":"None"}}`;

Deno.test("What kubectl get -o json prints for several objects, a List, is read", () => {
  const text = `{"apiVersion":"v1","kind":"List","metadata":{},"items":[\n${OBJECT("a")},\n${
    OBJECT("b")
  }]}`;
  const { definitions } = load(text, "dump.json");
  assert.deepEqual(definitions.map(({ key, line }) => [key, line]), [
    ["Service default/a", 2],
    ["Service default/b", 3],
  ]);
});

Deno.test("Other kinds are named once each, also a Service that is not Kubernetes' own", () => {
  const { definitions, ignored } = load([
    "{apiVersion: apps/v1, kind: Deployment}",
    "{apiVersion: apps/v1, kind: Deployment}",
    "{apiVersion: serving.knative.dev/v1, kind: Service, metadata: {name: x}}",
  ].join("\n---\n"));
  assert.deepEqual(definitions, []);
  assert.deepEqual(ignored, ["apps/v1 Deployment", "serving.knative.dev/v1 Service"]);
});

for (const label of ["service-proxy-name", "headless"]) {
  Deno.test(`An object with the label ${label} is defined but not delivered, as the API server's selector has it`, () => {
    const { definitions } = load(OBJECT("a", `,"labels":{"service.kubernetes.io/${label}":""}`));
    assert.deepEqual(definitions, [{
      key: "Service default/a",
      line: 1,
      object: undefined,
    }]);
  });
}

Deno.test("Equal objects have equal versions, and any field that is read changes it", () => {
  const version = (text: string) => load(text).definitions[0]?.object?.resourceVersion;
  assert.equal(version(OBJECT("a")), version(`# the same\n${OBJECT("a", ',"uid":"ignored"')}`));
  assert.notEqual(
    version(OBJECT("a")),
    version(OBJECT("a", ',"labels":{"service.kubernetes.io/x":""}')),
  );
});

const SERVICE = (spec: string) =>
  `apiVersion: v1
kind: Service
metadata:
  name: web
spec:
${spec.replace(/^/gm, "  ")}
`;
const SLICE = (rest: string) =>
  `apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: web-1}\n${rest}\n`;

const refused: readonly [sentence: string, text: string, message: string][] = [
  [
    "a port that is a word",
    SERVICE("clusterIP: 10.96.0.1\nports:\n- name: http\n  port: abc"),
    'Cannot load manifest "web.yaml:9": spec.ports[0].port is "abc", expected an integer from 1 to 65535',
  ],
  [
    "a port out of range",
    SERVICE("clusterIP: 10.96.0.1\nports: [{port: 65536}]"),
    'Cannot load manifest "web.yaml:7": spec.ports[0].port is 65536, expected an integer from 1 to 65535',
  ],
  [
    "a port missing",
    SERVICE("clusterIP: 10.96.0.1\nports:\n- name: http"),
    'Cannot load manifest "web.yaml:8": spec.ports[0].port is missing',
  ],
  [
    "no cluster IP",
    SERVICE("ports: [{port: 80}]"),
    'Cannot load manifest "web.yaml:6": spec.clusterIP is missing, expected an IP address or "None": no API server allocates one here',
  ],
  [
    "a cluster IP that is none",
    SERVICE("clusterIP: 10.96.0.300\nports: [{port: 80}]"),
    'Cannot load manifest "web.yaml:6": spec.clusterIP is "10.96.0.300", expected an IP address or "None"',
  ],
  [
    "two cluster IPs of one family",
    SERVICE("clusterIPs: [10.96.0.1, 10.96.0.2]\nports: [{port: 80}]"),
    'Cannot load manifest "web.yaml:6": spec.clusterIPs[1] is "10.96.0.2", expected an address of the other family',
  ],
  [
    "clusterIPs that contradict clusterIP",
    SERVICE("clusterIP: 10.96.0.1\nclusterIPs: [10.96.0.2]\nports: [{port: 80}]"),
    'Cannot load manifest "web.yaml:7": spec.clusterIPs[0] is "10.96.0.2", expected spec.clusterIP, which is "10.96.0.1"',
  ],
  [
    "no ports",
    SERVICE("clusterIP: 10.96.0.1"),
    'Cannot load manifest "web.yaml:6": spec.ports is empty, expected at least one port',
  ],
  [
    "two ports of one name",
    SERVICE("clusterIP: 10.96.0.1\nports: [{name: a, port: 1}, {name: a, port: 2}]"),
    'Cannot load manifest "web.yaml:7": spec.ports[1].name is "a", which another port has already',
  ],
  [
    "two ports of one number",
    SERVICE("clusterIP: 10.96.0.1\nports: [{name: a, port: 1}, {name: b, port: 1}]"),
    'Cannot load manifest "web.yaml:7": spec.ports[1].port is 1, which another TCP port has already',
  ],
  [
    "an unnamed one of two ports",
    SERVICE("clusterIP: 10.96.0.1\nports: [{name: a, port: 1}, {port: 2}]"),
    'Cannot load manifest "web.yaml:7": spec.ports[1].name is missing, expected a name for each of many ports',
  ],
  [
    "a protocol unheard of",
    SERVICE("clusterIP: 10.96.0.1\nports: [{port: 1, protocol: QUIC}]"),
    'Cannot load manifest "web.yaml:7": spec.ports[0].protocol is "QUIC", expected TCP, UDP or SCTP',
  ],
  [
    "a port name that is no label",
    SERVICE("clusterIP: 10.96.0.1\nports: [{port: 1, name: a/b}]"),
    'Cannot load manifest "web.yaml:7": spec.ports[0].name is "a/b", expected a DNS label (a-z, 0-9 and -, at most 63)',
  ],
  [
    "an affinity timeout of more than a day",
    SERVICE(
      "clusterIP: 10.96.0.1\nports: [{port: 1}]\nsessionAffinityConfig: {clientIP: {timeoutSeconds: 86401}}",
    ),
    'Cannot load manifest "web.yaml:8": spec.sessionAffinityConfig.clientIP.timeoutSeconds is 86401, expected an integer from 1 to 86400',
  ],
  [
    "a name that would break the key",
    "apiVersion: v1\nkind: Service\nmetadata: {name: a/b}\nspec: {clusterIP: None}\n",
    'Cannot load manifest "web.yaml:3": metadata.name is "a/b", expected a DNS label (a-z, 0-9 and -, at most 63)',
  ],
  [
    "no spec",
    "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n",
    'Cannot load manifest "web.yaml:1": spec is missing',
  ],
  [
    "an address of the other family in a slice",
    SLICE("addressType: IPv4\nendpoints:\n- addresses:\n  - fd00::1"),
    'Cannot load manifest "web.yaml:7": endpoints[0].addresses[0] is "fd00::1", expected an IPv4 address',
  ],
  [
    "an endpoint without an address",
    SLICE("addressType: IPv4\nendpoints:\n- addresses: []"),
    'Cannot load manifest "web.yaml:6": endpoints[0].addresses is [], expected a list of 1 to 100 addresses',
  ],
  [
    "a slice without an address type",
    SLICE("endpoints: []"),
    'Cannot load manifest "web.yaml:1": addressType is missing',
  ],
  [
    "a Node's network that is none",
    "apiVersion: v1\nkind: Node\nmetadata: {name: a}\nspec: {podCIDR: 10.0.0.0/33}\n",
    'Cannot load manifest "web.yaml:4": spec.podCIDR is "10.0.0.0/33", expected a CIDR',
  ],
  [
    "text instead of an object",
    "just text\n",
    'Cannot load manifest "web.yaml:1": the document is not a mapping, expected a Kubernetes object',
  ],
  [
    "an object without a kind",
    "---\na: 1\napiVersion: v1\n",
    'Cannot load manifest "web.yaml:2": kind is missing',
  ],
  [
    "one object twice",
    `${OBJECT("a")}\n---\n${OBJECT("a")}\n`,
    'Cannot load manifest "web.yaml:3": metadata.name is that of Service default/a, defined in line 1 already',
  ],
];
for (const [sentence, text, message] of refused) {
  Deno.test(`A manifest with ${sentence} is refused with line and field`, () => {
    assert.equal(refusal(text), message);
  });
}

Deno.test("A ServiceCIDR comes through with canonical ranges", () => {
  const text = `
apiVersion: networking.k8s.io/v1
kind: ServiceCIDR
metadata: {name: kubernetes}
spec: {cidrs: [10.96.0.1/12, "FD00:96:0::/112"]}
status: {conditions: [{type: Ready, status: "True"}]}
`;
  assert.deepEqual(only(text), {
    kind: "ServiceCIDR",
    name: "kubernetes",
    cidrs: ["10.96.0.0/12", "fd00:96::/112"],
  });
});

Deno.test("All faults of a file are told at once, up to five, and its other objects are loaded", () => {
  const ports = Array.from({ length: 7 }, (_, index) => `- {name: p${index}, port: 0}`).join("\n");
  const text = `${OBJECT("good")}\n---\n${SERVICE(`clusterIP: 10.96.0.1\nports:\n${ports}`)}`;
  const expected = "expected an integer from 1 to 65535";
  assert.equal(
    refusal(text),
    `Cannot load manifest "web.yaml:10": spec.ports[0].port is 0, ${expected}; ` +
      [1, 2, 3, 4].map((port) => `line ${10 + port}: spec.ports[${port}].port is 0, ${expected}`)
        .join("; ") +
      "; 2 more",
  );
  const { definitions, refusal: refused } = load(text);
  assert.deepEqual(definitions.map(({ key }) => key), ["Service default/good"]);
  assert.deepEqual([...refused?.keys ?? []], ["Service default/web"]);
});

const strangers: readonly [sentence: string, item: string, keys: readonly string[]][] = [
  ["no object", "null", []],
  ["text", '"x"', []],
  ["a list", "[]", []],
  ["without a name", '{"apiVersion":"v1","kind":"Service","metadata":{},"spec":{}}', []],
  ["with a number for a name", '{"apiVersion":"v1","kind":"Node","metadata":{"name":7}}', []],
  ["without a spec", '{"apiVersion":"v1","kind":"Service","metadata":{"name":"b"}}', [
    "Service default/b",
  ]],
  [
    "with an impossible range",
    '{"apiVersion":"networking.k8s.io/v1","kind":"ServiceCIDR","metadata":{"name":"b"},"spec":{"cidrs":["x"]}}',
    ["ServiceCIDR b"],
  ],
];
for (const [sentence, item, keys] of strangers) {
  Deno.test(`An item of a List that is ${sentence} is refused and leaves the other items alone`, () => {
    const text = `{"apiVersion":"v1","kind":"List","items":[${OBJECT("a")},${item},${
      OBJECT("c")
    }]}`;
    const { definitions, refusal } = load(text, "dump.json");
    assert.deepEqual(definitions.map(({ key }) => key), [
      "Service default/a",
      "Service default/c",
    ]);
    assert.match(refusal?.error.message ?? "", /^Cannot load manifest "dump\.json:1": items\[1\]/);
    assert.deepEqual([...refusal?.keys ?? []], keys);
  });
}

Deno.test("A fault within a List tells the item", () => {
  const bad = OBJECT("b").replace('"None"', '"nothing"');
  assert.equal(
    refusal(`{"apiVersion":"v1","kind":"List","items":[\n${OBJECT("a")},\n${bad}]}`, "dump.json"),
    'Cannot load manifest "dump.json:3": items[1].spec.clusterIP is "nothing", expected an IP address or "None"',
  );
});

Deno.test("A file that does not parse or is not UTF-8 says so", () => {
  assert.match(
    refusal("a: [1\n"),
    /^Cannot load manifest "web\.yaml:\d": it does not parse: Flow sequence/,
  );
  assert.throws(() => loadFile("web.yaml", new Uint8Array([0xff, 0xfe, 0x00])), {
    message: 'Cannot load manifest "web.yaml:1": it is not UTF-8',
  });
});
