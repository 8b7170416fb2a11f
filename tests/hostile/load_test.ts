import assert from "node:assert/strict";
import { loadPlugin } from "../../host/sandbox/code.ts";
import { procDescriptors, procFile, procLink } from "./proc.ts";
import { hostileCode, machineJail, rawCode, runHostile } from "./sandbox.ts";

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
    assert.match(death, /^WEIR_PLUGIN_DIED: .*it ended before its welcome; stderr: /s);
    assert.doesNotMatch(death, /LEAK|root:/);
  });
}

const BROKEN: readonly (readonly [string, string, RegExp])[] = [
  ["is not JavaScript", "export default {", /SyntaxError|Unexpected/],
  ["exports nothing", "export const x = 1;", /its default export is not made by a define function/],
  ["throws at once", 'throw new Error("boom at the top");', /boom at the top/],
];

for (const [what, text, expected] of BROKEN) {
  Deno.test(`a plugin that ${what} is reported with what it said`, async () => {
    await using hostile = await runHostile(rawCode(text), { attack: "" });
    assert.match(await hostile.death(), expected);
  });
}

Deno.test("a plugin that spins while it is loaded is killed by the handshake's deadline", async () => {
  await using hostile = await runHostile(rawCode("for (;;);"), {
    attack: "",
    limits: { handshakeMs: 500 },
  });
  assert.match(await hostile.death(), /WEIR_PLUGIN_TIMEOUT: .*no welcome within 500 ms/);
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
  assert.deepEqual(names, ["DENO_NO_UPDATE_CHECK", "MALLOC_MMAP_THRESHOLD_", "NO_COLOR", "PATH"]);
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

Deno.test("a plugin's bundle is refused if it takes files from outside of its folder", async () => {
  const folder = await Deno.makeTempDir({ prefix: "weir-hostile-" });
  try {
    const base = new URL(`file://${folder}/`);
    const options = {
      deno: Deno.execPath(),
      home: new URL("../../", import.meta.url),
      cache: new URL("cache/", base),
      base,
      fetch,
    };
    const cases: readonly (readonly [string, RegExp])[] = [
      ['import x from "/etc/passwd" with { type: "text" };', /which is outside of its folder/],
      [
        'import x from "https://example.invalid/x.js";',
        /it imports https:\/\/example.invalid|Requires import access to "example.invalid/,
      ],
      ['import x from "node:fs";', /a sandbox has no modules of node/],
      ['import x from "./missing.ts";', /Module not found/],
    ];
    for (const [index, [line, expected]] of cases.entries()) {
      await Deno.writeTextFile(new URL(`${index}.ts`, base), `${line}\nexport default x;\n`);
      await assert.rejects(loadPlugin(`./${index}.ts`, options), (error: Error) => {
        assert.match(error.message, expected);
        return true;
      });
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
