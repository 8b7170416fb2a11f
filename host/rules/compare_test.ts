/**
 * What is a difference between rules and what is none.
 */
import assert from "node:assert/strict";
import {
  chain,
  counter,
  ip,
  map,
  meta,
  nftClient,
  numgenRandom,
  rule,
  set,
  table,
  th,
  type Transaction,
  verdict,
  verdictMap,
} from "weir";
import { carryOut } from "./batch.ts";
import { compareRulesets } from "./compare.ts";
import type { Ruleset } from "./ruleset.ts";

const T = table("ip", "weir");
const SLOTS = map(T, "slots", [meta.mark, numgenRandom(2)], [ip.daddr, th.dport]);
const RANGES = set(T, "ranges", ["ipv4_addr"], { flags: ["interval"] });
const CHAINS = verdictMap(T, "chains", ["mark"]);

/** What a transaction makes of nothing. */
function made(build: (tx: Transaction) => void): Ruleset {
  const nft = nftClient({ version: 1, table: "weir" }, () => Promise.reject(new Error("unused")));
  const tx = nft.transaction();
  tx.add(T);
  build(tx);
  const outcome = carryOut(new Map(), tx.encode().bytes);
  assert.ok("after" in outcome);
  return outcome.after;
}

/** What is told, line by line. */
function told(before: (tx: Transaction) => void, after: (tx: Transaction) => void) {
  const { changes, ...counts } = compareRulesets(made(before), made(after));
  const lines = changes.flatMap(({ kind, name, type, lines, reordered }) => [
    `${type} ${kind} ${name}${reordered === undefined ? "" : ` (${reordered} reordered)`}`,
    ...lines.map(({ type, text }) => `${{ same: " ", added: "+", removed: "-" }[type]} ${text}`),
  ]);
  return { lines, ...counts };
}

function slots(...hosts: readonly number[]) {
  return (tx: Transaction) => {
    tx.add(SLOTS);
    for (const [slot, host] of hosts.entries()) {
      tx.addElement(SLOTS, [0xa1, slot], [`10.0.0.${host}`, 80]);
    }
  };
}

Deno.test("slots that chance chooses among are no difference in another order", () => {
  const same = told(slots(1, 2, 3), slots(3, 1, 2));
  assert.deepEqual(same.lines, ["changed map slots (3 reordered)"]);
  assert.equal(same.reordered, 3);
  assert.deepEqual(same.added.elements + same.removed.elements, 0);
});

Deno.test("another endpoint is a difference, and is shown beside the one whose slot it has", () => {
  const { lines, added, removed } = told(slots(1, 2), slots(1, 9));
  assert.deepEqual(lines, [
    "changed map slots",
    "- 0x000000a1 . 1 : 10.0.0.2 . 80",
    "+ 0x000000a1 . 1 : 10.0.0.9 . 80",
  ]);
  assert.deepEqual([added.elements, removed.elements], [1, 1]);
});

Deno.test("the order of a plain map's data is a difference: nobody chooses there by chance", () => {
  const marks = map(T, "marks", ["mark"], ["mark"]);
  const holding = (one: number, other: number) => (tx: Transaction) => {
    tx.add(marks);
    tx.addElement(marks, 1, one);
    tx.addElement(marks, 2, other);
  };
  assert.equal(told(holding(5, 6), holding(6, 5)).lines.length, 5);
});

Deno.test("ranges read as networks, and are the same however they were put together", () => {
  const holding = (...cidrs: readonly string[]) => (tx: Transaction) => {
    tx.add(RANGES);
    for (const cidr of cidrs) tx.addElement(RANGES, cidr);
  };
  const { lines } = told(
    holding("10.0.0.0/8", "192.0.2.7", "255.255.255.0/24"),
    holding("255.255.255.0/24", "10.0.0.0/8", "203.0.113.0/25"),
  );
  assert.deepEqual(lines, ["changed set ranges", "- 192.0.2.7", "+ 203.0.113.0/25"]);
});

Deno.test("sizes, and what packets put into a set, are no difference", () => {
  const seen = (size: number) =>
    set(T, "seen", ["ipv4_addr"], { flags: ["dynamic"], size, timeoutSeconds: 60 });
  const { lines } = told(
    (tx) => {
      tx.add(seen(16));
      tx.addElement(seen(16), "10.0.0.1");
    },
    (tx) => tx.add(seen(1024)),
  );
  assert.deepEqual(lines, []);
});

Deno.test("a rule that is put between others is shown where it stands", () => {
  const rules = [80, 81, 82, 83, 84].map((port) => rule(th.dport.eq(port), verdict.accept));
  const of = (some: readonly ReturnType<typeof rule>[]) => (tx: Transaction) =>
    tx.add(chain(T, "c", { rules: some }));
  const { lines, added } = told(of(rules), of(rules.toSpliced(3, 0, rule(counter()))));
  assert.deepEqual(lines, [
    "changed chain c",
    "  th dport 81 accept",
    "  th dport 82 accept",
    "+ counter",
    "  th dport 83 accept",
    "  th dport 84 accept",
  ]);
  assert.equal(added.rules, 1);
});

Deno.test("a chain's policy and a verdict are differences, a table is there or not", () => {
  const with_ = (policy: "accept" | "drop", to: "one" | "other") => (tx: Transaction) => {
    tx.add(CHAINS);
    for (const name of ["one", "other"]) tx.add(chain(T, name));
    const base = { type: "filter", hook: "forward", priority: 0, policy } as const;
    tx.add(chain(T, "hooked", { base }));
    tx.addElement(CHAINS, 7, verdict.goto(to));
  };
  const before = made(with_("accept", "one"));
  const { changes } = compareRulesets(before, made(with_("drop", "other")));
  assert.deepEqual(changes.map(({ name, declaration, lines }) => [name, declaration, lines]), [
    ["hooked", {
      before: "type filter hook forward priority 0; policy accept;",
      after: "type filter hook forward priority 0; policy drop;",
    }, []],
    ["chains", undefined, [
      { type: "removed", text: "0x00000007 : goto one" },
      { type: "added", text: "0x00000007 : goto other" },
    ]],
  ]);
  const { added } = compareRulesets(new Map(), before);
  assert.deepEqual(added, { tables: 1, chains: 3, sets: 1, rules: 0, elements: 1 });
  const { removed } = compareRulesets(before, new Map());
  assert.deepEqual(removed, added);
});
