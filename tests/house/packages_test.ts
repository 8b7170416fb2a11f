import assert from "node:assert/strict";
import * as v from "valibot";
import { readTree } from "../runner/tree.ts";

const Text = v.record(v.string(), v.string());
const Tasks = v.record(v.string(), v.object({ description: v.string(), command: v.string() }));
const DenoSchema = v.looseObject({
  version: v.string(),
  exports: Text,
  imports: Text,
  tasks: Tasks,
});
const PackageSchema = v.looseObject({
  version: v.string(),
  exports: Text,
  dependencies: Text,
  devDependencies: Text,
});

const tree = readTree(new URL("../..", import.meta.url).pathname.replace(/\/$/, ""));
const read = (path: string) => tree.get(path) ?? assert.fail(`there is no ${path}`);
const deno = v.parse(DenoSchema, JSON.parse(read("deno.json")));
const npm = v.parse(PackageSchema, JSON.parse(read("package.json")));

Deno.test("package.json names the packages and versions that deno.json names", () => {
  const expected: Record<string, string> = {};
  for (const [name, target] of Object.entries(deno.imports)) {
    if (!target.startsWith("npm:")) continue;
    const at = target.lastIndexOf("@");
    assert.equal(target.slice("npm:".length, at), name, "a package goes by its own name");
    expected[name] = target.slice(at + 1);
  }
  assert.deepEqual({ ...npm.dependencies, ...npm.devDependencies }, expected);
  for (const version of Object.values(expected)) assert.match(version, /^\d+\.\d+\.\d+$/);
});

Deno.test("package.json does not list deno, which a task would take for a script", () => {
  assert.equal(Object.hasOwn({ ...npm.dependencies, ...npm.devDependencies }, "deno"), false);
});

Deno.test("both manifests say the same version and the same doors", () => {
  assert.equal(npm.version, deno.version);
  assert.deepEqual(npm.exports, deno.exports);
  for (const file of Object.values(deno.exports)) read(file.replace(/^\.\//, ""));
});

Deno.test("the lock holds every package and no address to fetch it from", () => {
  const lock = read("deno.lock");
  for (const target of Object.values(deno.imports)) {
    if (target.startsWith("npm:")) assert.ok(lock.includes(`"${target}"`), target);
  }
  assert.doesNotMatch(lock, /https?:\/\//);
});

Deno.test("every task says in one line what it does, and none grants everything", () => {
  for (const [name, { description, command }] of Object.entries(deno.tasks)) {
    assert.match(description, /^[A-Z].{10,90}[^.]$/, name);
    assert.doesNotMatch(
      command,
      /(^|\s)(-A|--allow-all|--allow-(run|write))(\s|$)/,
      name,
    );
  }
});

Deno.test("no command line in the repository grants everything", () => {
  const pattern = new RegExp("\\bdeno (run|test|bench)\\b[^\\n`]*\\s(-A\\b|--allow-" + "all\\b)");
  const lines = [...tree].flatMap(([path, text]) =>
    text.split("\n").filter((line) => pattern.test(line)).map((line) => `${path}: ${line.trim()}`)
  );
  assert.deepEqual(lines, []);
  assert.match(["deno run", "-A x.ts"].join(" "), pattern);
});
