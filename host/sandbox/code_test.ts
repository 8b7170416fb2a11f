import assert from "node:assert/strict";
import { type LoadOptions, loadPlugin } from "./code.ts";
import { sha256 } from "./bundle.ts";

const home = new URL("../../", import.meta.url);

const PLUGIN = `import { defineProxier } from "weir";
import { greeting } from "./greeting.ts";
export default defineProxier({
  name: "elsewhere", version: "0.1.0", api: 1,
  resync: (_, { log }) => log.info(greeting),
  apply() {},
  explain: () => [],
  cleanup() {},
});
`;

/** A plugin in a folder of its own, outside of the repository. */
async function elsewhere() {
  const folder = await Deno.makeTempDir({ prefix: "weir-plugin-" });
  const base = new URL(`file://${folder}/`);
  const cache = new URL("cache/", base);
  await Deno.writeTextFile(new URL("plugin.ts", base), PLUGIN);
  await Deno.writeTextFile(new URL("greeting.ts", base), 'export const greeting = "hello";\n');
  const options: LoadOptions = {
    deno: Deno.execPath(),
    home,
    base,
    cache,
    fetch: () => Promise.reject(new Error("the network is not to be used")),
  };
  return {
    base,
    cache,
    options,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

Deno.test("a plugin outside of the repository becomes one text without host code", async () => {
  await using place = await elsewhere();
  const { text } = await loadPlugin("./plugin.ts", place.options);
  const bundle = decode(text);
  assert.match(bundle, /var greeting = "hello"/);
  assert.match(bundle, /~serve/);
  assert.doesNotMatch(bundle, /^\s*import[\s{*]/m, "it imports nothing");
  // The bundler names the file of each part.
  const parts = [...bundle.matchAll(/^\/\/ (\S+\.m?[jt]s)$/gm)].map(([, file = ""]) => file);
  assert.ok(parts.some((file) => file.endsWith("plugins/sdk/serve.ts")));
  const foreign = parts.filter((file) => /(^|\/)(host|tests)\//.test(file));
  assert.deepEqual(foreign, []);
});

Deno.test("a bundle is made once and found again until a file changes", async () => {
  await using place = await elsewhere();
  const first = await loadPlugin("./plugin.ts", place.options);
  const withoutDeno = { ...place.options, deno: "/nonexistent/deno" };
  const again = await loadPlugin("./plugin.ts", withoutDeno);
  assert.equal(again.sha256, first.sha256);
  await Deno.writeTextFile(new URL("greeting.ts", place.base), 'export const greeting = "bye";\n');
  await assert.rejects(loadPlugin("./plugin.ts", withoutDeno), { code: "WEIR_PLUGIN_LOAD" });
  const changed = await loadPlugin("./plugin.ts", place.options);
  assert.match(decode(changed.text), /var greeting = "bye"/);
});

Deno.test("a bundle that was tampered with in the cache is made anew", async () => {
  await using place = await elsewhere();
  const first = await loadPlugin("./plugin.ts", place.options);
  const kept = new URL(`${first.sha256}.js`, place.cache);
  await Deno.writeTextFile(kept, "export default 1;\n");
  const again = await loadPlugin("./plugin.ts", place.options);
  assert.equal(again.sha256, first.sha256);
  assert.equal(decode(await Deno.readFile(kept)), decode(first.text));
});

Deno.test("several that bundle the same plugin at once do not disturb each other", async () => {
  await using place = await elsewhere();
  const codes = await Promise.all(
    Array.from({ length: 3 }, () => loadPlugin("./plugin.ts", place.options)),
  );
  assert.equal(new Set(codes.map(({ sha256 }) => sha256)).size, 1);
  for await (const { name } of Deno.readDir(place.cache)) assert.doesNotMatch(name, /\.part$/);
});

Deno.test("a pinned script is taken as it is, and only with its hash", async () => {
  await using place = await elsewhere();
  const script = new TextEncoder().encode("export default 1;\n");
  await Deno.writeFile(new URL("ready.js", place.base), script);
  const hash = await sha256(script);
  const code = await loadPlugin(`./ready.js#sha256=${hash}`, place.options);
  assert.equal(decode(code.text), "export default 1;\n");
  await assert.rejects(loadPlugin(`./ready.js#sha256=${"0".repeat(64)}`, place.options), {
    code: "WEIR_PLUGIN_LOAD",
    message: `Cannot load plugin "./ready.js#sha256=${"0".repeat(64)}": ` +
      `its sha256 is ${hash}, pinned is ${"0".repeat(64)}`,
  });
});

Deno.test("a pinned source is bundled, and the pin is the bundle's hash", async () => {
  await using place = await elsewhere();
  const { sha256 } = await loadPlugin("./plugin.ts", place.options);
  const pinned = await loadPlugin(`./plugin.ts#sha256=${sha256}`, place.options);
  assert.equal(pinned.sha256, sha256);
});

Deno.test("code from the network is taken only with its hash", async () => {
  await using place = await elsewhere();
  const script = new TextEncoder().encode("export default 2;\n");
  const asked: string[] = [];
  const get = (status: number): typeof fetch => (input) => {
    asked.push(String(input));
    return Promise.resolve(new Response(script, { status }));
  };
  const url = `https://plugins.example/x.js#sha256=${await sha256(script)}`;
  const code = await loadPlugin(url, { ...place.options, fetch: get(200) });
  assert.equal(decode(code.text), "export default 2;\n");
  assert.deepEqual(asked, ["https://plugins.example/x.js"]);
  await assert.rejects(loadPlugin(url, { ...place.options, fetch: get(404) }), {
    message: `Cannot load plugin "${url}": the server answers 404`,
  });
  const other = `https://plugins.example/x.js#sha256=${"0".repeat(64)}`;
  await assert.rejects(loadPlugin(other, { ...place.options, fetch: get(200) }), /pinned is 0000/);
});

Deno.test("code that is missing or broken is refused with what is wrong", async () => {
  await using place = await elsewhere();
  await Deno.writeTextFile(new URL("broken.ts", place.base), "export default {\n");
  for (const name of ["./broken.ts", "./nowhere.ts"]) {
    await assert.rejects(loadPlugin(name, place.options), { code: "WEIR_PLUGIN_LOAD" });
  }
});
