import assert from "node:assert/strict";
import { oneByOne } from "../turns.ts";
import { acceptsGzip, gzipped, streamed } from "./compressed.ts";

const accepts: readonly (readonly [string | undefined, boolean])[] = [
  [undefined, false],
  ["", false],
  ["identity", false],
  ["br, zstd", false],
  ["gzip", true],
  ["deflate, GZIP;q=0.5", true],
  ["gzip; q=0", false],
  ["gzip;q=0.000, deflate", false],
  ["x-gzip-like", false],
];

for (const [header, wanted] of accepts) {
  Deno.test(`Accept-Encoding: ${header} ${wanted ? "accepts" : "does not accept"} gzip`, () => {
    assert.equal(acceptsGzip(header), wanted);
  });
}

const TEXTS: readonly (readonly string[])[] = [
  [],
  ["", "a"],
  ["x".repeat(32_767), "🌊 and more"],
  Array.from({ length: 50 }, (_, index) => `${index}\n`.repeat(1_000)),
];
for (const pieces of TEXTS) {
  Deno.test(`a text of ${pieces.length} pieces is the same once it is sent and unpacked`, async () => {
    const unpacked = gzipped(pieces, oneByOne()).pipeThrough(new DecompressionStream("gzip"));
    assert.equal(await new Response(unpacked).text(), pieces.join(""));
    assert.equal(await new Response(streamed(pieces, oneByOne())).text(), pieces.join(""));
  });
}

Deno.test("while a long text is sent others get their turn, and nothing is made for who goes away", async () => {
  let made = 0;
  function* pieces() {
    for (; made < 100; made++) yield "x";
  }
  const reader = streamed(pieces(), oneByOne()).getReader();
  let turns = 0;
  const turn = () => {
    turns++;
    return setImmediate(turn);
  };
  const timer = turn();
  for (let read = 0; read < 10; read++) await reader.read();
  assert.ok(turns >= 10, `${turns} turns`);
  await reader.cancel();
  clearImmediate(timer);
  assert.equal(made, 9);
});

Deno.test("however many long texts are sent, no two pieces are made before others get a turn", async () => {
  let made = 0;
  function* pieces() {
    for (let piece = 0; piece < 20; piece++) {
      made++;
      yield "x";
    }
  }
  const turn = oneByOne();
  const sent = Promise.all(
    Array.from({ length: 30 }, () => new Response(streamed(pieces(), turn)).text()),
  );
  let most = 0;
  let seen = 0;
  const look = () => {
    most = Math.max(most, made - seen);
    seen = made;
    timer = setImmediate(look);
  };
  let timer = setImmediate(look);
  assert.deepEqual(new Set(await sent), new Set(["x".repeat(20)]));
  clearImmediate(timer);
  assert.equal(made, 600);
  assert.ok(most <= 2, `${most} pieces in a turn`);
});
