/** One row for each field of both documents: what it comes to, and what is refused, at its path. */
import assert from "node:assert/strict";
import type { WeirConfig } from "../../schemas/config.ts";
import { KubeProxySchema } from "../../schemas/config/kube_proxy.ts";
import { LIMIT_BOUNDS, WeirSchema } from "../../schemas/config/weir.ts";
import { schemaLeaves } from "./schema_shape.ts";
import { type ConfigFault, validateConfig } from "./validate.ts";

type Root = "kubeProxy" | "weir";

interface FieldRow {
  readonly path: string;
  readonly value: unknown;
  readonly comesTo: (config: WeirConfig) => unknown;
  readonly as: unknown;
  readonly bad: unknown;
  readonly why: RegExp;
  /** Other fields that it takes to be right. */
  readonly beside?: Readonly<Record<string, unknown>>;
  /** Where the fault is, when it is deeper than the field. */
  readonly at?: string;
}

/** `{ "a.b": 1 }` as `{ a: { b: 1 } }`. */
function nested(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const document: Record<string, unknown> = {};
  for (const [path, value] of Object.entries(fields)) {
    const keys = path.split(".");
    const last = keys.pop() ?? "";
    let place = document;
    for (const key of keys) place = (place[key] ??= {}) as Record<string, unknown>;
    place[last] = value;
  }
  return document;
}

function validated(root: Root, fields: Readonly<Record<string, unknown>>) {
  const inputs = { kubeProxy: {}, weir: {}, options: {}, [root]: nested(fields) };
  return validateConfig(inputs, () => "node-1");
}

const text = /it is the number 3, and it needs text/;
const boolean = /it is the text "yes", and it needs true or false/;
const positive = /it is not longer than 0s/;
const negative = /it is shorter than 0s/;
const alpha = { "featureGates": { LoggingAlphaOptions: true } };

const KUBE_PROXY: readonly FieldRow[] = [
  row(
    "featureGates",
    { AllowServiceExternalIPs: false },
    (c) => c.featureGates["AllowServiceExternalIPs"],
    false,
    { AllowServiceExternalIp: true },
    /no such feature gate/,
    { at: "featureGates.AllowServiceExternalIp" },
  ),
  row("clientConnection.kubeconfig", "/k", (c) => c.clientConnection.kubeconfig, "/k", 3, text),
  row(
    "clientConnection.acceptContentTypes",
    "application/json",
    (c) => c.clientConnection.acceptContentTypes,
    "application/json",
    3,
    text,
  ),
  row(
    "clientConnection.contentType",
    "application/json",
    (c) => c.clientConnection.contentType,
    "application/json",
    "application/yaml",
    /needs one of application\/vnd/,
  ),
  row("clientConnection.qps", 2.5, (c) => c.clientConnection.qps, 2.5, 1e39, /float32/),
  row("clientConnection.burst", 20, (c) => c.clientConnection.burst, 20, -1, /from 0 to/),
  row("logging.format", "json", (c) => c.logging.format, "json", "xml", /needs one of text, json/),
  row(
    "logging.flushFrequency",
    1_500_000_000,
    (c) => c.logging.flushFrequency,
    1_500,
    "soon",
    /no duration/,
  ),
  row("logging.verbosity", 4, (c) => c.logging.verbosity, 4, 2 ** 31, /from 0 to 2147483647/),
  row(
    "logging.vmodule",
    [{ filePattern: "sync*", verbosity: 4 }],
    (c) => c.logging.vmodule,
    [{ filePattern: "sync*", verbosity: 4 }],
    [{ filePattern: "a=b", verbosity: 1 }],
    /comma or an equals/,
    { at: "logging.vmodule.0.filePattern" },
  ),
  row(
    "logging.options.text.splitStream",
    true,
    (c) => c.logging.options.text.splitStream,
    true,
    "yes",
    boolean,
    { beside: alpha },
  ),
  row(
    "logging.options.text.infoBufferSize",
    "64k",
    (c) => c.logging.options.text.infoBufferSize,
    64_000,
    "much",
    /no size/,
    { beside: alpha },
  ),
  row(
    "logging.options.json.splitStream",
    true,
    (c) => c.logging.options.json.splitStream,
    true,
    "yes",
    boolean,
    { beside: alpha },
  ),
  row(
    "logging.options.json.infoBufferSize",
    "2Mi",
    (c) => c.logging.options.json.infoBufferSize,
    2_097_152,
    -1,
    /no size/,
    { beside: alpha },
  ),
  row("hostnameOverride", " Node-A ", (c) => c.nodeName, "node-a", "\t", /empty once trimmed/),
  row("bindAddress", "FD00:0::1", (c) => c.bindAddress, "fd00::1", "localhost", /no IP address/),
  row(
    "healthzBindAddress",
    "10.0.0.1",
    (c) => c.healthzBindAddress,
    "10.0.0.1:10256",
    "10.0.0.1:0",
    /no port/,
  ),
  row(
    "metricsBindAddress",
    "[::1]:9",
    (c) => c.metricsBindAddress,
    "[::1]:9",
    "here:9",
    /no IP address/,
  ),
  row("bindAddressHardFail", true, (c) => c.bindAddressHardFail, true, "yes", boolean),
  row("enableProfiling", true, (c) => c.enableProfiling, true, "yes", boolean),
  row(
    "showHiddenMetricsForVersion",
    "1.36",
    (c) => c.showHiddenMetricsForVersion,
    "1.36",
    "1.37",
    /minor version before/,
  ),
  row(
    "mode",
    "./x.ts",
    (c) => c.mode,
    { type: "plugin", name: "./x.ts", reference: "./x.ts" },
    "magic",
    /none of nftables/,
  ),
  row("iptables.masqueradeBit", 15, (c) => c.iptables.masqueradeBit, 15, 32, /from 0 to 31/),
  row("iptables.masqueradeAll", true, (c) => c.iptables.masqueradeAll, true, "yes", boolean),
  row(
    "iptables.localhostNodePorts",
    false,
    (c) => c.iptables.localhostNodePorts,
    false,
    "yes",
    boolean,
  ),
  row("iptables.syncPeriod", "1m", (c) => c.iptables.syncPeriod, 60_000, "0s", positive),
  row("iptables.minSyncPeriod", "2s", (c) => c.iptables.minSyncPeriod, 2_000, "-1s", negative),
  row("ipvs.syncPeriod", "1m", (c) => c.ipvs.syncPeriod, 60_000, "-1s", positive),
  row("ipvs.minSyncPeriod", "2s", (c) => c.ipvs.minSyncPeriod, 2_000, "-1s", negative),
  row("ipvs.scheduler", "mh", (c) => c.ipvs.scheduler, "mh", "fifo", /needs one of/),
  row("ipvs.strictARP", true, (c) => c.ipvs.strictARP, true, "yes", boolean),
  row(
    "ipvs.excludeCIDRs",
    ["10.0.0.0/8"],
    (c) => c.ipvs.excludeCIDRs,
    ["10.0.0.0/8"],
    ["10.0.0.1"],
    /no CIDR/,
    { at: "ipvs.excludeCIDRs.0" },
  ),
  row("ipvs.tcpTimeout", "1h", (c) => c.ipvs.tcpTimeout, 3_600_000, "-1s", negative),
  row("ipvs.tcpFinTimeout", "1m", (c) => c.ipvs.tcpFinTimeout, 60_000, "-1s", negative),
  row("ipvs.udpTimeout", "5s", (c) => c.ipvs.udpTimeout, 5_000, "-1s", negative),
  row("nftables.masqueradeBit", 0, (c) => c.proxier.masqueradeBit, 0, -1, /from 0 to 31/),
  row("nftables.masqueradeAll", true, (c) => c.proxier.masqueradeAll, true, "yes", boolean),
  row("nftables.syncPeriod", "1m", (c) => c.proxier.syncPeriod, 60_000, "0s", positive),
  row(
    "nftables.minSyncPeriod",
    "2s",
    (c) => c.proxier.minSyncPeriod,
    2_000,
    2,
    /needs a duration in quotes/,
  ),
  row("winkernel.networkName", "n", (c) => c.winkernel.networkName, "n", 3, text),
  row("winkernel.sourceVip", "10.0.0.1", (c) => c.winkernel.sourceVip, "10.0.0.1", 3, text),
  row("winkernel.enableDSR", true, (c) => c.winkernel.enableDSR, true, "yes", boolean),
  row(
    "winkernel.rootHnsEndpointName",
    "cbr0",
    (c) => c.winkernel.rootHnsEndpointName,
    "cbr0",
    3,
    text,
  ),
  row(
    "winkernel.forwardHealthCheckVip",
    true,
    (c) => c.winkernel.forwardHealthCheckVip,
    true,
    "yes",
    boolean,
  ),
  row(
    "detectLocalMode",
    "NodeCIDR",
    (c) => c.detectLocalMode,
    "NodeCIDR",
    "Magic",
    /needs one of "", ClusterCIDR/,
  ),
  row(
    "detectLocal.bridgeInterface",
    "cni0",
    (c) => c.detectLocal.bridgeInterface,
    "cni0",
    "a-name-of-16-byt",
    /at most 15 bytes/,
  ),
  row(
    "detectLocal.interfaceNamePrefix",
    "veth",
    (c) => c.detectLocal.interfaceNamePrefix,
    "veth",
    "a/b",
    /no slash/,
  ),
  row(
    "clusterCIDR",
    "10.244.3.7/16,FD00::1/56",
    (c) => c.clusterCIDRs,
    ["10.244.0.0/16", "fd00::/56"],
    "10.0.0.0/8,11.0.0.0/8",
    /more than one IPv4/,
  ),
  row(
    "nodePortAddresses",
    ["primary", "192.168.7.9/16"],
    (c) => c.nodePortAddresses,
    ["primary", "192.168.0.0/16"],
    "primary",
    /needs a list/,
  ),
  row("oomScoreAdj", -500, (c) => c.oomScoreAdj, -500, 1001, /from -1000 to 1000/),
  row("conntrack.maxPerCore", 0, (c) => c.conntrack.maxPerCore, 0, -1, /from 0 to/),
  row("conntrack.min", 7, (c) => c.conntrack.min, 7, 1.5, /needs an integer/),
  row(
    "conntrack.tcpEstablishedTimeout",
    "0s",
    (c) => c.conntrack.tcpEstablishedTimeout,
    0,
    "-1s",
    negative,
  ),
  row(
    "conntrack.tcpCloseWaitTimeout",
    "60s",
    (c) => c.conntrack.tcpCloseWaitTimeout,
    60_000,
    "-1s",
    negative,
  ),
  row("conntrack.tcpBeLiberal", true, (c) => c.conntrack.tcpBeLiberal, true, "yes", boolean),
  row("conntrack.udpTimeout", "30s", (c) => c.conntrack.udpTimeout, 30_000, "-1s", negative),
  row(
    "conntrack.udpStreamTimeout",
    "5m",
    (c) => c.conntrack.udpStreamTimeout,
    300_000,
    "-1s",
    negative,
  ),
  row("configSyncPeriod", "1h", (c) => c.configSyncPeriod, 3_600_000, "0s", positive),
  row(
    "portRange",
    "30000+100",
    (c) => c.portRange,
    "30000+100",
    "32000-30000",
    /30000 is below 32000/,
  ),
  row("udpIdleTimeout", "1s", (c) => c.udpIdleTimeout, 1_000, "0s", positive),
  row("windowsRunAsService", true, (c) => c.windowsRunAsService, true, "yes", boolean),
];

const PIN = "ab".repeat(32);

const WEIR: readonly FieldRow[] = [
  row(
    "plugins",
    { mine: { reference: "/x.ts", sha256: PIN, policy: { nft: { tables: ["t"] } } } },
    (c) => c.plugins,
    { mine: { reference: `/x.ts#sha256=${PIN}`, sha256: "", policy: { nft: { tables: ["t"] } } } },
    { Mine: { reference: "/x.ts" } },
    /starts with a letter/,
    { at: "plugins.Mine" },
  ),
  row("proxyModeFallback", true, (c) => c.modeFallback, true, "yes", boolean),
  row("configReload", "exit", (c) => c.configReload, "exit", "never", /needs one of live, exit/),
  row("conntrack.removeTCPFlows", true, (c) => c.conntrack.removeTCPFlows, true, "yes", boolean),
  row(
    "telemetry.perServiceMetrics",
    5,
    (c) => c.telemetry.perServiceMetrics,
    5,
    -1,
    /needs an integer/,
  ),
  row(
    "telemetry.tracesEndpoint",
    "https://collector:4318",
    (c) => c.telemetry.tracesEndpoint,
    "https://collector:4318",
    "collector:4317",
    /needs a URL with http or https/,
  ),
  ...Object.entries(LIMIT_BOUNDS).map(([name, [least, most]]) =>
    row(
      `limits.${name}`,
      most,
      (c) => Object.entries(c.limits).find(([key]) => key === name)?.[1],
      most,
      least - 1,
      /needs an integer/,
    )
  ),
];

function row(
  path: string,
  value: unknown,
  comesTo: FieldRow["comesTo"],
  as: unknown,
  bad: unknown,
  why: RegExp,
  more: Pick<FieldRow, "at" | "beside"> = {},
): FieldRow {
  return { path, value, comesTo, as, bad, why, ...more };
}

for (
  const [root, schema, rows] of [
    ["kubeProxy", KubeProxySchema, KUBE_PROXY],
    ["weir", WeirSchema, WEIR],
  ] as const
) {
  Deno.test(`every field of ${root} has a row here`, () => {
    assert.deepEqual(rows.map(({ path }) => path).sort(), schemaLeaves(schema).sort());
  });

  for (const { path, value, comesTo, as, bad, why, at = path, beside = {} } of rows) {
    Deno.test(`${root} ${path} is accepted and comes to its setting`, () => {
      const result = validated(root, { ...beside, [path]: value });
      assert.ok(result.type === "valid", Deno.inspect(result));
      assert.deepEqual(comesTo(result.config), as);
      const byDefault = validated(root, {});
      assert.ok(byDefault.type === "valid");
      assert.notDeepEqual(comesTo(byDefault.config), as, "which is not the default");
    });

    Deno.test(`${root} ${path} refuses what it cannot use, at its path`, () => {
      const result = validated(root, { ...beside, [path]: bad });
      assert.ok(result.type === "faulty", "it was accepted");
      const told = (fault: ConfigFault) => [fault.root, fault.path.join(".")];
      assert.deepEqual(result.faults.map(told), [[root, at]]);
      assert.match(result.faults[0]?.message ?? "", why);
    });

    Deno.test(`${root} ${path} is unset by null`, () => {
      const result = validated(root, { ...beside, [path]: null });
      const without = validated(root, beside);
      assert.ok(result.type === "valid" && without.type === "valid");
      assert.deepEqual(result.config, without.config);
    });
  }
}
