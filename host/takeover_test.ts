import assert from "node:assert/strict";
import type { Leftover, LeftoverScope, LeftoverStore } from "./capabilities/leftovers/leftover.ts";
import { TABLE_OF_KUBE_PROXY, TABLE_OF_WEIR } from "./capabilities/leftovers/sample.ts";
import { SimulatedClock } from "./simulated_clock.ts";
import { Takeover } from "./takeover.ts";

const CHAINS = {
  place: "iptables-nft",
  owner: "kube-proxy",
  family: "ip",
  table: "nat",
  chains: ["KUBE-SERVICES"],
  jumps: [],
} as const;
const LINK = { place: "link", owner: "kube-proxy", name: "kube-ipvs0" } as const;

function ipvs(connections: number): Leftover {
  return { place: "ipvs", owner: "kube-proxy", virtualServers: 1, connections };
}

/** What goes wrong on a node: each is asked first, and throws if it does. */
interface Faults {
  find?: (scope: LeftoverScope) => void;
  remove?: (leftover: Leftover) => void;
}

/** A node with things on it, and a takeover of it. */
function takeoverOf(things: readonly Leftover[], faults: Faults = {}) {
  const there = new Set(things);
  const lines: string[] = [];
  const counts: number[] = [];
  const opened: number[] = [];
  const clock = new SimulatedClock();
  const store: LeftoverStore = {
    find: async (scope) => {
      faults.find?.(scope);
      return [...there].filter(({ place }) => scope === "everywhere" || place === "nftables");
    },
    remove: async (leftover) => {
      faults.remove?.(leftover);
      there.delete(leftover);
    },
  };
  const line = (level: string) => (message: string, fields = {}) =>
    void lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
  const takeover = new Takeover({
    withStore: (work) => {
      opened.push(clock.now());
      return work(store);
    },
    clock,
    random: () => 0,
    log: { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") },
    remaining: (count) => void counts.push(count),
  });
  const warnings = () => lines.filter((line) => line.startsWith("warn"));
  return { takeover, there, lines, warnings, counts, clock, faults, opened };
}

Deno.test("what kube-proxy left goes, and what is weir's stays", async () => {
  const { takeover, there, lines } = takeoverOf([
    TABLE_OF_KUBE_PROXY,
    TABLE_OF_WEIR,
    ipvs(0),
    LINK,
  ]);
  takeover.begin();
  await takeover.stop();
  assert.deepEqual([...there], [TABLE_OF_WEIR]);
  assert.match(lines.join("\n"), /^info Removed what kube-proxy left .*ip table kube-proxy/);
});

Deno.test("it is begun once, however many full syncs follow", async () => {
  const { takeover, there, clock, opened } = takeoverOf([TABLE_OF_KUBE_PROXY]);
  takeover.begin();
  await clock.advance(0);
  there.add(TABLE_OF_KUBE_PROXY);
  takeover.begin();
  await clock.advance(0);
  assert.deepEqual([opened.length, ...there], [1, TABLE_OF_KUBE_PROXY]);
  await takeover.stop();
});

Deno.test("a kube-proxy that still runs is told of a minute later, and not fought", async () => {
  const { takeover, there, lines, clock } = takeoverOf([TABLE_OF_KUBE_PROXY]);
  takeover.begin();
  await clock.advance(0);
  there.add(TABLE_OF_KUBE_PROXY);
  await clock.advance(60_000);
  assert.match(lines[1] ?? "", /^warn kube-proxy still runs on this node: .*stop kube-proxy/);
  assert.deepEqual([...there], [TABLE_OF_KUBE_PROXY]);
  assert.equal(clock.waiting, 0, "nothing more is planned");
});

Deno.test("a kube-proxy that is gone is not spoken of again", async () => {
  const { takeover, lines, clock } = takeoverOf([TABLE_OF_KUBE_PROXY]);
  takeover.begin();
  await clock.advance(120_000);
  assert.equal(lines.length, 1);
});

Deno.test("IPVS stays while it carries connections, and the log says how to remove it", async () => {
  const { takeover, there, lines, clock } = takeoverOf([TABLE_OF_KUBE_PROXY, ipvs(7), LINK]);
  takeover.begin();
  await clock.advance(120_000);
  assert.deepEqual([...there].map(({ place }) => place), ["ipvs", "link"]);
  assert.equal(lines.filter((line) => line.startsWith("warn")).length, 2);
  assert.match(lines[1] ?? "", /7 connections go through IPVS .*weir cleanup/);
});

/** What a listing of rules throws while another program commits all the time. */
function interrupted(scope: LeftoverScope): void {
  if (scope === "everywhere") throw new Error("it changed during each of 20 listings");
}

Deno.test("a failure is warned of once with the remedy, and ends nothing", async () => {
  const { takeover, warnings, clock } = takeoverOf([CHAINS], { find: interrupted });
  takeover.begin();
  await clock.advance(3_600_000);
  assert.equal(warnings().length, 1);
  assert.match(
    warnings()[0] ?? "",
    /Cannot remove what kube-proxy left .*20 listings.*tries again/,
  );
  await takeover.stop();
});

Deno.test("a failed listing is repeated until it succeeds, which the log tells", async () => {
  const { takeover, there, lines, clock, faults, counts } = takeoverOf([CHAINS], {
    find: interrupted,
  });
  takeover.begin();
  await clock.advance(2_000);
  assert.deepEqual([...there], [CHAINS]);
  delete faults.find;
  await clock.advance(2_000);
  assert.deepEqual([...there], []);
  assert.match(lines[1] ?? "", /^info Removed what kube-proxy left .*ip nat: 1 chain/);
  assert.match(lines[2] ?? "", /^info The removal .* has succeeded {"failedAttempts":3}/);
  await clock.advance(3_600_000);
  assert.deepEqual([lines.length, clock.waiting], [3, 0]);
  assert.deepEqual(counts, [0, 0], "after the removal and at the second look");
});

Deno.test("the wait doubles from a second to five minutes, half of it at the luck of the draw", async () => {
  const { takeover, clock, opened } = takeoverOf([CHAINS], { find: interrupted });
  takeover.begin();
  await clock.advance(1_200_000);
  const waits = opened.slice(1).map((at, index) => at - (opened[index] ?? 0));
  assert.deepEqual(waits.slice(0, 11), [
    ...[500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000],
    ...[150_000, 150_000],
  ]);
  await takeover.stop();
});

Deno.test("whole tables go even while the rules cannot be listed", async () => {
  const { takeover, there, lines, clock } = takeoverOf([TABLE_OF_KUBE_PROXY, CHAINS], {
    find: interrupted,
  });
  takeover.begin();
  await clock.advance(0);
  assert.deepEqual([...there], [CHAINS]);
  assert.match(lines[0] ?? "", /^info Removed what kube-proxy left .*ip table kube-proxy/);
  await takeover.stop();
});

Deno.test("what could not be removed is tried again, each reason warned of once", async () => {
  let reason = "another program has held the lock for 5000 ms";
  const { takeover, there, warnings, clock, faults, counts } = takeoverOf([CHAINS], {
    remove: () => {
      throw new Error(reason);
    },
  });
  takeover.begin();
  await clock.advance(10_000);
  assert.equal(warnings().length, 1);
  assert.match(warnings()[0] ?? "", /left stays .*ip nat.*held the lock.*tries again/);
  reason = "a rule in another shape leads there";
  await clock.advance(60_000);
  assert.equal(warnings().length, 2);
  assert.equal(counts.at(-1), 1);
  delete faults.remove;
  await clock.advance(300_000);
  assert.deepEqual([...there], []);
  assert.equal(counts.at(-1), 0);
});

Deno.test("what was removed and is back at a later attempt is told and not fought", async () => {
  const { takeover, there, warnings, clock, faults } = takeoverOf([TABLE_OF_KUBE_PROXY, CHAINS], {
    find: interrupted,
  });
  takeover.begin();
  await clock.advance(0);
  there.add(TABLE_OF_KUBE_PROXY);
  delete faults.find;
  await clock.advance(3_600_000);
  assert.deepEqual([...there], [CHAINS, TABLE_OF_KUBE_PROXY]);
  assert.match(warnings()[1] ?? "", /^warn kube-proxy still runs .*ip table kube-proxy/);
  assert.deepEqual([warnings().length, clock.waiting], [2, 0]);
});

Deno.test("what is put back at once is told and not fought", async () => {
  const { takeover, there, warnings, clock } = takeoverOf([TABLE_OF_KUBE_PROXY], {
    find: () => void there.add(TABLE_OF_KUBE_PROXY),
  });
  takeover.begin();
  await clock.advance(3_600_000);
  assert.deepEqual([...there], [TABLE_OF_KUBE_PROXY]);
  assert.equal(warnings().length, 1);
  assert.match(warnings()[0] ?? "", /kube-proxy still runs/);
});

Deno.test("connections of IPVS are no reason to try again, nor warned of at each attempt", async () => {
  const { takeover, there, warnings, clock, faults, opened } = takeoverOf([CHAINS, ipvs(7)], {
    remove: () => {
      throw new Error("locked");
    },
  });
  takeover.begin();
  await clock.advance(100);
  there.delete([...there][1] ?? CHAINS);
  there.add(ipvs(8));
  delete faults.remove;
  await clock.advance(3_600_000);
  assert.deepEqual([...there], [ipvs(8)]);
  assert.deepEqual([warnings().length, opened.length], [2, 3]);
});

Deno.test("a stop cancels what was to be tried again", async () => {
  const { takeover, clock, opened } = takeoverOf([CHAINS], { find: interrupted });
  takeover.begin();
  await clock.advance(0);
  assert.equal(clock.waiting, 1);
  await takeover.stop();
  assert.equal(clock.waiting, 0);
  await clock.advance(3_600_000);
  assert.equal(opened.length, 1);
});

Deno.test("a stop in the middle of an attempt that fails plans no other", async () => {
  const { takeover, clock } = takeoverOf([CHAINS], { find: interrupted });
  takeover.begin();
  await takeover.stop();
  assert.equal(clock.waiting, 0);
});

Deno.test("nothing is begun after the stop", async () => {
  const { takeover, there, opened } = takeoverOf([TABLE_OF_KUBE_PROXY]);
  await takeover.stop();
  takeover.begin();
  assert.deepEqual([opened.length, ...there], [0, TABLE_OF_KUBE_PROXY]);
});
