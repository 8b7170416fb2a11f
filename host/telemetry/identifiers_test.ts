import assert from "node:assert/strict";
import { randomIdentifiers } from "./identifiers.ts";

Deno.test("identifiers are random, of the right length and none twice", () => {
  const identifiers = randomIdentifiers((bytes) => crypto.getRandomValues(bytes));
  const traces = Array.from({ length: 1_000 }, () => identifiers.trace());
  const spans = Array.from({ length: 2_000 }, () => identifiers.span());
  for (const id of traces) assert.match(id, /^[0-9a-f]{32}$/);
  for (const id of spans) assert.match(id, /^[0-9a-f]{16}$/);
  assert.equal(new Set([...traces, ...spans]).size, 3_000);
});

Deno.test("zeros, which mean nothing in a trace context, are drawn again", () => {
  let drawn = 0;
  const identifiers = randomIdentifiers((bytes) => bytes.fill(drawn++));
  assert.equal(identifiers.span(), "01".repeat(8));
});
