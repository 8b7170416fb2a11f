/**
 * The tables as data: which sets, maps and chains there are, and their rules. Nothing here
 * depends on a Service; see README.md for how a packet passes through.
 *
 * @module
 */
import {
  type BaseChain,
  type Chain,
  chain,
  commented,
  concat,
  ct,
  dnat,
  ip,
  ip6,
  type IpFamily,
  type Layout,
  type LocalMatch,
  map,
  masquerade,
  meta,
  type NftMap,
  type NftSet,
  numgenRandom,
  type ProxierSettings,
  reject,
  type Rule,
  rule,
  set,
  type Statement,
  type Table,
  table,
  type Term,
  th,
  verdict,
  type VerdictMap,
  verdictMap,
} from "weir";

/** The table's name in both families. */
export const TABLE_NAME = "weir";

/** The objects of one family's table that Services fill. */
export interface FamilyObjects {
  readonly family: IpFamily;
  readonly table: Table;
  /** Words of an address. */
  readonly addressWords: 1 | 4;
  readonly clusterIps: NftSet;
  readonly rejectServices: NftSet;
  readonly dropServices: NftSet;
  readonly hairpinConnections: NftSet;
  readonly serviceEndpoints: NftMap;
  readonly endpointCounts: VerdictMap;
  readonly endpoints: NftMap;
}

/** The IP header's fields of a family. */
function header(family: IpFamily): { readonly saddr: Term; readonly daddr: Term } {
  return family === "IPv4" ? ip : ip6;
}

/** What names a service port in a packet: its address, protocol and port. */
function serviceKey(family: IpFamily): readonly [Term, Term, Term] {
  return [header(family).daddr, meta.l4proto, th.dport];
}

function objects(family: IpFamily): FamilyObjects {
  const owner = table(family === "IPv4" ? "ip" : "ip6", TABLE_NAME, {
    comment: "rules of weir's nftables proxier",
  });
  const address = family === "IPv4" ? "ipv4_addr" : "ipv6_addr";
  const service = [address, "inet_proto", "inet_service"] as const;
  const [daddr, l4proto, dport] = serviceKey(family);
  return {
    family,
    table: owner,
    addressWords: family === "IPv4" ? 1 : 4,
    clusterIps: set(owner, "cluster-ips", [address], { comment: "cluster IPs in use" }),
    rejectServices: set(owner, "reject-services", service, {
      comment: "service ports without any endpoint",
    }),
    dropServices: set(owner, "drop-services", service, {
      comment: "service ports of policy Local without a local endpoint",
    }),
    hairpinConnections: set(owner, "hairpin-connections", [
      address,
      address,
      "inet_proto",
      "inet_service",
    ], { comment: "an endpoint of this node that reaches itself" }),
    // The counts are data, not verdicts: the kernel validates every element of every reachable
    // verdict map at each commit that touches one (nft_table_validate), so a change would cost
    // more the more Services there are. nft has no plain 32-bit type for declarations: a mark is
    // one.
    serviceEndpoints: map(owner, "service-endpoints", service, ["mark"], {
      comment: "how many endpoints a service port has",
    }),
    // One element for each count that occurs, not for each Service.
    endpointCounts: verdictMap(owner, "endpoint-counts", ["mark"], {
      comment: "the chain that chooses among so many endpoints",
    }),
    // The modulus in the declaration only says what type the field has; it limits nothing.
    endpoints: map(owner, "endpoints", [daddr, l4proto, dport, numgenRandom(2)], [daddr, dport], {
      comment: "service port and slot to endpoint",
    }),
  };
}

/** The objects of the tables, by family. */
export const OBJECTS: Readonly<Record<IpFamily, FamilyObjects>> = {
  IPv4: objects("IPv4"),
  IPv6: objects("IPv6"),
};

/** How much the sets of one family's table have to hold. */
export interface Demand {
  /** Service ports. */
  readonly services: number;
  /** Their slots, spare ones included. */
  readonly slots: number;
  /** Endpoints of this node. */
  readonly hairpins: number;
}

/** How many elements each set of a table holds at most; undefined is without limit. */
export type SetSizes = ReadonlyMap<Layout["sets"][number], number | undefined>;

/** Buckets of the smallest set that has a size: 32 KiB of the kernel's memory. */
const LEAST_BUCKETS = 2 ** 12;
/** And of the largest: 8 MiB. The host limits what a table declares. */
const MOST_BUCKETS = 2 ** 20;

/**
 * The declared size of a set. A hash of a declared size has its buckets from the start and is
 * filled in half the time that one takes which grows with its elements (nft_hash_buckets: 4/3 of
 * the size, up to a power of two, of which this makes the most). What does not fit any more is
 * refused with ENFILE, so there is room for half as many elements again, and up to twice more.
 */
function sizeFor(elements: number): number | undefined {
  const buckets = 2 ** Math.ceil(Math.log2(Math.max(LEAST_BUCKETS, 2 * elements)));
  return buckets > MOST_BUCKETS ? undefined : buckets * 3 / 4;
}

/**
 * Decides the sizes of a table's sets. The map of counts has none: it holds few elements, and a
 * set without a size is never full.
 *
 * @param of The family's objects.
 * @param demand What they have to hold now.
 * @returns Sizes with room for more.
 */
export function setSizes(of: FamilyObjects, demand: Demand): SetSizes {
  const services = sizeFor(demand.services);
  return new Map<Layout["sets"][number], number | undefined>([
    [of.clusterIps, services],
    // Any service port may lose its endpoints, and all of them at once.
    [of.rejectServices, services],
    [of.dropServices, services],
    [of.serviceEndpoints, services],
    [of.endpoints, sizeFor(demand.slots)],
    [of.hairpinConnections, sizeFor(demand.hairpins)],
  ]);
}

/**
 * The chain that sends a connection to one of `count` endpoints.
 *
 * @param of The family's objects.
 * @param count 1 or more.
 * @returns A chain with one rule.
 */
export function countChain(of: FamilyObjects, count: number): Chain {
  const key = concat(...serviceKey(of.family), numgenRandom(count));
  return chain(of.table, `endpoints-${count}`, { rules: [rule(dnat(key.map(of.endpoints)))] });
}

/** "Not local" by one match; undefined when it says nothing of this family. */
function notLocal(match: LocalMatch, family: IpFamily): Statement | undefined {
  switch (match.type) {
    case "cidr":
      return match.family === family ? header(family).saddr.neq(match.cidr) : undefined;
    case "interface":
      return meta.iifname.neq(match.name);
    case "interfacePrefix":
      return meta.iifname.neq(`${match.prefix}*`);
  }
}

/** The rule that marks connections to cluster IPs for masquerading, if there is any. */
function markRules(of: FamilyObjects, settings: ProxierSettings): Rule[] {
  const sources = settings.localMatches
    .map((match) => notLocal(match, of.family))
    .filter((match) => match !== undefined);
  if (!settings.masqueradeAll && sources.length === 0) return [];
  return [commented(
    settings.masqueradeAll ? "masquerade everything" : "masquerade what is not from a local pod",
    header(of.family).daddr.inSet(of.clusterIps),
    ...(settings.masqueradeAll ? [] : sources),
    meta.mark.set(meta.mark.or(1 << settings.masqueradeBit)),
  )];
}

/** nft 1.0.6 does not take the name `dstnat` in the output hook, hence numbers. */
const HOOKS = {
  "nat-prerouting": { type: "nat", hook: "prerouting", priority: -100 },
  "nat-output": { type: "nat", hook: "output", priority: -100 },
  "nat-postrouting": { type: "nat", hook: "postrouting", priority: 100 },
  "filter-forward": { type: "filter", hook: "forward", priority: 0 },
  "filter-output": { type: "filter", hook: "output", priority: 0 },
} as const satisfies Readonly<Record<string, BaseChain>>;

/**
 * A family's table without Services.
 *
 * @param of The family's objects.
 * @param settings What is masqueraded.
 * @param sizes Of {@linkcode setSizes}.
 * @returns Sets, maps, chains and rules.
 */
export function layout(of: FamilyObjects, settings: ProxierSettings, sizes: SetSizes): Layout {
  const { saddr, daddr } = header(of.family);
  const service = concat(...serviceKey(of.family));
  const bit = 1 << settings.masqueradeBit;
  const chains: Readonly<Record<string, readonly Rule[]>> = {
    "nat-prerouting": [rule(verdict.jump("services"))],
    "nat-output": [rule(verdict.jump("services"))],
    "nat-postrouting": [
      // Only a connection's first packet passes nat chains, so only it ever carries the mark.
      rule(
        meta.mark.and(bit).neq(0),
        meta.mark.set(meta.mark.andNot(bit)),
        masquerade({ fullyRandom: true }),
      ),
      // An endpoint would get its own address as the source and answer past us.
      commented(
        "an endpoint that reached itself",
        ct.status.has("dnat"),
        concat(saddr, daddr, meta.l4proto, th.dport).inSet(of.hairpinConnections),
        masquerade({ fullyRandom: true }),
      ),
    ],
    // A new connection that was translated carries an endpoint's address by now, so whatever
    // still carries a cluster IP in these two hooks has not been served.
    "filter-forward": [
      rule(ct.state.has("new"), verdict.jump("service-endpoints-check")),
      rule(ct.state.has("new"), verdict.jump("cluster-ips-check")),
    ],
    "filter-output": [
      rule(ct.state.has("new"), verdict.jump("service-endpoints-check")),
      rule(ct.state.has("new"), verdict.jump("cluster-ips-check")),
    ],
    "services": [
      ...markRules(of, settings),
      rule(service.map(of.serviceEndpoints).vmap(of.endpointCounts)),
    ],
    "service-endpoints-check": [
      rule(service.inSet(of.dropServices), verdict.drop),
      rule(service.inSet(of.rejectServices), verdict.goto("reject-chain")),
    ],
    "cluster-ips-check": [
      commented(
        "an unused port of a cluster IP",
        daddr.inSet(of.clusterIps),
        verdict.goto("reject-chain"),
      ),
    ],
    // An ICMP error that comes back while connect() still holds the socket, as it does from this
    // node, is only a soft error (tcp_v4_err): the client would wait a second for the next SYN. A
    // reset waits in the socket's backlog instead and refuses the connection at once.
    "reject-chain": [
      rule(meta.l4proto.eq("tcp"), reject("tcp reset")),
      rule(reject()),
    ],
  };
  return {
    table: of.table,
    sets: [
      of.clusterIps,
      of.rejectServices,
      of.dropServices,
      of.hairpinConnections,
      of.serviceEndpoints,
      of.endpointCounts,
      of.endpoints,
    ].map((set) => ({ ...set, size: sizes.get(set) ?? 0 })),
    chains: Object.entries(chains).map(([name, rules]) => {
      const base = Object.entries(HOOKS).find(([hooked]) => hooked === name)?.[1];
      return chain(of.table, name, base === undefined ? { rules } : { base, rules });
    }),
  };
}
