import assert from "node:assert/strict";
import type { KubeKind } from "../../../schemas/kube.ts";
import { fieldHead, protobufEnvelope, protobufMessage } from "../../../tests/kit/api_message.ts";
import { inBoth } from "./both_encodings.ts";
import { jsonDecoder } from "./decode_json.ts";
import { protobufDecoder } from "./decode_protobuf.ts";
import type { Decoder } from "./decoder.ts";
import { Scene } from "./source_scene.ts";
import { StringTable } from "./strings.ts";

const strings = new StringTable();
const utf8 = new TextEncoder();
const SERVICES = "/api/v1/services";

function json(kind: KubeKind): Decoder {
  return jsonDecoder(kind, strings);
}

function protobuf(kind: KubeKind): Decoder {
  return protobufDecoder(kind, strings);
}

const broken: readonly (readonly [KubeKind, Readonly<Record<string, unknown>>, string])[] = [
  ["Service", { spec: { type: "Magic" } }, "spec.type"],
  ["Service", { spec: { sessionAffinity: "Sticky" } }, "spec.sessionAffinity"],
  ["Service", { spec: { internalTrafficPolicy: "Near" } }, "spec.internalTrafficPolicy"],
  [
    "Service",
    { status: { loadBalancer: { ingress: [{ ip: "1.2.3.4", ipMode: "Odd" }] } } },
    "status.loadBalancer.ingress[0].ipMode",
  ],
  [
    "Service",
    {
      spec: {
        sessionAffinity: "ClientIP",
        sessionAffinityConfig: { clientIP: { timeoutSeconds: -5 } },
      },
    },
    "spec.sessionAffinityConfig.clientIP.timeoutSeconds",
  ],
  ["EndpointSlice", { addressType: "MAC" }, "addressType"],
  ["ServiceCIDR", { spec: { cidrs: ["10.96.0.0/12", "10.96.0.0"] } }, "spec.cidrs[1]"],
];

for (const [kind, fields, path] of broken) {
  Deno.test(`an impossible ${path} of ${kind} makes the object skipped, by name, in both encodings`, () => {
    const metadata = { namespace: "shop", name: "cart", resourceVersion: "7" };
    const read = inBoth(kind, { metadata, ...fields });
    for (const page of [read.json, read.protobuf]) {
      assert.deepEqual(page.objects, []);
      assert.equal(page.malformed.length, 1);
      const malformed = page.malformed[0];
      assert.equal(malformed?.name, "cart");
      assert.equal(malformed?.resourceVersion, "7");
      assert.equal(malformed?.error.code, "WEIR_DECODE");
      assert.ok(
        malformed?.error.message.startsWith(`Cannot use ${kind} "shop/cart": ${path} is `),
        malformed?.error.message,
      );
    }
  });
}

Deno.test("a port that cannot be comes through as written, so that the others are programmed", () => {
  const ports = [{ port: 80 }, { port: 70_000, protocol: "QUIC", nodePort: -1 }];
  const metadata = { namespace: "shop", name: "cart" };
  const services = inBoth("Service", { metadata, spec: { ports } });
  const slices = inBoth("EndpointSlice", { metadata, addressType: "IPv4", ports });
  for (const encoding of ["json", "protobuf"] as const) {
    const [service] = services[encoding].objects;
    const [slice] = slices[encoding].objects;
    assert.ok(service?.kind === "Service" && slice?.kind === "EndpointSlice");
    assert.deepEqual(service.ports, [
      { name: "", protocol: "TCP", port: 80, nodePort: 0 },
      { name: "", protocol: "QUIC", port: 70_000, nodePort: -1 },
    ]);
    assert.deepEqual(slice.ports, [
      { name: "", protocol: "TCP", port: 80 },
      { name: "", protocol: "QUIC", port: 70_000 },
    ]);
  }
});

const GOOD = { metadata: { namespace: "a", name: "good" } };
const strangers: readonly [sentence: string, item: unknown, name: string][] = [
  ["null", null, ""],
  ["a list", [], ""],
  ["a number", 7, ""],
  ["without metadata", { spec: {} }, ""],
  ["with metadata that is text", { metadata: "x" }, ""],
  ["with a number for a name", { metadata: { name: 7 } }, ""],
  ["with text for its spec", { metadata: { name: "bad" }, spec: "x" }, "bad"],
  ["with text for a port", { metadata: { name: "bad" }, spec: { ports: [{ port: "80" }] } }, "bad"],
  [
    "with a number among its addresses",
    { metadata: { name: "bad" }, spec: { externalIPs: [1] } },
    "bad",
  ],
];
for (const [sentence, item, name] of strangers) {
  Deno.test(`a JSON item that is ${sentence} leaves the rest of its list, and the watch, alone`, () => {
    const text = JSON.stringify({ kind: "ServiceList", metadata: {}, items: [item, GOOD, item] });
    const page = json("Service").list(utf8.encode(text));
    assert.deepEqual(page.objects.map(({ name }) => name), ["good"]);
    assert.deepEqual(page.malformed.map(({ name }) => name), [name, name]);
    const event = utf8.encode(JSON.stringify({ type: "MODIFIED", object: item }));
    assert.equal(json("Service").watchEvent(event).type, "malformed");
  });
}

Deno.test("a watch event whose object is cut off is malformed, by name, and the next one is read", () => {
  const message = protobufMessage("Service", { metadata: { namespace: "a", name: "bad" } });
  const cut = new Uint8Array([...message, 0x12, 0x7f]);
  const event = (object: Uint8Array) => {
    const raw = protobufEnvelope("v1", "Service", [object]);
    const extension = new Uint8Array([...fieldHead(1, raw), ...raw]);
    const type = utf8.encode("ADDED");
    return protobuf("Service").watchEvent(
      new Uint8Array([...fieldHead(1, type), ...type, ...fieldHead(2, extension), ...extension]),
    );
  };
  const broken = event(cut);
  assert.ok(broken.type === "malformed");
  assert.equal(broken.malformed.name, "bad");
  assert.equal(event(message).type, "upsert");
});

Deno.test("a JSON field of the wrong type is skipped by name", () => {
  const item = { metadata: { namespace: "a", name: "b" }, spec: { ports: "80" } };
  const text = JSON.stringify({ kind: "ServiceList", metadata: {}, items: [item] });
  const page = json("Service").list(utf8.encode(text));
  assert.equal(page.malformed[0]?.error.message, 'Cannot use Service "a/b": spec.ports is no list');
});

Deno.test("one broken object leaves the rest of its list alone", () => {
  const good = protobufMessage("Service", { metadata: { namespace: "a", name: "good" } });
  const bad = protobufMessage("Service", { metadata: { namespace: "a", name: "bad" } });
  const cut = new Uint8Array([...bad, 0x12, 0x7f]);
  const pieces = [fieldHead(2, cut), cut, fieldHead(2, good), good];
  const page = protobuf("Service").list(protobufEnvelope("v1", "ServiceList", pieces));
  assert.deepEqual(page.malformed.map(({ name }) => name), ["bad"]);
  assert.deepEqual(page.objects.map(({ name }) => name), ["good"]);
});

Deno.test("a malformed object is named and skipped, its last good version stays", async () => {
  await using scene = await Scene.open();
  scene.service("web");
  await scene.run().settled();
  scene.server.store.apply("Service", {
    metadata: { namespace: "shop", name: "web" },
    spec: { type: "Magic", ports: [{ port: 80, protocol: "TCP" }] },
  });
  scene.service("api");
  await scene.until(() => scene.told("Service").includes("upsert api"), "the next change");
  assert.deepEqual(scene.warnings().map(({ message }) => message), [
    'Cannot use Service "shop/web": spec.type is "Magic", not one of ' +
    "ClusterIP, NodePort, LoadBalancer, ExternalName",
  ]);
  // A list says nothing new of it either.
  scene.service("late");
  await scene.until(() => scene.told("Service").includes("upsert late"), "a change");
  await scene.server.pause();
  scene.service("later");
  scene.server.store.compact();
  await scene.server.resume();
  for (let round = 0; round < 3; round++) {
    await scene.quiet();
    await scene.clock.advance(4000);
  }
  await scene.until(() => scene.told("Service").includes("upsert later"), "the list");
  assert.ok(!scene.told("Service").includes("remove web"));
  const complaints = scene.warnings().filter(({ message }) => message.startsWith("Cannot use"));
  assert.equal(complaints.length, 1);
  // Mended, it is delivered; deleted, it is removed.
  await scene.settled();
  scene.service("web");
  scene.server.store.remove("Service", "shop", "web");
  await scene.until(() => scene.told("Service").includes("remove web"), "the removal");
});

for (const contentType of ["application/vnd.kubernetes.protobuf", "application/json"]) {
  Deno.test(`a bad object loses no other of its list or watch, asked for as ${contentType}`, async () => {
    await using scene = await Scene.open();
    const bad = (name: string) =>
      scene.server.store.apply("Service", {
        metadata: { namespace: "shop", name },
        spec: { sessionAffinity: "Sticky", ports: [{ port: 80 }] },
      });
    scene.service("api");
    bad("bad-1");
    scene.service("web");
    await scene.run({ contentType }).settled();
    assert.deepEqual(scene.told("Service"), ["upsert api", "upsert web", "synced"]);
    bad("bad-2");
    scene.service("late");
    await scene.until(() => scene.told("Service").includes("upsert late"), "the next change");
    assert.equal(scene.requests(SERVICES, "watch").length, 1, "the watch goes on");
    assert.deepEqual(
      scene.warnings().map(({ message }) => message),
      ["bad-1", "bad-2"].map((name) =>
        `Cannot use Service "shop/${name}": spec.sessionAffinity is "Sticky", not one of None, ClientIP`
      ),
    );
  });
}
