/**
 * weir as a process among others: one at a time in a network namespace, with what it is allowed.
 */
import assert from "node:assert/strict";
import { NetworkNamespace } from "../../host/capabilities/namespace.ts";
import { sampleService } from "../../host/samples.ts";
import { readSystemFile } from "../../host/capabilities/system_file.ts";
import { outcomeOf, PATHS, reach, web } from "./cluster.ts";
import { ManifestFolder } from "./manifest_folder.ts";
import { nft, succeed } from "./namespace_program.ts";
import { startWeirCluster } from "./weir_on_manifests.ts";
import { WeirProcess } from "./weir_process.ts";

Deno.test("a second weir in the same network namespace is refused by the first one's process id", async () => {
  using namespace = NetworkNamespace.create("node");
  await using folder = await ManifestFolder.create();
  await folder.write("web.json", [sampleService()]);
  const flags = [`--manifests=${folder.path}`];
  await using first = new WeirProcess(namespace, { flags });
  await first.said(/"Synced" kind="full"/);
  const rules = await nft({ namespace }, "list ruleset");
  await using second = new WeirProcess(namespace, { flags });
  const { code, log } = await second.ended();
  assert.equal(code, 1, log);
  assert.match(
    log,
    new RegExp(
      `^weir: Cannot start weir "in this network namespace": process ${first.pid} is a weir that ` +
        "works here; stop it first, or give this one a network namespace of its own " +
        "\\(WEIR_RUNNING\\)$",
      "m",
    ),
  );
  assert.doesNotMatch(first.log, /Somebody else changed the rules/);
  assert.equal(await nft({ namespace }, "list ruleset"), rules, "the rules are as they were");
});

Deno.test("a weir that a supervisor starts while the last one still stops takes its place", async () => {
  using namespace = NetworkNamespace.create("node");
  await using folder = await ManifestFolder.create();
  await folder.write("web.json", [sampleService()]);
  const flags = [`--manifests=${folder.path}`];
  await using last = new WeirProcess(namespace, { flags });
  await last.said(/"Synced" kind="full"/);
  await using next = new WeirProcess(namespace, { flags });
  await next.said(/"Waiting for another weir to end" holder=\d+/);
  last.kill("SIGTERM");
  assert.equal((await last.ended()).code, 0);
  await next.said(/"Synced" kind="full"/);
});

/** All that the long-running container of a node may have: CAP_NET_ADMIN. */
const NET_ADMIN_ALONE = ["setpriv", "--inh-caps=-all", "--bounding-set=-all,+net_admin", "--"];

/** A set of capabilities of a process, as `/proc/<pid>/status` has it. */
function capabilities(pid: number, set: "CapEff" | "CapBnd"): bigint {
  const [, mask] = new RegExp(`^${set}:\\t(\\w+)$`, "m").exec(
    readSystemFile(`/proc/${pid}/status`),
  ) ?? [];
  assert.ok(mask !== undefined);
  return BigInt(`0x${mask}`);
}

Deno.test("--init-only sets the node up and ends with code 0, with nothing programmed", async () => {
  using namespace = NetworkNamespace.create("node");
  await using folder = await ManifestFolder.create();
  const established = "/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established";
  await using weir = new WeirProcess(namespace, {
    flags: [
      `--manifests=${folder.path}`,
      "--init-only",
      // The limit is the whole machine's, and cannot be raised from another namespace.
      "--conntrack-max-per-core=0",
      "--conntrack-tcp-timeout-established=1234s",
    ],
  });
  const { code, log } = await weir.ended();
  assert.equal(code, 0, log);
  assert.match(log, /"The node is set up; ending, as --init-only says"/);
  assert.equal((await succeed({ namespace }, ["cat", established])).trim(), "1234");
  assert.equal(await nft({ namespace }, "list ruleset"), "");
});

Deno.test("with CAP_NET_ADMIN alone weir carries packets, and its plugin has no capability at all", async () => {
  await using cluster = await startWeirCluster([], NET_ADMIN_ALONE);
  const { topology: { client, backends }, weir } = cluster;
  await weir.serve(web(backends));
  assert.equal(capabilities(weir.process.pid, "CapEff"), 1n << 12n);
  assert.equal(capabilities(weir.process.pid, "CapBnd"), 1n << 12n);
  assert.equal(capabilities(await weir.process.proxier(), "CapEff"), 0n);
  const names = backends.map(({ name }) => name);
  for (const path of PATHS) {
    assert.ok(names.includes(outcomeOf(await reach(client, path))), JSON.stringify(path));
  }
  await weir.serve(web(backends.slice(0, 1)));
  for (const path of PATHS) assert.equal(outcomeOf(await reach(client, path)), backends[0]?.name);
  assert.doesNotMatch(weir.process.log, /^E/m);
});

const SLOW = new URL("slow_proxier/plugin.ts", import.meta.url).pathname;

Deno.test("SIGTERM lets the sync in flight end: code 0 within 2 s, and the kernel has it", async () => {
  using namespace = NetworkNamespace.create("node");
  await using folder = await ManifestFolder.create();
  await folder.write("first.json", [sampleService({ name: "first" })]);
  const flags = [`--manifests=${folder.path}`, `--proxy-mode=${SLOW}`];
  await using weir = new WeirProcess(namespace, { flags });
  await weir.said(/"Synced" kind="full"/);
  await folder.write("second.json", [sampleService({ name: "second", clusterIP: "10.96.0.2" })]);
  await weir.said(/"working" .*revision=2/);
  const signalled = performance.now();
  weir.kill("SIGTERM");
  const { code, log } = await weir.ended();
  const took = performance.now() - signalled;
  assert.equal(code, 0, log);
  assert.ok(took < 2_000, `it took ${took} ms`);
  assert.doesNotMatch(log, /^E/m);
  assert.match(await nft({ namespace }, "list table ip slow"), /chain second/);
});
