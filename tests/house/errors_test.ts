import assert from "node:assert/strict";
import { ERROR_CODES } from "../../schemas/errors.ts";
import { readTree } from "../runner/tree.ts";

const tree = readTree(new URL("../..", import.meta.url).pathname.replace(/\/$/, ""));
const product = [...tree].filter(([path]) =>
  /^(schemas|host|plugins)\/.*\.ts$|^mod\.ts$/.test(path) && !path.endsWith("_test.ts") &&
  path !== "schemas/errors.ts"
);

Deno.test("every error code is used by some line of the product", () => {
  const unused = Object.keys(ERROR_CODES).filter((code) =>
    !product.some(([, text]) => text.includes(`"${code}"`))
  );
  assert.deepEqual(unused, []);
});

Deno.test("every error code that the product speaks of is in the list", () => {
  const spoken = product.flatMap(([path, text]) =>
    [...text.matchAll(/"(WEIR_[A-Z_]+)"/g)].map(([, code = ""]) => ({ path, code }))
  );
  assert.ok(spoken.length > 0);
  // Environment variables would look alike: weir has none whose name is a code.
  assert.deepEqual(spoken.filter(({ code }) => !Object.hasOwn(ERROR_CODES, code)), []);
});

Deno.test("every error code says what it means in words of its own", () => {
  const meanings = Object.values(ERROR_CODES);
  assert.equal(new Set(meanings).size, meanings.length);
  for (const meaning of meanings) assert.match(meaning, /^[a-z].{20,}[^.]$/);
});
