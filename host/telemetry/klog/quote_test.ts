import assert from "node:assert/strict";
import { escapeLine, quote } from "./quote.ts";

/** What Go prints for `strconv.Quote`. */
const QUOTED: readonly (readonly [string, string])[] = [
  ["", '""'],
  ["plain text, ~!", '"plain text, ~!"'],
  ['a "b" \\c', '"a \\"b\\" \\\\c"'],
  ["\x07\b\f\n\r\t\v", '"\\a\\b\\f\\n\\r\\t\\v"'],
  ["\0\x1b\x7f", '"\\x00\\x1b\\x7f"'],
  ["\x85\u200b\u202e\u2028", '"\\u0085\\u200b\\u202e\\u2028"'],
  ["\u00a0\u3000", '"\\u00a0\\u3000"'],
  ["grüße 世界 😀", '"grüße 世界 😀"'],
  ["\u{e0001}", '"\\U000e0001"'],
  ["\ud800", '"\ufffd"'],
];

for (const [text, quoted] of QUOTED) {
  Deno.test(`${JSON.stringify(text)} is quoted as Go quotes it`, () => {
    assert.equal(quote(text), quoted);
  });
}

Deno.test("a line keeps its tabs and quotation marks, and shows what would not show", () => {
  assert.equal(escapeLine('\t"a\\b"\r\u202e'), '\t"a\\b"\\r\\u202e');
});
