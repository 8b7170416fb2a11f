import assert from "node:assert/strict";
import type { Leftover, LeftoverStore } from "./capabilities/leftovers/leftover.ts";
import { TABLE_OF_KUBE_PROXY, TABLE_OF_WEIR } from "./capabilities/leftovers/sample.ts";
import { cleanUp, type CleanupOptions, namesOf } from "./cleanup.ts";

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
  const { store, there } = node([TABLE_OF_KUBE_PROXY, TABLE_OF_WEIR, SET, IPVS, LINK]);
  const outcomes = await cleanUp(options(store));
  assert.equal(namesOf(outcomes, "removed").length, 5);
  assert.deepEqual([...there], []);
});

Deno.test("a dry run names everything and removes nothing", async () => {
  const { store, asked } = node([TABLE_OF_KUBE_PROXY, SET]);
  const outcomes = await cleanUp(options(store, { dryRun: true }));
  assert.deepEqual(namesOf(outcomes, "listed"), [
    "nftables ip table kube-proxy",
    "ipset set KUBE-CLUSTER-IP",
  ]);
  assert.deepEqual(asked, []);
});

Deno.test("only those leftovers go whose owner is named", async () => {
  const { store, there } = node([TABLE_OF_KUBE_PROXY, TABLE_OF_WEIR]);
  await cleanUp(options(store, { owners: ["kube-proxy"] }));
  assert.deepEqual([...there], [TABLE_OF_WEIR]);
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
  const { store, there } = node([TABLE_OF_KUBE_PROXY, SET]);
  const outcomes = await cleanUp(options(store, {
    settle: async () => {
      there.add({ ...TABLE_OF_KUBE_PROXY }).add({ ...TABLE_OF_KUBE_PROXY, family: "ip6" });
    },
  }));
  const running = {
    type: "returned",
    reason: "somebody puts it back: kube-proxy still runs on this node; stop it and clean up again",
  };
  assert.deepEqual(outcomes, [
    { leftover: TABLE_OF_KUBE_PROXY, fate: running },
    { leftover: SET, fate: { type: "removed" } },
    { leftover: { ...TABLE_OF_KUBE_PROXY, family: "ip6" }, fate: running },
  ]);
});
