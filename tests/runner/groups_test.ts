import assert from "node:assert/strict";
import { filesOf, groupOf, GROUPS, type TestGroup } from "./groups.ts";

function row(name: string, paths: readonly string[], kind: TestGroup["kind"] = "tests"): TestGroup {
  return { name, paths, kind, place: "caller", tools: [], permissions: [], limit: 1 };
}

const table = [
  row("host", ["host"]),
  row("kernel", ["host/capabilities", "tests/kernel"]),
  row("examples", ["host", "README.md"], "examples"),
];

Deno.test("the group with the longest path gets the file", () => {
  for (
    const [path, name] of [
      ["host/tracker_test.ts", "host"],
      ["host/source/kube/frames_test.ts", "host"],
      ["host/capabilities/nft/check_test.ts", "kernel"],
      ["hostile/flood_test.ts", undefined],
      ["tests/kernel/hairpin_test.ts", "kernel"],
      ["tests/bench/load_test.ts", undefined],
    ] as const
  ) assert.equal(groupOf(path, table)?.name, name, path);
});

Deno.test("a group runs its tests and a documentation group the files that hold code blocks", () => {
  const tree = new Map([
    ["README.md", "words\n```ts\nlet a;\n```\n"],
    ["host/b.ts", "/**\n * ```ts\n * let a;\n * ```\n */"],
    ["host/a_test.ts", "/**\n * ```ts\n * ```\n */"],
    ["host/README.md", "```sh\nls\n```\n"],
    ["host/capabilities/nft_test.ts", ""],
  ]);
  const files = (name: string) => {
    const group = table.find((one) => one.name === name);
    assert.ok(group);
    return filesOf(group, tree, table);
  };
  assert.deepEqual(files("host"), ["host/a_test.ts"]);
  assert.deepEqual(files("kernel"), ["host/capabilities/nft_test.ts"]);
  assert.deepEqual(files("examples"), ["README.md", "host/b.ts"]);
});

Deno.test("no group may everything, and what it may run, reach and ask for is named", () => {
  for (const group of GROUPS) {
    for (const flag of group.permissions) {
      assert.match(
        flag,
        /^(--ignore-env|--allow-(read|write|ffi|sys)|--allow-(read|write|net|env|sys|run)=.+)$/,
        group.name,
      );
    }
  }
  assert.equal(new Set(GROUPS.map((group) => group.name)).size, GROUPS.length);
});
