import assert from "node:assert/strict";
import { Scene } from "./source_scene.ts";

const SERVICES = "/api/v1/services";

Deno.test("the first list of a kind arrives as one batch that ends with synced", async () => {
  await using scene = await Scene.open();
  scene.service("web");
  scene.service("api");
  await scene.run().settled();
  assert.deepEqual(scene.told("Service"), ["upsert api", "upsert web", "synced"]);
  assert.equal(scene.batches.length, 4);
  const list = scene.requests(SERVICES, "list")[0];
  assert.deepEqual(list?.query, {
    labelSelector: "!service.kubernetes.io/headless,!service.kubernetes.io/service-proxy-name",
    limit: "500",
    resourceVersion: "0",
  });
  assert.equal(list?.accept, "application/vnd.kubernetes.protobuf, application/json");
});

Deno.test("a watch asks for bookmarks, from the list's version, for 5 to 10 minutes", async () => {
  await using scene = await Scene.open();
  scene.service("web");
  await scene.run({ random: () => 0.5 }).settled();
  const { labelSelector: _, ...query } = scene.requests(SERVICES, "watch")[0]?.query ?? {};
  assert.deepEqual(query, {
    watch: "true",
    allowWatchBookmarks: "true",
    resourceVersion: "2",
    timeoutSeconds: "450",
  });
});

for (const contentType of ["application/vnd.kubernetes.protobuf", "application/json"]) {
  Deno.test(`changes arrive as they happen, asked for as ${contentType}`, async () => {
    await using scene = await Scene.open();
    scene.service("web");
    await scene.run({ contentType }).settled();
    scene.service("api");
    scene.service("web");
    scene.server.store.remove("Service", "shop", "api");
    await scene.until(() => scene.told("Service").length === 5, "three changes");
    assert.deepEqual(scene.told("Service").slice(2), ["upsert api", "upsert web", "remove api"]);
    assert.equal(scene.requests(SERVICES, "list").length, 1);
  });
}

Deno.test("a server that knows only JSON is understood though protobuf was asked for", async () => {
  await using scene = await Scene.open({ encodings: "json" });
  scene.service("web");
  await scene.run().settled();
  scene.service("api");
  await scene.until(() => scene.told("Service").includes("upsert api"), "a change");
});

Deno.test("only this node's Node is asked for", async () => {
  await using scene = await Scene.open();
  for (const name of ["node-a", "node-b"]) {
    scene.server.store.apply("Node", { metadata: { name } });
  }
  await scene.run().settled();
  assert.deepEqual(scene.told("Node"), ["upsert node-a", "synced"]);
});

Deno.test("headless Services and those of another proxy are never delivered", async () => {
  await using scene = await Scene.open();
  scene.service("web");
  scene.service("headless", { "service.kubernetes.io/headless": "" });
  scene.service("other", { "service.kubernetes.io/service-proxy-name": "other" });
  await scene.run().settled();
  assert.deepEqual(scene.told("Service"), ["upsert web", "synced"]);
  scene.service("web", { "service.kubernetes.io/service-proxy-name": "other" });
  await scene.until(() => scene.told("Service").length === 3, "the Service leaves");
  assert.equal(scene.told("Service").at(-1), "remove web");
});

Deno.test("after a cut the watch goes on where it was, without a list", async () => {
  await using scene = await Scene.open();
  scene.service("web");
  await scene.run().settled();
  await scene.server.pause();
  scene.service("api");
  await scene.backedOff();
  await scene.server.resume();
  await scene.clock.advance(800);
  await scene.until(() => scene.told("Service").includes("upsert api"), "the missed change");
  assert.equal(scene.requests(SERVICES, "list").length, 1);
  assert.equal(scene.requests(SERVICES, "watch").at(-1)?.query["resourceVersion"], "2");
});

Deno.test("a watch that ends in time is followed by the next at once", async () => {
  await using scene = await Scene.open();
  await scene.run().settled();
  scene.server.endWatches();
  await scene.until(() => scene.server.requests.length === 12, "four more watches");
  await scene.until(() => scene.server.watches === 4, "four open watches");
  assert.deepEqual(scene.warnings(), []);
});

Deno.test("a bookmark saves the list after a compaction", async () => {
  await using scene = await Scene.open();
  await scene.run().settled();
  scene.server.store.apply("Node", { metadata: { name: "node-b" } });
  scene.server.bookmark();
  // The order of a connection is kept: when this arrives the bookmark has.
  scene.service("web");
  await scene.until(() => scene.told("Service").includes("upsert web"), "a change");
  scene.server.bookmark();
  await scene.quiet();
  scene.server.store.compact();
  scene.server.endWatches();
  await scene.until(() => scene.server.requests.length === 12, "four more watches");
  await scene.quiet();
  assert.equal(scene.server.watches, 4);
  assert.equal(scene.server.requests.filter(({ verb }) => verb === "list").length, 4);
});

Deno.test("after history is lost a list tells what changed and what is gone, no more", async () => {
  await using scene = await Scene.open();
  for (const name of ["stays", "goes", "changes"]) scene.service(name);
  await scene.run().settled();
  await scene.server.pause();
  scene.server.store.remove("Service", "shop", "goes");
  scene.service("changes");
  scene.service("comes");
  scene.server.store.compact();
  await scene.server.resume();
  // First back-off for the connection, the next for the version.
  for (let round = 0; round < 3; round++) {
    await scene.quiet();
    await scene.clock.advance(4000);
  }
  await scene.until(() => scene.told("Service").includes("remove goes"), "the removal");
  assert.deepEqual(scene.told("Service").slice(4), [
    "upsert changes",
    "upsert comes",
    "remove goes",
  ]);
  assert.equal(scene.told("Service").filter((event) => event === "synced").length, 1);
  assert.equal(scene.requests(SERVICES, "list").at(-1)?.query["resourceVersion"], "4");
});

Deno.test("a list in pages is delivered whole", async () => {
  await using scene = await Scene.open();
  scene.server.pageCachedLists = true;
  for (let index = 0; index < 1200; index++) scene.service(`web-${index}`);
  await scene.run().settled();
  assert.equal(scene.requests(SERVICES, "list").length, 3);
  const batch = scene.batches.find((events) => events.length > 2);
  assert.equal(batch?.length, 1201);
});

Deno.test("a list whose token expires midway is made again in one piece", async () => {
  await using scene = await Scene.open();
  scene.server.pageCachedLists = true;
  scene.server.expireContinues = true;
  for (let index = 0; index < 700; index++) scene.service(`web-${index}`);
  await scene.run().settled();
  assert.equal(scene.told("Service").length, 701);
  const lists = scene.requests(SERVICES, "list").map(({ query }) => query["limit"] ?? "none");
  assert.deepEqual(lists, ["500", "500", "none"]);
});

Deno.test("while the server is away nothing is delivered, and it is said once", async () => {
  await using scene = await Scene.open();
  scene.service("web");
  await scene.run().settled();
  const before = scene.events.length;
  await scene.server.pause();
  for (let minute = 0; minute < 10; minute++) {
    await scene.quiet();
    await scene.clock.advance(60_000);
  }
  assert.equal(scene.events.length, before);
  assert.equal(scene.warnings().length, 4, "one line for each kind");
  for (const { message, fields } of scene.warnings()) {
    assert.match(message, /^Cannot reach API server "http:\/\/127\.0\.0\.1:\d+": /);
    assert.match(String(fields["remedy"]), /this node reaches it/);
  }
  await scene.server.resume();
  await scene.clock.advance(60_000);
  await scene.until(() => scene.server.watches === 4, "the watches again");
  await scene.until(
    () => scene.lines.filter(({ level }) => level === "info").length === 4,
    "a line for each kind",
  );
  assert.equal(scene.events.length, before, "nothing changed, so nothing is told");
});

Deno.test("watches that end at once do not become a busy loop", async () => {
  await using scene = await Scene.open();
  scene.server.endWatchesAtOnce = true;
  scene.run();
  const delays: number[] = [];
  while (delays.length < 9) {
    await scene.backedOff();
    delays.push(scene.clock.waits[0] ?? 0);
    await scene.clock.advance(scene.clock.waits[0] ?? 0);
  }
  assert.deepEqual(delays, [800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000, 30_000]);
  assert.equal(scene.requests(SERVICES, "list").length, 1);
  assert.equal(scene.warnings().length, 4);
});

const refusals: readonly {
  readonly status: number;
  readonly message: RegExp;
  readonly remedy: RegExp;
}[] = [
  {
    status: 403,
    message: /cannot list resource "endpointslices" in API group "discovery.k8s.io"/,
    remedy: /verbs list and watch on endpointslices of the API group discovery.k8s.io/,
  },
  { status: 404, message: /404/, remedy: /Kubernetes 1\.21 or later/ },
  { status: 429, message: /429/, remedy: /wait/ },
  { status: 500, message: /500/, remedy: /API server's own log/ },
];

for (const { status, message, remedy } of refusals) {
  Deno.test(`answer ${status} is explained once and then waited out`, async () => {
    await using scene = await Scene.open();
    scene.service("web");
    scene.server.fail({ status });
    scene.run();
    for (let round = 0; round < 4; round++) {
      await scene.quiet();
      await scene.clock.advance(10_000);
    }
    assert.deepEqual(scene.events, []);
    // Without ServiceCIDRs the proxy goes on; that the server does not tell of them is no warning.
    assert.equal(scene.warnings().length, [403, 404].includes(status) ? 3 : 4);
    const slices = scene.warnings().find(({ message }) => message.includes("endpointslices"));
    assert.match(slices?.message ?? "", message);
    assert.match(String(slices?.fields["remedy"]), remedy);
    scene.server.fail(undefined);
    await scene.clock.advance(60_000);
    await scene.until(() => scene.told("Service").includes("synced"), "the list");
  });
}

Deno.test("a server that says how long to wait is left alone that long", async () => {
  await using scene = await Scene.open();
  scene.server.fail({ status: 429, retryAfter: 20, times: 4 });
  scene.run();
  await scene.backedOff();
  assert.deepEqual(scene.clock.waits, [20_000, 20_000, 20_000, 20_000]);
});

Deno.test("refused credentials are renewed and the request repeated at once", async () => {
  await using scene = await Scene.open({ token: "new" });
  const tls = { insecure: false };
  const old = { server: scene.server.url, tls, authorization: "Bearer old" };
  const fresh = { server: scene.server.url, tls, authorization: "Bearer new" };
  let current = old;
  const renewals: unknown[] = [];
  scene.run({
    credentials: {
      current: async () => current,
      renew: async (refused) => {
        renewals.push(refused);
        return current = fresh;
      },
    },
  });
  await scene.settled();
  assert.deepEqual(renewals[0], old);
  assert.deepEqual(scene.warnings(), []);
});

Deno.test("credentials that stay refused are said once, without a busy loop", async () => {
  await using scene = await Scene.open({ token: "new" });
  scene.run();
  for (let round = 0; round < 5; round++) {
    await scene.quiet();
    await scene.clock.advance(2000);
  }
  assert.equal(scene.warnings().length, 4);
  assert.match(String(scene.warnings()[0]?.fields["remedy"]), /token or the certificate/);
  assert.ok(scene.server.requests.length <= 20, `${scene.server.requests.length} requests`);
});

Deno.test("a watch that outlives its time is given up and begun anew", async () => {
  await using scene = await Scene.open();
  scene.service("web");
  await scene.run().settled();
  await scene.clock.advance(300_000 + 30_000);
  await scene.until(() => scene.server.requests.length > 8, "new requests");
  scene.service("api");
  await scene.until(() => scene.told("Service").includes("upsert api"), "a change");
});

Deno.test("after etcd was set back the state is listed again", async () => {
  await using scene = await Scene.open();
  for (const name of ["a", "b", "c", "d"]) scene.service(name);
  await scene.run().settled();
  scene.server.store.restore(2);
  scene.server.store.remove("Service", "shop", "a");
  scene.server.endWatches();
  // The watches are from the future now: silent until their time is over.
  await scene.until(() => scene.server.requests.length === 12, "watches from the future");
  await scene.clock.advance(300_000 + 30_000);
  for (let round = 0; round < 4; round++) {
    await scene.quiet();
    await scene.clock.advance(8000);
  }
  await scene.until(() => scene.told("Service").includes("remove a"), "the truth");
});

Deno.test("a source that is stopped closes its connections and says no more", async () => {
  const scene = await Scene.open();
  scene.service("web");
  await scene.run().settled();
  await scene[Symbol.asyncDispose]();
  const count = scene.events.length;
  scene.service("api");
  await scene.quiet();
  assert.equal(scene.events.length, count);
  assert.equal(scene.server.watches, 0);
});

Deno.test("requests keep to the configured rate", async () => {
  await using scene = await Scene.open();
  scene.run({ qps: 1, burst: 2 });
  await scene.until(() => scene.server.requests.length === 2, "the burst");
  await scene.quiet();
  assert.equal(scene.server.requests.length, 2);
  await scene.clock.advance(1000);
  await scene.until(() => scene.server.requests.length === 3, "one more");
  await scene.quiet();
  assert.equal(scene.server.requests.length, 3);
});
