import assert from "node:assert/strict";
import { LIMITS } from "../../schemas/wire.ts";
import { validateConfig } from "./validate.ts";

const inputs = (kubeProxy: unknown = {}, weir: unknown = {}, options: unknown = {}) => ({
  kubeProxy,
  weir,
  options,
});

function configOf(...parts: Parameters<typeof inputs>) {
  const result = validateConfig(inputs(...parts), () => "Node-1\n");
  assert.ok(result.type === "valid", Deno.inspect(result));
  return result.config;
}

function faultsOf(...parts: Parameters<typeof inputs>) {
  const result = validateConfig(inputs(...parts), () => "node-1");
  assert.ok(result.type === "faulty", "it is valid");
  return result.faults.map(({ root, path, message }) => ({ root, path: path.join("."), message }));
}

Deno.test("an empty configuration has kube-proxy's defaults, field by field", () => {
  const proxier = { masqueradeAll: false, masqueradeBit: 14, syncPeriod: 30_000, minSyncPeriod: 0 };
  const output = { splitStream: false, infoBufferSize: 0 };
  const { limits, featureGates, written, ...config } = configOf();
  assert.equal(written.kubeProxy["oomScoreAdj"], -999);
  assert.equal(written.weir["configReload"], "live");
  assert.deepEqual(limits, LIMITS);
  assert.equal(featureGates["AllowServiceExternalIPs"], true);
  assert.deepEqual(config, {
    configFile: "",
    configReload: "live",
    initOnly: false,
    manifests: "",
    master: "",
    clientConnection: {
      kubeconfig: "",
      acceptContentTypes: "",
      contentType: "application/vnd.kubernetes.protobuf",
      qps: 5,
      burst: 10,
    },
    configSyncPeriod: 900_000,
    nodeName: "node-1",
    bootIdFiles: ["/proc/sys/kernel/random/boot_id"],
    machineIdFiles: ["/etc/machine-id", "/var/lib/dbus/machine-id"],
    bindAddress: "0.0.0.0",
    bindAddressHardFail: false,
    healthzBindAddress: "0.0.0.0:10256",
    metricsBindAddress: "127.0.0.1:10249",
    enableProfiling: false,
    showHiddenMetricsForVersion: "",
    oomScoreAdj: -999,
    mode: { type: "builtin", name: "nftables" },
    inPlaceOf: "",
    modeFallback: false,
    proxier,
    clusterCIDRs: [],
    detectLocalMode: "ClusterCIDR",
    detectLocal: { bridgeInterface: "", interfaceNamePrefix: "" },
    nodePortAddresses: ["primary"],
    conntrack: {
      maxPerCore: 32_768,
      min: 131_072,
      tcpEstablishedTimeout: 86_400_000,
      tcpCloseWaitTimeout: 3_600_000,
      tcpBeLiberal: false,
      udpTimeout: 0,
      udpStreamTimeout: 0,
      removeTCPFlows: false,
    },
    iptables: { ...proxier, localhostNodePorts: true },
    ipvs: {
      syncPeriod: 30_000,
      minSyncPeriod: 0,
      scheduler: "",
      excludeCIDRs: [],
      strictARP: false,
      tcpTimeout: 0,
      tcpFinTimeout: 0,
      udpTimeout: 0,
    },
    nftables: proxier,
    winkernel: {
      networkName: "",
      sourceVip: "",
      enableDSR: false,
      rootHnsEndpointName: "",
      forwardHealthCheckVip: false,
    },
    portRange: "",
    udpIdleTimeout: 250,
    windowsRunAsService: false,
    telemetry: { perServiceMetrics: 0, tracesEndpoint: "" },
    logging: {
      format: "text",
      flushFrequency: 5_000,
      verbosity: 0,
      vmodule: [],
      options: { text: output, json: output },
      files: {
        toStderr: true,
        alsoToStderr: false,
        stderrThreshold: 2,
        directory: "",
        file: "",
        fileMaxMegabytes: 1_800,
        oneOutput: false,
        addDirHeader: false,
        skipHeaders: false,
        skipLogHeaders: false,
        backtraceAt: [],
      },
    },
    plugins: {},
  });
});

Deno.test("a field that is null is unset", () => {
  const nothing = { mode: null, iptables: null, conntrack: { min: null }, nodePortAddresses: null };
  assert.deepEqual(configOf(nothing), configOf());
});

Deno.test("the configuration cannot be changed by anyone", () => {
  const config = configOf();
  assert.ok(Object.isFrozen(config) && Object.isFrozen(config.detectLocal));
  assert.throws(() => Object.assign(config.clientConnection, { qps: 1 }), TypeError);
});

Deno.test("the hostname is not asked for when the node's name is given", () => {
  const result = validateConfig(inputs({ hostnameOverride: " Node-A " }), () => {
    throw new Error("asked for the hostname");
  });
  assert.ok(result.type === "valid");
  assert.equal(result.config.nodeName, "node-a");
});

Deno.test("a system without a hostname is told which setting helps", () => {
  const result = validateConfig(inputs(), () => " ");
  assert.ok(result.type === "faulty");
  assert.deepEqual(result.faults.map(({ path }) => path), [["hostnameOverride"]]);
});

Deno.test("two ranges, one per family, come out canonical", () => {
  const { clusterCIDRs } = configOf({ clusterCIDR: "10.244.3.7/16,FD00:0::1/56" });
  assert.deepEqual(clusterCIDRs, ["10.244.0.0/16", "fd00::/56"]);
});

Deno.test("a bind address of IPv6 lets the servers listen there by default", () => {
  const { bindAddress, healthzBindAddress, metricsBindAddress } = configOf({
    bindAddress: "FD00::1",
  });
  assert.deepEqual([bindAddress, healthzBindAddress, metricsBindAddress], [
    "fd00::1",
    "[::]:10256",
    "[::1]:10249",
  ]);
});

const pauses: readonly (readonly [string, object, number])[] = [
  ["unset adapts", {}, 0],
  ["of 0 adapts", { minSyncPeriod: "0s" }, 0],
  ["as kube-proxy's default, if it is written, is kept", { minSyncPeriod: "1s" }, 1_000],
  ["below a millisecond is kept", { minSyncPeriod: "250us" }, 0.25],
];

for (const [what, nftables, minSyncPeriod] of pauses) {
  Deno.test(`a pause between syncs ${what}`, () => {
    assert.equal(configOf({ nftables }).proxier.minSyncPeriod, minSyncPeriod);
  });
}

Deno.test("in an empty mode what was written for iptables counts, unless nftables has its own", () => {
  const iptables = { masqueradeAll: true, masqueradeBit: 15, syncPeriod: "50s" };
  const pause = { minSyncPeriod: "2s" };
  const ofIptables = { masqueradeAll: true, masqueradeBit: 15, syncPeriod: 50_000 };
  assert.deepEqual(configOf({ iptables: { ...iptables, ...pause } }).proxier, {
    ...ofIptables,
    minSyncPeriod: 2_000,
  });
  assert.deepEqual(configOf({ iptables, nftables: { masqueradeBit: 9, ...pause } }).proxier, {
    ...ofIptables,
    masqueradeBit: 9,
    minSyncPeriod: 2_000,
  });
  const { proxier } = configOf({ mode: "nftables", iptables });
  assert.deepEqual([proxier.masqueradeAll, proxier.masqueradeBit], [false, 14]);
  const [fault] = faultsOf({ iptables: { minSyncPeriod: "31s" } });
  assert.equal(fault?.path, "iptables.minSyncPeriod");
});

Deno.test("whoever serves in place of ipvs has its periods and iptables' masquerading", () => {
  const config = configOf({
    mode: "ipvs",
    ipvs: { syncPeriod: "40s", minSyncPeriod: "5s" },
    iptables: { masqueradeAll: true, masqueradeBit: 15, syncPeriod: "50s" },
  }, { proxyModeFallback: true });
  assert.deepEqual(config.mode, { type: "builtin", name: "nftables" });
  assert.equal(config.inPlaceOf, "ipvs");
  assert.deepEqual(config.proxier, {
    masqueradeAll: true,
    masqueradeBit: 15,
    syncPeriod: 40_000,
    minSyncPeriod: 5_000,
  });
  assert.deepEqual(config.nodePortAddresses, ["all"], "as an empty list means there");
});

for (
  const [localhostNodePorts, addresses] of [
    [true, ["all", "127.0.0.0/8"]],
    [false, ["all"]],
  ] as const
) {
  Deno.test(`in place of iptables NodePorts answer on ${addresses} with localhostNodePorts ${localhostNodePorts}`, () => {
    const document = { mode: "iptables", iptables: { localhostNodePorts } };
    const fallback = { proxyModeFallback: true };
    assert.deepEqual(configOf(document, fallback).nodePortAddresses, addresses);
    const listed = { ...document, nodePortAddresses: ["10.0.0.0/8"] };
    assert.deepEqual(configOf(listed, fallback).nodePortAddresses, ["10.0.0.0/8"]);
  });
}

Deno.test("a mode may be the name of a plugin of the configuration", () => {
  const sha256 = "ab".repeat(32);
  const { mode, plugins } = configOf({ mode: "mine" }, {
    plugins: { mine: { reference: "https://example.com/p.js", sha256 } },
  });
  const reference = `https://example.com/p.js#sha256=${sha256}`;
  assert.deepEqual(mode, { type: "plugin", name: "mine", reference });
  assert.deepEqual(plugins["mine"], { reference, sha256: "", policy: undefined });
});

Deno.test("a policy lists the sysctls that a plugin may be granted", () => {
  const keys = ["net.netfilter.nf_conntrack_udp_timeout"] as const;
  const { plugins } = configOf({}, {
    plugins: { "conntrack-tuner": { policy: { sysctl: { keys } } } },
  });
  assert.deepEqual(plugins["conntrack-tuner"]?.policy, { sysctl: { keys } });
});

Deno.test("limits are narrowed one by one", () => {
  const { limits } = configOf({}, { limits: { deaths: 2, memoryBytes: 2 ** 28 } });
  assert.deepEqual(limits, { ...LIMITS, deaths: 2, memoryBytes: 2 ** 28 });
});

const cases: readonly { input: unknown; path: string; message: RegExp }[] = [
  { input: { clusterCIDR: "10.0.0.0/33" }, path: "clusterCIDR", message: /is no CIDR/ },
  {
    input: { clusterCIDR: "10.0.0.0/8,10.1.0.0/16" },
    path: "clusterCIDR",
    message: /more than one IPv4 range/,
  },
  {
    input: { clusterCIDR: "10.0.0.0/8, fd00::/8" },
    path: "clusterCIDR",
    message: /" fd00::\/8" is/,
  },
  {
    input: { detectLocalMode: "Magic" },
    path: "detectLocalMode",
    message: /needs one of "", ClusterCIDR/,
  },
  {
    input: { detectLocal: { bridgeInterface: "a-name-of-16-byt" } },
    path: "detectLocal.bridgeInterface",
    message: /at most 15 bytes/,
  },
  {
    input: { detectLocal: { interfaceNamePrefix: "a/b" } },
    path: "detectLocal.interfaceNamePrefix",
    message: /no slash/,
  },
  {
    input: { detectLocalMode: "InterfaceNamePrefix" },
    path: "detectLocal.interfaceNamePrefix",
    message: /needs the prefix/,
  },
  { input: { hostnameOverride: "\t" }, path: "hostnameOverride", message: /empty once trimmed/ },
  { input: { healthzBindAddress: "1.2.3.4:0" }, path: "healthzBindAddress", message: /no port/ },
  { input: { mode: "ipvs" }, path: "mode", message: /this version of weir has nftables/ },
  { input: { mode: "ipbs" }, path: "mode", message: /it is none of nftables/ },
  {
    input: { nftables: { masqueradeBit: 32 } },
    path: "nftables.masqueradeBit",
    message: /0 to 31/,
  },
  {
    input: { nftables: { syncPeriod: "0s" } },
    path: "nftables.syncPeriod",
    message: /not longer than 0s/,
  },
  {
    input: { clientConnection: { burst: -1 } },
    path: "clientConnection.burst",
    message: /from 0 /,
  },
  {
    input: { clientConnection: { qps: NaN } },
    path: "clientConnection.qps",
    message: /needs a number/,
  },
  { input: { clusterCidr: "" }, path: "clusterCidr", message: /./ },
];

for (const { input, path, message } of cases) {
  Deno.test(`the configuration ${JSON.stringify(input)} is refused at ${path}`, () => {
    const [fault, ...more] = faultsOf(input);
    assert.deepEqual(more, []);
    assert.equal(fault?.root, "kubeProxy");
    assert.equal(fault.path, path);
    assert.match(fault.message, message);
  });
}

const together: readonly (readonly [string, Parameters<typeof inputs>, string, RegExp])[] = [
  [
    "a pause longer than the period",
    [{ nftables: { minSyncPeriod: "31s" } }],
    "nftables.minSyncPeriod",
    /longer than nftables\.syncPeriod/,
  ],
  [
    "vmodule with JSON",
    [{ logging: { format: "json", vmodule: [{ filePattern: "a", verbosity: 1 }] } }],
    "logging.vmodule",
    /format is json/,
  ],
  [
    "split streams without their gate",
    [{ logging: { options: { json: { splitStream: true } } } }],
    "logging.options.json.splitStream",
    /LoggingAlphaOptions/,
  ],
  ["a plugin without code", [{}, { plugins: { mine: {} } }], "plugins.mine", /no reference/],
  [
    "code from the network without a pin",
    [{}, { plugins: { mine: { reference: "https://e.com/p.js" } } }],
    "plugins.mine",
    /needs sha256/,
  ],
  ["a limit out of bounds", [{}, { limits: { deaths: 0 } }], "limits.deaths", /from 1 to 1000/],
  [
    "a policy for what nobody has",
    [{}, { plugins: { "proxier-nftables": { policy: { files: {} } } } }],
    "plugins.proxier-nftables.policy.files",
    /no such field/,
  ],
  [
    "a policy for a sysctl that is nobody's affair",
    [{}, {
      plugins: { "conntrack-tuner": { policy: { sysctl: { keys: ["kernel.core_pattern"] } } } },
    }],
    "plugins.conntrack-tuner.policy.sysctl.keys.0",
    /"kernel\.core_pattern", and it needs one of net\.netfilter\.nf_conntrack_max/,
  ],
  ["two sources", [{}, {}, { manifests: "d", master: "https://a" }], "manifests", /one source/],
];

for (const [what, parts, path, message] of together) {
  Deno.test(`${what} is refused at ${path}`, () => {
    const [fault, ...more] = faultsOf(...parts);
    assert.deepEqual(more, []);
    assert.equal(fault?.path, path);
    assert.match(fault.message, message);
  });
}
