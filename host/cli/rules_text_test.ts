/**
 * Changes of rules as people read them.
 */
import assert from "node:assert/strict";
import type { ObjectChange } from "../rules/compare.ts";
import { rulesDiffer, rulesText, type ToldRules } from "./rules_text.ts";
import { createStyle } from "./style.ts";

const PLAIN = createStyle(false);
const NONE = { tables: 0, chains: 0, sets: 0, rules: 0, elements: 0 };

function told(changes: readonly ObjectChange[], more: Partial<ToldRules> = {}): ToldRules {
  return {
    before: "the rules in the kernel",
    after: "a start with --v=2",
    changes,
    added: NONE,
    removed: NONE,
    reordered: 0,
    settings: [],
    ...more,
  };
}

function map(name: string, count: number): ObjectChange {
  return {
    family: "ip",
    table: "weir",
    kind: "map",
    name,
    type: "changed",
    lines: Array.from({ length: count }, (_, index) => (
      { type: index % 2 === 0 ? "removed" : "added", text: `${index} : 1` } as const
    )),
  };
}

Deno.test("a change reads as a unified diff in nft's syntax, with what it comes to below", () => {
  const chain: ObjectChange = {
    ...{ family: "ip6", table: "weir", kind: "chain", name: "nat", type: "changed" },
    declaration: { before: "policy accept;", after: "policy drop;" },
    lines: [{ type: "same", text: "jump services" }, { type: "added", text: "drop" }],
  };
  const removed: ObjectChange = {
    ...{ family: "ip", table: "old", kind: "table", name: "old", type: "removed" },
    declaration: { before: "" },
    lines: [],
  };
  const settings = [{ key: "net.ipv4.ip_forward", before: 0, after: 1 } as const];
  const counts = {
    added: { ...NONE, rules: 1 },
    removed: { ...NONE, tables: 1, elements: 2 },
    settings,
  };
  assert.equal(
    rulesText(told([chain, removed], counts), PLAIN, false),
    `--- the rules in the kernel
+++ a start with --v=2
@@ table ip6 weir, chain nat @@
-chain nat { policy accept; }
+chain nat { policy drop; }
 \tjump services
+\tdrop
@@ table ip old @@
-table ip old
@@ sysctl net.ipv4.ip_forward @@
-0
+1

1 rule would come, 1 table, 2 elements would go. Nothing was changed.
`,
  );
});

Deno.test("ten thousand Services fill no more than a few pages, and --all tells them whole", () => {
  const changes = Array.from({ length: 200 }, (_, index) => map(`map-${index}`, 1_000));
  const short = rulesText(told(changes), PLAIN, false).split("\n");
  assert.ok(short.length < 1_500, `${short.length} lines`);
  assert.equal(short[23], " \t… and 490 more that go, 490 that come; --all tells them");
  assert.ok(short.includes("… and 140 more objects; --all tells them"));
  const whole = rulesText(told(changes), PLAIN, true).split("\n");
  assert.equal(whole.filter((line) => /^[-+]\t/.test(line)).length, 200_000);
});

Deno.test("another order where chance chooses is told and makes no difference", () => {
  const same = told([{ ...map("endpoints", 0), reordered: 3 }], { reordered: 3 });
  assert.equal(rulesDiffer(same), false);
  assert.equal(
    rulesText(same, PLAIN, false),
    "Nothing differs: a start with --v=2 would leave the rules in the kernel as they are. " +
      "3 elements would stand in another order, which makes no difference.\n",
  );
  assert.equal(rulesDiffer(told([map("endpoints", 1)])), true);
});
