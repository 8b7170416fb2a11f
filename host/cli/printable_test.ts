import assert from "node:assert/strict";
import { printable, printableWhole } from "./printable.ts";

const TEXTS: readonly (readonly [string, string])[] = [
  ["zone-a ☂ é", "zone-a ☂ é"],
  ["\x1b[31mred", "\\u001b[31mred"],
  ["\x1b]0;title\x07", "\\u001b]0;title\\u0007"],
  ["two\nlines\r", "two\\u000alines\\u000d"],
  ["\x9b31m\x7f", "\\u009b31m\\u007f"],
];

for (const [text, shown] of TEXTS) {
  Deno.test(`a terminal is shown ${shown} and obeys nothing of it`, () => {
    assert.equal(printable(text), shown);
  });
}

Deno.test("all texts of an answer are shown so", () => {
  assert.deepEqual(
    printableWhole({ a: ["\x1b", 1, null], b: { c: true } }),
    { a: ["\\u001b", 1, null], b: { c: true } },
  );
});
