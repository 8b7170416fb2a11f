import assert from "node:assert/strict";
import { acceptsGzip, gzipped } from "./compressed.ts";

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

for (const text of ["", "a", "x".repeat(32_767) + "🌊 and more", "y".repeat(200_000)]) {
  Deno.test(`a text of ${text.length} characters is the same once it is unpacked`, async () => {
    const unpacked = gzipped(text).pipeThrough(new DecompressionStream("gzip"));
    assert.equal(await new Response(unpacked).text(), text);
  });
}
