import assert from "node:assert/strict";
import type { Leftover, LeftoverStore } from "./capabilities/leftovers/leftover.ts";
import { SimulatedClock } from "./simulated_clock.ts";
import { Takeover } from "./takeover.ts";

const TABLE = {
  place: "nftables",
  owner: "kube-proxy",
  family: "ip",
  table: "kube-proxy",
} as const;
const OWN = { place: "nftables", owner: "weir", family: "ip", table: "weir" } as const;
const LINK = { place: "link", owner: "kube-proxy", name: "kube-ipvs0" } as const;

function ipvs(connections: number): Leftover {
  return { place: "ipvs", owner: "kube-proxy", virtualServers: 1, connections };
}

/** A node with things on it, and a takeover of it. */
function takeoverOf(things: readonly Leftover[]) {
  const there = new Set(things);
  const lines: string[] = [];
  let opened = 0;
  const store: LeftoverStore = {
    find: async () => [...there],
    remove: async (leftover) => void there.delete(leftover),
  };
  const clock = new SimulatedClock();
  const line = (level: string) => (message: string, fields = {}) =>
    void lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
  const takeover = new Takeover({
    withStore: (work) => {
      opened++;
      return work(store);
    },
    clock,
    log: { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") },
  });
  return { takeover, there, lines, clock, opened: () => opened };
}

Deno.test("what kube-proxy left goes, and what is weir's stays", async () => {
  const { takeover, there, lines, clock } = takeoverOf([TABLE, OWN, ipvs(0), LINK]);
  takeover.begin();
  await clock.advance(0);
  assert.deepEqual([...there], [OWN]);
  assert.match(lines.join("\n"), /^info Removed what kube-proxy left .*ip table kube-proxy/);
  await takeover.stop();
});

Deno.test("it is done once, however many full syncs follow", async () => {
  const { takeover, there, clock, opened } = takeoverOf([TABLE]);
  takeover.begin();
  await clock.advance(0);
  there.add(TABLE);
  takeover.begin();
  await clock.advance(0);
  assert.deepEqual([opened(), ...there], [1, TABLE]);
  await takeover.stop();
});

Deno.test("a kube-proxy that still runs is told of a minute later, and not fought", async () => {
  const { takeover, there, lines, clock } = takeoverOf([TABLE]);
  takeover.begin();
  await clock.advance(0);
  there.add(TABLE);
  await clock.advance(60_000);
  assert.match(lines[1] ?? "", /^warn kube-proxy still runs on this node: .*stop kube-proxy/);
  assert.deepEqual([...there], [TABLE]);
  assert.equal(clock.waiting, 0, "nothing more is planned");
});

Deno.test("a kube-proxy that is gone is not spoken of again", async () => {
  const { takeover, lines, clock } = takeoverOf([TABLE]);
  takeover.begin();
  await clock.advance(120_000);
  assert.equal(lines.length, 1);
});

Deno.test("IPVS stays while it carries connections, and the log says how to remove it", async () => {
  const { takeover, there, lines, clock } = takeoverOf([TABLE, ipvs(7), LINK]);
  takeover.begin();
  await clock.advance(120_000);
  assert.deepEqual([...there].map(({ place }) => place), ["ipvs", "link"]);
  assert.equal(lines.filter((line) => line.startsWith("warn")).length, 2);
  assert.match(lines[1] ?? "", /7 connections go through IPVS .*weir cleanup/);
});

Deno.test("a failure is warned of with the remedy and ends nothing", async () => {
  const { log, lines } = (() => {
    const lines: string[] = [];
    const line = (message: string, fields = {}) =>
      void lines.push(`${message} ${JSON.stringify(fields)}`);
    return { lines, log: { debug: line, info: line, warn: line, error: line } };
  })();
  const takeover = new Takeover({
    withStore: () => Promise.reject(new Error("no rights")),
    clock: new SimulatedClock(),
    log,
  });
  takeover.begin();
  await takeover.stop();
  assert.match(
    lines.join("\n"),
    /^Cannot remove what kube-proxy left .*no rights.*stop kube-proxy/,
  );
});

Deno.test("nothing is begun after the stop", async () => {
  const { takeover, there, opened } = takeoverOf([TABLE]);
  await takeover.stop();
  takeover.begin();
  assert.deepEqual([opened(), ...there], [0, TABLE]);
});
