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
