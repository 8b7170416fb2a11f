import assert from "node:assert/strict";
import { FLAGS } from "./flags.ts";
import { resolveRequest } from "./resolve.ts";

const resolve = (...args: string[]) => resolveRequest(args, { hostname: () => "Node-1" });

async function configOf(...args: string[]) {
  const request = await resolve(...args);
  assert.ok(request.type === "proxy", JSON.stringify(request));
  return request.config;
}

async function problemsOf(...args: string[]): Promise<string[]> {
  const request = await resolve(...args);
  assert.ok(request.type === "refused", JSON.stringify(request));
  return request.problems.map((problem) => problem.message);
}

Deno.test("a command line as DaemonSets have it becomes the configuration", async () => {
  const config = await configOf(
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
  const { clientConnection, logging, proxier, conntrack } = config;
  assert.deepEqual(clientConnection, {
    kubeconfig: "/var/lib/kube-proxy/kubeconfig.conf",
    acceptContentTypes: "",
    contentType: "application/json",
    qps: 2.5,
    burst: 20,
  });
  assert.equal(config.nodeName, "worker-7");
  assert.deepEqual([config.healthzBindAddress, config.metricsBindAddress], ["[::]:10256", ""]);
  assert.deepEqual(config.mode, { type: "plugin", name: "./mine.ts", reference: "./mine.ts" });
  assert.deepEqual(config.clusterCIDRs, ["10.244.0.0/16", "fd00:10:244::/56"]);
  assert.equal(config.detectLocalMode, "InterfaceNamePrefix");
  assert.deepEqual(config.detectLocal, { bridgeInterface: "", interfaceNamePrefix: "veth" });
  assert.deepEqual(config.nodePortAddresses, ["primary", "192.168.0.0/16", "localhost"]);
  assert.deepEqual([proxier.masqueradeAll, proxier.masqueradeBit], [true, 15]);
  assert.equal(conntrack.removeTCPFlows, true);
  assert.equal(logging.verbosity, 4);
});

Deno.test("without flags the node is named after the host, in lower case", async () => {
  assert.equal((await configOf()).nodeName, "node-1");
});

for (const args of [[], ["--nodeport-addresses="]]) {
  Deno.test(`NodePorts answer on the Node's own addresses with ${args[0] ?? "no flag"}`, async () => {
    assert.deepEqual((await configOf(...args)).nodePortAddresses, ["primary"]);
  });
}

Deno.test("each entry of a list that cannot be used is told of with its flag and its place", async () => {
  const request = await resolve("--nodeport-addresses=all,any,10.0.0.1");
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

Deno.test("all faults of a command line are told at once, each with its flag", async () => {
  assert.deepEqual(
    (await problemsOf(
      "--cluster-cidr=10.0.0.0/33",
      "--kube-api-burst=many",
      "--masquerade-all=maybe",
      "--healthz-bind-address=localhost:1",
      "--detect-local-mode=BridgeInterface",
    )).sort(),
    [
      'Cannot use --cluster-cidr "10.0.0.0/33": "10.0.0.0/33" is no CIDR such as 10.244.0.0/16 or fd00:10::/56',
      'Cannot use --healthz-bind-address "localhost:1": "localhost" is no IP address',
      'Cannot use --kube-api-burst "many": it is not a 32-bit integer',
      'Cannot use --masquerade-all "maybe": it is neither true nor false',
      'Cannot use --pod-bridge-interface "": the local-detector BridgeInterface needs the bridge\'s name',
    ],
  );
});

Deno.test("a fault carries the path of its field, for programs", async () => {
  const request = await resolve("--kube-api-burst=-1");
  assert.ok(request.type === "refused");
  assert.deepEqual(request.problems.map(({ code, path }) => ({ code, path })), [
    { code: "WEIR_CONFIG_INVALID", path: ["clientConnection", "burst"] },
  ]);
});

Deno.test("of several feature gates, each that cannot be set is named", async () => {
  const gates = "SeccompDefault=true,NFTablesProxyMode=false,AllowServiceExternalIP=false";
  const start = `Cannot use --feature-gates "${gates}": `;
  assert.deepEqual(await problemsOf(`--feature-gates=${gates}`), [
    `${start}NFTablesProxyMode: it is locked to true, as in kube-proxy since the feature is GA`,
    `${start}AllowServiceExternalIP: there is no such feature gate; did you mean ` +
    "AllowServiceExternalIPs?",
  ]);
});

for (
  const [other, named] of [
    ["--kubeconfig=k", 'kubeconfig "k"'],
    ["--master=https://10.0.0.1", '--master "https://10.0.0.1"'],
  ] as const
) {
  Deno.test(`--manifests together with ${other} is refused: objects have one source`, async () => {
    assert.deepEqual(await problemsOf("--manifests=dir", other), [
      `Cannot use --manifests "dir": objects come from one source, and the API server of ${named} ` +
      "is given too: leave out one",
    ]);
  });
}

Deno.test("an unknown flag is refused before anything else is looked at", async () => {
  const [problem, ...rest] = await problemsOf("--proxy-mod=nftables", "--v=x");
  assert.match(problem ?? "", /did you mean --proxy-mode\?/);
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
  Deno.test(`weir ${args.join(" ")} asks for ${type}`, async () => {
    assert.equal((await resolve(...args)).type, type);
  });
}

Deno.test("a deprecated flag works and is warned of", async () => {
  const flags = FLAGS.map((flag) =>
    flag.name === "master" ? { ...flag, deprecated: "use X" } : flag
  );
  const request = await resolveRequest(["--master=https://a"], { hostname: () => "n", flags });
  assert.ok(request.type === "proxy");
  assert.equal(request.config.master, "https://a");
  assert.deepEqual(request.warnings, ["Flag --master is deprecated: use X"]);
});
