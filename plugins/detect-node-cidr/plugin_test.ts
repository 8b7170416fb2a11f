import assert from "node:assert/strict";
import plugin from "./plugin.ts";

const config = { clusterCIDRs: ["10.0.0.0/8"], bridgeInterface: "cni0", interfaceNamePrefix: "v" };

function detect(...podCIDRs: string[]) {
  return plugin.definition.detect({ name: "node-1", podCIDRs }, config);
}

Deno.test("each pod CIDR of the node becomes a match of its family, not the cluster's", () => {
  assert.deepEqual(detect("10.244.3.0/24", "fd00:10:244:3::/64"), [
    { type: "cidr", family: "IPv4", cidr: "10.244.3.0/24" },
    { type: "cidr", family: "IPv6", cidr: "fd00:10:244:3::/64" },
  ]);
});

Deno.test("a node without pod CIDRs yet tells nothing apart", () => {
  assert.deepEqual(detect(), []);
});

Deno.test("what is no CIDR is refused with the node's name", () => {
  assert.throws(() => detect("10.244.3.0/24", "10.244.3.0/240"), {
    code: "WEIR_ADDRESS_INVALID",
    message: 'Cannot use pod CIDR "10.244.3.0/240" of node "node-1": it is no CIDR',
  });
});

Deno.test("it is a local-detector that asks for no capability", () => {
  assert.equal(plugin.manifest.kind, "local-detector");
  assert.equal(plugin.manifest.name, "detect-node-cidr");
  assert.deepEqual([plugin.manifest.requires, plugin.manifest.uses], [{}, {}]);
});
