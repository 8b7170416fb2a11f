import assert from "node:assert/strict";
import { originalLines } from "./emitted_lines.ts";

const ORIGINAL = `
export function greet() {
  if (early) {
    return
  }

  const all = { one: 1, two: 2 };

  if (late) {
    return
  }
}
`;

const EMITTED = `export function greet() {
  if (early) {
    return;
  }
  const all = {
    one: 1,
    two: 2
  };
  if (late) {
    return;
  }
}
`;

Deno.test("lines are found again by what is there once, and by their neighbours", () => {
  assert.deepEqual(
    originalLines(EMITTED, ORIGINAL),
    [1, 2, 3, 4, -1, -1, -1, -1, 8, 9, 10, 11, -1],
  );
});

Deno.test("a text that was not written anew has its own lines", () => {
  const lines = ORIGINAL.split("\n");
  assert.deepEqual(
    originalLines(ORIGINAL, ORIGINAL),
    lines.map((line, at) => line === "" ? -1 : at),
  );
});

Deno.test("nothing is found in another text", () => {
  assert.deepEqual(originalLines("a()\n}\n", "b()\n}\n}\n"), [-1, -1, -1]);
});
