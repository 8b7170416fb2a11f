import assert from "node:assert/strict";
import { readYaml } from "./yaml.ts";

function documentsOf(text: string) {
  const read = readYaml(text);
  assert.ok(!("message" in read), JSON.stringify(read));
  return read;
}

const values: readonly (readonly [string, string, unknown])[] = [
  ["yes, on and y are true as in Go", "[yes, on, y, Off, NO, n, True]", [
    true,
    true,
    true,
    false,
    false,
    false,
    true,
  ]],
  ["numbers are those of YAML 1.1", "[0777, 0x1F, 1_000, 0b11, 1e3, -1]", [
    511,
    31,
    1000,
    3,
    1000,
    -1,
  ]],
  ["1:30 is no 90, and a date is a text", "[1:30, 2001-01-01]", ["1:30", "2001-01-01"]],
  ["~ and nothing are null", "{a: ~, b: , c: null}", { a: null, b: null, c: null }],
  ["keys are texts", "{1: a, true: b}", { 1: "a", true: "b" }],
  ["an alias is what it stands for", "{a: &x [1], b: *x}", { a: [1], b: [1] }],
  ["<< brings what is not there", "a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}", {
    a: { b: 1, c: 2 },
    d: { b: 1, c: 3 },
  }],
  ["JSON may be indented by tabs", '{\n\t"a": {"b": [1, "\\u00fc\\t"]}\n}', {
    a: { b: [1, "ü\t"] },
  }],
];

for (const [what, text, value] of values) {
  Deno.test(what, () => {
    assert.deepEqual(documentsOf(text).map((document) => document.value), [value]);
  });
}

Deno.test("empty documents are none", () => {
  assert.deepEqual(documentsOf("---\n# nothing\n---\na: b\n---\n").map(({ value }) => value), [
    { a: "b" },
  ]);
});

Deno.test("each field and entry has its line and column, and what is not there that of its map", () => {
  const [document] = documentsOf("a:\n  b: 1\n  c:\n  - x\n  - {d: 2}\n");
  const at = (...path: string[]) => {
    const { line, column } = document?.positions.find(path) ?? { line: 0, column: 0 };
    return `${line}:${column}`;
  };
  assert.deepEqual(
    [
      at("a"),
      at("a", "b"),
      at("a", "c", "0"),
      at("a", "c", "1", "d"),
      at("a", "nothing", "within"),
    ],
    ["1:1", "2:3", "4:5", "5:6", "1:1"],
  );
});

Deno.test("a field that stands there twice is told, and the last one counts", () => {
  const [document] = documentsOf("a: {b: 1, b: 2}\nc: 1\na: {b: 3}\n");
  assert.deepEqual(document?.value, { a: { b: 3 }, c: 1 });
  assert.deepEqual(document.duplicates, [["a", "b"], ["a"]]);
});

const bomb = Array.from(
  { length: 9 },
  (_, i) => `a${i}: &a${i} [${Array(10).fill(i === 0 ? "x" : `*a${i - 1}`).join(", ")}]\n`,
).join("");

const unreadable: readonly (readonly [string, string, number, RegExp])[] = [
  ["a list that does not end", "a:\n  b: [1\nc: 2\n", 3, /flow sequence/],
  ["a tab as indentation", "a:\n\tb: 1\n", 2, /tab/],
  ["an alias of nothing", "a: 1\nb: *nothing\n", 2, /no anchor &nothing/],
  ["a key that is a list", "? [a]\n: 1\n", 1, /key is no text/],
  ["a merge of a text", "a:\n  <<: x\n", 2, /only maps can be merged/],
  ["aliases of aliases", bomb, 1, /more than 10000 values/],
  ["brackets without an end", "[".repeat(100_000), 1, /more than 64 levels/],
  ["lists within lists", `${"- ".repeat(20_000)}a`, 1, /more than 64 levels/],
  ["a hundred levels", `${"- ".repeat(100)}a`, 1, /more than 64 levels/],
  ["a text of 4 MB", "a".repeat(4_000_000), 1, /4000000 bytes/],
];

for (const [what, text, line, message] of unreadable) {
  Deno.test(`${what} is refused with its line, and soon`, () => {
    const read = readYaml(text);
    assert.ok("message" in read, "it was read");
    assert.match(read.message, message);
    assert.equal(read.position.line, line);
  });
}
