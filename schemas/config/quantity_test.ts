import assert from "node:assert/strict";
import { parseBytes } from "./quantity.ts";

const sizes: readonly (readonly [string, number])[] = [
  ["0", 0],
  ["512", 512],
  ["+5", 5],
  ["1k", 1_000],
  ["1K", 1_000],
  ["2Ki", 2_048],
  ["1.5Mi", 1_572_864],
  [".5k", 500],
  ["0.0001k", 1],
  ["3G", 3_000_000_000],
];

for (const [text, bytes] of sizes) {
  Deno.test(`the size ${text} is ${bytes} bytes`, () => assert.equal(parseBytes(text), bytes));
}

for (const text of ["", "k", "-1", "1KB", "1 k", "1e3", "much", "9".repeat(20), "1Pi9"]) {
  Deno.test(`the size "${text}" is refused`, () => {
    assert.match(String(parseBytes(text)), /^it is no size/);
  });
}

Deno.test("a size that no number holds is refused", () => {
  assert.match(String(parseBytes("999999Pi")), /more than 2⁵³/);
});
