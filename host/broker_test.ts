import assert from "node:assert/strict";
import type { CapabilityRequests, Grants } from "../schemas/manifest.ts";
import {
  bindGrants,
  decideGrants,
  DEFAULT_POLICIES,
  type PluginPolicy,
  readManifest,
  RESERVED_TABLES,
} from "./broker.ts";

const nft = (table: string) => ({ nft: { version: 1, table } }) as const;

function manifest(requires: CapabilityRequests = {}, uses: CapabilityRequests = {}) {
  return { kind: "proxier", name: "p", version: "1.0.0", api: 1, requires, uses } as const;
}

interface Granted {
  readonly what: string;
  readonly requires?: CapabilityRequests;
  readonly uses?: CapabilityRequests;
  readonly policy: PluginPolicy;
  readonly grants: Grants;
}

const GRANTED: readonly Granted[] = [
  { what: "who asks for nothing gets nothing", policy: { nft: { tables: "own" } }, grants: {} },
  {
    what: "a table of its own is granted",
    requires: nft("weir"),
    policy: { nft: { tables: "own" } },
    grants: nft("weir"),
  },
  {
    what: "a listed table is granted, even a reserved one",
    requires: nft("kube-proxy"),
    policy: { nft: { tables: ["kube-proxy"] } },
    grants: nft("kube-proxy"),
  },
  {
    what: "what is only used is granted where it is allowed",
    uses: nft("weir"),
    policy: { nft: { tables: ["weir"] } },
    grants: nft("weir"),
  },
  {
    what: "what is only used is left out where it is not allowed",
    uses: nft("weir"),
    policy: {},
    grants: {},
  },
  {
    what: "what is required comes before what is used",
    requires: nft("a"),
    uses: nft("b"),
    policy: { nft: { tables: "own" } },
    grants: nft("a"),
  },
];

for (const { what, requires, uses, policy, grants } of GRANTED) {
  Deno.test(what, () => {
    assert.deepEqual(decideGrants(manifest(requires, uses), policy), grants);
  });
}

const REFUSED: readonly (readonly [string, string, PluginPolicy, string])[] = [
  [
    "a policy without nft",
    "weir",
    {},
    'Cannot start plugin "p": it wants the nft table "weir", its policy allows none; ' +
    "allow it in the plugin's policy",
  ],
  [
    "a policy that lists other tables",
    "weir",
    { nft: { tables: ["a", "b"] } },
    'Cannot start plugin "p": it wants the nft table "weir", its policy allows a, b; ' +
    "allow it in the plugin's policy",
  ],
  [
    "a table that belongs to another program",
    "firewalld",
    { nft: { tables: "own" } },
    'Cannot start plugin "p": it wants the nft table "firewalld", which belongs to another ' +
    "program; rename the table in the plugin",
  ],
];

for (const [what, table, policy, message] of REFUSED) {
  Deno.test(`a plugin is refused because of ${what}`, () => {
    assert.throws(() => decideGrants(manifest(nft(table)), policy), {
      code: "WEIR_PLUGIN_REFUSED",
      message,
    });
  });
}

Deno.test("by default a proxier may own a table, and no one else touches nftables", () => {
  assert.deepEqual(DEFAULT_POLICIES["proxier"], { nft: { tables: "own" } });
  assert.deepEqual(DEFAULT_POLICIES["local-detector"], {});
  assert.deepEqual(DEFAULT_POLICIES["conntrack-tuner"], {});
  for (const table of ["kube-proxy", "filter", "nat"]) assert.ok(RESERVED_TABLES.has(table));
});

const MANIFESTS: readonly (readonly [string, unknown, RegExp])[] = [
  ["a later api", { name: "p", api: 2, novel: true }, /"p": it speaks api 2, .* upgrade weir/],
  ["an earlier api", { name: "p", api: 0 }, /it speaks api 0, weir 9.9.9 speaks api 1; build/],
  ["another capability version", {
    ...manifest(),
    requires: { nft: { version: 2, table: "t" } },
  }, /requires.nft.version/],
  ["an unknown capability", { ...manifest(), requires: { shell: {} } }, /requires.shell/],
  ["a table name with a slash", { ...manifest(), requires: nft("a/b") }, /requires.nft.table/],
  ["no name", { api: 1 }, /"unknown": /],
];

for (const [what, input, expected] of MANIFESTS) {
  Deno.test(`a manifest with ${what} is refused and says why`, () => {
    assert.throws(() => readManifest(input, "9.9.9"), (error: Error) => {
      assert.match(error.message, expected);
      return true;
    });
  });
}

Deno.test("only what was granted is bound", () => {
  const made: Grants["nft"][] = [];
  const factories = {
    nft: (grant: NonNullable<Grants["nft"]>) => {
      made.push(grant);
      return { invoke: () => Promise.resolve({ value: {} }), close() {} };
    },
  };
  assert.deepEqual([...bindGrants({}, factories).keys()], []);
  assert.deepEqual([...bindGrants(nft("weir"), factories).keys()], ["nft"]);
  assert.deepEqual(made, [{ version: 1, table: "weir" }]);
});
