/**
 * A node's tables as a packet meets them: base chains in their order, and the rules behind them.
 *
 * @module
 */
import {
  CHAIN,
  HOOK,
  HOOK_ATTRIBUTE,
  RULE,
  TABLE,
  VERDICT_CODE,
} from "../../../plugins/sdk/nft/constants.ts";
import type { FakeKernel, FakeRule, FakeTable } from "../nft_fake_kernel.ts";
import { type RejectAnswer, type RuleEnd, runRule, type Surroundings } from "./evaluate.ts";
import { FAMILY_INET, FAMILY_OF, JUMP_STACK } from "./numbers.ts";
import { number32, type Operation, partsOf, readOperations, textOf } from "./operation.ts";

/** Where chains hook in. */
export type Hook = keyof typeof HOOK;

/** A base chain. */
export interface Base {
  /** Its table. */
  readonly table: FakeTable;
  /** `ip weir nat-prerouting`: family, table and chain. */
  readonly name: string;
  /** Its name alone. */
  readonly chain: string;
  /** Only a nat chain translates. */
  readonly type: string;
  /** Lower runs first. */
  readonly priority: number;
  /** What becomes of a packet that no rule decides. */
  readonly policy: "accept" | "drop";
}

const FAMILY_NAMES: Readonly<Record<number, string>> = { 1: "inet", 2: "ip", 10: "ip6" };

/**
 * The base chains that a packet meets at a hook, in their order.
 *
 * @param kernel Whose tables.
 * @param hook Where.
 * @param version Of the packet.
 * @returns By priority; of one priority the chain that was made last goes first
 * (nf_hook_entries_grow).
 */
export function baseChains(kernel: FakeKernel, hook: Hook, version: 4 | 6): readonly Base[] {
  const found: Base[] = [];
  for (const { family, table } of kernel.tables) {
    if (family !== FAMILY_INET && family !== FAMILY_OF[version]) continue;
    const owner = textOf(partsOf(table.bytes.subarray(20)).get(TABLE.NAME));
    for (const [name, chain] of table.chains) {
      const parts = partsOf(chain.bytes.subarray(20));
      const place = parts.get(CHAIN.HOOK);
      if (place === undefined) continue;
      const hooked = partsOf(place);
      if (number32(hooked.get(HOOK_ATTRIBUTE.HOOKNUM)) !== HOOK[hook]) continue;
      found.unshift({
        table,
        name: `${FAMILY_NAMES[family]} ${owner} ${name}`,
        chain: name,
        type: textOf(parts.get(CHAIN.TYPE)),
        priority: number32(hooked.get(HOOK_ATTRIBUTE.PRIORITY)) | 0,
        policy: number32(parts.get(CHAIN.POLICY), VERDICT_CODE.accept) === VERDICT_CODE.drop
          ? "drop"
          : "accept",
      });
    }
  }
  return found.sort((one, other) => one.priority - other.priority);
}

const operations = new WeakMap<FakeRule, readonly Operation[]>();

function operationsOf(rule: FakeRule): readonly Operation[] {
  const known = operations.get(rule);
  if (known !== undefined) return known;
  const read = readOperations(rule.expressions);
  operations.set(rule, read);
  return read;
}

/** The comment of a rule: userdata of type 0 (NFTNL_UDATA_RULE_COMMENT), or its place. */
function nameOf(rule: FakeRule, index: number): string {
  const userdata = partsOf(rule.bytes.subarray(20)).get(RULE.USERDATA);
  return userdata?.[0] === 0 ? `"${textOf(userdata.subarray(2))}"` : `rule ${index + 1}`;
}

function describe(end: RuleEnd): string {
  if (end.to === "jump" || end.to === "goto") return `${end.to} ${end.chain}`;
  return end.to === "reject" ? `reject with ${end.answer}` : end.to;
}

/** What a base chain decides. */
export type ChainEnd =
  | { readonly to: "accept" | "drop" }
  | { readonly to: "reject"; readonly answer: RejectAnswer };

/**
 * Sends a packet through a base chain and all that it leads to.
 *
 * @param base The chain.
 * @param surroundings What its rules run in.
 * @param path Receives a line for each rule that decided something.
 * @returns What becomes of the packet here.
 * @throws {TypeError} When a rule does what the tracer does not know or the kernel would refuse.
 */
export function runChain(
  base: Base,
  surroundings: Surroundings,
  path: string[],
): ChainEnd {
  const stack: { readonly chain: string; readonly next: number }[] = [];
  let chain = base.chain;
  let next = 0;
  for (;;) {
    const rules = base.table.chains.get(chain)?.rules;
    if (rules === undefined) throw new TypeError(`Cannot go to chain "${chain}": there is none`);
    const rule = rules[next];
    let end: RuleEnd = { to: "return" };
    if (rule !== undefined) {
      end = runRule(operationsOf(rule), surroundings);
      if (end.to !== "break" && end.to !== "continue") {
        path.push(`${base.name}: ${chain} ${nameOf(rule, next)}: ${describe(end)}`);
      }
    }
    switch (end.to) {
      case "accept":
      case "drop":
        return { to: end.to };
      case "reject":
        return end;
      case "break":
      case "continue":
        next++;
        break;
      case "jump":
      case "goto":
        if (end.to === "jump") {
          if (stack.length === JUMP_STACK) throw new TypeError(`Cannot jump to "${end.chain}"`);
          stack.push({ chain, next: next + 1 });
        }
        chain = end.chain;
        next = 0;
        break;
      case "return": {
        const caller = stack.pop();
        if (caller === undefined) return { to: base.policy };
        chain = caller.chain;
        next = caller.next;
      }
    }
  }
}
