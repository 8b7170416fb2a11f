import assert from "node:assert/strict";
import { bridge, type Bridged } from "./bridge.ts";

/** Two ends of a connection in memory. */
function pair(): [Bridged & { closed: boolean }, Bridged & { closed: boolean }] {
  const there = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>();
  const back = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>();
  const end = (
    { readable }: { readable: ReadableStream<Uint8Array<ArrayBuffer>> },
    { writable }: { writable: WritableStream<Uint8Array<ArrayBufferLike>> },
  ) => ({
    readable,
    writable,
    closed: false,
    close() {
      this.closed = true;
    },
  });
  return [end(back, there), end(there, back)];
}

async function* once<T>(value: T): AsyncGenerator<T> {
  yield value;
}

async function send(end: Bridged, text: string): Promise<void> {
  const writer = end.writable.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
}

async function receive(end: Bridged): Promise<string> {
  return await new Response(end.readable).text();
}

Deno.test("a bridge leads a request there and its answer back, after the request has ended", async () => {
  const [client, near] = pair();
  const [far, server] = pair();
  await bridge(once(near), () => Promise.resolve(far));
  const serving = receive(server).then((request) => send(server, `you said ${request}`));
  await send(client, "hello");
  assert.equal(await receive(client), "you said hello");
  await serving;
  await new Promise((resume) => setTimeout(resume, 0));
  assert.ok(near.closed && far.closed, "both connections are closed in the end");
});

Deno.test("a bridge to nobody closes the connection and waits for the next", async () => {
  const [, near] = pair();
  await bridge(once(near), () => Promise.reject(new Error("nobody listens")));
  await new Promise((resume) => setTimeout(resume, 0));
  assert.ok(near.closed);
});
