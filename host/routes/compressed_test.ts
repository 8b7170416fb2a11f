import assert from "node:assert/strict";
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
    const unpacked = gzipped(pieces).pipeThrough(new DecompressionStream("gzip"));
    assert.equal(await new Response(unpacked).text(), pieces.join(""));
    assert.equal(await new Response(streamed(pieces)).text(), pieces.join(""));
  });
}

Deno.test("while a long text is sent others get their turn, and nothing is made for who goes away", async () => {
  let made = 0;
  function* pieces() {
    for (; made < 100; made++) yield "x";
  }
  const reader = streamed(pieces()).getReader();
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
