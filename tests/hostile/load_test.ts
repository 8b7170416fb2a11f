import assert from "node:assert/strict";
import { type LoadOptions, loadPlugin } from "../../host/sandbox/code.ts";
import { LIMITS } from "../../schemas/wire.ts";
import { procDescriptors, procFile, procLink } from "./proc.ts";
import { hostileCode, machineJail, rawCode, runHostile } from "./sandbox.ts";

const home = new URL("../../", import.meta.url);

/** A plugin's text that pulls something in statically; what it got it says on stderr. */
function leaking(importLine: string): string {
  return `${importLine}
console.error("LEAK", loot);
export default { "~serve": async () => {} };
`;
}

const STATIC: readonly (readonly [string, string])[] = [
  ["a file as text", 'import loot from "file:///etc/passwd" with { type: "text" };'],
  ["a file as bytes", 'import loot from "file:///etc/passwd" with { type: "bytes" };'],
  ["a file as JSON", 'import loot from "file:///etc/passwd" with { type: "json" };'],
  ["a file as a module", 'import loot from "file:///etc/passwd";'],
  ["a module from the network", 'import loot from "http://127.0.0.1:1/?what-I-know";'],
  ["a package", 'import loot from "npm:is-odd@3.0.1";'],
  ["a file by a literal dynamic import", 'const loot = await import("file:///etc/passwd");'],
  [
    "a file as text by a literal dynamic import",
    'const loot = await import("file:///etc/passwd", { with: { type: "text" } });',
  ],
];

for (const [what, line] of STATIC) {
  Deno.test(`a plugin that imports ${what} does not start and gets nothing`, async () => {
    await using hostile = await runHostile(rawCode(leaking(line)), { attack: "" });
    const death = await hostile.death();
    assert.match(death, /^WEIR_PLUGIN_LOAD: .*its code is at fault; stderr: /s);
    assert.doesNotMatch(death, /LEAK|root:/);
  });
}

const BROKEN: readonly (readonly [string, string, RegExp])[] = [
  ["is not JavaScript", "export default {", /SyntaxError|Unexpected/],
  ["exports nothing", "export const x = 1;", /it has no default export: write export default/],
  ["exports a table", "export default {};", /its default export is not made by a define function/],
  ["throws at once", 'throw new Error("boom at the top");', /boom at the top/],
];

for (const [what, text, expected] of BROKEN) {
  Deno.test(`a plugin that ${what} is parked at once, with what it said`, async () => {
    await using hostile = await runHostile(rawCode(text), { attack: "" });
    assert.match(await hostile.death(), expected);
    await hostile.until(() => hostile.plugin.state().type !== "starting");
    const state = hostile.plugin.state();
    assert.ok(state.type === "parked", state.type);
    assert.match(state.reason, /^Cannot start plugin "raw": its code is at fault; stderr: /);
    assert.match(state.reason, expected);
    assert.equal(hostile.plugin.restarts(), 0);
    assert.equal(hostile.lines.filter(({ level }) => level === "error").length, 1);
  });
}

Deno.test("a plugin that spins while it is loaded is killed by the handshake's deadline", async () => {
  await using hostile = await runHostile(rawCode("for (;;);"), {
    attack: "",
    limits: { handshakeMs: 500 },
  });
  assert.match(await hostile.death(), /WEIR_PLUGIN_TIMEOUT: .*no welcome within 500 ms/);
});

Deno.test("a plugin that spins while it is loaded does not hold up the end of the host", async () => {
  const hostile = await runHostile(rawCode("for (;;);"), { attack: "" });
  const started = performance.now();
  await hostile.plugin.stop();
  const took = performance.now() - started;
  assert.ok(took < LIMITS.handshakeMs / 2, `it took ${took} ms`);
});

Deno.test("a plugin finds neither the host's environment nor its descriptors, nor any right", async () => {
  const code = await hostileCode("wire.ts");
  await using hostile = await runHostile(code, { attack: "" });
  await hostile.ready;
  const state = hostile.plugin.state();
  assert.ok(state.type === "ready");
  const { pid } = state;
  const environment = await procFile(pid, "environ");
  const names = environment?.split("\0").filter((line) => line !== "")
    .map((line) => line.split("=")[0]).sort();
  assert.deepEqual(names, [
    "DENO_DIR",
    "DENO_NO_UPDATE_CHECK",
    "MALLOC_ARENA_MAX",
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_TRIM_THRESHOLD_",
    "NO_COLOR",
    "PATH",
  ]);
  const descriptors = await procDescriptors(pid);
  assert.equal(descriptors.filter((target) => target.startsWith("pipe:")).length >= 3, true);
  const foreign = descriptors.filter((target) =>
    !/^(pipe:|anon_inode:|socket:|\/dev\/)/.test(target)
  );
  assert.deepEqual(foreign, []);
  const { layers } = await machineJail();
  const status = await procFile(pid, "status") ?? "";
  if (layers.some(({ name }) => name === "privileges")) {
    assert.match(status, /^CapEff:\t0{16}$/m);
    assert.match(status, /^CapBnd:\t0{16}$/m);
    assert.match(status, /^NoNewPrivs:\t1$/m);
  }
  if (layers.some(({ name }) => name === "user")) assert.match(status, /^Uid:\t65534\t65534/m);
  if (layers.some(({ name }) => name === "network")) {
    assert.notEqual(await procLink(pid, "ns/net"), await procLink(Deno.pid, "ns/net"));
  }
});

/** Ways to a file outside of the plugin's folder, each as a module; `stolen` is beside it. */
const OUTSIDE: readonly (readonly [string, string])[] = [
  ["a path", 'import x from "../stolen/token" with { type: "text" };'],
  ["bytes", 'import x from "../stolen/token" with { type: "bytes" };'],
  ["an encoded path", 'import x from "./..%2fstolen/token" with { type: "text" };'],
  ["a link", 'import x from "./link" with { type: "text" };'],
  ["a pattern", "const x = await import(`../stolen/${name}.json`);"],
  ["a pattern of text", 'const x = await import("../stolen/" + name, { with: { type: "text" } });'],
  ["a pattern that finds a link", 'const x = await import(`./l${name}`, {with: {type: "bytes"}});'],
  ["a choice", 'const x = await import(name ? "../stolen/data.json" : "../stolen/data.json");'],
  ["require", 'const x = require("../stolen/data.json");'],
  ["require in another module", 'import x from "./common.cjs";'],
  ["a package beside it", 'import x from "thief";'],
  ["weir's own folder", `import x from "${home.href}deno.lock" with { type: "text" };`],
];

/** Deno makes links only with every permission there is. */
async function link(target: string, path: string): Promise<void> {
  const { success } = await new Deno.Command("ln", { args: ["-s", target, path] }).output();
  assert.ok(success);
}

async function attackersFolder() {
  const folder = await Deno.makeTempDir({ prefix: "weir-hostile-" });
  const at = (path: string) => new URL(path, `file://${folder}/`);
  for (const path of ["stolen", "plugin", "plugin/node_modules", "plugin/node_modules/thief"]) {
    await Deno.mkdir(at(path));
  }
  await Deno.writeTextFile(at("stolen/token"), "LOOT");
  await Deno.writeTextFile(at("stolen/data.json"), '"LOOT"');
  await link(`${folder}/stolen/token`, `${folder}/plugin/link`);
  await link("/dev/zero", `${folder}/plugin/zero.js`);
  await Deno.writeTextFile(at("plugin/common.cjs"), 'exports.x = require("../stolen/data.json");');
  await Deno.writeTextFile(at("plugin/package.json"), '{ "dependencies": { "thief": "1.0.0" } }');
  const thief = '{ "name": "thief", "version": "1.0.0", "main": "../../../stolen/data.json" }';
  await Deno.writeTextFile(at("plugin/node_modules/thief/package.json"), thief);
  const load = async (text: string, limits?: LoadOptions["limits"]) => {
    await Deno.writeTextFile(at("plugin/plugin.ts"), text);
    const { text: bundle } = await loadPlugin("./plugin.ts", {
      deno: Deno.execPath(),
      home,
      cache: at("cache/"),
      base: at("plugin/"),
      fetch,
      ...(limits === undefined ? {} : { limits }),
    });
    return new TextDecoder().decode(bundle);
  };
  return { load, [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }) };
}

Deno.test("a plugin's bundle is refused if it takes a file from outside of its folder", async () => {
  await using attacker = await attackersFolder();
  for (const [way, line] of OUTSIDE) {
    const text = `declare const name: string, require: (path: string) => unknown;
${line}
export default x;
`;
    await assert.rejects(attacker.load(text), (error: Error) => {
      assert.match(error.message, /which is outside of its folder|Could not resolve/, way);
      assert.doesNotMatch(error.message, /LOOT/, way);
      return true;
    });
  }
});

Deno.test("a plugin's bundle may hold packages and patterns of its own files", async () => {
  await using attacker = await attackersFolder();
  const text = await attacker.load(`import * as v from "valibot";
declare const name: string;
export default [v.string, await import(\`./package\${name}.json\`)];
`);
  assert.match(text, /thief: "1\.0\.0"/);
});

Deno.test("a plugin's bundle is refused if it imports the network, node or what is missing", async () => {
  await using attacker = await attackersFolder();
  const cases: readonly (readonly [string, RegExp])[] = [
    ['import x from "https://example.invalid/x.js";', /example.invalid/],
    ['import x from "node:fs";', /a sandbox has no modules of node/],
    ['import x from "./missing.ts";', /Module not found/],
  ];
  for (const [line, expected] of cases) {
    await assert.rejects(attacker.load(`${line}\nexport default x;\n`), (error: Error) => {
      assert.match(error.message, expected);
      return true;
    });
  }
});

Deno.test("a plugin whose bundling does not end or grows too large is refused", async () => {
  await using attacker = await attackersFolder();
  await assert.rejects(
    attacker.load("export default 1;\n", { bundleMs: 1, codeBytes: 1024 }),
    /has not ended after 1 ms/,
  );
  await assert.rejects(
    attacker.load(`export default "${"x".repeat(2048)}";\n`, { bundleMs: 60_000, codeBytes: 1024 }),
    /it has more than 1024 bytes/,
  );
  // Beside a package.json Deno reads a script to see of which kind it is.
  await assert.rejects(
    attacker.load('import x from "./zero.js";\nexport default x;\n'),
    /out of memory/,
  );
});
