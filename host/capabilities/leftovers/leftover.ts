/**
 * What a proxy has left in the kernel of a node, as data: enough to name it to people and to
 * remove it.
 *
 * @module
 */

import type { NftFamily } from "../../../schemas/capability.ts";
import type { TableOwner } from "../nft/mark.ts";

/** Who left it. */
export type Owner = "kube-proxy" | "weir";

/** A family of rules: IPv4 or IPv6, as the kernel's tables are called. */
export type RuleFamily = "ip" | "ip6";

/** kube-proxy's table of nf_tables, as a whole. */
export interface ProxyTableLeftover {
  readonly place: "nftables";
  readonly owner: "kube-proxy";
  readonly family: RuleFamily;
  readonly table: string;
}

/** A table of nf_tables that weir has made for a plugin, as a whole. */
export interface OwnTableLeftover {
  readonly place: "nftables";
  readonly owner: "weir";
  readonly family: NftFamily;
  readonly table: string;
  /** The kernel's number for it, which no later table gets again. */
  readonly handle: bigint;
  /** For whom it was made, as its mark says. */
  readonly madeFor: TableOwner;
}

/** A whole table of nf_tables. */
export type TableLeftover = ProxyTableLeftover | OwnTableLeftover;

/** A rule of somebody's chain that leads into one of kube-proxy's chains. */
export interface Jump {
  /** The chain that holds it. */
  readonly chain: string;
  /** How nf_tables names it within its table. */
  readonly handle: bigint;
}

/** kube-proxy's chains in one table that iptables keeps in nf_tables, and what leads there. */
export interface NftChainsLeftover {
  readonly place: "iptables-nft";
  readonly owner: "kube-proxy";
  readonly family: RuleFamily;
  readonly table: string;
  readonly chains: readonly string[];
  readonly jumps: readonly Jump[];
}

/** kube-proxy's chains in one table of the older iptables, and what leads there. */
export interface XtChainsLeftover {
  readonly place: "iptables-legacy";
  readonly owner: "kube-proxy";
  readonly family: RuleFamily;
  readonly table: string;
  readonly chains: readonly string[];
  /** How many rules of others lead there. */
  readonly jumps: number;
}

/** One set of ipset. */
export interface SetLeftover {
  readonly place: "ipset";
  readonly owner: "kube-proxy";
  readonly name: string;
}

/** One accounting object of the kernel (nfacct). */
export interface CounterLeftover {
  readonly place: "nfacct";
  readonly owner: "kube-proxy";
  readonly name: string;
}

/** All of IPVS. */
export interface IpvsLeftover {
  readonly place: "ipvs";
  readonly owner: "kube-proxy";
  readonly virtualServers: number;
  /** TCP connections that IPVS carries; they end with its virtual servers. */
  readonly connections: number;
}

/** The device that holds the addresses of IPVS. */
export interface LinkLeftover {
  readonly place: "link";
  readonly owner: "kube-proxy";
  readonly name: string;
}

/** One thing that can be removed by itself, all of it or nothing. */
export type Leftover =
  | TableLeftover
  | NftChainsLeftover
  | XtChainsLeftover
  | SetLeftover
  | CounterLeftover
  | IpvsLeftover
  | LinkLeftover;

/**
 * The places in the order in which they are emptied, so that nothing is in use when its turn
 * comes: rules refer to sets and counters, and the device is what tells that IPVS is
 * kube-proxy's, so it goes last.
 */
export const PLACES: readonly Leftover["place"][] = [
  "nftables",
  "iptables-nft",
  "iptables-legacy",
  "ipset",
  "nfacct",
  "ipvs",
  "link",
];

/**
 * Where to look: for whole tables of nf_tables alone, which is short however much is in them, or
 * everywhere, rule by rule where kube-proxy's are among others.
 */
export type LeftoverScope = "tables" | "everywhere";

/** Finds and removes leftovers in one network namespace. */
export interface LeftoverStore {
  /**
   * Looks for what kube-proxy and weir have left.
   *
   * @param scope Where.
   * @returns All of it, in the order in which it can be removed.
   * @throws {WeirError} WEIR_NETLINK with the remedy when the kernel does not let us look.
   */
  find(scope: LeftoverScope): Promise<readonly Leftover[]>;
  /**
   * Removes one leftover, whole or not at all. What is gone already is no fault.
   *
   * @param leftover As it was found.
   * @throws {WeirError} When the kernel refuses.
   */
  remove(leftover: Leftover): Promise<void>;
}

function count(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`;
}

/**
 * Names a leftover to people.
 *
 * @param leftover What was found.
 * @returns A few words, for example `ip nat: 12 chains, 3 jumps`.
 */
export function describeLeftover(leftover: Leftover): string {
  switch (leftover.place) {
    case "nftables": {
      const name = `${leftover.family} table ${leftover.table}`;
      if (leftover.owner === "kube-proxy") return name;
      return `${name} of the ${leftover.madeFor.role} ${leftover.madeFor.plugin}`;
    }
    case "iptables-nft":
    case "iptables-legacy": {
      const { family, table, chains, jumps } = leftover;
      const leading = typeof jumps === "number" ? jumps : jumps.length;
      return `${family} ${table}: ${count(chains.length, "chain", "chains")}, ${
        count(leading, "jump", "jumps")
      }`;
    }
    case "ipset":
      return `set ${leftover.name}`;
    case "nfacct":
      return `counter ${leftover.name}`;
    case "ipvs":
      return `${count(leftover.virtualServers, "virtual server", "virtual servers")}, ${
        count(leftover.connections, "connection", "connections")
      }`;
    case "link":
      return `device ${leftover.name}`;
  }
}
