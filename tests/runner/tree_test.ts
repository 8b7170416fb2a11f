import assert from "node:assert/strict";
import { readTree } from "./tree.ts";

Deno.test("the tree holds the repository's files by their path and nothing that a run made", () => {
  const root = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");
  const tree = readTree(root);
  assert.match(tree.get("deno.json") ?? "", /"name": "weir"/);
  assert.match(tree.get("tests/runner/tree.ts") ?? "", /export function readTree/);
  for (const path of tree.keys()) assert.doesNotMatch(path, /^\.git\/|^\.weir\/|node_modules/);
  assert.deepEqual([...tree.keys()], [...tree.keys()].sort());
});
