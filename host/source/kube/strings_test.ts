import assert from "node:assert/strict";
import fc from "fast-check";
import { StringTable } from "./strings.ts";

const utf8 = new TextEncoder();

Deno.test("any text is read as it was written, however often the table is used", () => {
  const table = new StringTable();
  fc.assert(
    fc.property(fc.string({ unit: "binary" }).filter((text) => text.isWellFormed()), (text) => {
      const bytes = utf8.encode(`<${text}>`);
      assert.equal(table.read(bytes, 1, bytes.length - 1), text);
      assert.equal(table.read(bytes, 1, bytes.length - 1), text);
      assert.equal(table.share(text), text);
    }),
    { seed: 4, numRuns: 2000 },
  );
});

Deno.test("a text and its bytes with other letters of the same sum stay apart", () => {
  // "Aa" and "BB" have the same 31-based hash.
  const table = new StringTable();
  const read = (text: string) => table.read(utf8.encode(text), 0, text.length);
  assert.deepEqual([read("Aa"), read("BB"), read("Aa")], ["Aa", "BB", "Aa"]);
  assert.deepEqual([table.share("BB"), table.share("Aa")], ["BB", "Aa"]);
});
