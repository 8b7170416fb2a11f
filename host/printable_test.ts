import assert from "node:assert/strict";
import { printable, printableLine, printableWhole } from "./printable.ts";

const SHOWN: readonly (readonly [string, string])[] = [
  ["plain text, ünïcode and 😀", "plain text, ünïcode and 😀"],
  ["lines\n\tand tabs", "lines\n\tand tabs"],
  ["\x1b[31mred", "\\u001b[31mred"],
  ["over\rwritten", "over\\u000dwritten"],
  ["\0\x7f\x9b", "\\u0000\\u007f\\u009b"],
  ["turned\u202eround\u2066", "turned\\u202eround\\u2066"],
  ["\u2028", "\\u2028"],
];

Deno.test("text of a plugin is shown without what could steer a terminal", () => {
  for (const [text, shown] of SHOWN) assert.equal(printable(text), shown);
});

const TEXTS: readonly (readonly [string, string])[] = [
  ["zone-a ☂ é", "zone-a ☂ é"],
  ["\x1b[31mred", "\\u001b[31mred"],
  ["\x1b]0;title\x07", "\\u001b]0;title\\u0007"],
  ["two\nlines\r", "two\\u000alines\\u000d"],
  ["turned\u202eround", "turned\\u202eround"],
  ["\x9b31m\x7f", "\\u009b31m\\u007f"],
];

for (const [text, shown] of TEXTS) {
  Deno.test(`a terminal is shown ${shown} and obeys nothing of it`, () => {
    assert.equal(printableLine(text), shown);
  });
}

Deno.test("all texts of an answer are shown so", () => {
  assert.deepEqual(
    printableWhole({ a: ["\x1b", 1, null], b: { c: true } }),
    { a: ["\\u001b", 1, null], b: { c: true } },
  );
});
