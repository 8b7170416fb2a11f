import assert from "node:assert/strict";
import type { CapabilityRequests, Grants } from "../schemas/manifest.ts";
import { SYSCTL_KEYS, type SysctlKey } from "../schemas/sysctl.ts";
import {
  bindGrants,
  decideGrants,
  DEFAULT_POLICIES,
  type PluginPolicy,
  readManifest,
  RESERVED_TABLES,
} from "./broker.ts";

const nft = (table: string) => ({ nft: { version: 1, table } }) as const;
const conntrack = { conntrack: { version: 1 } } as const;
const sysctl = (...keys: readonly SysctlKey[]) => ({ sysctl: { version: 1, keys } }) as const;
const FORWARD = "net.ipv4.ip_forward";
const LOCALNET = "net.ipv4.conf.all.route_localnet";
const MAX = "net.netfilter.nf_conntrack_max";

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
  {
    what: "conntrack is granted beside a table",
    requires: nft("weir"),
    uses: conntrack,
    policy: { nft: { tables: "own" }, conntrack: { flows: "services" } },
    grants: { ...nft("weir"), ...conntrack },
  },
  {
    what: "conntrack that is only used is left out where it is not allowed",
    requires: nft("weir"),
    uses: conntrack,
    policy: { nft: { tables: "own" } },
    grants: nft("weir"),
  },
  {
    what: "sysctls are granted by name",
    requires: sysctl(FORWARD),
    policy: { sysctl: { keys: [FORWARD, LOCALNET] } },
    grants: sysctl(FORWARD),
  },
  {
    what: "of sysctls that are only used those are granted that are allowed",
    uses: sysctl(MAX, FORWARD, LOCALNET),
    policy: { sysctl: { keys: [LOCALNET, FORWARD] } },
    grants: sysctl(FORWARD, LOCALNET),
  },
  {
    what: "sysctls that are required and others that are used are granted together, each once",
    requires: sysctl(FORWARD),
    uses: sysctl(LOCALNET, FORWARD, MAX),
    policy: { sysctl: { keys: [FORWARD, LOCALNET] } },
    grants: sysctl(FORWARD, LOCALNET),
  },
  {
    what: "where none of the sysctls used is allowed there is no such capability",
    uses: sysctl(MAX),
    policy: { sysctl: { keys: [FORWARD] } },
    grants: {},
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

Deno.test("a plugin is refused that cannot work without conntrack and is not allowed it", () => {
  assert.throws(() => decideGrants(manifest(conntrack), { nft: { tables: "own" } }), {
    code: "WEIR_PLUGIN_REFUSED",
    message: 'Cannot start plugin "p": it wants conntrack, its policy allows none; ' +
      "allow it in the plugin's policy",
  });
});

Deno.test("a plugin is refused that cannot work without a sysctl and is not allowed it", () => {
  const policy = { sysctl: { keys: [FORWARD] } } as const;
  assert.throws(() => decideGrants(manifest(sysctl(FORWARD, MAX, LOCALNET)), policy), {
    code: "WEIR_PLUGIN_REFUSED",
    message: `Cannot start plugin "p": it wants the sysctls ${MAX}, ${LOCALNET}, its policy ` +
      `allows ${FORWARD}; allow them in the plugin's policy`,
  });
  assert.throws(() => decideGrants(manifest(sysctl(MAX)), {}), {
    message: new RegExp(`it wants the sysctls ${MAX}, its policy allows none;`),
  });
});

Deno.test("by default a proxier may own a table, have flows removed and set forwarding, a tuner set conntrack, and no one else anything", () => {
  const { sysctl: forwarding, ...others } = DEFAULT_POLICIES["proxier"];
  assert.deepEqual(others, { nft: { tables: "own" }, conntrack: { flows: "services" } });
  assert.deepEqual(DEFAULT_POLICIES["local-detector"], {});
  const { sysctl: tuning, ...nothing } = DEFAULT_POLICIES["conntrack-tuner"];
  assert.deepEqual(nothing, {});
  assert.ok(forwarding !== undefined && tuning !== undefined);
  assert.ok(tuning.keys.every((key) => key.startsWith("net.netfilter.nf_conntrack_")));
  assert.deepEqual([...tuning.keys, ...forwarding.keys].sort(), [...SYSCTL_KEYS].sort());
  for (const table of ["kube-proxy", "filter", "nat"]) assert.ok(RESERVED_TABLES.has(table));
});

const MANIFESTS: readonly (readonly [string, unknown, RegExp])[] = [
  ["a later api", { name: "p", api: 2, novel: true }, /"p": it speaks api 2, .* upgrade weir/],
  ["an earlier api", { name: "p", api: 0 }, /it speaks api 0, weir 9.9.9 speaks api 1; build/],
  ["another capability version", {
    ...manifest(),
    requires: { nft: { version: 2, table: "t" } },
  }, /requires.nft.version: it is 2, weir has 1$/],
  ["another version of conntrack", {
    ...manifest(),
    uses: { conntrack: { version: 2 } },
  }, /uses.conntrack.version/],
  ["another version of sysctl", {
    ...manifest(),
    uses: { sysctl: { version: 2, keys: [MAX] } },
  }, /uses.sysctl.version/],
  ["a sysctl that weir does not grant", {
    ...manifest(),
    requires: { sysctl: { version: 1, keys: [MAX, "kernel.core_pattern"] } },
  }, /requires.sysctl.keys.1: weir has no such sysctl to grant/],
  ["a path for a sysctl", {
    ...manifest(),
    uses: { sysctl: { version: 1, keys: ["../../etc/passwd"] } },
  }, /uses.sysctl.keys.0/],
  ["no sysctl", {
    ...manifest(),
    uses: { sysctl: { version: 1, keys: [] } },
  }, /uses.sysctl.keys: it names no sysctl/],
  ["a sysctl twice", {
    ...manifest(),
    uses: { sysctl: { version: 1, keys: [MAX, MAX] } },
  }, /uses.sysctl.keys: it names a sysctl twice/],
  [
    "an unknown capability",
    { ...manifest(), requires: { shell: {} } },
    /requires.shell: weir has no such capability; there are nft, conntrack, sysctl$/,
  ],
  ["no table", { ...manifest(), requires: { nft: { version: 1 } } }, /nft.table: it is missing$/],
  ["a field that there is not", { ...manifest(), author: "me" }, /author: there is no such field$/],
  ["a table name with a slash", { ...manifest(), requires: nft("a/b") }, /requires.nft.table/],
  ["no name", { ...manifest(), name: undefined }, /"unknown": name: it is missing$/],
];

for (const [what, input, expected] of MANIFESTS) {
  Deno.test(`a manifest with ${what} is refused and says why`, () => {
    assert.throws(() => readManifest(input, "9.9.9"), (error: Error) => {
      assert.match(error.message, expected);
      return true;
    });
  });
}

Deno.test("only what was granted is bound", async () => {
  const made: unknown[] = [];
  const factory = (grant: unknown) => {
    made.push(grant);
    return { invoke: () => Promise.resolve({ value: {} }), close() {} };
  };
  const factories = { nft: factory, conntrack: factory, sysctl: factory };
  assert.deepEqual([...(await bindGrants({}, factories)).keys()], []);
  assert.deepEqual([...(await bindGrants(nft("weir"), factories)).keys()], ["nft"]);
  assert.deepEqual([...(await bindGrants(conntrack, factories)).keys()], ["conntrack"]);
  assert.deepEqual([...(await bindGrants(sysctl(MAX), factories)).keys()], ["sysctl"]);
  assert.deepEqual(made, [
    { version: 1, table: "weir" },
    { version: 1 },
    { version: 1, keys: [MAX] },
  ]);
});
