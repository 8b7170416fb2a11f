import assert from "node:assert/strict";
import type { IpFamily } from "../../schemas/kube.ts";
import { checkKernel, type KernelQuestions } from "./kernel.ts";

const WELL: KernelQuestions = {
  mode: { type: "builtin", name: "nftables" },
  release: "6.1.0",
  skipKernelCheck: false,
  probe: async () => ({ working: ["IPv4", "IPv6"], lacking: {} }),
  processStatus: () => "Name:\tdeno\nCapEff:\t000001ffffffffff\n",
  userNamespaces: async () => false,
  conntrack: () => ({ entries: 1, limit: 100 }),
  askConntrack: async () => {},
  forwarding: () => "on",
};

async function bad(questions: Partial<KernelQuestions>): Promise<string[]> {
  const groups = await checkKernel({ ...WELL, ...questions });
  return groups.flatMap(({ ticks }) => ticks).flatMap((tick) =>
    "remedy" in tick ? [`${tick.state}: ${tick.what} → ${tick.remedy}`] : []
  );
}

Deno.test("a kernel that has everything is well", async () => {
  assert.deepEqual(await bad({}), []);
});

Deno.test("a family that the kernel does not have, or is not to use, lacks no forwarding", async () => {
  for (
    const [state, says] of [
      ["absent", "net.ipv6.conf.all.forwarding: this kernel has no IPv6"],
      [
        "disabled",
        "net.ipv6.conf.all.forwarding: net.ipv6.conf.all.disable_ipv6 keeps IPv6 from all interfaces",
      ],
    ] as const
  ) {
    const questions = {
      ...WELL,
      forwarding: (family: IpFamily) => family === "IPv6" ? state : "on",
    } as const;
    const ticks = (await checkKernel(questions)).flatMap(({ ticks }) => ticks);
    assert.deepEqual(ticks.filter((tick) => tick.state !== "good"), [
      { state: "skipped", what: says },
    ]);
  }
});

const LACKING: readonly (readonly [string, Partial<KernelQuestions>, RegExp])[] = [
  ["an old kernel", { release: "5.4.0" }, /^failure: kernel 5\.4\.0 → .*5\.13 or later/],
  [
    "no nf_tables at all",
    { probe: async () => ({ working: [], lacking: { IPv4: "no module" } }) },
    /^failure: this kernel does not serve IPv4 → no module/,
  ],
  [
    "one family",
    { probe: async () => ({ working: ["IPv4"], lacking: { IPv6: "no IPv6" } }) },
    /^warning: this kernel does not serve IPv6 → no IPv6/,
  ],
  [
    "no right to ask",
    { probe: () => Promise.reject(new Error("run weir as root")) },
    /^failure: nf_tables → run weir as root/,
  ],
  [
    "CAP_NET_ADMIN",
    { processStatus: () => "CapEff:\t000001ffffffefff\n" },
    /^failure: no CAP_NET_ADMIN .*securityContext/,
  ],
  [
    "CAP_SETUID",
    { processStatus: () => "CapEff:\t000001ffffffff7f\n" },
    /^warning: no CAP_SETUID/,
  ],
  [
    "forwarding",
    { forwarding: (family) => family === "IPv6" ? "on" : "off" },
    /^warning: net\.ipv4\.ip_forward is off/,
  ],
  [
    "room for connections",
    { conntrack: () => ({ entries: 95, limit: 100 }) },
    /^warning: connection tracking is nearly full: 95 of 100/,
  ],
  [
    "connection tracking",
    { askConntrack: () => Promise.reject(new Error("load the module nf_conntrack_netlink")) },
    /^failure: connection tracking → load the module/,
  ],
];
Deno.test("a user namespace takes the place of what would only jail plugins", async () => {
  const netAdminOnly = { processStatus: () => "CapEff:\t0000000000001000\n" };
  assert.equal((await bad(netAdminOnly)).length, 4);
  assert.deepEqual(await bad({ ...netAdminOnly, userNamespaces: async () => true }), []);
});

for (const [sentence, questions, expected] of LACKING) {
  Deno.test(`what lacks is told with its remedy: ${sentence}`, async () => {
    const [first = "", ...others] = await bad(questions);
    assert.match(first, expected);
    assert.deepEqual(others, []);
  });
}
