import assert from "node:assert/strict";
import type { Leftover, LeftoverStore } from "./capabilities/leftovers/leftover.ts";
import { cleanUp, type CleanupOptions, namesOf } from "./cleanup.ts";

const TABLE = {
  place: "nftables",
  owner: "kube-proxy",
  family: "ip",
  table: "kube-proxy",
} as const;
const OWN = {
  place: "nftables",
  owner: "weir",
  family: "ip",
  table: "weir",
  handle: 7n,
  madeFor: { role: "proxier", plugin: "proxier-nftables" },
} as const;
const SET = { place: "ipset", owner: "kube-proxy", name: "KUBE-CLUSTER-IP" } as const;
const IPVS = { place: "ipvs", owner: "kube-proxy", virtualServers: 2, connections: 1 } as const;
const LINK = { place: "link", owner: "kube-proxy", name: "kube-ipvs0" } as const;

/** A node whose things go when they are removed, unless told otherwise. */
function node(
  things: readonly Leftover[],
  remove: (leftover: Leftover, there: Set<Leftover>) => void = (leftover, there) =>
    void there.delete(leftover),
) {
  const there = new Set(things);
  const asked: Leftover[] = [];
  const store: LeftoverStore = {
    find: async () => [...there],
    remove: async (leftover) => {
      asked.push(leftover);
      remove(leftover, there);
    },
  };
  return { store, asked, there };
}

function options(store: LeftoverStore, more: Partial<CleanupOptions> = {}): CleanupOptions {
  return {
    store,
    owners: ["kube-proxy", "weir"],
    dryRun: false,
    settle: async () => {},
    ...more,
  };
}

Deno.test("everything that is found is removed", async () => {
  const { store, there } = node([TABLE, OWN, SET, IPVS, LINK]);
  const outcomes = await cleanUp(options(store));
  assert.equal(namesOf(outcomes, "removed").length, 5);
  assert.deepEqual([...there], []);
});

Deno.test("a dry run names everything and removes nothing", async () => {
  const { store, asked } = node([TABLE, SET]);
  const outcomes = await cleanUp(options(store, { dryRun: true }));
  assert.deepEqual(namesOf(outcomes, "listed"), [
    "nftables ip table kube-proxy",
    "ipset set KUBE-CLUSTER-IP",
  ]);
  assert.deepEqual(asked, []);
});

Deno.test("only those leftovers go whose owner is named", async () => {
  const { store, there } = node([TABLE, OWN]);
  await cleanUp(options(store, { owners: ["kube-proxy"] }));
  assert.deepEqual([...there], [OWN]);
});

Deno.test("what the kernel refuses remains, with its words, and the rest goes", async () => {
  const { store, there } = node([SET, LINK], (leftover, there) => {
    if (leftover === SET) throw new Error("a rule uses it");
    there.delete(leftover);
  });
  const outcomes = await cleanUp(options(store));
  assert.deepEqual(outcomes, [
    { leftover: SET, fate: { type: "remains", reason: "a rule uses it" } },
    { leftover: LINK, fate: { type: "removed" } },
  ]);
  assert.deepEqual([...there], [SET]);
});

Deno.test("the device stays as long as the virtual servers do, since it tells whose they are", async () => {
  const { store, there } = node([IPVS, LINK], (leftover, there) => {
    if (leftover === IPVS) throw new Error("EPERM");
    there.delete(leftover);
  });
  await cleanUp(options(store));
  assert.deepEqual([...there], [IPVS, LINK]);
});

Deno.test("what is put back while it is removed has returned, and its owner is said to run", async () => {
  const { store, there } = node([TABLE, SET]);
  const outcomes = await cleanUp(options(store, {
    settle: async () => {
      there.add({ ...TABLE }).add({ ...TABLE, family: "ip6" });
    },
  }));
  const running = {
    type: "returned",
    reason: "somebody puts it back: kube-proxy still runs on this node; stop it and clean up again",
  };
  assert.deepEqual(outcomes, [
    { leftover: TABLE, fate: running },
    { leftover: SET, fate: { type: "removed" } },
    { leftover: { ...TABLE, family: "ip6" }, fate: running },
  ]);
});
