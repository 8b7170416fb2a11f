import assert from "node:assert/strict";
import { relay } from "./connection.ts";

/** Two connected sockets. */
async function pair(): Promise<[Deno.TcpConn, Deno.TcpConn]> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return await Promise.all([
    listener.accept(),
    Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port }),
  ]);
}

/** A client and a server with a relay between them. */
async function relayed() {
  const [one, client] = await pair();
  const [other, server] = await pair();
  const controller = new AbortController();
  const finished = relay(one, other, controller.signal);
  return { client, server, controller, finished };
}

const encoder = new TextEncoder();

/** Reads until the other side has ended. */
async function readAll(connection: Deno.TcpConn): Promise<string> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(1024);
  let text = "";
  for (let size = await connection.read(buffer); size !== null;) {
    text += decoder.decode(buffer.subarray(0, size), { stream: true });
    size = await connection.read(buffer);
  }
  return text;
}

Deno.test("who has sent all of a request still gets the answer", async () => {
  const { client, server, finished } = await relayed();
  await client.write(encoder.encode("request"));
  await client.closeWrite();
  assert.equal(await readAll(server), "request");
  await server.write(encoder.encode("answer"));
  await server.closeWrite();
  assert.equal(await readAll(client), "answer");
  await finished;
  client.close();
  server.close();
});

Deno.test("what a reader does not take the writer keeps: nothing piles up in between", async () => {
  const { client, server, finished } = await relayed();
  const piece = new Uint8Array(1 << 20).fill(7);
  let written = 0;
  const writing = (async () => {
    for (let at = 0; at < 64; at++) {
      for (let done = 0; done < piece.length;) done += await client.write(piece.subarray(done));
      written++;
    }
    await client.closeWrite();
  })();
  // Socket buffers take some megabytes; then the writer has to wait.
  for (let before = -1; before !== written;) {
    before = written;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.ok(written < 64, `${written} MiB were taken though nobody reads`);
  let read = 0;
  const buffer = new Uint8Array(1 << 16);
  for (let size = await server.read(buffer); size !== null; size = await server.read(buffer)) {
    read += size;
  }
  await writing;
  assert.equal(read, 64 << 20);
  server.close();
  client.close();
  await finished;
});

Deno.test("a server that closes ends what the client reads, and then what it writes", async () => {
  const { client, server, finished } = await relayed();
  server.close();
  assert.equal(await readAll(client), "");
  // The first write finds nobody, the second finds out.
  await assert.rejects(async () => {
    for (let tries = 0; tries < 1000; tries++) {
      await client.write(encoder.encode("more"));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  });
  await finished;
  client.close();
});

Deno.test("a relay that is stopped closes both ends at once", async () => {
  const { client, server, controller, finished } = await relayed();
  controller.abort();
  await finished;
  assert.equal(await readAll(client), "");
  assert.equal(await readAll(server), "");
  client.close();
  server.close();
});
