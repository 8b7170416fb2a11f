import assert from "node:assert/strict";
import { groupOf, GROUPS } from "../runner/groups.ts";
import { readTree } from "../runner/tree.ts";
import { bootsOf, LEFT_OUT, selectForKernel } from "./selection.ts";

const tree = readTree(new URL("../..", import.meta.url).pathname.replace(/\/$/, ""));

Deno.test("every file of the kernel's groups runs on the second kernel, or the table says why not", () => {
  const running = new Set(selectForKernel(GROUPS, tree, []).flatMap(({ files }) => files));
  assert.ok(running.size > 0);
  for (const path of tree.keys()) {
    const group = groupOf(path, GROUPS);
    if (!path.endsWith("_test.ts") || group === undefined) continue;
    const expected = group.place !== "caller" && !LEFT_OUT.has(path);
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

Deno.test("a group that takes a machine of its own has one booted as it says, the others share one", () => {
  const boots = bootsOf(selectForKernel(GROUPS, tree, []));
  const names = boots.map(({ kernelParameters, selected }) =>
    [...kernelParameters, ...selected.map(({ group }) => group.name)].join(" ")
  );
  const shared = GROUPS.filter(({ place }) => place === "namespaces").map(({ name }) => name);
  const running = shared.filter((name) => names.at(-1)?.split(" ").includes(name));
  assert.deepEqual(names, ["machine", "ipv6.disable=1 without-ipv6", running.join(" ")]);
  assert.ok(running.length > 0);
});
