import assert from "node:assert/strict";
import { FLAGS } from "./flags.ts";
import { resolveRequest } from "./resolve.ts";

const resolve = (...args: string[]) => resolveRequest(args, () => "Node-1");

function configOf(...args: string[]) {
  const request = resolve(...args);
  assert.ok(request.type === "proxy", JSON.stringify(request));
  return request.config;
}

function problemsOf(...args: string[]): string[] {
  const request = resolve(...args);
  assert.ok(request.type === "refused", JSON.stringify(request));
  return request.problems.map((problem) => problem.message);
}

Deno.test("a command line as DaemonSets have it becomes the configuration", () => {
  const config = configOf(
    "--kubeconfig=/var/lib/kube-proxy/kubeconfig.conf",
    "--hostname-override=Worker-7",
    "--cluster_cidr=10.244.0.0/16,fd00:10:244::/56",
    "--detect-local-mode",
    "InterfaceNamePrefix",
    "--pod-interface-name-prefix=veth",
    "--proxy-mode=./mine.ts",
    "--healthz-bind-address=[::]:10256",
    "--metrics-bind-address=",
    "--masquerade-all",
    "--iptables-masquerade-bit=15",
    "--nodeport-addresses=primary,192.168.7.9/16",
    "--nodeport_addresses",
    "localhost",
    "--conntrack-remove-tcp-flows",
    "--kube-api-content-type=application/json",
    "--kube-api-qps=2.5",
    "--kube-api-burst=0x14",
    "-v=4",
  );
  assert.deepEqual(config, {
    manifests: "",
    master: "",
    clientConnection: {
      kubeconfig: "/var/lib/kube-proxy/kubeconfig.conf",
      contentType: "application/json",
      qps: 2.5,
      burst: 20,
    },
    nodeName: "worker-7",
    healthzBindAddress: "[::]:10256",
    metricsBindAddress: "",
    mode: { type: "plugin", reference: "./mine.ts" },
    clusterCIDRs: ["10.244.0.0/16", "fd00:10:244::/56"],
    detectLocalMode: "InterfaceNamePrefix",
    detectLocal: { bridgeInterface: "", interfaceNamePrefix: "veth" },
    nodePortAddresses: ["primary", "192.168.0.0/16", "localhost"],
    nftables: { masqueradeAll: true, masqueradeBit: 15, syncPeriod: 30000, minSyncPeriod: 0 },
    conntrack: { removeTCPFlows: true },
    logging: { verbosity: 4 },
  });
});

Deno.test("without flags the node is named after the host, in lower case", () => {
  assert.equal(configOf().nodeName, "node-1");
});

for (const args of [[], ["--nodeport-addresses="]]) {
  Deno.test(`NodePorts answer on the Node's own addresses with ${args[0] ?? "no flag"}`, () => {
    assert.deepEqual(configOf(...args).nodePortAddresses, ["primary"]);
  });
}

Deno.test("each entry of a list that cannot be used is told of with its flag and its place", () => {
  const request = resolve("--nodeport-addresses=all,any,10.0.0.1");
  assert.ok(request.type === "refused");
  assert.deepEqual(request.problems.map(({ message }) => message), [
    'Cannot use --nodeport-addresses "all,any,10.0.0.1": "any" is neither a CIDR nor one of primary, localhost, all',
    'Cannot use --nodeport-addresses "all,any,10.0.0.1": "10.0.0.1" is neither a CIDR nor one of primary, localhost, all',
  ]);
  assert.deepEqual(request.problems.map(({ path }) => path), [
    ["nodePortAddresses", "1"],
    ["nodePortAddresses", "2"],
  ]);
});

Deno.test("the configuration cannot be changed by anyone", () => {
  const config = configOf();
  assert.ok(Object.isFrozen(config) && Object.isFrozen(config.detectLocal));
  assert.throws(() => Object.assign(config.clientConnection, { qps: 1 }), TypeError);
});

Deno.test("all faults of a command line are told at once, each with its flag", () => {
  assert.deepEqual(
    problemsOf(
      "--cluster-cidr=10.0.0.0/33",
      "--kube-api-burst=many",
      "--masquerade-all=maybe",
      "--healthz-bind-address=localhost:1",
      "--detect-local-mode=BridgeInterface",
    ).sort(),
    [
      'Cannot use --cluster-cidr "10.0.0.0/33": "10.0.0.0/33" is no CIDR such as 10.244.0.0/16 or fd00:10::/56',
      'Cannot use --healthz-bind-address "localhost:1": "localhost" is no IP address',
      'Cannot use --kube-api-burst "many": it is not a 32-bit integer',
      'Cannot use --masquerade-all "maybe": it is neither true nor false',
      'Cannot use --pod-bridge-interface "": the local-detector BridgeInterface needs the bridge\'s name',
    ],
  );
});

Deno.test("a fault carries the path of its field, for programs", () => {
  const request = resolve("--kube-api-burst=-1");
  assert.ok(request.type === "refused");
  assert.deepEqual(request.problems.map(({ code, path }) => ({ code, path })), [
    { code: "WEIR_CONFIG_INVALID", path: ["clientConnection", "burst"] },
  ]);
});

for (const other of ["--kubeconfig=k", "--master=https://10.0.0.1"]) {
  Deno.test(`--manifests together with ${other} is refused: objects have one source`, () => {
    assert.deepEqual(problemsOf("--manifests=dir", other), [
      'Cannot use --manifests "dir": objects come from one source, and an API server is given too',
    ]);
  });
}

Deno.test("an unknown flag is refused before anything else is looked at", () => {
  const [problem, ...rest] = problemsOf("--proxy-mod=nftables", "--v=x");
  assert.match(problem ?? "", /Did you mean --proxy-mode\?/);
  assert.deepEqual(rest, []);
});

for (
  const [args, type] of [
    [["--help"], "help"],
    [["-h", "--version"], "help"],
    [["--version"], "version"],
    [["--version=true", "--cluster-cidr=x"], "version"],
    [["--version=false"], "proxy"],
  ] as const
) {
  Deno.test(`weir ${args.join(" ")} asks for ${type}`, () => {
    assert.equal(resolve(...args).type, type);
  });
}

Deno.test("a deprecated flag works and is warned of", () => {
  const flags = FLAGS.map((flag) =>
    flag.name === "master" ? { ...flag, deprecated: "use X" } : flag
  );
  const request = resolveRequest(["--master=https://a"], () => "n", flags);
  assert.ok(request.type === "proxy");
  assert.equal(request.config.master, "https://a");
  assert.deepEqual(request.warnings, ["Flag --master is deprecated: use X"]);
});
