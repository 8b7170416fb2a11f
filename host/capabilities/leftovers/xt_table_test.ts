import assert from "node:assert/strict";
import { pruneTable, type XtTable } from "./xt_table.ts";

/** A rule for the tests: where it leads, or the head of a chain. */
type Rule =
  | { readonly head: string }
  | { readonly jump: string }
  /** A rule without a target goes on to the next, which iptables writes as its offset. */
  | { readonly next: true }
  /** A verdict, negative as the kernel has them: -2 accepts, -5 returns. */
  | { readonly verdict: number };

const SIZES = { ip: 112, ip6: 168 } as const;
const ACCEPT = { verdict: -2 } as const;
const RETURN = { verdict: -5 } as const;
const END = { head: "ERROR" } as const;

function sizeOf(rule: Rule, entry: number): number {
  return entry + ("head" in rule ? 64 : 40);
}

/** Lays rules out as libiptc does; each counts its place: packets 1, 2, 3… */
function layOut(family: "ip" | "ip6", rules: readonly Rule[], hooks: readonly number[]): XtTable {
  const entry = SIZES[family];
  const offsets: number[] = [];
  let length = 0;
  for (const rule of rules) {
    offsets.push(length);
    length += sizeOf(rule, entry);
  }
  const starts = new Map(
    rules.flatMap((rule, index) =>
      "head" in rule ? [[rule.head, (offsets[index] ?? 0) + sizeOf(rule, entry)]] : []
    ),
  );
  const entries = new Uint8Array(new ArrayBuffer(length));
  const view = new DataView(entries.buffer);
  for (const [index, rule] of rules.entries()) {
    const at = offsets[index] ?? 0;
    const size = sizeOf(rule, entry);
    view.setUint16(at + (family === "ip" ? 88 : 140), entry, true);
    view.setUint16(at + (family === "ip" ? 90 : 142), size, true);
    view.setBigUint64(at + entry - 16, BigInt(index + 1), true);
    view.setUint16(at + entry, size - entry, true);
    if ("head" in rule) {
      entries.set(new TextEncoder().encode("ERROR"), at + entry + 2);
      entries.set(new TextEncoder().encode(rule.head), at + entry + 32);
    } else {
      const verdict = "jump" in rule
        ? starts.get(rule.jump)
        : "next" in rule
        ? at + size
        : rule.verdict;
      view.setInt32(at + entry + 32, verdict ?? assert.fail(), true);
    }
  }
  const [input = 0, underflow = 0] = hooks.map((index) => offsets[index] ?? 0);
  return {
    family,
    // Only INPUT, hook 1.
    validHooks: 2,
    hookEntries: [0, input, 0, 0, 0],
    underflows: [0, underflow, 0, 0, 0],
    entries,
  };
}

const doomed = (chain: string) => chain.startsWith("KUBE-");

for (const family of ["ip", "ip6"] as const) {
  Deno.test(`${family}: chains go with the rules that lead to them, and every other jump follows its chain`, () => {
    const table = layOut(family, [
      { jump: "KUBE-SERVICES" },
      { jump: "mine" },
      { next: true },
      ACCEPT, // the policy
      { head: "KUBE-SERVICES" },
      { jump: "KUBE-SVC-A" },
      { jump: "mine" },
      RETURN,
      { head: "KUBE-SVC-A" },
      RETURN,
      { head: "mine" },
      { jump: "KUBE-SVC-A" },
      { jump: "last" },
      RETURN,
      { head: "last" },
      RETURN,
      END,
    ], [0, 3]);
    const { chains, jumps, table: pruned, count, counters } = pruneTable(table, doomed);
    assert.deepEqual([chains, jumps], [["KUBE-SERVICES", "KUBE-SVC-A"], 2]);
    const expected = layOut(family, [
      { jump: "mine" },
      { next: true },
      ACCEPT,
      { head: "mine" },
      { jump: "last" },
      RETURN,
      { head: "last" },
      RETURN,
      END,
    ], [0, 2]);
    assert.equal(count, 9);
    const kept = [2, 3, 4, 11, 13, 14, 15, 16, 17];
    const view = new DataView(counters.buffer);
    assert.deepEqual(kept.map((_, index) => Number(view.getBigUint64(index * 16, true))), kept);
    // But for what they have counted the rules are those of a table made without the chains.
    const blank = ({ entries }: XtTable) => {
      const copy = entries.slice();
      for (let at = 0; at < copy.length;) {
        copy.fill(0, at + SIZES[family] - 16, at + SIZES[family]);
        at += new DataView(copy.buffer).getUint16(at + (family === "ip" ? 90 : 142), true);
      }
      return copy;
    };
    assert.deepEqual(blank(pruned), blank(expected));
    assert.deepEqual(
      [pruned.hookEntries, pruned.underflows],
      [expected.hookEntries, expected.underflows],
    );
  });
}

Deno.test("a table without such chains stays as it is, byte by byte", () => {
  const table = layOut("ip", [
    { jump: "mine" },
    ACCEPT,
    { head: "mine" },
    RETURN,
    END,
  ], [0, 1]);
  const pruned = pruneTable(table, doomed);
  assert.deepEqual([pruned.chains, pruned.jumps, pruned.table], [[], 0, table]);
});

Deno.test("a table that is cut off or lies about its sizes is refused", () => {
  const { entries, ...rest } = layOut("ip", [ACCEPT, END], [0, 0]);
  const wrong = entries.slice();
  wrong[90] = 8;
  for (const bytes of [entries.subarray(0, entries.length - 8), wrong]) {
    assert.throws(
      () => pruneTable({ ...rest, entries: bytes }, doomed),
      /Cannot read iptables rule/,
    );
  }
});
