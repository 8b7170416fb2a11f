import assert from "node:assert/strict";
import { groupOf, GROUPS } from "../runner/groups.ts";
import { readTree } from "../runner/tree.ts";
import {
  badNames,
  foldersWithoutReadme,
  longFiles,
  privateNames,
  strayTests,
  type Tree,
  unfinishedPlugins,
} from "./files.ts";

const tree = readTree(new URL("../..", import.meta.url).pathname.replace(/\/$/, ""));

function files(...paths: string[]): Tree {
  return new Map(paths.map((path) => [path, 'Deno.test("a", () => {});\n']));
}

for (
  const [sentence, rule, offender, offences] of [
    [
      "no file is longer than 500 lines",
      longFiles,
      new Map([["host/a.ts", "\n".repeat(501)], ["host/b.ts", "\n".repeat(500)]]),
      ["host/a.ts has 501 lines, at most 500"],
    ],
    [
      "every folder says what may live in it",
      foldersWithoutReadme,
      files("host/README.md", "host/x/y/a.ts", "tests/a/testdata/b.ts"),
      ["host/x", "host/x/y"],
    ],
    [
      "every file is a noun",
      badNames,
      files("host/utils.ts", "host/nodeName.ts", "host/node_name.ts", "host/nodeView.tsx"),
      [
        "host/utils.ts: the name says nothing of what it holds",
        "host/nodeName.ts: not lower_case.ts",
        "host/nodeView.tsx: not lower_case.ts",
      ],
    ],
    [
      "every test lies beside what it tests",
      strayTests,
      new Map([
        ...files("host/a_b_test.ts", "host/a.ts", "host/c_test.ts", "tests/kernel/d_test.ts"),
        ["host/a.ts", ""],
        ["host/e_test.ts", "// nothing"],
        ["host/e.ts", ""],
        ...files("host/f.ts"),
      ]),
      [
        "host/c_test.ts: nothing of that name lies beside it",
        "host/e_test.ts: holds no test",
        "host/f.ts: tests live in files named *_test.ts",
      ],
    ],
    [
      "every plugin has its code, its README and its test",
      unfinishedPlugins,
      files("plugins/x/plugin.ts", "plugins/x/README.md", "plugins/sdk/a.ts", "plugins/README.md"),
      ["plugins/x has no plugin_test.ts"],
    ],
    [
      "no file names the machine it was written on",
      privateNames,
      new Map([
        ["a.md", ["in /ro", "ot/x and"].join("")],
        ["b.ts", ["import '../../sha", "red/x';"].join("")],
        ["c.json", ["regi", "stry.example.org"].join("")],
        ["d.yaml", "image: registry.k8s.io/pause; /proc/1/root/etc; path/work/x"],
      ]),
      [
        "a.md:1 names a path of someone's machine",
        "b.ts:1 names a folder outside the repository",
        "c.json:1 names a registry host",
      ],
    ],
  ] as const
) {
  Deno.test(sentence, () => {
    assert.deepEqual(rule(offender), offences, "the rule does not catch its offender");
    assert.deepEqual(rule(tree), []);
  });
}

Deno.test("every test file is run by a group", () => {
  const tests = [...tree.keys()].filter((path) => path.endsWith("_test.ts"));
  assert.deepEqual(tests.filter((path) => groupOf(path, GROUPS) === undefined), []);
});
