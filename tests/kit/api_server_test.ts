import assert from "node:assert/strict";
import { jsonDecoder } from "../../host/source/kube/decode_json.ts";
import { protobufDecoder } from "../../host/source/kube/decode_protobuf.ts";
import { lengthFrames, lineFrames } from "../../host/source/kube/frames.ts";
import { StringTable } from "../../host/source/kube/strings.ts";
import { type Recording, recording } from "../../host/source/kube/testdata/recordings.ts";
import type { KubeKind } from "../../schemas/kube.ts";
import { FakeApiServer } from "./api_server.ts";
import type { ApiObject } from "./api_store.ts";

/** What these tests look at in an object's JSON. */
interface ObjectJson extends ApiObject {
  readonly kind?: string;
  readonly apiVersion?: string;
}

interface ListJson {
  readonly metadata: {
    readonly resourceVersion: string;
    readonly continue?: string;
    readonly remainingItemCount?: number;
  };
  readonly items: readonly ObjectJson[];
}

interface StatusJson {
  readonly message: string;
}

interface EventJson {
  readonly type: string;
  readonly object: ObjectJson;
}

const PROTOBUF = "application/vnd.kubernetes.protobuf";
const utf8 = new TextDecoder();

function listOf(body: Uint8Array): ListJson {
  return JSON.parse(utf8.decode(body));
}

function statusOf(body: Uint8Array): StatusJson {
  return JSON.parse(utf8.decode(body));
}

function lines(body: Uint8Array): EventJson[] {
  return utf8.decode(body).split("\n").filter((line) => line !== "").map((line) =>
    JSON.parse(line)
  );
}

/** What an object looks like, without what it says: keys and types, lists by their first element. */
function shape(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(shape);
  if (typeof value !== "object" || value === null) return value === null ? null : typeof value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, shape(field)]));
}

/** A server that holds the objects of a recorded list. */
async function serverWith(kind: KubeKind, list: Recording): Promise<FakeApiServer> {
  const server = await FakeApiServer.start();
  for (const object of listOf(list.body).items) server.store.apply(kind, object);
  return server;
}

async function get(server: FakeApiServer, path: string, accept = "application/json") {
  const answer = await fetch(server.url + path, { headers: { accept } });
  return {
    status: answer.status,
    type: answer.headers.get("content-type"),
    retryAfter: answer.headers.get("retry-after") ?? "",
    body: new Uint8Array(await answer.arrayBuffer()),
  };
}

/** An object without the version, which each server counts for itself. */
function unversioned(object: ObjectJson): ObjectJson {
  const { resourceVersion: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

const lists: readonly (readonly [KubeKind, string])[] = [
  ["Service", "list-services-label-selector"],
  ["EndpointSlice", "list-endpointslices-label-selector"],
  ["Node", "list-nodes"],
  ["Node", "list-nodes-field-selector"],
];

for (const [kind, name] of lists) {
  Deno.test(`the fake server answers ${name} as the real one did`, async () => {
    const real = recording(name);
    await using server = await serverWith(kind, real);
    const answer = await get(server, real.path);
    assert.equal(answer.status, real.status);
    assert.equal(answer.type, real.contentType);
    const [fake, expected] = [listOf(answer.body), listOf(real.body)];
    assert.deepEqual(shape({ ...fake, items: [] }), shape({ ...expected, items: [] }));
    assert.deepEqual(fake.items.map(unversioned), expected.items.map(unversioned));
  });
}

const binaries: readonly (readonly [KubeKind, string, string])[] = [
  ["Service", "list-services-protobuf", "list-services-label-selector"],
  ["EndpointSlice", "list-endpointslices-protobuf", "list-endpointslices-label-selector"],
  ["Node", "list-nodes-protobuf", "list-nodes"],
];

for (const [kind, binary, text] of binaries) {
  Deno.test(`the fake server's protobuf reads as ${binary} does`, async () => {
    await using server = await serverWith(kind, recording(text));
    const path = recording(binary).path.replace(/\/namespaces\/record/, "").replace(/\?.*/, "");
    const answer = await get(server, path, PROTOBUF);
    assert.equal(answer.type, recording(binary).contentType);
    const decoder = protobufDecoder(kind, new StringTable());
    const fake = decoder.list(answer.body).objects;
    for (const object of decoder.list(recording(binary).body).objects) {
      const same = fake.find(({ name }) => name === object.name);
      assert.deepEqual({ ...same, resourceVersion: object.resourceVersion }, object);
    }
  });
}

Deno.test("a page of a list has the recorded form, and its token leads on to the rest", async () => {
  await using server = await serverWith("Service", recording("list-services-label-selector"));
  const page = listOf((await get(server, "/api/v1/services?limit=3")).body);
  const real = listOf(recording("list-services-chunk0").body);
  assert.deepEqual(shape(page.metadata), shape(real.metadata));
  const total = page.items.length + (page.metadata.remainingItemCount ?? 0);
  const token = encodeURIComponent(page.metadata.continue ?? "");
  const rest = listOf((await get(server, `/api/v1/services?limit=100&continue=${token}`)).body);
  assert.equal(rest.items.length, total - 3);
  assert.equal(rest.metadata.continue, undefined);
});

const refusals: readonly {
  readonly name: string;
  readonly path?: string;
  readonly prepare: (server: FakeApiServer) => void;
}[] = [
  {
    name: "forbidden-403-services",
    prepare: (server) => server.fail({ status: 403 }),
  },
  {
    name: "forbidden-403-watch-endpointslices",
    prepare: (server) => server.fail({ status: 403 }),
  },
  {
    name: "unauthorized-401-services",
    prepare: (server) => server.fail({ status: 401 }),
  },
  { name: "list-future-rv-504", prepare: () => {} },
  {
    name: "list-services-continue-410",
    path: "/api/v1/services?limit=1&continue=abc",
    prepare: (server) => server.expireContinues = true,
  },
];

for (const { name, path, prepare } of refusals) {
  Deno.test(`the fake server refuses as in ${name}`, async () => {
    await using server = await FakeApiServer.start();
    prepare(server);
    const real = recording(name);
    const answer = await get(server, path ?? real.path);
    assert.equal(answer.status, real.status);
    assert.equal(answer.type, real.contentType);
    assert.equal(answer.retryAfter, real.retryAfter);
    const words = (status: StatusJson) => ({
      ...status,
      // A real server hands out a fresh token beside the 410; who is told to go on goes on wrongly.
      metadata: {},
      message: status.message
        .replace(/User ".*?"/, "User")
        .replace(/current: \d+/, "current: N"),
    });
    assert.deepEqual(words(statusOf(answer.body)), words(statusOf(real.body)));
  });
}

/** Plays a story to a watch and returns what the watch heard. */
async function hears(
  server: FakeApiServer,
  path: string,
  accept: string,
  story: () => void,
): Promise<Uint8Array> {
  const answer = await fetch(server.url + path, { headers: { accept } });
  while (server.watches === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  story();
  server.endWatches();
  return new Uint8Array(await answer.arrayBuffer());
}

function recordedStory(server: FakeApiServer, kind: KubeKind, events: readonly EventJson[]): void {
  for (const { type, object } of events) {
    const { kind: _, apiVersion: __, ...rest } = object;
    if (type === "BOOKMARK") server.bookmark();
    else if (type === "DELETED") {
      server.store.remove(kind, rest.metadata.namespace ?? "", rest.metadata.name);
    } else server.store.apply(kind, rest);
  }
}

const watches: readonly (readonly [KubeKind, string])[] = [
  ["Service", "watch-services"],
  ["EndpointSlice", "watch-endpointslices"],
];

for (const [kind, name] of watches) {
  Deno.test(`the fake server's watch tells ${name} in the same words`, async () => {
    const real = lines(recording(name).body);
    await using server = await FakeApiServer.start();
    const path = `${recording(name).path.replace(/\?.*/, "")}?watch=true&resourceVersion=1` +
      "&allowWatchBookmarks=true";
    const fake = lines(
      await hears(server, path, "application/json", () => recordedStory(server, kind, real)),
    );
    const words = (event: EventJson) => ({ ...event, object: unversioned(event.object) });
    const told = real.filter(({ type }) => type !== "BOOKMARK");
    assert.deepEqual(fake.filter(({ type }) => type !== "BOOKMARK").map(words), told.map(words));
    // The mark's version is what counts; a Service's other zero values differ by server version.
    const mark = fake.at(-1);
    assert.equal(mark?.type, "BOOKMARK");
    assert.equal(mark.object.kind, kind);
    assert.equal(mark.object.metadata["resourceVersion"], String(server.store.version));
  });
}

Deno.test("a watch in protobuf tells the same as one in JSON", async () => {
  const real = lines(recording("watch-services").body);
  const path = "/api/v1/services?watch=true&resourceVersion=1&allowWatchBookmarks=true";
  const heard = await Promise.all([PROTOBUF, "application/json"].map(async (accept) => {
    await using server = await FakeApiServer.start();
    const body = await hears(server, path, accept, () => recordedStory(server, "Service", real));
    const binary = accept === PROTOBUF;
    const decoder = (binary ? protobufDecoder : jsonDecoder)("Service", new StringTable());
    const frames = binary ? lengthFrames() : lineFrames();
    return frames.push(body).map((frame) => decoder.watchEvent(frame));
  }));
  assert.ok((heard[0]?.length ?? 0) >= 4);
  assert.deepEqual(heard[0], heard[1]);
});

Deno.test("a watch from a compacted version hears what the recorded one heard", async () => {
  await using server = await FakeApiServer.start();
  for (let count = 0; count < 9; count++) {
    server.store.apply("Service", { metadata: { namespace: "a", name: `s${count}` } });
  }
  server.store.compact();
  const { path } = recording("watch-services-410");
  const numberless = (event: EventJson) =>
    JSON.parse(JSON.stringify(event).replace(/version: \d+ \(\d+\)/, "version: N (N)"));
  const fake = lines((await get(server, path)).body).map(numberless);
  assert.deepEqual(fake, lines(recording("watch-services-410").body).map(numberless));
});

Deno.test("a watch from a future version hears nothing and ends in time", async () => {
  await using server = await FakeApiServer.start();
  const path = "/api/v1/services?watch=true&resourceVersion=99&timeoutSeconds=1" +
    "&allowWatchBookmarks=true";
  assert.equal((await get(server, path)).body.length, 0);
});

Deno.test("an object is written once for each encoding, however often it is asked for", async () => {
  await using server = await serverWith("Service", recording("list-services-label-selector"));
  const bodies = [];
  for (let time = 0; time < 2; time++) {
    bodies.push(await get(server, "/api/v1/services", PROTOBUF));
  }
  assert.deepEqual(bodies[0], bodies[1]);
  const [first] = server.store.list("Service");
  assert.ok(first);
  assert.equal(first.protobuf, first.protobuf, "the same bytes, not equal ones");
});
