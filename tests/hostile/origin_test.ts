import assert from "node:assert/strict";
import { sha256 } from "../../host/sandbox/bundle.ts";
import { printable } from "../../host/printable.ts";
import { loadPlugin } from "../../host/sandbox/code.ts";
import { Origins } from "../../host/sandbox/origins.ts";
import { runHostile } from "./sandbox.ts";

const home = new URL("../../", import.meta.url);

const snapshot = {
  revision: 1,
  settings: {
    families: ["IPv4"] as const,
    masqueradeAll: false,
    masqueradeBit: 14,
    localMatches: [],
    nodePorts: { type: "listed" as const, addresses: [] },
    serviceCIDRs: [],
  },
  ports: [],
};

const PLUGIN = `import { defineProxier } from "weir";
import { greet } from "./greet.NAMED";

interface Ignored {
  readonly bundlers: "drop this";
}

export default defineProxier({
  name: "author", version: "0.1.0", api: 1,
  resync: () => greet(),
  apply() {},
  explain: () => [],
  cleanup() {},
});
`;

/** Throws in its fifth line. */
const GREET = `
export function greet() {
  const name = undefined;

  throw new TypeError("no " + name);
}
`;

/** A map that says the file was /etc/loot.ts, and holds a secret. */
const MAP = JSON.stringify({
  version: 3,
  sources: ["/etc/loot.ts"],
  sourcesContent: ["LOOT"],
  names: [],
  mappings: "AAAA;AACA;AACA;AACA;AACA;AACA;AACA",
});

/** A plugin of two files in a folder of its own, and beside that a map that is none of its own. */
async function authored(ending: string, last = "") {
  const folder = await Deno.makeTempDir({ prefix: "weir-author-" });
  const at = (path: string) => new URL(path, `file://${folder}/`);
  await Deno.mkdir(at("my plugin"));
  await Deno.writeTextFile(at("my plugin/plugin.ts"), PLUGIN.replace("NAMED", ending));
  await Deno.writeTextFile(at(`my plugin/greet.${ending}`), GREET + last);
  await Deno.writeTextFile(at("loot.map"), MAP);
  const load = (reference: string) =>
    loadPlugin(reference, {
      deno: Deno.execPath(),
      home,
      cache: at("cache/"),
      base: at("my plugin/"),
      fetch,
    });
  return {
    folder,
    load,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

/** The stack of what its `resync` throws. */
async function thrownBy(code: Awaited<ReturnType<typeof loadPlugin>>, inspectable: boolean) {
  await using hostile = await runHostile(code, { attack: "", inspectable });
  await hostile.ready;
  const thrown: unknown = await hostile.plugin.call("resync", snapshot).then(
    () => undefined,
    ({ cause }) => cause.stack,
  );
  return String(thrown);
}

for (const inspectable of [false, true]) {
  const how = inspectable ? "with --profiling" : "without profiling";
  Deno.test(`what a plugin throws names its author's file and line, ${how}`, async () => {
    await using author = await authored("ts");
    const stack = await thrownBy(await author.load("./plugin.ts"), inspectable);
    const { folder } = author;
    assert.match(stack, /^TypeError: no undefined\n/);
    assert.ok(stack.includes(`at greet (${folder}/my plugin/greet.ts:5)`), stack);
    assert.ok(stack.includes(`(${folder}/my plugin/plugin.ts:10)`), stack);
    assert.match(stack, /at .*\(plugins\/sdk\/serve\.ts:\d+\)/);
  });
}

Deno.test("what a plugin throws while it is loaded is told by its author's file and line", async () => {
  await using author = await authored("ts", "\ngreet();\n");
  const code = await author.load("./plugin.ts");
  await using hostile = await runHostile(code, { attack: "" });
  const death = await hostile.death();
  assert.ok(death.includes(`greet (${author.folder}/my plugin/greet.ts:5)`), death);
  assert.ok(death.includes(`at ${author.folder}/my plugin/greet.ts:8`), death);
});

Deno.test("a text that was taken as it is keeps its own lines, under its own name", async () => {
  await using author = await authored("ts");
  const { text, sha256 } = await author.load("./plugin.ts");
  await Deno.writeFile(`${author.folder}/my plugin/ready.js`, text);
  const stack = await thrownBy(await author.load(`./ready.js#sha256=${sha256}`), false);
  const line = new TextDecoder().decode(text).split("\n").findIndex((one) =>
    one.includes('no " + name')
  );
  assert.ok(stack.includes(`at greet (${author.folder}/my plugin/ready.js:${line + 1})`), stack);
});

const NAMED: readonly (readonly [string, string])[] = [
  ["a file outside of its folder", "../loot.map"],
  ["a file by its URL", "file:///dev/zero"],
  ["a device that never ends", "/dev/zero"],
  ["a map in itself", `data:application/json;base64,${btoa(MAP)}`],
  ["what is no map", "data:application/json;base64,!!!"],
];

for (const ending of ["js", "mjs", "ts"]) {
  for (const [what, url] of NAMED) {
    Deno.test(`a plugin whose .${ending} names ${what} as its source map is not obeyed`, async () => {
      await using author = await authored(ending, `//# sourceMappingURL=${url}\n`);
      const { folder } = author;
      const code = await author.load("./plugin.ts");
      const kept = code.map === undefined ? "" : await Deno.readTextFile(code.map.file);
      assert.match(kept, /my plugin\/plugin\.ts/, "there is a map all the same");
      assert.doesNotMatch(kept, /LOOT/);
      const find = await new Origins("author", code, home).read();
      const lines = new TextDecoder().decode(code.text).split("\n");
      const files = new Set(lines.map((_, line) => find(line, 0).file));
      assert.deepEqual([...files].filter((file) => /loot|etc/.test(file)), []);
      assert.ok(files.has(`${folder}/my plugin/plugin.ts`), [...files].join("\n"));
      // A map in the file is its author's word, and is not taken for the bundler's.
      const line = lines.findIndex((one) => one.includes('no " + name'));
      const expected = what === "a map in itself" && ending !== "ts"
        ? `author.js:${line + 1}`
        : `${folder}/my plugin/greet.${ending}:5`;
      const origin = find(line, 2);
      assert.equal(`${origin.file}:${origin.line}`, expected);
      assert.equal(origin.part, `${folder}/my plugin/greet.${ending}`);
    });
  }
}

Deno.test("a map that was tampered with in the cache is not used", async () => {
  await using author = await authored("ts");
  const code = await author.load("./plugin.ts");
  assert.ok(code.map !== undefined);
  await Deno.writeTextFile(
    code.map.file,
    '{"sources":["/etc/loot.ts"],"lines":[null],"mappings":"AAAA"}',
  );
  const find = await new Origins("author", code, home).read();
  assert.equal(find(3000, 0).file, "author.js");
});

Deno.test("what a plugin says of places is left alone where it names none of its own", async () => {
  await using author = await authored("ts");
  const origins = new Origins("author", await author.load("./plugin.ts"), home);
  for (const told of ["", "at f (file:///etc/passwd:1:1)", "blob:x:1:1", "data:,x:1:2"]) {
    assert.equal(await origins.name(told), told);
  }
});

for (const path of ["../a%2Fb.ts", "../%ff.ts"]) {
  Deno.test(`a plugin that claims to be of ${path}, which is no path, harms nobody but itself`, async () => {
    const claim = `const claim = \`\n// ${path}\n\`;\nthrow new Error(claim);\n`;
    await using author = await authored("ts", claim);
    const code = await author.load("./plugin.ts");
    const lines = new TextDecoder().decode(code.text).split("\n");
    const line = lines.findIndex((one) => one.includes("throw new Error(claim)"));
    assert.ok(line > lines.indexOf(`// ${path}`) && lines.includes(`// ${path}`));
    const find = await new Origins("author", code, home).read();
    assert.equal(find(line, 0).part, printable(path));
    await using hostile = await runHostile(code, { attack: "" });
    assert.match(
      await hostile.death(),
      /its code is at fault; stderr: .*hostile.js:/s,
    );
  });
}

Deno.test("a plugin that claims to be of a file with a name of a megabyte has it repeated nowhere", async () => {
  const long = `../${"x".repeat(1_000_000)}.ts`;
  const bytes = new TextEncoder().encode(`throw \`\n// ${long}\n\`;\n1;\n`);
  const map = { sources: [long], lines: [null], mappings: "AAAA;AACA;AACA;AACA" };
  const folder = await Deno.makeTempDir({ prefix: "weir-author-" });
  try {
    const file = new URL("map", `file://${folder}/`);
    const mapped = new TextEncoder().encode(JSON.stringify(map));
    await Deno.writeFile(file, mapped);
    const code = {
      reference: "x",
      text: bytes,
      sha256: "",
      ready: undefined,
      map: { file, sha256: await sha256(mapped) },
    };
    const told = "data:text/javascript;base64,:3:1 ".repeat(248);
    const named = await new Origins("author", code, home).name(told);
    assert.equal(named, "author.js:3 ".repeat(248));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
