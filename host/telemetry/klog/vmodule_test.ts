import assert from "node:assert/strict";
import { moduleLevels } from "./vmodule.ts";

const frame = (path: string) => `Error\n    at sync (${path}:12:3)`;
const PATH = "file:///weir/host/resolver/node_ports.ts";

const rules: readonly (readonly [filePattern: string, matches: boolean])[] = [
  ["node_ports", true],
  ["node_ports.ts", false],
  ["node", false],
  ["node*", true],
  ["*", true],
  ["node?ports", true],
  ["node?port", false],
  ["[m-o]ode_ports", true],
  ["[^n]*", false],
  ["[n]ode_ports", true],
  ["node\\_ports", true],
  ["node.ports", false],
  ["resolver/node_ports", true],
  ["host/*/node_*", true],
  ["resolver/*", true],
  ["host/*", false],
  ["weir/host/resolver/*", true],
  // These do not parse, and match nothing, as in klog.
  ["[", false],
  ["[]", false],
  ["node_ports\\", false],
  ["[z-a]", false],
];

for (const [filePattern, matches] of rules) {
  Deno.test(`--vmodule=${filePattern}=3 ${matches ? "means" : "leaves"} resolver/node_ports.ts`, () => {
    const levels = moduleLevels([{ filePattern, verbosity: 3 }]);
    assert.equal(levels?.levelAt(frame(PATH)) ?? 0, matches ? 3 : 0);
  });
}

Deno.test("the first rule that matches counts, as in klog", () => {
  const levels = moduleLevels([
    { filePattern: "node*", verbosity: 2 },
    { filePattern: "node_ports", verbosity: 5 },
  ]);
  assert.equal(levels?.levelAt(frame(PATH)), 2);
  assert.equal(levels?.levelAt(frame("file:///weir/host/other.ts")), 0);
  assert.equal(levels?.highest, 5);
});

Deno.test("without a rule that says anything nothing is looked at", () => {
  assert.equal(moduleLevels([]), undefined);
  assert.equal(moduleLevels([{ filePattern: "sync", verbosity: 0 }]), undefined);
});
