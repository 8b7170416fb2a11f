import assert from "node:assert/strict";
import { groupOf, GROUPS } from "../runner/groups.ts";
import { readTree } from "../runner/tree.ts";
import { LEFT_OUT, selectForKernel } from "./selection.ts";

const tree = readTree(new URL("../..", import.meta.url).pathname.replace(/\/$/, ""));

Deno.test("every file of the kernel's groups runs on the second kernel, or the table says why not", () => {
  const running = new Set(selectForKernel(GROUPS, tree, []).flatMap(({ files }) => files));
  assert.ok(running.size > 0);
  for (const path of tree.keys()) {
    const group = groupOf(path, GROUPS);
    if (!path.endsWith("_test.ts") || group === undefined) continue;
    const expected = group.place === "namespaces" && !LEFT_OUT.has(path);
    assert.equal(running.has(path), expected, path);
  }
});

Deno.test("what the table leaves out exists, belongs to those groups, and has a reason", () => {
  for (const [path, reason] of LEFT_OUT) {
    assert.ok(tree.has(path), path);
    assert.equal(groupOf(path, GROUPS)?.place, "namespaces", path);
    assert.match(reason, /\S{3}/, path);
  }
});

Deno.test("a file that is named runs, though the table leaves it out", () => {
  const [path = ""] = LEFT_OUT.keys();
  const selected = selectForKernel(GROUPS, tree, [path]);
  assert.deepEqual(selected.map(({ files }) => files), [[path]]);
});
