import assert from "node:assert/strict";
import * as v from "valibot";
import { readTree } from "../runner/tree.ts";

const tree = readTree(new URL("../..", import.meta.url).pathname.replace(/\/$/, ""));
const read = (path: string) => tree.get(path) ?? assert.fail(`there is no ${path}`);
const { tasks } = v.parse(
  v.looseObject({ tasks: v.record(v.string(), v.unknown()) }),
  JSON.parse(read("deno.json")),
);
const pages = [...tree].filter(([path]) => path.endsWith(".md"));

/** The part of a page that is in code, fenced or between back-ticks. */
function commandsOf(page: string): string[] {
  const found = [...page.matchAll(/\b(?:deno|deno@[\d.]+) task ([a-z][a-z0-9:-]*)/g)];
  return found.map(([, name = ""]) => name);
}

Deno.test("every task that a page tells to run exists", () => {
  const missing = pages.flatMap(([path, text]) =>
    commandsOf(text).filter((name) => !Object.hasOwn(tasks, name)).map((name) => `${path}: ${name}`)
  );
  assert.deepEqual(missing, []);
  assert.deepEqual(commandsOf("`npx -y deno@2.9.6 task demo`, deno task test x"), ["demo", "test"]);
});

Deno.test("the README and CI run the tests by the same command, with the same Deno", () => {
  const command = /npx -y deno@\d+\.\d+\.\d+ task test$/m;
  const [told = ""] = command.exec(read("README.md")) ?? [];
  assert.match(told, command);
  assert.ok(read(".ci/run").split("\n").some((line) => line.trim().startsWith(told)));
  const versions = ["README.md", "CONTRIBUTING.md", ".ci/run"].flatMap((path) =>
    read(path).match(/deno@\d+\.\d+\.\d+/g) ?? []
  );
  assert.equal(new Set(versions).size, 1, versions.join(" "));
});

Deno.test("every link to a file of the repository leads somewhere", () => {
  const broken = pages.flatMap(([path, text]) =>
    [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].flatMap(([, target = ""]) => {
      if (/^[a-z]+:/.test(target)) return [];
      const found = new URL(target, `file:///${path}`).pathname.slice(1).replace(/\/$/, "");
      const there = found === "" || tree.has(found) ||
        [...tree.keys()].some((file) => file.startsWith(`${found}/`));
      return there ? [] : [`${path}: ${target}`];
    })
  );
  assert.deepEqual(broken, []);
});

Deno.test("the changelog has a place for what is not released, with something in it", () => {
  assert.match(read("CHANGELOG.md"), /^## Unreleased\n\n(?:.+\n|\n)*?- \S/m);
});
