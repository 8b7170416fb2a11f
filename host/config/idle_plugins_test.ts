import assert from "node:assert/strict";
import type { PluginConfig, WeirConfig } from "../../schemas/config.ts";
import { idlePlugins } from "./idle_plugins.ts";

const PLUGIN: PluginConfig = { reference: "/opt/x.ts", sha256: "", policy: undefined };
const NFTABLES = { type: "builtin", name: "nftables" } as const;
const MINE = { type: "plugin", name: "mine", reference: "/opt/x.ts" } as const;

const cases: readonly (readonly [string, WeirConfig["mode"], string, string | undefined])[] = [
  ["mode names", MINE, "mine", undefined],
  ["takes the place of weir's own", NFTABLES, "detect-cluster-cidr", undefined],
  [
    "takes the place of weir's own, which this mode leaves alone",
    MINE,
    "proxier-nftables",
    undefined,
  ],
  ["nothing asks for", NFTABLES, "mine", "it changes nothing: mode does not name it"],
  [
    "is mistyped",
    NFTABLES,
    "detect-clustercidr",
    "it changes nothing: mode does not name it; one of weir's own is called " +
    '"detect-cluster-cidr"',
  ],
];

for (const [what, mode, name, message] of cases) {
  Deno.test(`a plugin that ${what} ${message === undefined ? "is no matter" : "is told of"}`, () => {
    const found = idlePlugins({ mode, plugins: { [name]: PLUGIN } });
    assert.deepEqual(found, message === undefined ? [] : [{ name, message }]);
  });
}
