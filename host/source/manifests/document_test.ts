import assert from "node:assert/strict";
import { type ParsedText, parseJson, parseYaml } from "./document.ts";

function documents(parsed: ParsedText) {
  assert.ok(parsed.ok, "it does not parse");
  return parsed.documents;
}

function fault(parsed: ParsedText) {
  assert.ok(!parsed.ok, "it parses");
  return parsed.fault;
}

Deno.test("A YAML file of several documents gives each, knowing its lines, and passes over empty ones", () => {
  const text = [
    "# a comment", // 1
    "---",
    "a: 1",
    "---",
    "# nothing", // 5
    "---",
    "b:",
    "  - c: two",
    "    d: 3",
    "  - {c: four}", // 10
  ].join("\n");
  const [first, second, ...more] = documents(parseYaml(text));
  assert.deepEqual([first?.value, second?.value, more], [
    { a: 1 },
    { b: [{ c: "two", d: 3 }, { c: "four" }] },
    [],
  ]);
  assert.equal(first?.lineOf(["a"]), 3);
  assert.equal(second?.lineOf([]), 7);
  assert.equal(second?.lineOf(["b", 0, "d"]), 9);
  assert.equal(second?.lineOf(["b", 1, "c"]), 10);
  assert.equal(second?.lineOf(["b", 1, "missing", "deeper"]), 10);
});

Deno.test("Anchors and merge keys work as in files that kubectl reads", () => {
  const [document] = documents(parseYaml("a: &x {b: 1}\nc: {<<: *x, d: 2}\n"));
  assert.deepEqual(document?.value, { a: { b: 1 }, c: { b: 1, d: 2 } });
});

const broken: readonly [sentence: string, text: string, line: number, reason: RegExp][] = [
  ["an open bracket", "a: 1\nb: [1, 2\nc: 3\n", 3, /flow sequence/i],
  ["a key twice", "a: 1\na: 2\n", 2, /unique/],
  ["a tab for indentation", "a:\n\tb: 1\n", 2, /tab/i],
  ["an alias without anchor", "a: 1\n---\nb: *nowhere\n", 3, /nowhere/],
];
for (const [sentence, text, line, reason] of broken) {
  Deno.test(`YAML with ${sentence} is refused with the line and one line of reason`, () => {
    const found = fault(parseYaml(text));
    assert.equal(found.line, line);
    assert.match(found.reason, reason);
    assert.doesNotMatch(found.reason, /\n/);
  });
}

Deno.test("A bomb of aliases is refused instead of unfolded", () => {
  const levels = Array.from({ length: 12 }, (_, level) => {
    const items = Array(10).fill(level === 0 ? "x" : `*a${level - 1}`).join(", ");
    return `k${level}: &a${level} [${items}]`;
  });
  assert.match(fault(parseYaml(levels.join("\n"))).reason, /alias/i);
});

Deno.test("JSON knows its lines, and tabs in it are no fault", () => {
  const [document] = documents(parseJson('{\n\t"a": [\n\t\t1,\n\t\t{"b": 2}\n\t]\n}'));
  assert.deepEqual(document?.value, { a: [1, { b: 2 }] });
  assert.equal(document?.lineOf(["a", 1, "b"]), 4);
});

Deno.test("JSON of a thousand objects is looked through once for the lines of all", () => {
  const items = Array.from({ length: 1000 }, (_, index) => ({ name: `s${index}` }));
  const parsed = parseJson(JSON.stringify({ items }, undefined, 1));
  assert.ok(parsed.ok);
  const [document] = parsed.documents;
  const began = performance.now();
  assert.deepEqual(
    items.map((_, index) => document?.lineOf(["items", index])),
    items.map((_, index) => 3 + 3 * index),
  );
  // Once takes tenths of a second, a thousand times minutes.
  assert.ok(performance.now() - began < 10_000);
});

Deno.test("Broken JSON is refused with its line, and YAML in a JSON file is no JSON", () => {
  assert.equal(fault(parseJson('{\n"a": 1,\n"b": [1\n}')).line, 4);
  assert.equal(fault(parseJson("a: 1\n")).line, 1);
});
