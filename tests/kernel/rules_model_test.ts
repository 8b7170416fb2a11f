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
