import assert from "node:assert/strict";
import { TABLE_OF_KUBE_PROXY, TABLE_OF_WEIR } from "../capabilities/leftovers/sample.ts";
import type { PendingSync } from "../../schemas/insight.ts";
import { checkNeighbours, type NeighbourQuestions } from "./neighbours.ts";

function running(revision: number, waitingMs?: number): () => Promise<PendingSync> {
  return async () => ({
    kind: "PendingSync",
    revision,
    ...(waitingMs === undefined ? {} : { waitingMs }),
    changes: [],
    node: { name: "", zone: "", addresses: [], ignoresExternalIPs: false },
    families: [],
  });
}

async function check(questions: Partial<NeighbourQuestions>): Promise<string[]> {
  const groups = await checkNeighbours({
    leftovers: async () => [TABLE_OF_WEIR],
    claim: () => ({ type: "held", pid: 7 }),
    running: running(3),
    server: "127.0.0.1:10249",
    ...questions,
  });
  return groups.flatMap(({ ticks }) => ticks.map(({ state, what }) => `${state}: ${what}`));
}

Deno.test("a weir that runs and is well is good, and its own rules are nobody else's", async () => {
  assert.deepEqual(await check({}), [
    "good: weir runs (process 7), at revision 3",
    "good: no rules of kube-proxy",
  ]);
});

Deno.test("the name that is claimed to find out is given back", async () => {
  let released = 0;
  const [first] = await check({ claim: () => ({ type: "claimed", release: () => released++ }) });
  assert.deepEqual([first, released], ["skipped: no weir runs here", 1]);
});

Deno.test("kube-proxy's rules are no matter before weir starts, and are one beside it", async () => {
  const leftovers = async () => [TABLE_OF_KUBE_PROXY];
  const [, before] = await check({
    leftovers,
    claim: () => ({ type: "claimed", release: () => {} }),
  });
  assert.equal(before, "warning: kube-proxy's rules are here: nftables ip table kube-proxy");
  const [, beside] = await check({ leftovers });
  assert.match(beside ?? "", /^failure: kube-proxy's rules are beside weir's/);
});

Deno.test("a weir that has programmed nothing, or cannot go on, is a failure", async () => {
  assert.match(
    (await check({ running: running(0) }))[0] ?? "",
    /^failure: .*programmed nothing yet/,
  );
  assert.match((await check({ running: running(3, 90_000) }))[0] ?? "", /^failure: .*for 90 s/);
  assert.match((await check({ running: running(3, 900) }))[0] ?? "", /^good/);
});

Deno.test("a weir that hears nothing of the API server, or whose plugin is parked, is a failure", async () => {
  const well = await running(3)();
  const silent = {
    milliseconds: 61_000,
    plural: "services",
    reason: "401 Unauthorized",
    remedy: "check the token",
  };
  assert.deepEqual((await check({ running: async () => ({ ...well, silent }) })).slice(0, 2), [
    "good: weir runs (process 7), at revision 3",
    "failure: it has heard nothing of services for 61 s, and the kernel has the rules of before: " +
    "401 Unauthorized",
  ]);
  const parked = [{ plugin: "mine", reason: "it died 5 times" }];
  assert.equal(
    (await check({ running: async () => ({ ...well, parked }) }))[1],
    "failure: its plugin mine is parked, and the kernel has its last rules: it died 5 times",
  );
});

Deno.test("a weir that does not answer is told of, and a squatter of its name", async () => {
  const away = () => Promise.reject(new Error("nobody answers"));
  assert.match((await check({ running: away }))[0] ?? "", /^warning: weir runs .*does not answer/);
  const claim = () => ({ type: "squatted", pid: 9, uid: 1000 }) as const;
  assert.match((await check({ claim }))[0] ?? "", /^warning: process 9 of user 1000/);
});
