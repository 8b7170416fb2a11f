import assert from "node:assert/strict";
import { defineProxier, type Plugin, type SysctlFailure, sysctlFailureOf, WeirError } from "weir";
import { fakeSysctls, loopback } from "weir/testing";

const FORWARD = "net.ipv4.ip_forward";
const LOCALNET = "net.ipv4.conf.all.route_localnet";

const SNAPSHOT = {
  revision: 1,
  settings: {
    families: ["IPv4", "IPv6"],
    masqueradeAll: false,
    masqueradeBit: 14,
    localMatches: [],
    nodePorts: { type: "listed", addresses: [] },
    serviceCIDRs: [],
  },
  ports: [],
} as const;

/** What the plugin saw. */
interface Seen {
  readonly keys?: readonly string[];
  readonly before?: number;
  readonly change?: unknown;
  readonly failure?: SysctlFailure | undefined;
}

/** A proxier that has packets forwarded, as one by IPVS would. */
function forwarder(seen: Seen[]): Plugin {
  return defineProxier({
    name: "forwarder",
    version: "0.1.0",
    api: 1,
    uses: { sysctl: { version: 1, keys: [FORWARD, LOCALNET] } },
    async resync(_, { sysctl }) {
      if (sysctl === undefined) return void seen.push({});
      const { keys } = sysctl;
      const before = await sysctl.get(FORWARD);
      try {
        seen.push({ keys, before, change: await sysctl.set(FORWARD, 1) });
      } catch (thrown) {
        seen.push({ keys, before, failure: sysctlFailureOf(thrown) });
      }
    },
    apply() {},
    explain: () => [],
    cleanup() {},
  });
}

Deno.test("a proxier reads and writes the settings that it was granted", async () => {
  const seen: Seen[] = [];
  const sysctl = fakeSysctls({ [FORWARD]: 0 });
  await using proxier = await loopback(forwarder(seen), { sysctl: sysctl.files });
  await proxier.call("resync", SNAPSHOT);
  assert.deepEqual(seen, [{
    keys: [FORWARD, LOCALNET],
    before: 0,
    change: { before: 0, after: 1 },
  }]);
  assert.deepEqual(sysctl.writes, [`${FORWARD}=1`]);
});

Deno.test("a proxier is told which of the settings it was granted", async () => {
  const seen: Seen[] = [];
  await using narrow = await loopback(forwarder(seen), {
    policy: { sysctl: { keys: [FORWARD] } },
    sysctl: fakeSysctls({ [FORWARD]: 1 }).files,
  });
  await narrow.call("resync", SNAPSHOT);
  await using nothing = await loopback(forwarder(seen), { policy: {} });
  await nothing.call("resync", SNAPSHOT);
  assert.deepEqual(seen, [{ keys: [FORWARD], before: 1, change: { before: 1, after: 1 } }, {}]);
});

Deno.test("why the kernel refuses reaches the proxier", async () => {
  const seen: Seen[] = [];
  const sysctl = fakeSysctls({ [FORWARD]: 0 });
  sysctl.refuse(FORWARD, "EROFS");
  await using proxier = await loopback(forwarder(seen), { sysctl: sysctl.files });
  await proxier.call("resync", SNAPSHOT);
  const [{ failure } = {}] = seen;
  assert.ok(failure !== undefined);
  const { reason, ...others } = failure;
  assert.deepEqual(others, { key: FORWARD, errno: 30, name: "EROFS" });
  assert.match(reason, /read-only/);
});

Deno.test("an error of another kind has no failure", () => {
  assert.equal(sysctlFailureOf(new Error("x")), undefined);
  assert.equal(sysctlFailureOf(new WeirError("WEIR_NFT_KERNEL", "x", { cause: {} })), undefined);
});
