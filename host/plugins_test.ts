import assert from "node:assert/strict";
import { DETECT_LOCAL_MODES, type PluginConfig } from "../schemas/config.ts";
import type { ProxyMode } from "../schemas/proxy_mode.ts";
import { detectorOf, proxierOf } from "./plugins.ts";

const HOME = new URL("../", import.meta.url);

const PROXIERS: readonly (readonly [ProxyMode, string, string])[] = [
  [
    { type: "builtin", name: "nftables" },
    "proxier-nftables",
    new URL("plugins/proxier-nftables/plugin.ts", HOME).href,
  ],
  [
    { type: "plugin", name: "/opt/hello/plugin.ts", reference: "/opt/hello/plugin.ts" },
    "/opt/hello/plugin.ts",
    "/opt/hello/plugin.ts",
  ],
  [
    { type: "plugin", name: "mine", reference: "https://example.com/p.js#sha256=00" },
    "mine",
    "https://example.com/p.js#sha256=00",
  ],
];

for (const [mode, name, reference] of PROXIERS) {
  Deno.test(`the proxier of ${JSON.stringify(mode)} is called ${name}`, () => {
    assert.deepEqual(proxierOf({ mode, plugins: {} }, HOME), {
      name,
      reference,
      policy: undefined,
    });
  });
}

for (const mode of DETECT_LOCAL_MODES) {
  Deno.test(`the local-detector of ${mode} is a plugin of this repository`, async () => {
    const { name, reference } = detectorOf({ detectLocalMode: mode, plugins: {} }, HOME);
    assert.match(name, /^detect-/);
    assert.equal(reference, new URL(`plugins/${name}/plugin.ts`, HOME).href);
    assert.match(await Deno.readTextFile(new URL(reference)), /defineLocalDetector\(/);
  });
}

const OWN = new URL("plugins/proxier-nftables/plugin.ts", HOME).href;
const SHA256 = "0123456789abcdef".repeat(4);

const SETTINGS: readonly (readonly [string, PluginConfig, string])[] = [
  [
    "a pin of its code",
    { reference: "", sha256: SHA256, policy: undefined },
    `${OWN}#sha256=${SHA256}`,
  ],
  ["other code", { reference: "/opt/copy.ts", sha256: "", policy: undefined }, "/opt/copy.ts"],
  ["a policy", { reference: "", sha256: "", policy: { nft: { tables: ["weir"] } } }, OWN],
];

for (const [what, setting, reference] of SETTINGS) {
  Deno.test(`weir's own proxier can be given ${what}`, () => {
    const plugins = { "proxier-nftables": setting };
    const source = proxierOf({ mode: { type: "builtin", name: "nftables" }, plugins }, HOME);
    assert.deepEqual(source, { name: "proxier-nftables", reference, policy: setting.policy });
  });
}
