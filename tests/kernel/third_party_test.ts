/**
 * A proxier that is not weir's: loaded from a folder outside the repository.
 */
import assert from "node:assert/strict";
import { outcomeOf, reach, tally, VIP, web } from "./cluster.ts";
import { startWeirCluster } from "./weir_on_manifests.ts";

const TCP = { version: 4, transport: "tcp" } as const;
const EXAMPLE = new URL("../../examples/hello-proxier/plugin.ts", import.meta.url);

Deno.test("a third party's proxier answers from outside the repository, with its hash pinned or not", async () => {
  const folder = await Deno.makeTempDir({ prefix: "weir-hello-" });
  await using stack = new AsyncDisposableStack();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const plugin = `${folder}/plugin.ts`;
  await Deno.copyFile(EXAMPLE, plugin);

  const cluster = stack.use(await startWeirCluster([`--proxy-mode=${plugin}`]));
  const { topology: { client, node, backends }, weir } = cluster;
  await weir.serve(web(backends));
  for (const member of [client, node]) {
    const exchanges = await member.agent.connect({
      ...{ transport: "tcp", address: VIP[4], port: 80 },
      count: 60,
    });
    assert.deepEqual(
      [...tally(exchanges).keys()].sort(),
      backends.map(({ name }) => name),
      member.name,
    );
  }
  const loaded = /"Loaded plugin" plugin="\S+weir-hello-\S+" sha256="([0-9a-f]{64})"/;
  const [, sha256 = ""] = await weir.process.said(loaded);

  weir.process.kill("SIGTERM");
  assert.equal((await weir.process.ended()).code, 0);
  weir.restart([`--proxy-mode=${plugin}#sha256=${sha256}`]);
  await weir.serve(web(backends.slice(2)));
  assert.equal(outcomeOf(await reach(client, TCP)), "backend-2");

  weir.process.kill("SIGTERM");
  assert.equal((await weir.process.ended()).code, 0);
  const wrong = "0".repeat(64);
  weir.restart([`--proxy-mode=${plugin}#sha256=${wrong}`]);
  const { code, log } = await weir.process.ended();
  assert.equal(code, 1, log);
  const says = `its sha256 is ${sha256}, pinned is ${wrong} (WEIR_PLUGIN_LOAD)`;
  assert.ok(log.includes(says), log);
  assert.equal(outcomeOf(await reach(client, TCP)), "backend-2", "the last good rules stay");
});

/** Runs weir with a proxier of this text, in a file of a folder of its own. */
async function withProxier(text: string, flags: readonly string[] = []) {
  const folder = await Deno.makeTempDir({ prefix: "weir-third-" });
  const plugin = `${folder}/plugin.ts`;
  await Deno.writeTextFile(plugin, text);
  const cluster = await startWeirCluster([`--proxy-mode=${plugin}`, ...flags]);
  return {
    plugin,
    cluster,
    [Symbol.asyncDispose]: async () => {
      await cluster[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

Deno.test("a third party's proxier whose code is at fault is given up at once, and the log says why", async () => {
  await using started = await withProxier("export const proxier = {};\n");
  const { weir } = started.cluster;
  await weir.process.said(/"plugin is parked; .*its code is at fault.*it has no default export/);
  assert.doesNotMatch(weir.process.log, /will be started again/);
});

Deno.test("what a third party's proxier throws is logged with its author's line", async () => {
  await using started = await withProxier(`import { defineProxier } from "weir";

interface Dropped {
  readonly by: "the bundler";
}

function programme(): Dropped {
  throw new TypeError("not today");
}

export default defineProxier({
  name: "thrower", version: "0.1.0", api: 1,
  resync: () => void programme(),
  apply() {},
  explain: () => [],
  cleanup() {},
});
`);
  const { cluster, plugin } = started;
  const [said] = await cluster.weir.process.said(/"Cannot sync .*not today.*/);
  assert.ok(said.includes(`at="programme, ${plugin}:8"`), said);
});
