import assert from "node:assert/strict";
import { DETECT_LOCAL_MODES } from "../schemas/config.ts";
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
    { type: "plugin", reference: "/opt/hello/plugin.ts" },
    "/opt/hello/plugin.ts",
    "/opt/hello/plugin.ts",
  ],
  [
    { type: "plugin", reference: "https://example.com/p.js#sha256=00" },
    "https://example.com/p.js",
    "https://example.com/p.js#sha256=00",
  ],
];

for (const [mode, name, reference] of PROXIERS) {
  Deno.test(`the proxier of ${JSON.stringify(mode)} is called ${name}`, () => {
    assert.deepEqual(proxierOf(mode, HOME), { name, reference });
  });
}

for (const mode of DETECT_LOCAL_MODES) {
  Deno.test(`the local-detector of ${mode} is a plugin of this repository`, async () => {
    const { name, reference } = detectorOf(mode, HOME);
    assert.match(name, /^detect-/);
    assert.equal(reference, new URL(`plugins/${name}/plugin.ts`, HOME).href);
    assert.match(await Deno.readTextFile(new URL(reference)), /defineLocalDetector\(/);
  });
}
