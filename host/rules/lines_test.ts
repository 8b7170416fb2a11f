/**
 * Two lists beside one another.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { compareLists, type DiffLine, withContext } from "./lines.ts";

function texts(lines: readonly DiffLine[], without: DiffLine["type"]): string[] {
  return lines.filter(({ type }) => type !== without).map(({ text }) => text);
}

Deno.test("both lists can be read off what is told of them, however long they are", () => {
  const list = fc.array(fc.constantFrom(..."abcdefgh"), { maxLength: 12 });
  fc.assert(fc.property(list, list, (before, after) => {
    const lines = compareLists(before, after);
    assert.deepEqual(texts(lines, "added"), before);
    assert.deepEqual(texts(lines, "removed"), after);
    assert.equal(lines.every(({ type }) => type === "same"), before.join() === after.join());
  }));
  // Too many for a table of both: one rule in the middle of thousands has another neighbour.
  const long = Array.from({ length: 3_000 }, (_, index) => `rule ${index}`);
  const other = long.toSpliced(1_500, 1, "another", "rule");
  const lines = compareLists(long, other);
  assert.deepEqual(texts(lines, "added"), long);
  assert.deepEqual(texts(lines, "removed"), other);
  assert.deepEqual(
    lines.filter(({ type }) => type !== "same").map(({ type, text }) => `${type} ${text}`),
    ["removed rule 1500", "added another", "added rule"],
  );
});

Deno.test("two lines stand around what differs, and nothing of what does not", () => {
  const lines = compareLists([..."abcdefgh"], [..."abcdeXfgh"]);
  assert.deepEqual(withContext(lines).map(({ text }) => text), [..."deXfg"]);
  assert.deepEqual(withContext(compareLists(["a"], ["a"])), []);
});
