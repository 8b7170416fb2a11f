import assert from "node:assert/strict";
import fc from "fast-check";
import type { KubeKind, KubeObject } from "../../../schemas/kube.ts";
import { fieldHead, protobufEnvelope, protobufMessage } from "../../../tests/kit/api_message.ts";
import { inBoth } from "./both_encodings.ts";
import { jsonDecoder, jsonStatus } from "./decode_json.ts";
import { protobufDecoder, protobufStatus } from "./decode_protobuf.ts";
import type { Decoder, ListPage, WatchEvent } from "./decoder.ts";
import { type Frames, lengthFrames, lineFrames } from "./frames.ts";
import { StringTable } from "./strings.ts";
import { recording } from "./testdata/recordings.ts";

const strings = new StringTable();
const utf8 = new TextEncoder();

function json(kind: KubeKind): Decoder {
  return jsonDecoder(kind, strings);
}

function protobuf(kind: KubeKind): Decoder {
  return protobufDecoder(kind, strings);
}

function events(name: string, frames: Frames, decoder: Decoder): WatchEvent[] {
  return frames.push(recording(name).body).map((frame) => decoder.watchEvent(frame));
}

function named(page: ListPage, name: string): KubeObject {
  const found = page.objects.find((object) => object.name === name);
  assert.ok(found, `no object ${name} in the list`);
  return found;
}

Deno.test("a recorded LoadBalancer Service is read with every field a proxy needs", () => {
  const page = json("Service").list(recording("list-services-label-selector").body);
  assert.equal(page.resourceVersion, "247");
  assert.equal(page.continue, "");
  assert.deepEqual(page.malformed, []);
  assert.deepEqual(named(page, "rec-3"), {
    kind: "Service",
    namespace: "record",
    name: "rec-3",
    resourceVersion: "243",
    labels: {},
    annotations: {},
    type: "LoadBalancer",
    clusterIP: "10.106.89.44",
    clusterIPs: ["10.106.89.44"],
    externalIPs: [],
    ports: [
      { name: "p0", protocol: "TCP", port: 80, nodePort: 31036 },
      { name: "p1", protocol: "TCP", port: 81, nodePort: 31820 },
    ],
    sessionAffinity: "None",
    affinityTimeoutSeconds: 0,
    internalTrafficPolicy: "Local",
    externalTrafficPolicy: "Cluster",
    healthCheckNodePort: 0,
    publishNotReadyAddresses: false,
    loadBalancerSourceRanges: ["203.0.113.0/24"],
    loadBalancerIngress: [{ ip: "198.51.100.33", ipMode: "VIP" }],
    trafficDistribution: "",
  });
});

Deno.test("a recorded EndpointSlice without some conditions is read with the API's defaults", () => {
  const page = json("EndpointSlice").list(recording("list-endpointslices-label-selector").body);
  assert.deepEqual(named(page, "hello-1"), {
    kind: "EndpointSlice",
    namespace: "default",
    name: "hello-1",
    resourceVersion: "210",
    serviceName: "hello",
    addressType: "IPv4",
    lastChangeTriggerTime: "",
    endpoints: [{
      addresses: ["10.244.1.2"],
      ready: true,
      serving: true,
      terminating: false,
      nodeName: "anchor-node",
      zone: "",
      hintZones: [],
      hintNodes: [],
    }],
    ports: [{ name: "http", protocol: "TCP", port: 8080 }],
  });
});

Deno.test("a recorded Node is read with its zone, pod network, taints and addresses", () => {
  const page = protobuf("Node").list(recording("list-nodes-protobuf").body);
  assert.deepEqual(named(page, "rec-node-a"), {
    kind: "Node",
    name: "rec-node-a",
    resourceVersion: "245",
    labels: { "topology.kubernetes.io/zone": "z1" },
    podCIDRs: ["10.244.9.0/24"],
    addresses: ["198.51.100.1"],
    taints: [{ key: "node.kubernetes.io/not-ready", value: "", effect: "NoSchedule" }],
    deleting: false,
  });
});

const pairs: readonly (readonly [KubeKind, string, string])[] = [
  ["Service", "list-services-protobuf", "list-services-label-selector"],
  ["EndpointSlice", "list-endpointslices-protobuf", "list-endpointslices-label-selector"],
  ["Node", "list-nodes-protobuf", "list-nodes"],
];

for (const [kind, binary, text] of pairs) {
  Deno.test(`the recorded protobuf list of ${kind} gives the same objects as the JSON one`, () => {
    const fromProtobuf = protobuf(kind).list(recording(binary).body);
    const fromJson = json(kind).list(recording(text).body);
    assert.equal(fromProtobuf.objects.length, 2);
    assert.deepEqual(fromProtobuf.malformed, []);
    for (const object of fromProtobuf.objects) {
      assert.deepEqual(object, named(fromJson, object.name));
    }
  });
}

Deno.test("a page of a recorded list has its version and the token of the next page", () => {
  const body = recording("list-services-protobuf").body;
  const { continue: token, resourceVersion } = protobuf("Service").list(body);
  assert.equal(resourceVersion, "247");
  assert.match(token, /^eyJ2Ijoi/);
  const text = json("Service").list(recording("list-services-chunk0").body);
  assert.match(text.continue, /^eyJ2Ijoi/);
});

const watches: readonly (readonly [string, Decoder, () => Frames])[] = [
  ["watch-services", json("Service"), lineFrames],
  ["watch-endpointslices", json("EndpointSlice"), lineFrames],
  ["watch-nodes", json("Node"), lineFrames],
  ["watch-services-protobuf", protobuf("Service"), lengthFrames],
];

for (const [name, decoder, frames] of watches) {
  Deno.test(`the recording ${name} reads as adding, changing, deleting and a bookmark`, () => {
    const types = events(name, frames(), decoder).map(({ type }) => type);
    assert.equal(types[0], "upsert");
    assert.ok(types.filter((type) => type === "upsert").length >= 2);
    assert.ok(types.includes("remove"));
    assert.equal(types.at(-1), "bookmark");
  });
}

Deno.test("a recorded watch from a compacted version ends with status 410 in both encodings", () => {
  const text = events("watch-services-410", lineFrames(), json("Service"));
  const binary = events("watch-services-410-protobuf", lengthFrames(), protobuf("Service"));
  const expected = [{
    type: "error",
    status: {
      code: 410,
      reason: "Expired",
      message: "too old resource version: 5 (31050)",
      causes: [],
      retryAfterSeconds: 0,
    },
  }];
  assert.deepEqual(text, expected);
  assert.deepEqual(binary, expected);
});

Deno.test("a recorded failure says its reason, its causes and how long to wait", () => {
  assert.deepEqual(jsonStatus(recording("list-future-rv-504").body), {
    code: 504,
    reason: "Timeout",
    message: "Timeout: Too large resource version: 99999999, current: 247",
    causes: ["ResourceVersionTooLarge"],
    retryAfterSeconds: 1,
  });
});

Deno.test("a failure reads the same in both encodings", () => {
  const status = JSON.parse(new TextDecoder().decode(recording("list-future-rv-504").body));
  const body = protobufEnvelope("v1", "Status", [protobufMessage("Status", status)]);
  assert.deepEqual(protobufStatus(body), jsonStatus(recording("list-future-rv-504").body));
});

Deno.test("a failure that is no Status is told by its text", () => {
  assert.equal(jsonStatus(utf8.encode("upstream is down\n")).message, "upstream is down");
  assert.match(protobufStatus(utf8.encode("upstream")).message, /does not decode/);
});

const label = fc.string({ minLength: 1, maxLength: 20 });
const port = fc.integer({ min: 1, max: 65_535 });
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const metadata = fc.record({
  name: label,
  namespace: label,
  resourceVersion: fc.nat().map(String),
  uid: label,
  labels: maybe(fc.record({
    "service.kubernetes.io/topology-mode": label,
    "kubernetes.io/service-name": label,
    "topology.kubernetes.io/zone": label,
    app: label,
  })),
  annotations: maybe(fc.record({
    "service.kubernetes.io/topology-mode": label,
    "endpoints.kubernetes.io/last-change-trigger-time": label,
    other: label,
  })),
  deletionTimestamp: maybe(fc.constant("2026-11-23T01:11:01Z")),
});
const objects: Readonly<Record<KubeKind, fc.Arbitrary<Readonly<Record<string, unknown>>>>> = {
  Service: fc.record({
    metadata,
    spec: fc.record({
      type: maybe(fc.constantFrom("ClusterIP", "NodePort", "LoadBalancer", "ExternalName")),
      clusterIP: maybe(fc.ipV4()),
      clusterIPs: maybe(fc.array(fc.ipV4())),
      externalIPs: maybe(fc.array(fc.ipV4())),
      selector: maybe(fc.constant({ app: "a" })),
      ports: maybe(fc.array(fc.record({
        name: maybe(label),
        protocol: maybe(fc.constantFrom("TCP", "UDP", "SCTP")),
        port,
        targetPort: fc.oneof(port, label),
        nodePort: maybe(port),
      }))),
      sessionAffinity: maybe(fc.constantFrom("None", "ClientIP")),
      sessionAffinityConfig: maybe(
        fc.record({ clientIP: fc.record({ timeoutSeconds: fc.integer({ min: 1, max: 86_400 }) }) }),
      ),
      internalTrafficPolicy: maybe(fc.constantFrom("Cluster", "Local")),
      externalTrafficPolicy: maybe(fc.constantFrom("Cluster", "Local")),
      healthCheckNodePort: maybe(port),
      publishNotReadyAddresses: maybe(fc.boolean()),
      loadBalancerSourceRanges: maybe(fc.array(label)),
      trafficDistribution: maybe(fc.constantFrom("PreferClose", "PreferSameNode")),
    }),
    status: fc.record({
      loadBalancer: fc.record({
        ingress: maybe(fc.array(fc.record({
          ip: maybe(fc.ipV6()),
          hostname: maybe(label),
          ipMode: maybe(fc.constantFrom("VIP", "Proxy")),
        }))),
      }),
    }),
  }),
  EndpointSlice: fc.record({
    metadata,
    addressType: fc.constantFrom("IPv4", "IPv6", "FQDN"),
    endpoints: maybe(fc.array(fc.record({
      addresses: fc.array(fc.ipV4(), { minLength: 1, maxLength: 2 }),
      conditions: maybe(fc.record({
        ready: maybe(fc.boolean()),
        serving: maybe(fc.boolean()),
        terminating: maybe(fc.boolean()),
      })),
      hostname: maybe(label),
      targetRef: maybe(fc.constant({ kind: "Pod", name: "a", namespace: "b" })),
      deprecatedTopology: maybe(fc.constant({ "kubernetes.io/hostname": "n" })),
      nodeName: maybe(label),
      zone: maybe(label),
      hints: maybe(fc.record({
        forZones: maybe(fc.array(fc.record({ name: label }))),
        forNodes: maybe(fc.array(fc.record({ name: label }))),
      })),
    }))),
    ports: maybe(fc.array(fc.record({
      name: maybe(label),
      protocol: maybe(fc.constantFrom("TCP", "UDP", "SCTP")),
      port: maybe(port),
      appProtocol: maybe(label),
    }))),
  }),
  Node: fc.record({
    metadata,
    spec: fc.record({
      podCIDR: maybe(label),
      podCIDRs: maybe(fc.array(label)),
      taints: maybe(fc.array(fc.record({ key: label, value: maybe(label), effect: label }))),
    }),
    status: fc.record({
      addresses: maybe(fc.array(fc.record({
        type: fc.constantFrom("InternalIP", "ExternalIP", "Hostname"),
        address: label,
      }))),
    }),
  }),
  ServiceCIDR: fc.record({
    metadata,
    spec: maybe(fc.record({
      cidrs: maybe(fc.array(fc.constantFrom("10.96.0.0/12", "10.0.0.1/8", "FD00::/112"))),
    })),
    status: maybe(fc.record({
      conditions: fc.constant([{ type: "Ready", status: "True", message: "" }]),
    })),
  }),
};

for (const kind of ["Service", "EndpointSlice", "Node", "ServiceCIDR"] as const) {
  Deno.test(`any ${kind} reads the same from JSON and from protobuf`, () => {
    fc.assert(
      fc.property(objects[kind], (object) => {
        const read = inBoth(kind, object);
        assert.deepEqual(read.json.malformed, []);
        assert.equal(read.json.objects.length, 1);
        assert.deepEqual(read.protobuf.objects, read.json.objects);
      }),
      { seed: 1, numRuns: 300 },
    );
  });
}

Deno.test("each absent condition of an endpoint has its own default, whatever the others say", () => {
  const conditions = [{}, { ready: false, terminating: true }, { serving: false }];
  const { json, protobuf } = inBoth("EndpointSlice", {
    metadata: { namespace: "a", name: "b" },
    addressType: "IPv4",
    endpoints: conditions.map((given) => ({ addresses: ["10.0.0.1"], conditions: given })),
  });
  for (const page of [json, protobuf]) {
    const [slice] = page.objects;
    assert.ok(slice?.kind === "EndpointSlice");
    assert.deepEqual(
      slice.endpoints.map(({ ready, serving, terminating }) => [ready, serving, terminating]),
      [[true, true, false], [false, true, true], [true, false, false]],
    );
  }
});

Deno.test("an answer that is something else is refused whole", () => {
  const cases: readonly (readonly [Decoder, Uint8Array])[] = [
    [json("Service"), utf8.encode("<html>")],
    [json("Service"), utf8.encode('{"kind":"NodeList","items":[]}')],
    [json("Service"), utf8.encode('{"kind":"ServiceList","items":{}}')],
    [protobuf("Service"), utf8.encode("<html>")],
    [protobuf("Service"), protobufEnvelope("v1", "NodeList", [])],
  ];
  for (const [decoder, body] of cases) {
    assert.throws(() => decoder.list(body), { code: "WEIR_DECODE" });
    assert.throws(() => decoder.watchEvent(body), { code: "WEIR_DECODE" });
  }
});

Deno.test("arbitrary bytes never do more than fail to decode", () => {
  const magic = [0x6b, 0x38, 0x73, 0x00];
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.boolean(), (bytes, marked) => {
      const body = marked ? new Uint8Array([...magic, ...bytes]) : bytes;
      for (const decoder of [json("Service"), protobuf("Service"), protobuf("EndpointSlice")]) {
        for (const read of [() => decoder.list(body), () => decoder.watchEvent(body)]) {
          try {
            read();
          } catch (error) {
            assert.equal(Error.isError(error) && "code" in error && error.code, "WEIR_DECODE");
          }
        }
      }
    }),
    { seed: 2, numRuns: 2000 },
  );
});

Deno.test("slices with the same ports share one list, and equal names are one string", () => {
  const slice = (name: string) =>
    protobufMessage("EndpointSlice", {
      metadata: { namespace: "a", name },
      addressType: "IPv4",
      ports: [{ name: "http", protocol: "TCP", port: 80 }],
    });
  const pieces = ["x", "y"].flatMap((name) => [fieldHead(2, slice(name)), slice(name)]);
  const body = protobufEnvelope("discovery.k8s.io/v1", "EndpointSliceList", pieces);
  const [first, second] = protobuf("EndpointSlice").list(body).objects;
  assert.ok(first?.kind === "EndpointSlice" && second?.kind === "EndpointSlice");
  assert.equal(first.ports, second.ports);
});
