import assert from "node:assert/strict";
import type { CleanupOutcome } from "../cleanup.ts";
import { cleanupReport } from "./cleanup.ts";
import { createStyle } from "./style.ts";

const TABLE = {
  place: "nftables",
  owner: "kube-proxy",
  family: "ip",
  table: "kube-proxy",
} as const;
const OWN = {
  place: "nftables",
  owner: "weir",
  family: "ip6",
  table: "weir",
  handle: 7n,
  madeFor: { role: "proxier", plugin: "proxier-nftables" },
} as const;
const CHAINS = {
  place: "iptables-nft",
  owner: "kube-proxy",
  family: "ip",
  table: "nat",
  chains: ["KUBE-SERVICES"],
  jumps: [{ chain: "OUTPUT", handle: 3n }, { chain: "PREROUTING", handle: 4n }],
} as const;
const LEGACY = {
  place: "iptables-legacy",
  owner: "kube-proxy",
  family: "ip6",
  table: "filter",
  chains: ["KUBE-SERVICES", "KUBE-FORWARD"],
  jumps: 1,
} as const;
const IPVS = { place: "ipvs", owner: "kube-proxy", virtualServers: 1, connections: 0 } as const;
const LINK = { place: "link", owner: "kube-proxy", name: "kube-ipvs0" } as const;
const SET = { place: "ipset", owner: "kube-proxy", name: "KUBE-CLUSTER-IP" } as const;
const COUNTER = {
  place: "nfacct",
  owner: "kube-proxy",
  name: "localhost_nps_accepted_pkts",
} as const;

const REPORTS: readonly (readonly [string, readonly CleanupOutcome[], boolean, string])[] = [
  [
    "a clean node is said to be clean",
    [],
    true,
    "Nothing of kube-proxy or weir is on this node.\n",
  ],
  [
    "what was removed is one line each and a sum",
    [TABLE, OWN, CHAINS, LEGACY, SET, COUNTER, IPVS, LINK].map((leftover) => ({
      leftover,
      fate: { type: "removed" },
    })),
    true,
    `kube-proxy  nftables         ip table kube-proxy                             removed
weir        nftables         ip6 table weir of the proxier proxier-nftables  removed
kube-proxy  iptables-nft     ip nat: 1 chain, 2 jumps                        removed
kube-proxy  iptables-legacy  ip6 filter: 2 chains, 1 jump                    removed
kube-proxy  ipset            set KUBE-CLUSTER-IP                             removed
kube-proxy  nfacct           counter localhost_nps_accepted_pkts             removed
kube-proxy  ipvs             1 virtual server, 0 connections                 removed
kube-proxy  link             device kube-ipvs0                               removed

Removed 7 leftovers of kube-proxy and 1 of weir.
`,
  ],
  [
    "a dry run says that nothing was changed",
    [{ leftover: OWN, fate: { type: "listed" } }],
    true,
    `weir  nftables  ip6 table weir of the proxier proxier-nftables  would remove

Would remove 1 leftover of weir; nothing was changed.
`,
  ],
  [
    "what remains is said with the reason, and is no success",
    [
      { leftover: TABLE, fate: { type: "removed" } },
      { leftover: SET, fate: { type: "remains", reason: "a rule uses it" } },
    ],
    false,
    `kube-proxy  nftables  ip table kube-proxy  removed
kube-proxy  ipset     set KUBE-CLUSTER-IP  remains: a rule uses it

Removed 1 leftover of kube-proxy.
Could not remove 1 leftover of kube-proxy.
`,
  ],
  [
    "what is back at once counts as remaining",
    [{ leftover: SET, fate: { type: "returned", reason: "somebody puts it back" } }],
    false,
    `kube-proxy  ipset  set KUBE-CLUSTER-IP  remains: somebody puts it back

Could not remove 1 leftover of kube-proxy.
`,
  ],
];

for (const [sentence, outcomes, clean, text] of REPORTS) {
  Deno.test(sentence, () => {
    assert.deepEqual(cleanupReport(outcomes, createStyle(false)), { text, clean });
  });
}
