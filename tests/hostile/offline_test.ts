/**
 * Plugins on a machine that was given its packages by weir's lock, and has no network.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const home = fileURLToPath(new URL("../../", import.meta.url));
const child = fileURLToPath(new URL("./offline_child.ts", import.meta.url));

async function copy(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copy(`${from}/${name}`, `${to}/${name}`);
    else await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}

async function output(program: string, args: string[]) {
  const env = { NO_COLOR: "1" };
  const { stdout, stderr } = await new Deno.Command(program, { args, env }).output();
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}

/** Deno's folder with the packages of the SDK and the bundler, and without metadata of others. */
async function denoDir(to: string): Promise<void> {
  const { denoDir, npmCache } = JSON.parse(await output(Deno.execPath(), ["info", "--json"]));
  await copy(`${denoDir}/dl`, `${to}/dl`);
  for await (const { name } of Deno.readDir(npmCache)) {
    await copy(`${npmCache}/${name}/valibot`, `${to}/npm/${name}/valibot`).catch(() => {});
  }
}

async function loadOffline(plugin: string) {
  const folder = await Deno.makeTempDir({ prefix: "weir-offline-" });
  try {
    await denoDir(`${folder}/deno`);
    await Deno.mkdir(`${folder}/plugin`);
    await Deno.writeTextFile(`${folder}/plugin/plugin.ts`, plugin);
    const said = await output("unshare", [
      ...["--user", "--map-root-user", "--net", Deno.execPath(), "run", "--no-prompt", "--frozen"],
      ...[
        "--cached-only",
        "--config",
        `${home}deno.json`,
        "--allow-read",
        `--allow-write=${folder}`,
      ],
      ...["--allow-run", "--allow-env=DENO_DIR", child],
      ...[`${folder}/plugin/plugin.ts`, `${folder}/cache`, `${folder}/deno`],
    ]);
    const left = [...Deno.readDirSync(`${folder}/cache`)].map(({ name }) => name.split(".").at(-1));
    return { said, left: left.sort() };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("without a network a third party's plugin is bundled by what is cached, and at once", async () => {
  const startedAt = performance.now();
  const { said, left } = await loadOffline(`import { defineLocalDetector } from "weir";
export default defineLocalDetector({
  name: "offline", version: "0.1.0", api: 1,
  detect: () => [],
});
`);
  assert.match(said, /^\d{5,} bytes, mapped\nasked npm for nothing\n/);
  assert.ok(performance.now() - startedAt < 20_000, said);
  assert.deepEqual(left, ["js", "json", "map"], "no lock stays");
});

Deno.test("without a network a plugin whose packages are missing is refused with their names", async () => {
  const { said } = await loadOffline(
    'import isOdd from "npm:is-odd@3.0.1";\nexport default isOdd;\n',
  );
  assert.match(
    said,
    /^WeirError: Cannot bundle .*Deno has not cached is-odd@3\.0\.1 of npm and cannot fetch it now; /,
  );
  assert.match(said, /^asked npm for is-odd@3\.0\.1$/m);
});
