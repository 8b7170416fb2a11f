/**
 * `weir cleanup` leaves a node as it was without kube-proxy and weir: everybody else's rules stay.
 */
import assert from "node:assert/strict";
import { createVeth } from "../../host/capabilities/link.ts";
import { NetworkNamespace } from "../../host/capabilities/namespace.ts";
import type { ProxiedService } from "./kube_proxy.ts";
import { ManifestFolder } from "./manifest_folder.ts";
import { nft, type ProgramResult, runInside, succeed } from "./namespace_program.ts";
import { type ProxyMode, putForeign, putKubelet, putKubeProxy, stateOf } from "./node_rules.ts";
import { taskCommand, WeirProcess } from "./weir_process.ts";

type Place = { readonly namespace: NetworkNamespace };

const SERVICES: readonly ProxiedService[] = [
  {
    family: "ip",
    vip: "10.96.0.1",
    port: 80,
    endpoints: ["10.244.0.11", "10.244.0.12", "10.244.0.13"],
    targetPort: 8080,
  },
  {
    family: "ip6",
    vip: "fd00:10:96::1",
    port: 80,
    endpoints: ["fd00:10:244::11", "fd00:10:244::12"],
    targetPort: 8080,
  },
];

const MODES: readonly ProxyMode[] = [
  { mode: "nftables" },
  ...(["iptables", "ipvs", "userspace"] as const).flatMap((mode) =>
    (["nft", "legacy"] as const).map((backend) => ({ mode, backend }))
  ),
];

/** weir with the permissions of its task, in the node. */
function weir(place: Place, ...args: readonly string[]): Promise<ProgramResult> {
  return runInside(place, [...taskCommand(), ...args]);
}

for (const proxy of MODES) {
  const tool = "backend" in proxy ? ` by iptables-${proxy.backend}` : "";
  Deno.test(`what kube-proxy's mode ${proxy.mode} left${tool} goes, and nothing of anybody else`, async () => {
    using namespace = NetworkNamespace.create("node");
    const node = { namespace };
    await putForeign(node, "backend" in proxy ? proxy.backend : "nft");
    const before = await stateOf(node);
    await putKubeProxy(node, proxy, SERVICES);
    const full = await stateOf(node);
    assert.notEqual(full, before);

    const listed = await weir(node, "cleanup", "--dry-run");
    assert.equal(listed.code, 0, listed.stderr);
    assert.match(listed.stdout, /would remove\n/);
    assert.match(
      listed.stdout,
      /^Would remove \d+ leftovers of kube-proxy; nothing was changed\.$/m,
    );
    assert.equal(await stateOf(node), full, "a dry run changes nothing");

    const { code, stdout, stderr } = await weir(node, "cleanup");
    assert.equal(code, 0, stdout + stderr);
    assert.equal(await stateOf(node), before);
    assert.equal(
      stdout.split("\n\n")[0],
      listed.stdout.split("\n\n")[0]?.replaceAll("would remove", "removed"),
    );

    const again = await weir(node, "--cleanup");
    assert.deepEqual(again, {
      code: 0,
      stdout: "Nothing of kube-proxy or weir is on this node.\n",
      stderr: "",
    });
  });
}

Deno.test("a node on which every mode has run once, and weir, is clean after one run of --cleanup", async () => {
  using namespace = NetworkNamespace.create("node");
  const node = { namespace };
  await putForeign(node, "nft");
  await putKubelet(node, "legacy");
  // What is called as weir's tables are, and was not made by it, is somebody else's.
  await nft(node, 'add table inet weir { comment "ours"; }; add chain inet weir firewall');
  const before = await stateOf(node);
  for (const mode of ["ipvs", "userspace"] as const) {
    await putKubeProxy(node, { mode, backend: "nft" }, SERVICES);
  }
  await putKubeProxy(node, { mode: "iptables", backend: "legacy" }, SERVICES);
  await putKubeProxy(node, { mode: "nftables" }, SERVICES);
  for (const [family, table] of [["ip", "weir"], ["ip6", "weir"], ["inet", "third-party"]]) {
    const mark = `comment "weir: proxier some-plugin";`;
    await nft(node, `add table ${family} ${table} { ${mark} }; add chain ${family} ${table} c`);
  }
  // The dummy device's kind is not in every kernel; what tells is its name.
  using other = NetworkNamespace.create("other");
  createVeth({ name: "kube-ipvs0", namespace }, { name: "peer", namespace: other });
  const { code, stdout } = await weir(node, "--cleanup");
  assert.equal(code, 0, stdout);
  assert.match(
    stdout,
    /^weir +nftables +inet table third-party of the proxier some-plugin +removed$/m,
  );
  assert.match(stdout, /^kube-proxy +link +device kube-ipvs0 +removed$/m);
  assert.match(stdout, /^Removed \d+ leftovers of kube-proxy and 3 of weir\.$/m);
  assert.equal(await stateOf(node), before);
});

Deno.test("a chain that somebody else's rule still leads to remains, with the reason, and code 1", async () => {
  using namespace = NetworkNamespace.create("node");
  const node = { namespace };
  await putForeign(node, "nft");
  await putKubeProxy(node, { mode: "userspace", backend: "nft" }, SERVICES);
  await nft(
    node,
    "add rule ip nat CNI-HOSTPORT-DNAT tcp dport vmap { 1 : jump KUBE-PORTALS-HOST }",
  );
  const before = await succeed(node, ["nft", "--stateless", "list", "table", "ip", "nat"]);
  const { code, stdout } = await weir(node, "cleanup");
  assert.equal(code, 1, stdout);
  assert.match(stdout, /ip nat: 4 chains, 4 jumps +remains: .*EBUSY/);
  assert.match(stdout, /ip filter: 1 chain, 1 jump +removed/);
  assert.match(stdout, /^Could not remove 1 leftover of kube-proxy\.$/m);
  assert.equal(
    await succeed(node, ["nft", "--stateless", "list", "table", "ip", "nat"]),
    before,
    "all of a table or nothing",
  );
});

Deno.test("beside a weir that runs, cleanup removes nothing and names its process, and a dry run lists", async () => {
  using namespace = NetworkNamespace.create("node");
  await using folder = await ManifestFolder.create();
  await using running = new WeirProcess(namespace, { flags: [`--manifests=${folder.path}`] });
  await running.said(/"Synced" kind="full"/);
  const { code, stdout, stderr } = await weir({ namespace }, "cleanup");
  assert.deepEqual([code, stdout], [1, ""]);
  assert.match(
    stderr,
    new RegExp(
      `^weir: Cannot clean up "in this network namespace": process ${running.pid} is a weir that ` +
        "works here; stop it first, or only look with --dry-run \\(WEIR_RUNNING\\)$",
      "m",
    ),
  );
  const listed = await weir({ namespace }, "cleanup", "--dry-run");
  assert.equal(listed.code, 0, listed.stderr);
  assert.match(listed.stdout, /ip table weir/);
});

Deno.test("without CAP_NET_ADMIN cleanup says what helps", async () => {
  using namespace = NetworkNamespace.create("node");
  const command = ["setpriv", "--inh-caps=-all", "--bounding-set=-all", "--", ...taskCommand()];
  const { code, stdout, stderr } = await runInside({ namespace }, [...command, "cleanup"]);
  assert.deepEqual([code, stdout], [1, ""]);
  assert.match(
    stderr,
    /^weir: Cannot look for leftovers .*EPERM; run weir as root or with CAP_NET_ADMIN \(WEIR_NETLINK\)$/m,
  );
});
