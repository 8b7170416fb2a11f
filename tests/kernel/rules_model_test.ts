/**
 * What `weir diff --rules` stands on, beside the kernel: a batch that is carried out on data must
 * come to what the kernel makes of it, and rules read equal whoever wrote them.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  chain,
  map,
  meta,
  nftClient,
  NftError,
  rule,
  table,
  type Transaction,
  verdict,
  verdictMap,
} from "weir";
import { stampTables } from "../../host/capabilities/nft/claim.ts";
import { writeMark } from "../../host/capabilities/nft/mark.ts";
import { nftCapability } from "../../host/capabilities/nft/nft.ts";
import { compareRulesets } from "../../host/rules/compare.ts";
import { carryOut } from "../../host/rules/batch.ts";
import { readTable } from "../../host/rules/listing.ts";
import { ruleText } from "../../host/rules/rule_text.ts";
import type { Ruleset } from "../../host/rules/ruleset.ts";
import { Mirror } from "../../plugins/proxier-nftables/mirror.ts";
import { anyChange } from "../kit/service_port_sample.ts";
import { CASES } from "./nft_cases.ts";
import { type NftNode, nftNode } from "./nft_node.ts";

const GRANT = { version: 1, table: "weir" } as const;
const OWNER = { role: "proxier", plugin: "test" } as const;
const NOTHING = { tables: 0, chains: 0, sets: 0, rules: 0, elements: 0 };

/** The node's kernel, with a copy to which the same is done first. */
function twice({ kernel }: NftNode) {
  let copy: Ruleset = new Map();
  const capability = nftCapability(GRANT, {
    owner: OWNER,
    kernel: {
      declared: kernel.declared,
      list: (request, table, owner) => kernel.list(request, table, owner),
      commit: async (bytes, count, how) => {
        const marked = stampTables(bytes, writeMark(OWNER));
        const whole = Uint8Array.from(marked.flatMap((part) => [...part]));
        const outcome = carryOut(copy, whole);
        await kernel.commit(bytes, count, how).then(
          () => assert.ok("after" in outcome, "the kernel takes what the copy refuses"),
          (thrown) => {
            assert.ok("failure" in outcome, `the copy takes what the kernel refuses: ${thrown}`);
            throw thrown;
          },
        );
        if ("after" in outcome) copy = outcome.after;
      },
    },
  });
  const nft = nftClient(GRANT, async (_, method, params, attachment = new Uint8Array()) => {
    const answer = await capability.invoke(method, params, attachment);
    return { value: answer.value, attachment: answer.attachment ?? new Uint8Array() };
  });
  const differences = async () =>
    compareRulesets(await readTable(kernel, GRANT.table), copy).changes;
  return { nft, differences };
}

for (const [name, build] of CASES) {
  Deno.test(`a copy and the kernel hold the same for ${name}, whether we wrote it or nft`, async () => {
    await using ours = nftNode("ours");
    await using theirs = nftNode("theirs");
    const { nft, differences } = twice(ours);
    const tx = nft.transaction();
    build(tx);
    await tx.commit();
    assert.deepEqual(await differences(), []);
    await theirs.run(["-f", "-"], String(tx));
    const [one, other] = [
      await readTable(ours.kernel, GRANT.table),
      await readTable(theirs.kernel, GRANT.table),
    ];
    // The host marks the tables that it makes.
    const { changes } = compareRulesets(one, other);
    assert.deepEqual(changes.filter(({ kind }) => kind !== "table"), []);
    assert.notDeepEqual(compareRulesets(one, new Map()).removed, NOTHING);
    // And it reads as the SDK prints it, which leaves out what nft adds in family inet.
    const printed = String(tx).split("\n");
    for (const table of one.values()) {
      for (const rule of [...table.chains.values()].flatMap(({ rules }) => rules)) {
        const text = ruleText(rule, table).replace(/^meta nfproto ipv[46] /, "");
        assert.ok(printed.some((line) => line.endsWith(` ${text}`)), text);
      }
    }
  });
}

/** What somebody may write into a table by hand, and how it is told. */
const BY_HAND: readonly (readonly [written: string, told: string])[] = [
  ["ip saddr 192.0.2.1 drop", "ip saddr 192.0.2.1 drop"],
  ["ip saddr 192.0.0.0/16 drop", "ip saddr 192.0.0.0/16 drop"],
  ["ip saddr 192.0.2.0/25 drop", "ip saddr 192.0.2.0/25 drop"],
  ["tcp dport 22 accept", "meta l4proto tcp th dport 22 accept"],
  ["tcp dport { 80, 22 } counter", "meta l4proto tcp th dport { 22, 80 } counter"],
  ["tcp dport 1000-2000 drop", "meta l4proto tcp th dport >= 1000 th dport <= 2000 drop"],
  ["ct state { new, established } accept", "ct state { established, new } accept"],
  ["ct state invalid drop", "ct state invalid drop"],
  ["ct original ip daddr 10.0.0.1 drop", "ct original ip daddr 10.0.0.1 drop"],
  ['iifname "eth*" meta mark set 0x7', 'iifname "eth*" meta mark set 0x00000007'],
  ['log prefix "seen " accept', 'log prefix "seen " accept'],
  ["fib saddr . iif oif missing drop", "fib saddr . iif oif 0 drop"],
];

for (const [written, told] of BY_HAND) {
  Deno.test(`what somebody writes by hand reads as nft has it: ${written}`, async () => {
    await using node = nftNode("node");
    await node.run(["add table ip weir"]);
    await node.run(["add chain ip weir c { type filter hook prerouting priority 0 ; }"]);
    const before = await readTable(node.kernel, "weir");
    await node.run([`add rule ip weir c ${written}`]);
    const { changes } = compareRulesets(before, await readTable(node.kernel, "weir"));
    assert.deepEqual(changes.map(({ name, lines }) => [name, lines]), [
      ["c", [{ type: "added", text: told }]],
    ]);
  });
}

Deno.test("of two rules that have no syntax here it is still told that they are different", async () => {
  await using node = nftNode("node");
  await node.run(["add table ip weir"]);
  const told: (string | undefined)[] = [];
  for (const limit of ["10/second", "11/second", "10/minute"]) {
    await node.run(["add chain ip weir c"]);
    await node.run([`add rule ip weir c limit rate ${limit} accept`]);
    const table = (await readTable(node.kernel, "weir")).get("ip") ?? assert.fail();
    told.push(table.chains.get("c")?.rules.map((rule) => ruleText(rule, table)).join());
    await node.run(["delete chain ip weir c"]);
  }
  assert.equal(new Set(told).size, 3);
  for (const text of told) assert.match(text ?? "", /^\[ limit 0x[0-9a-f]+ \] accept$/);
});

Deno.test("sets that somebody adds by hand are told with all that their elements are", async () => {
  await using node = nftNode("node");
  await node.run(["add table ip weir"]);
  const before = await readTable(node.kernel, "weir");
  for (
    const command of [
      "add chain ip weir c",
      "add set ip weir ranges { type ipv4_addr ; flags interval ; auto-merge ; }",
      "add element ip weir ranges { 10.0.0.0/8, 192.0.2.5-192.0.2.9, 255.255.255.255 }",
      "add set ip weir pairs { type ipv4_addr . inet_service ; flags interval ; }",
      "add element ip weir pairs { 10.0.0.0/8 . 80-90 }",
      "add set ip weir lasting { type ipv4_addr ; flags timeout ; }",
      'add element ip weir lasting { 10.0.0.1 timeout 1h comment "a guest" }',
      "add map ip weir ports { type inet_service : verdict ; }",
      "add element ip weir ports { 80 : goto c, 81 : drop }",
    ]
  ) await node.run([command]);
  const { changes, added } = compareRulesets(before, await readTable(node.kernel, "weir"));
  assert.deepEqual(changes.map(({ name, lines }) => [name, ...lines.map(({ text }) => text)]), [
    ["c"],
    ["lasting", '10.0.0.1 timeout 3600s comment "a guest"'],
    ["pairs", "10.0.0.0 . 80-10.255.255.255 . 90"],
    ["ports", "80 : goto c", "81 : drop"],
    ["ranges", "10.0.0.0/8", "192.0.2.5-192.0.2.9", "255.255.255.255"],
  ]);
  assert.deepEqual([added.chains, added.sets, added.elements], [1, 4, 7]);
});

const T = table("ip", "weir");
const TARGET = chain(T, "target");
const MARKS = map(T, "marks", ["mark"], ["mark"]);
const VERDICTS = verdictMap(T, "verdicts", ["mark"]);

/** What may go wrong, each after a table with a chain, maps and a rule that uses them. */
const REFUSALS: readonly (readonly [name: string, build: (tx: Transaction) => void])[] = [
  ["a chain that a rule jumps to goes", (tx) => tx.delete(TARGET)],
  ["a map that a rule looks up goes", (tx) => tx.delete(MARKS)],
  ["a chain that an element leads to goes", (tx) => {
    tx.flush(T);
    tx.delete(TARGET);
  }],
  ["a chain goes that is not there", (tx) => tx.delete(chain(T, "nobody"))],
  ["a rule jumps to nowhere", (tx) => tx.addRule(TARGET, rule(verdict.jump("nowhere")))],
  ["an element comes that has other data", (tx) => tx.addElement(MARKS, 1, 3)],
  ["an element goes that is not there", (tx) => tx.deleteElement(MARKS, 7)],
];

for (const [name, build] of REFUSALS) {
  Deno.test(`a copy refuses what the kernel refuses: ${name}`, async () => {
    await using node = nftNode("node");
    const { nft, differences } = twice(node);
    const start = nft.transaction();
    for (const object of [T, TARGET, MARKS, VERDICTS]) start.add(object);
    start.addElement(MARKS, 1, 2);
    start.addElement(VERDICTS, 1, verdict.goto("target"));
    const rules = [rule(meta.mark.set(meta.mark.map(MARKS)), verdict.jump("target"))];
    start.add(chain(T, "user", { rules }));
    await start.commit();
    const tx = nft.transaction();
    build(tx);
    await assert.rejects(tx.commit(), NftError);
    assert.deepEqual(await differences(), []);
  });
}

const SETTINGS = {
  families: ["IPv4", "IPv6"],
  masqueradeAll: false,
  masqueradeBit: 14,
  nodePorts: { type: "listed", addresses: ["192.0.2.1", "2001:db8::1"] },
  serviceCIDRs: ["10.96.0.0/16", "fd00:96::/112"],
  localMatches: [{ type: "interfacePrefix", prefix: "cali" }],
} as const;

Deno.test("whatever changes of Services come, a copy goes with the kernel through all of them", async () => {
  await using node = nftNode("node");
  const { nft, differences } = twice(node);
  await fc.assert(
    fc.asyncProperty(fc.array(anyChange, { minLength: 1, maxLength: 6 }), async (changes) => {
      const mirror = new Mirror(SETTINGS);
      const start = nft.transaction();
      mirror.replace(start, []);
      await start.commit();
      for (const { upserts, removes } of changes) {
        const tx = nft.transaction();
        mirror.apply(tx, { upserts, removes: removes.map((view) => view.id) });
        await tx.commit();
      }
      assert.deepEqual(await differences(), []);
    }),
    { seed: 20_261_127, numRuns: 30 },
  );
});
