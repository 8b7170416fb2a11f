import assert from "node:assert/strict";
import { readTree } from "../runner/tree.ts";
import { brokenArrows } from "./arrows.ts";
import { askInfo, type Import, reach, readInfo } from "./graph.ts";

const root = new URL("../../", import.meta.url).href;
const files = [...readTree(new URL(root).pathname.slice(0, -1)).keys()].filter((path) =>
  /\.tsx?$/.test(path) && !path.includes("/testdata/")
);
const graph = readInfo(askInfo(files, root), root);

function edge(from: string, to: string, specifier = "./there.ts"): Import {
  return { from, to, specifier, kind: "code", dynamic: false };
}

Deno.test("every import resolves and every file parses", () => {
  assert.deepEqual(graph.faults, []);
  assert.ok(graph.imports.length > files.length, "the graph is suspiciously small");
});

Deno.test("every import follows the arrows of the house", () => {
  assert.deepEqual(brokenArrows(graph.imports), []);
});

Deno.test("an import against an arrow is caught", () => {
  for (
    const offence of [
      edge("schemas/a.ts", "host/tracker.ts"),
      edge("schemas/a.ts", "npm:/hono@4.13.19", "hono"),
      edge("plugins/sdk/a.ts", "host/tracker.ts"),
      edge("plugins/detect-x/plugin.ts", "host/tracker.ts"),
      edge("plugins/detect-x/plugin.ts", "plugins/detect-y/plugin.ts"),
      edge("plugins/detect-x/plugin.ts", "mod.ts", "../../mod.ts"),
      edge("plugins/detect-x/plugin.ts", "schemas/ip.ts", "../../schemas/ip.ts"),
      edge("plugins/detect-x/plugin_test.ts", "host/tracker.ts"),
      edge("examples/hello/plugin.ts", "npm:/undici@8.12.4", "undici"),
      edge("mod.ts", "host/main.ts"),
      edge("host/main.ts", "plugins/proxier-nftables/plugin.ts"),
      edge("host/main.ts", "tests/kit/mod.ts"),
      edge("host/main.ts", "npm:/fast-check@4.10.2", "fast-check"),
      edge("host/diff.ts", "host/resolver/resolve.ts"),
      edge("host/sandbox/process.ts", "host/capabilities/libc.ts"),
      edge("host/cli/a.ts", "npm:/hono@4.13.19", "npm:hono@4.13.19"),
    ]
  ) assert.equal(brokenArrows([offence]).length, 1, `${offence.from} → ${offence.to}`);
});

Deno.test("an import along an arrow passes", () => {
  for (
    const allowed of [
      edge("schemas/a.ts", "npm:/valibot@1.5.0", "valibot"),
      edge("plugins/detect-x/plugin.ts", "mod.ts", "weir"),
      edge("plugins/detect-x/plugin_test.ts", "node:assert/strict", "node:assert/strict"),
      edge("host/main.ts", "host/capabilities/libc.ts"),
      edge("host/sandbox/connection.ts", "host/capabilities/capability.ts"),
      edge("host/sandbox/handshake.ts", "host/broker.ts"),
      edge("host/tracker_test.ts", "npm:/fast-check@4.10.2", "fast-check"),
      edge("tests/kernel/a_test.ts", "plugins/proxier-nftables/plugin.ts"),
    ]
  ) assert.deepEqual(brokenArrows([allowed]), []);
});

Deno.test("what only tests use may use what only tests may", () => {
  const samples = edge("plugins/x/samples.ts", "npm:/fast-check@4.10.2", "fast-check");
  const tested = edge("plugins/x/plugin_test.ts", samples.from);
  const wired = edge("plugins/x/plugin.ts", samples.from);
  assert.deepEqual(brokenArrows([samples, tested]), []);
  assert.notDeepEqual(brokenArrows([samples, tested, wired]), []);
  assert.notDeepEqual(brokenArrows([samples]), []);
  const entry = edge("plugins/x/plugin.ts", "npm:/undici@8.12.4", "undici");
  assert.notDeepEqual(brokenArrows([entry, edge("plugins/x/plugin_test.ts", entry.from)]), []);
});

Deno.test("what the door hands out reaches no line of the host", () => {
  const reached = reach("mod.ts", graph.imports);
  assert.ok(reached.has("schemas/errors.ts"));
  assert.deepEqual([...reached].filter((file) => /^(host|tests)\//.test(file)), []);
});

Deno.test("the long-lived host loads no package that costs tens of megabytes", () => {
  const heavy = /^npm:\/?@(kubernetes\/client-node@|opentelemetry\/)/;
  const reached = reach("host/main.ts", graph.imports);
  assert.ok(reached.size > 10, "host/main.ts reaches suspiciously little");
  assert.deepEqual([...reached].filter((file) => heavy.test(file)), []);
});

Deno.test("what is reached follows static code and stops at types and dynamic imports", () => {
  const imports: Import[] = [
    edge("a.ts", "b.ts"),
    { ...edge("a.ts", "c.ts"), kind: "type" },
    { ...edge("b.ts", "d.ts"), dynamic: true },
    edge("b.ts", "e.ts"),
    edge("e.ts", "a.ts"),
  ];
  assert.deepEqual([...reach("a.ts", imports)].sort(), ["a.ts", "b.ts", "e.ts"]);
});
