import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { askDatagram } from "./datagram.ts";

const QUESTION = new TextEncoder().encode("who?");
const now = () => performance.now();

for (const [type, address] of [["udp4", "127.0.0.1"], ["udp6", "::1"]] as const) {
  Deno.test(`a question over ${type} is answered, and refused once nobody listens`, async () => {
    const server = createSocket(type);
    server.on("message", (message, peer) => {
      server.send(`${message} ${peer.port}`, peer.port, peer.address);
    });
    server.bind(0, address);
    await once(server, "listening");
    const target = { address, port: server.address().port };

    const answer = await askDatagram(target, 41_999, QUESTION, 5_000, now);
    assert.equal(answer.type, "answered");
    assert.equal(
      answer.type === "answered" ? new TextDecoder().decode(answer.payload) : "",
      "who? 41999",
    );

    server.close();
    await once(server, "close");
    const started = now();
    assert.deepEqual(await askDatagram(target, 0, QUESTION, 5_000, now), { type: "refused" });
    assert.ok(now() - started < 1_000, "a refusal takes no waiting");
  });
}

Deno.test("a question that nobody answers ends in silence when its time is over", async () => {
  const mute = createSocket("udp4");
  mute.bind(0, "127.0.0.1");
  await once(mute, "listening");
  const target = { address: "127.0.0.1", port: mute.address().port };
  const started = now();
  assert.deepEqual(await askDatagram(target, 0, QUESTION, 60, now), { type: "silent" });
  const waited = now() - started;
  assert.ok(waited >= 60 && waited < 2_000, `waited ${waited} ms`);
  mute.close();
  await once(mute, "close");
});

Deno.test("a name instead of an address is refused", async () => {
  await assert.rejects(
    askDatagram({ address: "localhost", port: 9 }, 0, QUESTION, 10, now),
    { code: "WEIR_ADDRESS_INVALID", message: /Cannot send datagram to "localhost": / },
  );
});
