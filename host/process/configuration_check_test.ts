/** What an operator is told of a configuration that does not fit the node. */
import assert from "node:assert/strict";
import { checkConfiguration, type ConfigurationFacts } from "./configuration_check.ts";

const DUAL = ["IPv4", "IPv6"] as const;

function check(
  config: Partial<ConfigurationFacts["config"]>,
  facts: Partial<Omit<ConfigurationFacts, "config">> = {},
) {
  return checkConfiguration({
    config: {
      clusterCIDRs: [],
      detectLocalMode: "ClusterCIDR",
      healthzBindAddress: "0.0.0.0:10256",
      metricsBindAddress: "127.0.0.1:10249",
      ...config,
    },
    primary: "IPv4",
    served: DUAL,
    present: ["IPv4"],
    podCIDRs: [],
    ...facts,
  });
}

const WELL = [
  ["nothing given", {}, {}],
  ["a range of the primary family", { clusterCIDRs: ["10.244.0.0/16"] }, {}],
  ["a range of each family", { clusterCIDRs: ["fd00::/48", "10.244.0.0/16"] }, { present: DUAL }],
  ["podCIDRs that another mode does not use", {}, { podCIDRs: ["fd00::/64"] }],
  [
    "a range of all pods, this node's among them",
    { clusterCIDRs: ["10.244.0.0/16"] },
    { podCIDRs: ["10.244.3.0/24", "fd00::/64"] },
  ],
  [
    "a range of all pods that another mode does not use",
    { clusterCIDRs: ["10.99.0.0/16"], detectLocalMode: "BridgeInterface" },
    { podCIDRs: ["10.244.3.0/24"] },
  ],
  [
    "an address of every interface on a node of the other family",
    { healthzBindAddress: "[::]:10256" },
    { served: ["IPv4"] },
  ],
] as const;

for (const [sentence, config, facts] of WELL) {
  Deno.test(`${sentence} is no reason to warn`, () => {
    assert.deepEqual(check(config, facts), { warnings: [], fault: undefined });
  });
}

const WARNINGS = [
  [
    "a clusterCIDR without this node's pods",
    { clusterCIDRs: ["10.99.0.0/16"] },
    { podCIDRs: ["10.244.3.0/24"] },
    /^clusterCIDR may be wrong: 10\.99\.0\.0\/16: this Node's pods have addresses of 10\.244\.3\.0\/24, .*give --cluster-cidr/,
  ],
  [
    "a clusterCIDR that is smaller than this node's pods",
    { clusterCIDRs: ["10.244.3.0/25"] },
    { podCIDRs: ["10.244.3.0/24"] },
    /^clusterCIDR may be wrong: /,
  ],
  [
    "a clusterCIDR of the secondary family only",
    { clusterCIDRs: ["fd00::/48"] },
    {},
    /^clusterCIDR may be wrong: fd00::\/48: the node has IPv4 as its primary family, and this is IPv6; give it a range of IPv4/,
  ],
  [
    "a clusterCIDR without the secondary family of a node that has both",
    { clusterCIDRs: ["10.244.0.0/16"] },
    { present: DUAL },
    /^clusterCIDR has no range of IPv6, of which the node has an address/,
  ],
  [
    "podCIDRs without the secondary family of a node that has both",
    { detectLocalMode: "NodeCIDR" },
    { present: DUAL, podCIDRs: ["10.244.1.0/24"] },
    /^the Node's podCIDRs has no range of IPv6/,
  ],
  [
    "a health address of a family that is not served",
    { healthzBindAddress: "[fd00::1]:10256" },
    { served: ["IPv4"] },
    /^healthzBindAddress may be wrong: \[fd00::1\]:10256: the node is served in IPv4 only$/,
  ],
  [
    "a metrics address of a family that is not served",
    { metricsBindAddress: "127.0.0.1:10249" },
    { served: ["IPv6"], primary: "IPv6" },
    /^metricsBindAddress may be wrong: 127\.0\.0\.1:10249: the node is served in IPv6 only$/,
  ],
] as const;

for (const [sentence, config, facts, says] of WARNINGS) {
  Deno.test(`${sentence} is warned of`, () => {
    const { warnings, fault } = check(config, facts);
    assert.equal(fault, undefined);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? "", says);
  });
}

Deno.test("a clusterCIDR of the wrong family on a node of one family stops weir", () => {
  const { fault } = check({ clusterCIDRs: ["fd00::/48"] }, { served: ["IPv4"] });
  assert.equal(fault?.code, "WEIR_CONFIG_INVALID");
  assert.match(
    fault.message,
    /^Cannot use clusterCIDR "fd00::\/48": the node is served in IPv4 only, and this is IPv6; /,
  );
});

for (const served of [DUAL, ["IPv4"]] as const) {
  Deno.test(`podCIDRs of the wrong family stop weir in mode NodeCIDR, of ${served}`, () => {
    const { fault } = check({ detectLocalMode: "NodeCIDR" }, { served, podCIDRs: ["fd00::/64"] });
    assert.equal(fault?.code, "WEIR_NODE");
    assert.match(fault.message, /^Cannot use the Node's podCIDRs "fd00::\/64": the node /);
  });
}
