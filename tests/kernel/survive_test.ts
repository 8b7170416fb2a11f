/**
 * Whatever dies, new connections do not notice: 200 a second go on through every death here, and
 * what changes afterwards is programmed.
 */
import assert from "node:assert/strict";
import type { Member } from "../kit/packet/topology.ts";
import { outcomeOf, reach, web } from "./cluster.ts";
import { Load } from "./load.ts";
import { startWeirCluster } from "./weir_on_manifests.ts";
import { killHard, runs } from "./weir_process.ts";

const TCP = { version: 4, transport: "tcp" } as const;
const PROXIER = 'plugin="proxier-nftables"';

/** Milliseconds without which a load proves nothing. */
function pause(milliseconds: number): Promise<void> {
  return new Promise((resume) => setTimeout(resume, milliseconds));
}

/** Fails unless the Service leads to this backend alone. */
async function onlyReaches(client: Member, backend: Member | undefined): Promise<void> {
  for (let round = 0; round < 10; round++) {
    assert.equal(outcomeOf(await reach(client, TCP)), backend?.name);
  }
}

Deno.test("kill -9 of the plugin fails no new connection, and it comes back knowing everything", async () => {
  await using cluster = await startWeirCluster();
  const { topology: { client, backends }, weir } = cluster;
  await weir.serve(web(backends));
  const before = await weir.process.proxier();
  await using load = await Load.start(client);
  await pause(500);
  await killHard(before);
  await weir.process.until(
    "a restart",
    async () =>
      await weir.pages.metric("weir_plugin_restarts_total", PROXIER) === 1 &&
      await weir.pages.metric("weir_plugin_state", PROXIER, 'state="ready"') === 1,
  );
  await pause(500);
  assert.notEqual(await weir.process.proxier(), before);
  // Its snapshot had the Service: only this differs now.
  await weir.serve(web(backends.slice(1, 2)));
  await onlyReaches(client, backends[1]);
  const { byServer } = await load.noneFailed(1);
  assert.deepEqual(Object.keys(byServer).sort(), backends.map(({ name }) => name));
  assert.equal((await weir.pages.health("healthz")).status, 200);
});

Deno.test("kill -9 of weir fails no new connection, leaves no sandbox, and the next weir adopts the rules", async () => {
  await using cluster = await startWeirCluster();
  const { topology: { client, backends }, weir } = cluster;
  await weir.serve(web(backends));
  const sandbox = await weir.process.proxier();
  await using load = await Load.start(client);
  await pause(500);
  weir.process.kill("SIGKILL");
  assert.equal((await weir.process.ended()).code, 137);
  await weir.process.until("the sandbox gone", () => !runs(sandbox), 2_000);
  await pause(1_000);
  weir.restart();
  await weir.process.said(/"Synced" kind="full"/);
  await pause(500);
  await weir.serve(web(backends.slice(0, 1)));
  await onlyReaches(client, backends[0]);
  await load.noneFailed(2);
});

Deno.test("SIGTERM ends weir within 2 s with code 0, its rules stay and no connection fails", async () => {
  await using cluster = await startWeirCluster();
  const { topology: { client, backends }, weir } = cluster;
  await weir.serve(web(backends));
  const sandbox = await weir.process.proxier();
  await using load = await Load.start(client);
  await pause(500);
  const signalled = performance.now();
  weir.process.kill("SIGTERM");
  const { code, log } = await weir.process.ended();
  assert.ok(performance.now() - signalled < 2_000, "it took 2 s or more");
  assert.equal(code, 0, log);
  assert.match(log, /Stopped; the kernel keeps the rules/);
  assert.doesNotMatch(log, /^E/m);
  assert.equal(runs(sandbox), false);
  await pause(500);
  await load.noneFailed(1);
});

Deno.test("scaling a Service down and up fails no new connection", async () => {
  await using cluster = await startWeirCluster();
  const { topology: { client, backends }, weir } = cluster;
  await weir.serve(web(backends));
  await using load = await Load.start(client);
  for (let round = 0; round < 3; round++) {
    await pause(200);
    await weir.serve(web(backends.slice(round, round + 1)));
    // From the acknowledgement on those that were removed may go.
    await onlyReaches(client, backends[round]);
    await weir.serve(web(backends));
  }
  await pause(200);
  const { byServer } = await load.noneFailed(1);
  assert.deepEqual(Object.keys(byServer).sort(), backends.map(({ name }) => name));
});
