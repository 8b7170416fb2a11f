import assert from "node:assert/strict";
import { graphFiles } from "./graph.ts";

const roots = [new URL("file:///opt/plugin/"), new URL("file:///opt/weir/")];

function graph(...modules: readonly object[]): string {
  return JSON.stringify({ version: 1, roots: ["file:///opt/plugin/plugin.ts"], modules });
}

Deno.test("a graph of own files, weir's and packages gives the files to watch", () => {
  const json = graph(
    { kind: "esm", specifier: "file:///opt/weir/mod.ts", local: "/opt/weir/mod.ts" },
    { kind: "esm", specifier: "file:///opt/plugin/plugin.ts", local: "/opt/plugin/plugin.ts" },
    { kind: "npm", specifier: "npm:/valibot@1.5.0" },
  );
  assert.deepEqual(graphFiles(json, "p", roots), [
    "file:///opt/plugin/plugin.ts",
    "file:///opt/weir/mod.ts",
  ]);
});

Deno.test("a file that only a comment names as a source map is not in the graph", () => {
  const named = (specifier: string) => ({
    maybeSourceMapDependency: { dependency: { specifier } },
  });
  const map = { kind: "external", specifier: "file:///etc/shadow" };
  const plugin = {
    kind: "esm",
    specifier: "file:///opt/plugin/plugin.js",
    ...named(map.specifier),
  };
  assert.deepEqual(graphFiles(graph(plugin, map), "p", roots), [plugin.specifier]);
  const importing = { ...plugin, dependencies: [{ code: { specifier: map.specifier } }] };
  assert.throws(() => graphFiles(graph(importing, map), "p", roots), /outside of its folder/);
});

const REFUSED: readonly (readonly [string, object, RegExp])[] = [
  ["a file elsewhere", { specifier: "file:///etc/shadow", kind: "external" }, /outside of its/],
  ["a file beside its folder", { specifier: "file:///opt/plugin-two/x.ts" }, /outside of its/],
  ["the network", { specifier: "https://example.org/x.ts" }, /keep a copy beside the plugin/],
  ["node", { specifier: "node:fs", kind: "node" }, /a sandbox has no modules of node/],
  ["what is missing", { specifier: "file:///opt/plugin/x.ts", error: "Module not found" }, /not f/],
];

for (const [what, module, expected] of REFUSED) {
  Deno.test(`a graph that imports ${what} is refused`, () => {
    assert.throws(() => graphFiles(graph(module), "p", roots), (error: Error) => {
      assert.match(error.message, expected);
      return true;
    });
  });
}
