import assert from "node:assert/strict";
import type { KubeKind, SourceEvent } from "../../../schemas/kube.ts";
import {
  FakeApiServer,
  type FakeApiServerOptions,
  type SeenRequest,
} from "../../../tests/kit/api_server.ts";
import { type RecordedLine, recordingLog } from "../../../tests/kit/recording_log.ts";
import { SimulatedClock } from "../../simulated_clock.ts";
import { kubeSource, type KubeSourceOptions } from "./source.ts";

/** A simulated clock that also says who waits on it, and lets the network have a turn. */
class WatchedClock extends SimulatedClock {
  readonly #due = new Set<number[]>();

  override after(delay: number, callback: () => void): () => void {
    const due = [this.now() + delay];
    this.#due.add(due);
    const cancel = super.after(delay, () => {
      this.#due.delete(due);
      callback();
    });
    return () => {
      this.#due.delete(due);
      cancel();
    };
  }

  /** The remaining milliseconds of whoever waits, shortest first. */
  get waits(): number[] {
    return [...this.#due].flat().map((due) => due - this.now()).sort((a, b) => a - b);
  }
}

/** A server and a source that runs against it, with everything the source did. */
class Scene {
  readonly server: FakeApiServer;
  readonly clock = new WatchedClock(Date.UTC(2026, 0, 1));
  readonly batches: (readonly SourceEvent[])[] = [];
  readonly #recording = recordingLog();
  #stop = new AbortController();
  #running = Promise.resolve();

  private constructor(server: FakeApiServer) {
    this.server = server;
  }

  static async open(options: FakeApiServerOptions = {}): Promise<Scene> {
    return new Scene(await FakeApiServer.start(options));
  }

  run(options: Partial<KubeSourceOptions> = {}): this {
    const credentials = { server: this.server.url, tls: { insecure: false } };
    const source = kubeSource({
      credentials: { current: async () => credentials, renew: async () => credentials },
      nodeName: "node-a",
      log: this.#recording.log,
      userAgent: "weir/test",
      qps: -1,
      clock: this.clock,
      random: () => 0,
      ...options,
    });
    this.#running = source.run((events) => this.batches.push(events), this.#stop.signal);
    return this;
  }

  get events(): SourceEvent[] {
    return this.batches.flat();
  }

  /** The events of one kind as short text, for example `upsert web`. */
  told(kind: KubeKind): string[] {
    return this.events.flatMap((event) => {
      if (event.type === "upsert") {
        return event.object.kind === kind ? [`upsert ${event.object.name}`] : [];
      }
      if (event.kind !== kind) return [];
      return [event.type === "remove" ? `remove ${event.name}` : "synced"];
    });
  }

  requests(path: string, verb: "list" | "watch"): SeenRequest[] {
    return this.server.requests.filter((seen) => seen.path === path && seen.verb === verb);
  }

  get lines(): readonly RecordedLine[] {
    return this.#recording.lines;
  }

  warnings(): RecordedLine[] {
    return this.lines.filter(({ level }) => level === "warn");
  }

  /** Waits for something that the network will bring. */
  async until(holds: () => boolean, what: string): Promise<void> {
    for (let tries = 0; !holds(); tries++) {
      if (tries > 2000) assert.fail(`never came: ${what}\n${JSON.stringify(this.lines, null, 1)}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  /** Lets whatever is under way arrive; used to see that something does not happen. */
  async quiet(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 60));
  }

  /** Runs to where all three kinds are listed and watched, and the watches are not young. */
  async settled(): Promise<void> {
    await this.until(() => this.server.watches === 3, "three watches");
    await this.clock.advance(5000);
  }

  /** Runs to where all three kinds wait after a failure; a watch waits longer than any back-off. */
  async backedOff(): Promise<void> {
    const waiting = () => this.clock.waits.filter((wait) => wait <= 60_000).length;
    await this.until(() => waiting() === 3, "three back-offs");
  }

  service(name: string, labels: Record<string, string> = {}): void {
    const spec = { clusterIP: "10.0.0.1", ports: [{ port: 80, protocol: "TCP" }] };
    this.server.store.apply("Service", { metadata: { namespace: "shop", name, labels }, spec });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.server[Symbol.asyncDispose]();
  }
}

const SERVICES = "/api/v1/services";

Deno.test("the first list of a kind arrives as one batch that ends with synced", async () => {
  await using scene = await Scene.open();
  scene.service("web");
  scene.service("api");
  await scene.run().settled();
  assert.deepEqual(scene.told("Service"), ["upsert api", "upsert web", "synced"]);
  assert.equal(scene.batches.length, 3);
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
  await scene.until(() => scene.server.requests.length === 9, "three more watches");
  await scene.until(() => scene.server.watches === 3, "three open watches");
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
  await scene.until(() => scene.server.requests.length === 9, "three more watches");
  await scene.quiet();
  assert.equal(scene.server.watches, 3);
  assert.equal(scene.server.requests.filter(({ verb }) => verb === "list").length, 3);
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
  assert.equal(scene.warnings().length, 3, "one line for each kind");
  for (const { message, fields } of scene.warnings()) {
    assert.match(message, /^Cannot reach API server "http:\/\/127\.0\.0\.1:\d+": /);
    assert.match(String(fields["remedy"]), /this node reaches it/);
  }
  await scene.server.resume();
  await scene.clock.advance(60_000);
  await scene.until(() => scene.server.watches === 3, "the watches again");
  await scene.until(
    () => scene.lines.filter(({ level }) => level === "info").length === 3,
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
  assert.equal(scene.warnings().length, 3);
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
    assert.equal(scene.warnings().length, 3);
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
  scene.server.fail({ status: 429, retryAfter: 20, times: 3 });
  scene.run();
  await scene.backedOff();
  assert.deepEqual(scene.clock.waits, [20_000, 20_000, 20_000]);
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
  assert.equal(scene.warnings().length, 3);
  assert.match(String(scene.warnings()[0]?.fields["remedy"]), /token or the certificate/);
  assert.ok(scene.server.requests.length <= 15, `${scene.server.requests.length} requests`);
});

Deno.test("a malformed object is named and skipped, its last good version stays", async () => {
  await using scene = await Scene.open();
  scene.service("web");
  await scene.run().settled();
  scene.server.store.apply("Service", {
    metadata: { namespace: "shop", name: "web" },
    spec: { ports: [{ port: 80, protocol: "HTTP" }] },
  });
  scene.service("api");
  await scene.until(() => scene.told("Service").includes("upsert api"), "the next change");
  assert.deepEqual(scene.warnings().map(({ message }) => message), [
    'Cannot use Service "shop/web": spec.ports[0].protocol is "HTTP", not one of TCP, UDP, SCTP',
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

Deno.test("a watch that outlives its time is given up and begun anew", async () => {
  await using scene = await Scene.open();
  scene.service("web");
  await scene.run().settled();
  await scene.clock.advance(300_000 + 30_000);
  await scene.until(() => scene.server.requests.length > 6, "new requests");
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
  await scene.until(() => scene.server.requests.length === 9, "watches from the future");
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
