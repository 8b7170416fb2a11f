import assert from "node:assert/strict";
import fc from "fast-check";
import { jsonPieces } from "./json_pieces.ts";

Deno.test("pieces make the same text as JSON.stringify, whatever is told", () => {
  const told = fc.object({ withNullPrototype: false, maxDepth: 6 });
  fc.assert(
    fc.property(told, (value) => {
      assert.equal([...jsonPieces(value)].join(""), JSON.stringify(value));
    }),
    { seed: 5, numRuns: 2_000 },
  );
});

Deno.test("an answer of megabytes comes in pieces of a tenth of one at most", () => {
  const endpoints = Array.from({ length: 1_000 }, (_, index) => ({ address: `10.0.0.1:${index}` }));
  const ports = Array.from({ length: 100 }, (_, index) => ({ id: `p${index}`, endpoints }));
  const value = { ports, texts: endpoints.map(({ address }) => address) };
  const pieces = [...jsonPieces(value)];
  assert.equal(pieces.join(""), JSON.stringify(value));
  assert.ok(pieces.every(({ length }) => length < 100_000), "a piece is too long");
});
