import assert from "node:assert/strict";
import { conntrackClient, defineProxier, type Plugin } from "weir";
import { loopback } from "weir/testing";

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

/** A proxier that programs nothing and says what it has changed. */
const teller: Plugin = defineProxier({
  name: "teller",
  version: "0.1.0",
  api: 1,
  uses: { conntrack: { version: 1 } },
  resync: async (_, { conntrack }) => await conntrack?.reconcile("all"),
  apply: async (diff, { conntrack }) => {
    await conntrack?.reconcile([...diff.upserts.map(({ id }) => id), ...diff.removes]);
  },
  explain: () => [],
  cleanup: () => {},
});

const diff = (...removes: readonly string[]) => ({ from: 1, to: 2, upserts: [], removes });

Deno.test("a proxier's wishes pass the wire", async () => {
  const wishes: ("all" | readonly string[])[] = [];
  await using proxier = await loopback(teller, { conntrack: (ids) => wishes.push(ids) });
  assert.deepEqual(proxier.grants, { conntrack: { version: 1 } });
  await proxier.call("resync", SNAPSHOT);
  await proxier.call("apply", diff("default/dns:dns/UDP/IPv4", "default/dns:dns/UDP/IPv6"));
  assert.deepEqual(wishes, ["all", ["default/dns:dns/UDP/IPv4", "default/dns:dns/UDP/IPv6"]]);
});

Deno.test("a proxier that uses conntrack does its work where the operator allows it none", async () => {
  const wishes: unknown[] = [];
  await using proxier = await loopback(teller, {
    policy: {},
    conntrack: (ids) => wishes.push(ids),
  });
  assert.deepEqual(proxier.grants, {});
  await proxier.call("resync", SNAPSHOT);
  assert.deepEqual(wishes, []);
});

Deno.test("whoever has changed more ports than one message names asks for all, and for none not at all", async () => {
  const sent: unknown[] = [];
  const conntrack = conntrackClient((_capability, _method, params) => {
    sent.push(params);
    return Promise.resolve({ value: {}, attachment: new Uint8Array() });
  });
  const ids = Array.from({ length: 501 }, (_, index) => `default/s${index}/UDP/IPv4`);
  await conntrack.reconcile(ids.slice(1));
  await conntrack.reconcile(ids);
  await conntrack.reconcile([]);
  assert.deepEqual(sent, [{ ids: ids.slice(1) }, { ids: "all" }]);
});
