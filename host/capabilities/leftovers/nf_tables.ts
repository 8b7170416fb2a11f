/**
 * nf_tables: the tables that are kube-proxy's or weir's as a whole, and, in those of iptables,
 * kube-proxy's chains.
 *
 * @module
 */
import { concatenated } from "../../bytes.ts";
import { NetlinkError } from "../netlink.ts";
import {
  listAttributes,
  MessageWriter,
  NLM_F,
  readAttributes,
  readMessages,
  readText,
} from "../netlink_message.ts";
import { deleteFound } from "../nft/delete_table.ts";
import type { NftKernel } from "../nft/kernel.ts";
import { FAMILY, NFT_ATTRIBUTES, NFT_SUBSYSTEM } from "../nft/listing.ts";
import { isAbsent, isGone } from "./refusal.ts";
import type { Jump, NftChainsLeftover, RuleFamily, TableLeftover } from "./leftover.ts";
import { IPTABLES_TABLES, isKubeProxyChain, KUBE_PROXY_TABLE } from "./ownership.ts";

// Source: include/uapi/linux/netfilter/nf_tables.h.
const NFT_MSG = { DELTABLE: 2, DELCHAIN: 5, DELRULE: 8 } as const;
const NFTA_TABLE_NAME = 1;
const NFTA_CHAIN_TABLE = 1;
const NFTA_CHAIN_NAME = 3;
const NFTA_RULE_TABLE = 1;
const NFTA_RULE_CHAIN = 2;
const NFTA_RULE_HANDLE = 3;
const NFTA_RULE_EXPRESSIONS = 4;
const NFTA_EXPR_NAME = 1;
const NFTA_EXPR_DATA = 2;
const NFTA_IMMEDIATE_DATA = 2;
const NFTA_DATA_VERDICT = 2;
const NFTA_VERDICT_CHAIN = 2;

/**
 * The chain that a rule leads to. iptables writes `-j` and `-g` as an immediate verdict.
 *
 * @param rule A NEWRULE message.
 * @returns The chain's name, or undefined when the rule leads nowhere.
 */
function targetOfRule(rule: Uint8Array): string | undefined {
  const expressions = readAttributes(rule, NFT_ATTRIBUTES).get(NFTA_RULE_EXPRESSIONS);
  if (expressions === undefined) return undefined;
  for (const { value: element } of listAttributes(expressions, 0)) {
    const expression = readAttributes(element, 0);
    const name = expression.get(NFTA_EXPR_NAME);
    const content = expression.get(NFTA_EXPR_DATA);
    if (name === undefined || content === undefined || readText(name) !== "immediate") continue;
    const data = readAttributes(content, 0).get(NFTA_IMMEDIATE_DATA);
    const verdict = data && readAttributes(data, 0).get(NFTA_DATA_VERDICT);
    const chain = verdict && readAttributes(verdict, 0).get(NFTA_VERDICT_CHAIN);
    if (chain !== undefined) return readText(chain);
  }
  return undefined;
}

/** What the kernel was built without has nothing in it. */
async function unlessAbsent<T>(list: () => Promise<readonly T[]>): Promise<readonly T[]> {
  try {
    return await list();
  } catch (fault) {
    if (fault instanceof NetlinkError && isAbsent(fault.errno)) return [];
    throw fault;
  }
}

function listOf(
  kernel: NftKernel,
  what: "chains" | "rules",
  family: RuleFamily,
  table: string,
): Promise<readonly Uint8Array[]> {
  return unlessAbsent(async () => {
    const found = await kernel.list({ what, family }, table);
    return [...readMessages(found)].map(({ bytes }) => bytes);
  });
}

/**
 * Finds the tables that are kube-proxy's or weir's as a whole: weir's by their mark, whatever they
 * are called.
 *
 * @param kernel nf_tables of the namespace.
 * @returns One leftover for each.
 * @throws {NetlinkError} When the kernel refuses.
 */
export async function findTables(kernel: NftKernel): Promise<readonly TableLeftover[]> {
  const all = await unlessAbsent(() => kernel.tables());
  return all.flatMap(({ family, name: table, handle, owner }): readonly TableLeftover[] => {
    if (owner !== undefined) {
      return [{ place: "nftables", owner: "weir", family, table, handle, madeFor: owner }];
    }
    if (table !== KUBE_PROXY_TABLE || family === "inet") return [];
    return [{ place: "nftables", owner: "kube-proxy", family, table }];
  });
}

/**
 * Finds kube-proxy's chains in the tables that iptables keeps in nf_tables.
 *
 * @param kernel nf_tables of the namespace.
 * @returns One leftover for each table that has some.
 * @throws {NetlinkError} When the kernel refuses.
 */
export async function findNftChains(kernel: NftKernel): Promise<readonly NftChainsLeftover[]> {
  const found: NftChainsLeftover[] = [];
  for (const family of ["ip", "ip6"] as const) {
    for (const table of IPTABLES_TABLES) found.push(...await chainsOf(kernel, family, table));
  }
  return found;
}

async function chainsOf(
  kernel: NftKernel,
  family: RuleFamily,
  table: string,
): Promise<readonly NftChainsLeftover[]> {
  const chains = (await listOf(kernel, "chains", family, table)).flatMap((message) => {
    const name = readAttributes(message, NFT_ATTRIBUTES).get(NFTA_CHAIN_NAME);
    return name === undefined ? [] : [readText(name)].filter(isKubeProxyChain);
  });
  if (chains.length === 0) return [];
  const rules = await listOf(kernel, "rules", family, table);
  const jumps = rules.flatMap((rule) => jumpOf(rule) ?? []);
  return [{ place: "iptables-nft", owner: "kube-proxy", family, table, chains, jumps }];
}

/** A rule of somebody else's chain that leads into one of kube-proxy's. */
function jumpOf(rule: Uint8Array): Jump | undefined {
  const attributes = readAttributes(rule, NFT_ATTRIBUTES);
  const chain = attributes.get(NFTA_RULE_CHAIN);
  const handle = attributes.get(NFTA_RULE_HANDLE);
  if (chain === undefined || handle?.length !== 8) return undefined;
  const name = readText(chain);
  const target = targetOfRule(rule);
  if (isKubeProxyChain(name) || target === undefined || !isKubeProxyChain(target)) return undefined;
  return {
    chain: name,
    handle: new DataView(handle.buffer, handle.byteOffset, 8).getBigUint64(0),
  };
}

function message(type: number, family: RuleFamily): MessageWriter {
  return new MessageWriter(NFT_SUBSYSTEM << 8 | type, NLM_F.REQUEST, 0)
    .fixed([FAMILY[family], 0, 0, 0]);
}

async function commit(kernel: NftKernel, writers: readonly MessageWriter[]): Promise<void> {
  const bytes = concatenated(writers.map((writer) => writer.finish()));
  // A message that deletes a table of 10,000 Services has 40 bytes.
  await kernel.commit(bytes, writers.length, { work: "large" });
}

/**
 * Deletes a table with everything in it, in one step.
 *
 * @param kernel nf_tables of the namespace.
 * @param leftover As it was found.
 * @throws {WeirError} WEIR_NFT_KERNEL when the kernel refuses; nothing is changed then.
 */
export async function removeTable(
  kernel: NftKernel,
  leftover: TableLeftover,
): Promise<void> {
  // A table that has come in its place meanwhile is somebody else's.
  if (leftover.owner === "weir") return await deleteFound(kernel, leftover);
  const { family, table } = leftover;
  await commit(kernel, [message(NFT_MSG.DELTABLE, family).text(NFTA_TABLE_NAME, table)]);
}

/** How often a table is looked at anew that somebody changed between the look and the commit. */
const TRIES = 5;

/**
 * Deletes kube-proxy's chains of one table and what leads into them, in one step.
 *
 * @param kernel nf_tables of the namespace.
 * @param leftover As it was found.
 * @throws {WeirError} WEIR_NFT_KERNEL when the kernel refuses, as it does when a rule in another
 * shape leads into one of the chains; nothing is changed then.
 */
export async function removeNftChains(
  kernel: NftKernel,
  { family, table }: NftChainsLeftover,
): Promise<void> {
  for (let tries = 1;; tries++) {
    const [found] = await chainsOf(kernel, family, table);
    if (found === undefined) return;
    try {
      return await commit(kernel, deletionOf(found));
    } catch (fault) {
      if (tries === TRIES || !isGone(fault)) throw fault;
    }
  }
}

function deletionOf({ family, table, chains, jumps }: NftChainsLeftover): MessageWriter[] {
  const handle = new Uint8Array(8);
  return [
    ...jumps.map((jump) => {
      new DataView(handle.buffer).setBigUint64(0, jump.handle);
      return message(NFT_MSG.DELRULE, family).text(NFTA_RULE_TABLE, table)
        .text(NFTA_RULE_CHAIN, jump.chain).bytes(NFTA_RULE_HANDLE, handle);
    }),
    // All rules first: kube-proxy's chains lead to each other.
    ...chains.map((chain) =>
      message(NFT_MSG.DELRULE, family).text(NFTA_RULE_TABLE, table).text(NFTA_RULE_CHAIN, chain)
    ),
    ...chains.map((chain) =>
      message(NFT_MSG.DELCHAIN, family).text(NFTA_CHAIN_TABLE, table).text(NFTA_CHAIN_NAME, chain)
    ),
  ];
}
