import assert from "node:assert/strict";
import plugin from "./plugin.ts";

const node = { name: "node-1", podCIDRs: ["10.244.3.0/24"] };

function detect(interfaceNamePrefix: string) {
  const config = { clusterCIDRs: ["10.0.0.0/8"], bridgeInterface: "cni0", interfaceNamePrefix };
  return plugin.definition.detect(node, config);
}

Deno.test("the prefix becomes the one match, in both families", () => {
  assert.deepEqual(detect("veth"), [{ type: "interfacePrefix", prefix: "veth" }]);
  assert.deepEqual(detect("a".repeat(15)), [{ type: "interfacePrefix", prefix: "a".repeat(15) }]);
});

Deno.test("a prefix that no interface's name can have is refused", () => {
  for (const prefix of ["", "a".repeat(16), "ve th", "ve/th", "ve:th", "veth\t"]) {
    assert.throws(() => detect(prefix), {
      code: "WEIR_CONFIG_INVALID",
      message: `Cannot use interface name prefix "${prefix}": ` +
        "it is not 1 to 15 characters without /, : and white space",
    });
  }
});

Deno.test("it is a local-detector that asks for no capability", () => {
  assert.equal(plugin.manifest.kind, "local-detector");
  assert.equal(plugin.manifest.name, "detect-interface-name-prefix");
  assert.deepEqual([plugin.manifest.requires, plugin.manifest.uses], [{}, {}]);
});
