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
