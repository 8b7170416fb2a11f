import assert from "node:assert/strict";
import { missingPackages } from "./missing_packages.ts";

const COMPLAINTS: readonly (readonly [string, readonly string[]])[] = [
  [
    "Could not find constraint 'is-odd@3.0.1' in the list of packages. (plugin.ts:1)\n" +
    "Could not find constraint 'is-odd@3.0.1' in the list of packages. (other.ts:1)",
    ["is-odd@3.0.1"],
  ],
  [
    'Error: Failed loading https://registry.example/@esbuild%2flinux-x64 for package "@esbuild/linux-x64"',
    ["@esbuild/linux-x64"],
  ],
  [
    "Error: failed to download esbuild package tarball @esbuild/linux-x64@0.25.5 from https://x/y.tgz",
    ["@esbuild/linux-x64@0.25.5"],
  ],
  [
    "[ERR_MODULE_NOT_FOUND] Cannot find module 'file:///d/npm/registry.example/valibot/1.5.0/index.js'" +
    " imported from 'file:///opt/weir/schemas/wire.ts' (schemas/wire.ts:5)",
    ["valibot@1.5.0"],
  ],
  [
    "Cannot find module 'file:///d/npm/registry.example/@scope/x/1.0.0/index.js' imported from 'y'",
    ["@scope/x@1.0.0"],
  ],
  ["Cannot find module 'file:///opt/plugin/npm/x.ts' imported from 'y'", []],
  ["The module's source code could not be parsed", []],
];

for (const [said, names] of COMPLAINTS) {
  Deno.test(`of "${said.slice(0, 60)}" the packages are ${names.join(", ") || "none"}`, () => {
    assert.deepEqual(missingPackages(said), names);
  });
}

Deno.test("a specifier that nearly is a complaint, a megabyte long, holds nobody up", () => {
  const began = performance.now();
  assert.deepEqual(missingPackages(`Cannot find module '${"/npm/a/b/c".repeat(100_000)}`), []);
  assert.ok(performance.now() - began < 1000);
});
