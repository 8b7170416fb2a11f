import assert from "node:assert/strict";
import { systemClock } from "../clock.ts";
import { SimulatedClock } from "../simulated_clock.ts";
import { Sendings } from "./sendings.ts";

const MEGABYTE = 1024 * 1024;

function page(megabytes: number): Response {
  const body = new Uint8Array(megabytes * MEGABYTE).map((_, index) => index % 251);
  return new Response(body, { status: 201, headers: { "Content-Type": "text/plain" } });
}

Deno.test("a large answer reaches its reader whole, with status and headers", async () => {
  const sendings = new Sendings({ clock: systemClock });
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => sendings.send(page(3)),
  );
  const answer = await fetch(`http://127.0.0.1:${server.addr.port}/`);
  assert.deepEqual([answer.status, answer.headers.get("content-type")], [201, "text/plain"]);
  assert.deepEqual(await answer.bytes(), await page(3).bytes());
  assert.equal(sendings.bytes, 0);
  await server.shutdown();
});

Deno.test("when too much waits for readers, who has not read longest is cut off, and never the newest", async () => {
  const clock = new SimulatedClock();
  const sendings = new Sendings({ clock, mostBytes: 5 * MEGABYTE });
  const [first, second, third] = [
    await sendings.send(page(2)),
    await sendings.send(page(2)),
    await sendings.send(page(2)),
  ];
  await assert.rejects(first.bytes(), /readers that are slow/);
  assert.equal(sendings.bytes, 4 * MEGABYTE);
  const alone = await sendings.send(page(6));
  await assert.rejects(second.bytes(), /readers that are slow/);
  await assert.rejects(third.bytes(), /readers that are slow/);
  assert.equal((await alone.bytes()).length, 6 * MEGABYTE);
  assert.deepEqual([sendings.bytes, clock.waiting], [0, 0]);
});

Deno.test("a reader has a minute, and one that leaves has nothing kept for it", async () => {
  const clock = new SimulatedClock();
  const sendings = new Sendings({ clock });
  const slow = await sendings.send(page(1));
  const reader = slow.body?.getReader() ?? assert.fail("there is no body");
  assert.equal((await reader.read()).value?.length, 64 * 1024);
  await clock.advance(60_000);
  await assert.rejects(reader.read(), /more than 60 s/);
  const left = await sendings.send(page(1));
  await left.body?.cancel();
  assert.deepEqual([sendings.bytes, clock.waiting], [0, 0]);
});

/** A page that is made in pieces of 32 KiB, each when it is wanted. */
function pieces(count: number) {
  const seen = { made: 0, left: false };
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      if (seen.made === count) return controller.close();
      controller.enqueue(new Uint8Array(32 * 1024).fill(++seen.made % 251));
    },
    cancel: () => void (seen.left = true),
  }, { highWaterMark: 0 });
  return { seen, response: new Response(body) };
}

Deno.test("a page that is made in pieces is made no faster than it is read, and comes whole", async () => {
  const clock = new SimulatedClock();
  const sendings = new Sendings({ clock });
  const { seen, response } = pieces(100);
  const answer = await sendings.send(response);
  assert.equal(seen.made, 3);
  const reader = answer.body?.getReader() ?? assert.fail("there is no body");
  const read: number[] = [];
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    read.push(...new Set(part.value));
    assert.ok(seen.made <= Math.max(3, read.length), `${seen.made} made, ${read.length} read`);
  }
  assert.deepEqual(read, Array.from({ length: 100 }, (_, index) => index + 1));
  assert.deepEqual([sendings.bytes, clock.waiting], [0, 0]);
});

Deno.test("what making a page keeps counts for a reader that is slow, and its end ends the making", async () => {
  const clock = new SimulatedClock();
  const sendings = new Sendings({ clock, mostBytes: MEGABYTE });
  const pages = Array.from({ length: 4 }, () => pieces(100));
  const answers = await Promise.all(pages.map(({ response }) => sendings.send(response)));
  assert.deepEqual(pages.map(({ seen }) => seen.left), [true, true, false, false]);
  assert.equal(sendings.bytes, MEGABYTE);
  await assert.rejects(answers[0]?.text() ?? assert.fail(), /readers that are slow/);
  await answers[2]?.body?.cancel();
  assert.equal(pages[2]?.seen.left, true);
  await clock.advance(60_000);
  assert.equal(pages[3]?.seen.left, true);
  assert.equal(sendings.bytes, 0);
});

Deno.test("a page whose making fails is broken off, and nothing of it is kept", async () => {
  const clock = new SimulatedClock();
  const sendings = new Sendings({ clock });
  let made = 0;
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      if (++made > 3) throw new Error("no more");
      controller.enqueue(new Uint8Array(32 * 1024));
    },
  }, { highWaterMark: 0 });
  await assert.rejects((await sendings.send(new Response(body))).bytes(), /no more/);
  assert.deepEqual([sendings.bytes, clock.waiting], [0, 0]);
});

Deno.test("a small answer is not watched, and a stream of events is passed on", async () => {
  const clock = new SimulatedClock();
  const sendings = new Sendings({ clock });
  assert.equal(await (await sendings.send(new Response("hello"))).text(), "hello");
  assert.equal(clock.waiting, 0);
  const stream = new Response(new ReadableStream(), {
    headers: { "Content-Type": "text/event-stream" },
  });
  assert.equal(await sendings.send(stream), stream);
});
