import assert from "node:assert/strict";
import plugin from "./plugin.ts";

const node = { name: "node-1", podCIDRs: ["10.244.3.0/24"] };

function detect(bridgeInterface: string) {
  const config = { clusterCIDRs: ["10.0.0.0/8"], bridgeInterface, interfaceNamePrefix: "veth" };
  return plugin.definition.detect(node, config);
}

Deno.test("the bridge becomes the one match, in both families", () => {
  assert.deepEqual(detect("cni0"), [{ type: "interface", name: "cni0" }]);
  assert.deepEqual(detect("a".repeat(15)), [{ type: "interface", name: "a".repeat(15) }]);
});

Deno.test("a name that the kernel would not give an interface is refused", () => {
  for (const name of ["", "a".repeat(16), "br 0", "br/0", "br:0", ".", "..", "br0\n"]) {
    assert.throws(() => detect(name), {
      code: "WEIR_CONFIG_INVALID",
      message: `Cannot use bridge interface "${name}": ` +
        "it is not 1 to 15 characters without /, : and white space",
    });
  }
});

Deno.test("it is a local-detector that asks for no capability", () => {
  assert.equal(plugin.manifest.kind, "local-detector");
  assert.equal(plugin.manifest.name, "detect-bridge-interface");
  assert.deepEqual([plugin.manifest.requires, plugin.manifest.uses], [{}, {}]);
});
