import assert from "node:assert/strict";
import plugin from "./plugin.ts";

const node = { name: "node-1", podCIDRs: ["10.244.3.0/24"] };

function detect(...clusterCIDRs: string[]) {
  const config = { clusterCIDRs, bridgeInterface: "cni0", interfaceNamePrefix: "veth" };
  return plugin.definition.detect(node, config);
}

Deno.test("each cluster CIDR becomes a match of its family, whatever else is configured", () => {
  assert.deepEqual(detect("10.244.0.0/16"), [
    { type: "cidr", family: "IPv4", cidr: "10.244.0.0/16" },
  ]);
  assert.deepEqual(detect("fd00:10:244::/56", "10.244.0.0/16"), [
    { type: "cidr", family: "IPv6", cidr: "fd00:10:244::/56" },
    { type: "cidr", family: "IPv4", cidr: "10.244.0.0/16" },
  ]);
});

Deno.test("host bits are cleared and IPv6 is written canonically, as the kernel will list it", () => {
  assert.deepEqual(detect("10.244.3.7/16", "FD00:0:0::1/64"), [
    { type: "cidr", family: "IPv4", cidr: "10.244.0.0/16" },
    { type: "cidr", family: "IPv6", cidr: "fd00::/64" },
  ]);
});

Deno.test("without a cluster CIDR nothing is told apart", () => {
  assert.deepEqual(detect(), []);
});

Deno.test("what is no CIDR is refused by name, and the whole list with it", () => {
  for (const text of ["10.244.0.0", "10.244.0.0/33", "pods", ""]) {
    assert.throws(() => detect("10.244.0.0/16", text), {
      code: "WEIR_CONFIG_INVALID",
      message: `Cannot use cluster CIDR "${text}": it is no CIDR`,
    });
  }
});

Deno.test("it is a local-detector that asks for no capability", () => {
  assert.equal(plugin.manifest.kind, "local-detector");
  assert.equal(plugin.manifest.name, "detect-cluster-cidr");
  assert.deepEqual([plugin.manifest.requires, plugin.manifest.uses], [{}, {}]);
});
