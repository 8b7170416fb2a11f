/**
 * The kernel's settings around the rules: what weir sets as it is configured, what it says where it
 * may not, and what it warns of.
 */
import assert from "node:assert/strict";
import { readSetting, type SettingFiles } from "../../host/capabilities/sysctl/setting.ts";
import { NetworkNamespace } from "../../host/capabilities/namespace.ts";
import { readSystemFile } from "../../host/capabilities/system_file.ts";
import { sampleService } from "../../host/samples.ts";
import { CONNTRACK_SYSCTLS, SYSCTL_KEYS, type SysctlKey } from "../../schemas/sysctl.ts";
import { reach, web } from "./cluster.ts";
import { ManifestFolder } from "./manifest_folder.ts";
import { patient } from "./patience.ts";
import { startWeirCluster } from "./weir_on_manifests.ts";
import { WeirProcess } from "./weir_process.ts";

const PREFIX = "net.netfilter.nf_conntrack_";

/** Reads settings of a namespace. */
function filesOf(namespace: NetworkNamespace): SettingFiles {
  return {
    read: (path) => namespace.inside(() => readSystemFile(path)),
    write: () => assert.fail("a test only reads"),
  };
}

/** The conntrack settings of a namespace, by the end of their names. */
function conntrack(namespace: NetworkNamespace): Readonly<Record<string, number>> {
  const files = filesOf(namespace);
  const keys = SYSCTL_KEYS.filter((key) => key in CONNTRACK_SYSCTLS);
  return Object.fromEntries(
    keys.map((key) => [key.slice(PREFIX.length), readSetting(key, files)]),
  );
}

/** Mounts /proc/sys read-only, as container engines do without privileges. */
const READ_ONLY = [
  "unshare",
  "--mount",
  "--",
  "sh",
  "-c",
  'mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && exec "$@"',
  "sh",
];

/** weir in a namespace of its own, with one Service. */
async function start(flags: readonly string[], before: readonly string[] = []) {
  await using stack = new AsyncDisposableStack();
  const namespace = stack.use(NetworkNamespace.create("node"));
  const folder = stack.use(await ManifestFolder.create());
  await folder.write("web.json", [sampleService()]);
  const fresh = conntrack(namespace);
  const weir = stack.use(
    new WeirProcess(namespace, { before, flags: [`--manifests=${folder.path}`, ...flags] }),
  );
  const running = stack.move();
  return { namespace, weir, fresh, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

const CASES: readonly (readonly [string, readonly string[], Readonly<Record<string, number>>])[] = [
  ["without flags sets kube-proxy's timeouts of TCP and leaves all else", [], {
    tcp_timeout_established: 86_400,
    tcp_timeout_close_wait: 3_600,
  }],
  ["with every flag sets every timeout and be_liberal", [
    "--conntrack-tcp-timeout-established=2h",
    "--conntrack-tcp-timeout-close-wait=5m",
    "--conntrack-tcp-be-liberal",
    "--conntrack-udp-timeout=45s",
    "--conntrack-udp-timeout-stream=90s",
  ], {
    tcp_timeout_established: 7_200,
    tcp_timeout_close_wait: 300,
    tcp_be_liberal: 1,
    udp_timeout: 45,
    udp_timeout_stream: 90,
  }],
];

for (const [what, flags, expected] of CASES) {
  Deno.test(`weir ${what}`, async () => {
    await using node = await start(flags);
    await node.weir.until("the settings", () => {
      assert.deepEqual(conntrack(node.namespace), { ...node.fresh, ...expected });
      return true;
    });
    assert.match(
      node.weir.log,
      /^I.*"Set sysctl".*plugin="conntrack-tuner".*sysctl="net\.netfilter\.nf_conntrack_tcp_timeout_established" before=\d+ value=\d+/m,
    );
    assert.doesNotMatch(node.weir.log, /Connection tracking is not as configured/);
    // Its process has ended again.
    await node.weir.proxier();
  });
}

Deno.test("weir that is to leave everything starts no tuner and changes nothing", async () => {
  await using node = await start([
    "--conntrack-max-per-core=0",
    "--conntrack-tcp-timeout-established=0",
    "--conntrack-tcp-timeout-close-wait=0",
  ]);
  await node.weir.said(/"Synced" kind="full"/);
  // A tuner would have been started by now.
  await new Promise((resume) => setTimeout(resume, patient(1_000)));
  assert.deepEqual(conntrack(node.namespace), node.fresh);
  assert.doesNotMatch(node.weir.log, /conntrack-tuner/);
});

Deno.test("a change of the configuration file is set while weir runs", async () => {
  await using folder = await ManifestFolder.create();
  const path = `${folder.path}/../config.json`;
  const write = (conntrack: Readonly<Record<string, unknown>>) =>
    Deno.writeTextFile(
      path,
      JSON.stringify({
        apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
        kind: "KubeProxyConfiguration",
        conntrack,
      }),
    );
  await write({ udpTimeout: "45s" });
  await using node = await start([`--config=${path}`]);
  const udp = () => {
    const { udp_timeout: timeout, udp_timeout_stream: stream } = conntrack(node.namespace);
    return `${timeout} ${stream}`;
  };
  await node.weir.until("the first values", () => udp() === "45 120");
  await write({ udpTimeout: "20s", udpStreamTimeout: "50s" });
  await node.weir.until("the second values", () => udp() === "20 50");
  assert.doesNotMatch(node.weir.log, /Restart weir for a change/);
});

Deno.test("on a read-only /proc/sys weir says once what helps, and serves", async () => {
  await using node = await start(["-v=4"], READ_ONLY);
  const [warning] = await node.weir.said(/^W.*"Connection tracking is not as configured.*$/m);
  assert.match(
    warning,
    /\/proc\/sys is read-only in this container; run weir once with --init-only/,
  );
  assert.match(
    warning,
    /nf_conntrack_tcp_timeout_established=86400 net\.netfilter\.nf_conntrack_tcp_timeout_close_wait=3600/,
  );
  await node.weir.said(/"Synced" kind="full"/);
  assert.deepEqual(conntrack(node.namespace), node.fresh);
  // It has been tried again since, which is said to who asks for details.
  await node.weir.said(/^I.*"Connection tracking is not as configured.*trying again/m);
  assert.equal(node.weir.log.match(/^W.*"Connection tracking is not as configured/mg)?.length, 1);
});

Deno.test("a limit of the whole node that cannot be raised from here keeps nothing else from being set", async () => {
  await using node = await start(["--conntrack-min=2000000000"]);
  const [warning] = await node.weir.said(/^W.*"Connection tracking is not as configured.*$/m);
  assert.match(
    warning,
    /nf_conntrack_max=2000000000 .*nf_conntrack_buckets=500000000.*hostNetwork/,
  );
  const { max, buckets, tcp_timeout_established: established } = conntrack(node.namespace);
  assert.deepEqual([max, buckets], [node.fresh["max"], node.fresh["buckets"]]);
  assert.equal(established, 86_400);
});

/** A third party's tuner that wants as much as the kernel's integers hold. */
const GREEDY = `
import { defineConntrackTuner } from "weir";
export default defineConntrackTuner({
  name: "greedy",
  version: "0.1.0",
  api: 1,
  requires: { sysctl: { version: 1, keys: ["net.netfilter.nf_conntrack_buckets"] } },
  tune: async (_node, _config, { sysctl }) => {
    await sysctl.set("net.netfilter.nf_conntrack_buckets", 2 ** 31 - 1);
  },
});
`;

Deno.test("a tuner that wants gigabytes for the table's buckets does not get them, and the log says why", async () => {
  const folder = await Deno.makeTempDir({ prefix: "weir-greedy-" });
  await using stack = new AsyncDisposableStack();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  await Deno.writeTextFile(`${folder}/plugin.ts`, GREEDY);
  const documents = [
    { apiVersion: "kubeproxy.config.k8s.io/v1alpha1", kind: "KubeProxyConfiguration" },
    {
      apiVersion: "weir.dev/v1alpha1",
      kind: "WeirConfiguration",
      plugins: { "conntrack-tuner": { reference: `${folder}/plugin.ts` } },
    },
  ];
  const config = `${folder}/config.yaml`;
  await Deno.writeTextFile(config, documents.map((one) => JSON.stringify(one)).join("\n---\n"));
  const node = stack.use(await start([`--config=${config}`]));
  const [warning, most] = await node.weir.said(
    /^W.*"Connection tracking is not as configured.*nf_conntrack_buckets.* to 2147483647: .*memory is for, the most is (\d+);.*$/m,
  );
  // The kernel has not even been asked: from here it would not have let anybody.
  assert.doesNotMatch(warning, /EACCES/);
  const [, kibibytes] = /^MemTotal: +(\d+) kB$/m.exec(readSystemFile("/proc/meminfo")) ?? [];
  assert.ok(Number(most) * 384 <= Number(kibibytes) * 512, "a full table fits half of the memory");
  await node.weir.said(/"Synced" kind="full"/);
  assert.equal(conntrack(node.namespace)["buckets"], node.fresh["buckets"]);
});

Deno.test("how full the conntrack table is, is on /metrics, and forwarding that is off is warned of", async () => {
  await using cluster = await startWeirCluster();
  const { topology: { client, backends, node }, weir } = cluster;
  await weir.serve(web(backends));
  const exchange = await reach(client, { version: 4, transport: "tcp" });
  assert.equal(exchange.outcome, "answered");
  assert.ok(await weir.pages.metric("weir_conntrack_entries") > 0);
  const files = filesOf(node.namespace);
  const MAX: SysctlKey = `${PREFIX}max`;
  assert.equal(await weir.pages.metric("weir_conntrack_limit"), readSetting(MAX, files));
  assert.doesNotMatch(weir.process.log, /forwards no packets/);
  node.namespace.sysctl("ipv4/ip_forward", "0");
  await weir.process.said(/^W.*forwards no packets.*sysctl -w net\.ipv4\.ip_forward=1/m);
  node.namespace.sysctl("ipv4/ip_forward", "1");
  await weir.process.said(
    /^I.*"The kernel forwards packets again" sysctl="net\.ipv4\.ip_forward"/m,
  );
});
