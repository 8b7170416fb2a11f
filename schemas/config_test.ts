import assert from "node:assert/strict";
import * as v from "valibot";
import { CONFIG_DEFAULTS, configSchema } from "./config.ts";

const schema = configSchema(() => "Node-1\n");

Deno.test("an empty configuration is the default one, field by field", () => {
  const config = v.parse(schema, {});
  assert.deepEqual(v.parse(schema, structuredClone(CONFIG_DEFAULTS)), config);
  const { nodeName, clusterCIDRs, mode, ...rest } = config;
  assert.equal(nodeName, "node-1");
  assert.deepEqual(clusterCIDRs, []);
  assert.deepEqual(mode, { type: "builtin", name: "nftables" });
  const { hostnameOverride: _, clusterCIDR: __, mode: ___, ...defaults } = CONFIG_DEFAULTS;
  assert.deepEqual(rest, defaults);
});

Deno.test("the hostname is not asked for when the node's name is given", () => {
  const strict = configSchema(() => {
    throw new Error("asked for the hostname");
  });
  assert.equal(v.parse(strict, { hostnameOverride: " Node-A " }).nodeName, "node-a");
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
    message: /not one of ClusterCIDR/,
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
  { input: { master: "10.0.0.1:6443" }, path: "master", message: /no URL/ },
  {
    input: { nftables: { masqueradeBit: 32 } },
    path: "nftables.masqueradeBit",
    message: /0 to 31/,
  },
  { input: { nftables: { syncPeriod: 0 } }, path: "nftables.syncPeriod", message: /from 1 to/ },
  {
    input: { clientConnection: { burst: -1 } },
    path: "clientConnection.burst",
    message: /from 0 /,
  },
  { input: { clientConnection: { qps: NaN } }, path: "clientConnection.qps", message: /not/ },
  { input: { clusterCidr: "" }, path: "clusterCidr", message: /./ },
];

for (const { input, path, message } of cases) {
  Deno.test(`the configuration ${JSON.stringify(input)} is refused at ${path}`, () => {
    const result = v.safeParse(schema, input);
    assert.equal(result.success, false);
    assert.deepEqual(result.issues?.map((issue) => v.getDotPath(issue)), [path]);
    assert.match(result.issues?.[0].message ?? "", message);
  });
}

Deno.test("a system without a hostname is told which setting helps", () => {
  const result = v.safeParse(configSchema(() => " "), {});
  assert.deepEqual(result.issues?.map((issue) => v.getDotPath(issue)), ["hostnameOverride"]);
});

Deno.test("two ranges, one per family, come out canonical", () => {
  const config = v.parse(schema, { clusterCIDR: "10.244.3.7/16,FD00:0::1/56" });
  assert.deepEqual(config.clusterCIDRs, ["10.244.0.0/16", "fd00::/56"]);
});
