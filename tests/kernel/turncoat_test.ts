/**
 * Proxiers that turn against the host, under the whole of weir. Each serves until a Service tells
 * it to attack; then the host must stay up, its pages must say what is wrong, the kernel must keep
 * the last good rules, and once the Service is gone all must be well again.
 */
import assert from "node:assert/strict";
import type { EndpointSlice, Service } from "../../schemas/kube.ts";
import { outcomeOf, reach, web } from "./cluster.ts";
import { nft } from "./namespace_program.ts";
import { startWeirCluster, type WeirCluster } from "./weir_on_manifests.ts";
import { runs } from "./weir_process.ts";

const TCP = { version: 4, transport: "tcp" } as const;
const TURNCOAT = new URL("../hostile/plugins/turncoat.ts", import.meta.url);
const HELLO = "../../../examples/hello-proxier/plugin.ts";
const PLUGIN = "turncoat.ts";

/** A cluster whose weir runs the turncoat, from a folder of its own outside of the repository. */
async function startTurncoat(): Promise<WeirCluster> {
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "weir-turncoat-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  // A plugin's modules are all in its folder.
  const text = await Deno.readTextFile(TURNCOAT);
  assert.ok(text.includes(HELLO));
  await Deno.writeTextFile(`${folder}/${PLUGIN}`, text.replace(HELLO, "./hello.ts"));
  await Deno.copyFile(new URL(HELLO, TURNCOAT), `${folder}/hello.ts`);
  const { topology, weir } = stack.use(
    await startWeirCluster([`--proxy-mode=${folder}/${PLUGIN}`]),
  );
  const running = stack.move();
  return { topology, weir, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

/** The Service that orders an attack; nobody connects to it. */
function order(attack: string): readonly (Service | EndpointSlice)[] {
  const clusterIP = "10.96.0.66";
  return web([], { name: attack, clusterIP, clusterIPs: [clusterIP] })
    .filter((object) => object.kind === "Service");
}

/** Orders an attack without waiting for what cannot come, and waits for the plugin's deaths. */
async function attack(
  { topology: { backends }, weir }: WeirCluster,
  name: string,
  restarts: number,
): Promise<void> {
  // The same write orders a change, which must not be programmed by who attacks.
  await weir.write([...web(backends.slice(0, 1)), ...order(name)]);
  await weir.process.until(
    `${restarts} restarts`,
    async () => await weir.pages.metric("weir_plugin_restarts_total", PLUGIN) >= restarts,
  );
}

/** The Service answers as it did before the attack, and weir says that it is alive. */
async function stillServes({ topology: { client }, weir }: WeirCluster): Promise<void> {
  const exchange = await reach(client, TCP);
  assert.match(outcomeOf(exchange), /^backend-[12]$/, "the last good rules stay in force");
  assert.equal((await weir.pages.health("livez")).status, 200);
}

/** Takes the order back, together with a change that must now be programmed. */
async function recovers({ topology: { client, backends }, weir }: WeirCluster): Promise<void> {
  await weir.serve(web(backends.slice(0, 1)));
  assert.equal(outcomeOf(await reach(client, TCP)), "backend-0");
  assert.equal((await weir.pages.health("healthz")).status, 200);
  assert.equal(await weir.pages.metric("weir_plugin_state", PLUGIN, 'state="ready"'), 1);
}

const FATAL = [
  ["floods the host", "attack-flood", /reason=".*it floods stderr/],
  ["hangs in real time", "attack-hang", /reason=".*it hangs: no sign of life for \d+ ms/],
] as const;

for (const [sentence, name, reason] of FATAL) {
  Deno.test(`a proxier that ${sentence} is killed and started again, and its rules stay`, async () => {
    await using cluster = await startTurncoat();
    const { topology: { backends }, weir } = cluster;
    await weir.serve(web(backends.slice(1)));
    await attack(cluster, name, 1);
    await stillServes(cluster);
    assert.match(weir.process.log, reason);
    await recovers(cluster);
  });
}

Deno.test("a proxier that reaches for the tables of others is killed, and they stay as they were", async () => {
  await using cluster = await startTurncoat();
  const { topology: { node, backends }, weir } = cluster;
  for (const table of ["cilium", "filter"]) {
    await nft(node, `add table ip ${table}`);
    await nft(node, `add chain ip ${table} precious`);
  }
  await weir.serve(web(backends.slice(1)));
  const before = await nft(node, "list ruleset");
  for (const [index, table] of ["cilium", "filter"].entries()) {
    await attack(cluster, `attack-${table}`, index + 1);
    await stillServes(cluster);
    assert.match(
      weir.process.log.replaceAll("\\", ""),
      /plugin died .*Cannot commit to table "hello": message 0, .*is not the granted table/,
    );
    assert.equal(await nft(node, "list ruleset"), before);
  }
  await recovers(cluster);
});

Deno.test("a proxier that exits again and again is parked, which the pages say, and its rules stay", async () => {
  await using cluster = await startTurncoat();
  const { topology: { backends }, weir } = cluster;
  await weir.serve(web(backends.slice(1)));
  await attack(cluster, "attack-exit", 1);
  assert.equal((await weir.pages.health("healthz")).status, 200, "once is no reason to drain");
  await weir.process.until(
    "a parked plugin",
    async () => await weir.pages.metric("weir_plugin_parked", PLUGIN) === 1,
    90_000,
  );
  assert.equal(await weir.pages.metric("weir_plugin_restarts_total", PLUGIN), 4);
  const { status, text } = await weir.pages.health("healthz");
  assert.equal(status, 503);
  const [[plugin, state] = []] = Object.entries(JSON.parse(text).plugins);
  assert.match(String(plugin), /turncoat\.ts$/);
  assert.match(JSON.stringify(state), /"parked".*it died 5 times in 300 s, last: /);
  assert.match(weir.process.log, /it ended by itself with exit code 1; stderr: .*boom/);
  await stillServes(cluster);
});

const SIGNALS = [
  ["well, without waiting for a proxier that hangs", 1, 0],
  ["at once when it is signalled twice", 2, 1],
] as const;
/** Milliseconds: a hang is found out after 10,000, and who is stopped has 1,000 to end by itself. */
const LIMIT = 8_000;

for (const [how, signals, code] of SIGNALS) {
  Deno.test(`weir ends ${how}`, async () => {
    await using cluster = await startTurncoat();
    const { topology: { backends }, weir } = cluster;
    await weir.serve(web(backends.slice(1)));
    const sandbox = await weir.process.proxier();
    const received = () =>
      weir.pages.metric("weir_plugin_frame_bytes_total", PLUGIN, 'direction="received"');
    // The packet that ends serve() may overtake the plugin's own answer.
    await new Promise((resume) => setTimeout(resume, 500));
    const before = await received();
    await weir.write([...web(backends.slice(1)), ...order("attack-hang")]);
    // A plugin acknowledges a call before its handler runs, and nothing after that.
    await weir.process.until("an acknowledged call", async () => await received() > before);
    const signalled = performance.now();
    weir.process.kill("SIGTERM");
    await weir.process.said(/"Stopping" signal="SIGTERM"/);
    if (signals === 2) weir.process.kill("SIGTERM");
    const ended = await weir.process.ended();
    const took = performance.now() - signalled;
    assert.equal(ended.code, code, ended.log);
    assert.ok(took < LIMIT, `it took ${took} ms`);
    await weir.process.until("the sandbox gone", () => !runs(sandbox), 1_000);
    assert.match(outcomeOf(await reach(cluster.topology.client, TCP)), /^backend-[12]$/);
  });
}
