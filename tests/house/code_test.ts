import assert from "node:assert/strict";
import { readTree } from "../runner/tree.ts";
import plugin from "./lint.ts";

const tree = readTree(new URL("../..", import.meta.url).pathname.replace(/\/$/, ""));

Deno.test("no file breaks a lint rule of weir's own", () => {
  const broken: string[] = [];
  let looked = 0;
  for (const [path, text] of tree) {
    if (!/\.tsx?$/.test(path) || path.includes("/testdata/")) continue;
    looked++;
    for (const { id, message, range } of Deno.lint.runPlugin(plugin, path, text)) {
      const line = text.slice(0, range[0]).split("\n").length;
      broken.push(`${path}:${line}: ${id}: ${message}`);
    }
  }
  assert.deepEqual(broken, []);
  assert.ok(looked > 20, "the tree is suspiciously small");
});
