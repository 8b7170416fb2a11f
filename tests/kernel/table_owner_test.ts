/**
 * Other people's tables under the whole of weir: a plugin whose table's name is somebody's already
 * does not get it, and what weir has made itself is found again whatever has happened to it.
 */
import assert from "node:assert/strict";
import { Topology } from "../kit/packet/topology.ts";
import { outcomeOf, reach, TARGET_PORT, web } from "./cluster.ts";
import { ConfigMap } from "./config_map.ts";
import { Load } from "./load.ts";
import { nft, runInside, succeed } from "./namespace_program.ts";
import { copyProxier } from "./proxier_copy.ts";
import { startOnManifests } from "./weir_on_manifests.ts";
import { taskCommand } from "./weir_process.ts";

const TCP = { version: 4, transport: "tcp" } as const;
/** Somebody's firewall under a name that is on no list. */
const FIREWALL = `table ip mysite {
	chain input {
		type filter hook input priority filter; policy accept;
		tcp dport 4242 drop
	}
}
`;

/** A node with weir's manifests, on which weir is started by `start`. */
async function node(flags: readonly string[], before?: (topology: Topology) => Promise<void>) {
  await using stack = new AsyncDisposableStack();
  const topology = stack.use(await Topology.create({ port: TARGET_PORT }));
  await before?.(topology);
  const weir = stack.use(await startOnManifests(topology, flags));
  const running = stack.move();
  return { topology, weir, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

function firewall({ node }: Topology): Promise<string> {
  return succeed(node, ["nft", "-f", "-"], FIREWALL);
}

Deno.test("a plugin that wants a table of the operator's is refused, with what helps, and the table stays", async () => {
  await using copy = await copyProxier("mysite");
  await using scene = await node([`--proxy-mode=${copy.path}`], async (topology) => {
    await firewall(topology);
  });
  const { topology: { node: place, client, backends }, weir } = scene;
  await weir.write(web(backends));
  await weir.process.said(
    /plugin is parked.*there is ip mysite, which weir has not made; rename the table in the plugin or, if nobody needs it, delete it by `nft delete table ip mysite`, then start weir again/,
  );
  assert.equal((await weir.pages.health("healthz")).status, 503);
  const flags = ["--manifests=examples/demo", "--hostname-override=node"];
  const check = [...taskCommand(), "check", ...flags, `--proxy-mode=${copy.path}`];
  const { code, stdout } = await runInside(place, check);
  assert.equal(code, 1);
  assert.match(
    stdout,
    /✘ proxier \S+ does not start\n +→ .*there is ip mysite, which weir has not/,
  );
  assert.equal(await nft(place, "list ruleset"), FIREWALL);

  weir.process.kill("SIGTERM");
  assert.equal((await weir.process.ended()).code, 0);
  assert.equal(await nft(place, "list ruleset"), FIREWALL);
  await nft(place, "delete table ip mysite");
  weir.restart();
  await weir.serve(web(backends));
  assert.match(outcomeOf(await reach(client, TCP)), /^backend-/);
  const listed = await nft(place, "list ruleset");
  assert.match(listed, /^table ip mysite \{\n\tcomment "weir: proxier [^"\n]+"\n/m);
  assert.match(listed, /^table ip6 mysite \{\n\tcomment "weir: proxier [^"\n]+"\n/m);
});

Deno.test("a proxier that takes another's place by the file does not take the operator's table", async () => {
  await using copy = await copyProxier("mysite");
  await using stack = new AsyncDisposableStack();
  const topology = stack.use(await Topology.create({ port: TARGET_PORT }));
  await firewall(topology);
  const config = stack.use(await ConfigMap.create(topology.node, { mode: "nftables" }));
  const weir = stack.use(await startOnManifests(topology, [`--config=${config.path}`]));
  await weir.serve(web(topology.backends));
  await using load = await Load.start(topology.client);
  const pid = await weir.process.proxier();
  await config.write({ mode: copy.path });
  await weir.process.said(/^E.*"Cannot put configuration.*there is ip mysite, which weir has not/m);
  await weir.serve(web(topology.backends.slice(0, 1)));
  assert.equal(outcomeOf(await reach(topology.client, TCP)), "backend-0");
  assert.equal(await weir.process.proxier(), pid);
  assert.equal(await nft(topology.node, "list table ip mysite"), FIREWALL);
  // Whatever was torn down meanwhile would fail what comes now.
  await new Promise((resume) => setTimeout(resume, 500));
  await load.noneFailed(0.5);
});

Deno.test("a table that the operator puts in the place of a plugin's stays, and weir goes on once it is gone", async () => {
  await using copy = await copyProxier("mysite");
  await using scene = await node([`--proxy-mode=${copy.path}`]);
  const { topology: { node: place, client, backends }, weir } = scene;
  await weir.serve(web(backends));
  await succeed(place, ["nft", "-f", "-"], `delete table ip mysite\n${FIREWALL}`);
  await weir.process.said(/^E.*there is ip mysite, which weir has not made;/m);
  await weir.write(web(backends.slice(0, 1)));
  await new Promise((resume) => setTimeout(resume, 1_000));
  assert.equal(await nft(place, "list table ip mysite"), FIREWALL);
  await nft(place, "delete table ip mysite");
  await weir.serve(web(backends.slice(0, 1)));
  assert.equal(outcomeOf(await reach(client, TCP)), "backend-0");
});

Deno.test("what plugins left that are no longer asked for goes after the first sync, and nobody else's", async () => {
  await using other = await copyProxier("weir-other");
  await using scene = await node([`--proxy-mode=${other.path}`]);
  const { topology: { node: place, client, backends }, weir } = scene;
  await weir.serve(web(backends));
  await using load = await Load.start(client);
  // As in the middle of a switch: the successor's tables are there, too.
  weir.process.kill("SIGKILL");
  await weir.process.ended();
  await nft(place, 'add table inet third { comment "weir: proxier /gone/plugin.ts"; }');
  await nft(place, 'add table ip weir-fourth { comment "ours, not from weir"; }');
  await nft(place, "add table ip6 weir-fifth");
  weir.restart([]);
  await weir.serve(web(backends.slice(0, 1)));
  await weir.process.until(
    "its own tables and the operator's",
    async () =>
      (await nft(place, "list tables")).split("\n").sort().join("|") ===
        "|table ip weir|table ip weir-fourth|table ip6 weir|table ip6 weir-fifth",
  );
  assert.match(weir.process.log, /"Deleted a table of a former plugin" table="third"/);
  assert.equal(outcomeOf(await reach(client, TCP)), "backend-0");
  // Whatever was torn down meanwhile would fail what comes now.
  await new Promise((resume) => setTimeout(resume, 500));
  await load.noneFailed(0.5);

  weir.process.kill("SIGTERM");
  assert.equal((await weir.process.ended()).code, 0);
  const cleaned = await runInside(place, [...taskCommand(), "cleanup"]);
  assert.equal(cleaned.code, 0, cleaned.stderr);
  assert.match(cleaned.stdout, /ip table weir of the proxier proxier-nftables +removed/);
  assert.match(cleaned.stdout, /Removed 2 leftovers of weir/);
  assert.equal(await nft(place, "list tables"), "table ip weir-fourth\ntable ip6 weir-fifth\n");
});

Deno.test("rules that were saved with nft and loaded at the next boot are known as weir's", async () => {
  // weir's own rules are beyond nft's grammar (plugins/sdk/nft), the example's are not.
  const hello = new URL("../../examples/hello-proxier/plugin.ts", import.meta.url).pathname;
  await using scene = await node([`--proxy-mode=${hello}`]);
  const { topology: { node: place, client, backends }, weir } = scene;
  await weir.serve(web(backends));
  const saved = await nft(place, "list ruleset");
  weir.process.kill("SIGTERM");
  assert.equal((await weir.process.ended()).code, 0);
  await nft(place, "flush ruleset");
  await succeed(place, ["nft", "-f", "-"], saved);
  weir.restart();
  await weir.serve(web(backends.slice(0, 1)));
  assert.equal(outcomeOf(await reach(client, TCP)), "backend-0");
});

Deno.test("a plugin that writes weir's mark itself is killed, and has made nothing", async () => {
  const forger = new URL("../hostile/plugins/forger.ts", import.meta.url).pathname;
  await using scene = await node([`--proxy-mode=${forger}`]);
  const { topology: { node: place, backends }, weir } = scene;
  await weir.write(web(backends));
  await weir.process.said(
    /plugin died .*Cannot commit to table .*message 0, NEWTABLE: attribute 6 is not allowed here/,
  );
  assert.equal(await nft(place, "list ruleset"), "");
});
