import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { KubeKind, Source, SourceEvent } from "../../schemas/kube.ts";
import { sampleNode, sampleService } from "../samples.ts";
import { SimulatedClock } from "../simulated_clock.ts";
import { Feed } from "./feed.ts";

/** A source that delivers what it is told to. */
function fakeSource() {
  let deliver: (events: readonly SourceEvent[]) => void = () => {};
  let signal: AbortSignal | undefined;
  const source: Source = {
    run: (deliverTo, until) => {
      deliver = deliverTo;
      signal = until;
      return new Promise((resolve) => until.addEventListener("abort", () => resolve()));
    },
  };
  const upsert = (name: string): SourceEvent => ({
    type: "upsert",
    object: sampleService({ name }),
    at: 0,
  });
  return {
    source,
    ended: () => signal?.aborted,
    tell: (...names: string[]) => deliver(names.map(upsert)),
    with: (how: (deliver: (events: readonly SourceEvent[]) => void) => void) => how(deliver),
    tellNode: (name: string) =>
      deliver([{ type: "upsert", object: sampleNode("", { name }), at: 0 }]),
    forget: (name: string) =>
      deliver([{ type: "remove", kind: "Service", namespace: "default", name, at: 0 }]),
    synced: (...kinds: KubeKind[]) =>
      deliver(kinds.map((kind) => ({ type: "synced", kind, at: 0 }))),
  };
}

function stage() {
  const clock = new SimulatedClock();
  const told: string[] = [];
  const first = fakeSource();
  const feed = new Feed(first.source, {
    deliver: (events) => {
      for (const event of events) {
        told.push(event.type === "upsert" ? event.object.name : event.type);
      }
    },
    adopt: (objects) => void told.push(`adopt ${objects.map(({ name }) => name)}`),
    clock,
  });
  return { clock, told, first, feed };
}

const ALL: readonly KubeKind[] = ["Service", "EndpointSlice", "Node", "ServiceCIDR"];

Deno.test("another source lists beside the one in force, which is heard until it is replaced", async () => {
  const { feed, first, told, clock } = stage();
  const second = fakeSource();
  const preparing = feed.prepare(second.source);
  second.tell("a", "b");
  first.tell("x");
  second.forget("a");
  second.tellNode("here");
  second.synced(...ALL);
  const prepared = await preparing;
  assert.equal(prepared.node("here")?.name, "here");
  assert.equal(prepared.node("there"), undefined);
  second.tell("c");
  first.tell("y");
  assert.deepEqual([told, first.ended()], [["x", "y"], false]);
  prepared.commit();
  assert.equal(first.ended(), true);
  second.tell("d");
  assert.deepEqual(told, ["x", "y", "adopt b,here,c", "d"]);
  assert.equal(clock.waiting, 0);
  await feed.stop();
  assert.equal(second.ended(), true);
});

Deno.test("a source that is silent for a minute is given up, and the one in force goes on", async () => {
  const { feed, first, told, clock } = stage();
  const second = fakeSource();
  const preparing = feed.prepare(second.source);
  preparing.catch(() => {});
  second.synced("EndpointSlice");
  await clock.advance(60_000);
  await assert.rejects(preparing, {
    code: "WEIR_API_SERVER",
    message: /Cannot list "Service, Node" from the new source/,
  });
  assert.equal(second.ended(), true);
  first.tell("x");
  assert.deepEqual(told, ["x"]);
  await feed.stop();
});

Deno.test("an API server without ServiceCIDRs is waited for two seconds more", async () => {
  const { feed, clock } = stage();
  const second = fakeSource();
  let listed = false;
  const preparing = feed.prepare(second.source).then((prepared) => {
    listed = true;
    return prepared;
  });
  second.synced("Service", "EndpointSlice", "Node");
  await clock.advance(1_999);
  assert.equal(listed, false);
  await clock.advance(1);
  (await preparing).abort();
  assert.equal(second.ended(), true);
  assert.equal(clock.waiting, 0);
  await feed.stop();
});

Deno.test("a first source that cannot be opened is told, a later one only refused", async () => {
  const broken: Source = { run: () => Promise.reject(new Error("no such module")) };
  const { feed } = stage();
  await assert.rejects(feed.prepare(broken), /no such module/);
  await feed.stop();
  const clock = new SimulatedClock();
  const second = new Feed(broken, { deliver: () => {}, adopt: () => {}, clock });
  await assert.rejects(second.failed, /no such module/);
  await second.stop();
});

Deno.test("a source that took over keeps nothing of what it listed at first", async () => {
  const { feed } = stage();
  const second = fakeSource();
  const listed = () => {
    const object = sampleService({ name: "a" });
    second.with((deliver) => deliver([{ type: "upsert", object, at: 0 }]));
    return new WeakRef(object);
  };
  const preparing = feed.prepare(second.source);
  const reference = listed();
  second.synced(...ALL);
  (await preparing).commit();
  setFlagsFromString("--expose-gc");
  // A WeakRef keeps what was looked at until the task ends.
  await new Promise((resume) => setTimeout(resume, 0));
  runInNewContext("gc")();
  assert.equal(reference.deref(), undefined);
  // It still runs, and would keep it.
  assert.equal(second.ended(), false);
  await feed.stop();
});
