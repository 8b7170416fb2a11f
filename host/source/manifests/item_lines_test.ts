import assert from "node:assert/strict";
import fc from "fast-check";
import { isNode, LineCounter, parseDocument } from "yaml";
import { itemLines } from "./item_lines.ts";

const CASES: readonly (readonly [what: string, text: string, lines: readonly number[]])[] = [
  ["no list", '{"kind":\n"Service"}', []],
  ["a list that is not called items", '{"parts": [\n1,\n2]}', []],
  ["an array as the document", "[\n1,\n2]", []],
  ["an empty list", '{"items": [\n]}', []],
  ["items in a line", '{"items": [{}, 1, "a"]}', [1, 1, 1]],
  ["items in lines of their own", '{\n"items":\n[\n{\n"a": 1},\n\n[2],\n"x"\n]}', [4, 7, 8]],
  ["brackets and quotes in texts", '{"a":"]\\"[","items":[\n"],[\\\\",\n"{"\n]}', [2, 3]],
  ["the word as a value", '{"a":"items","b":[\n1]}', []],
  ["the word deeper", '{"a":{"items":[\n1]},"items":[2,\n{"items":[3]}]}', [2, 3]],
  ["two lists, of which the last counts", '{"items":[1,\n2],"items":[\n3]}', [3]],
  ["a list behind one", '{"items":[1],"more":[\n2,\n3]}', [1]],
];

for (const [what, text, lines] of CASES) {
  Deno.test(`the lines of ${what}`, () => {
    JSON.parse(text);
    assert.deepEqual(itemLines(text), lines);
  });
}

/** As a parser that knows the place of everything finds them. */
function linesByYaml(text: string): number[] {
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter });
  return (JSON.parse(text).items as readonly unknown[]).map((_, index) => {
    const node = document.getIn(["items", index], true);
    assert.ok(isNode(node) && node.range);
    return counter.linePos(node.range[0]).line;
  });
}

Deno.test("whatever the items are, and however they are laid out, each is where YAML finds it", () => {
  const list = fc.array(fc.jsonValue({ maxDepth: 3 }), { maxLength: 8 });
  const indent = fc.constantFrom(0, 1, "\t", 4);
  fc.assert(fc.property(list, fc.jsonValue({ maxDepth: 2 }), indent, (items, other, space) => {
    const text = JSON.stringify({ other, items, kind: "List" }, null, space);
    assert.deepEqual(itemLines(text), linesByYaml(text));
  }));
});
