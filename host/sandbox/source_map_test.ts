import assert from "node:assert/strict";
import { SourceMap } from "./source_map.ts";

const sources = ["schemas/ip.ts", "../mine/plugin.ts"];
const lines = [null, null];

Deno.test("each part of a line is found where it comes from", () => {
  // Line 0: columns 0 and 9 of file 0, lines 0 and 1; line 2: column 2 of file 1, line 40.
  const map = new SourceMap({ sources, lines, mappings: "AAAA,SACA;;ECuCA,C" });
  const places = [[0, 0], [0, 8], [0, 9], [0, 99], [1, 0], [2, 0], [2, 2], [2, 3], [3, 0], [9, 0]]
    .map(([line = 0, column = 0]) => map.placeOf(line, column));
  const at = (file: string, line: number) => ({ file, line });
  assert.deepEqual(places, [
    at("schemas/ip.ts", 1),
    at("schemas/ip.ts", 1),
    at("schemas/ip.ts", 2),
    at("schemas/ip.ts", 2),
    undefined,
    at("../mine/plugin.ts", 41),
    at("../mine/plugin.ts", 41),
    undefined,
    undefined,
    undefined,
  ]);
});

for (const mappings of ["AAAA,ü", "AAAAAAA", "AAAA,gggggggggggg", "A\0", "gA;g"]) {
  Deno.test(`the mappings ${JSON.stringify(mappings)} are refused`, () => {
    assert.throws(() => new SourceMap({ sources, lines, mappings }), SyntaxError);
  });
}

Deno.test("a map of a million segments takes little time and memory", () => {
  const mappings = ",A".repeat(1 << 20);
  const before = performance.now();
  assert.equal(new SourceMap({ sources, lines, mappings }).placeOf(0, 0), undefined);
  assert.ok(performance.now() - before < 2000);
});

Deno.test("a source that the map does not have is no place", () => {
  assert.equal(new SourceMap({ sources, lines, mappings: "AIAA" }).placeOf(0, 0), undefined);
  assert.equal(new SourceMap({ sources, lines, mappings: "ADAA" }).placeOf(0, 0), undefined);
});

Deno.test("a line of what was made of a file is told as a line of the file, if that is known", () => {
  const map = new SourceMap({ sources, lines: [[5, -1], []], mappings: "AAAA;AACA;AACA;ACAA" });
  assert.deepEqual([0, 1, 2, 3].map((line) => map.placeOf(line, 0)?.line), [
    6,
    undefined,
    undefined,
    undefined,
  ]);
});

Deno.test("thousands of places of one long line are found in no time", () => {
  const map = new SourceMap({ sources, lines, mappings: "AAAA" + ",CACA".repeat(200_000) });
  const before = performance.now();
  for (let column = 0; column < 100_000; column++) {
    assert.equal(map.placeOf(0, column)?.line, column + 1);
  }
  assert.ok(performance.now() - before < 2000);
});
