/**
 * The sets and maps of one family's table, and how large they are declared.
 *
 * @module
 */
import {
  ct,
  ip,
  ip6,
  type IpFamily,
  map,
  meta,
  type NftMap,
  type NftSet,
  numgenRandom,
  set,
  type Table,
  table,
  type Term,
  th,
  type VerdictMap,
  verdictMap,
} from "weir";

/** The table's name in both families. */
export const TABLE_NAME = "weir";

/** How a connection is told from others: by the address it goes to, or by a port of the node. */
export type Space = "service" | "nodeport";

/**
 * The objects of one way to be reached. Keys are address . protocol . port for `service`, and
 * protocol . port for `nodeport`.
 */
export interface SpaceObjects {
  /** To the number of the endpoint set that serves. */
  readonly sets: NftMap;
  /**
   * To the number of the endpoint set that serves connections of this node's pods and of the node
   * itself, where externalTrafficPolicy is Local.
   */
  readonly nodeSets: NftMap;
  /** Where externalTrafficPolicy is Local. */
  readonly localPolicy: NftSet;
  /** External ones whose connections are masqueraded. */
  readonly masquerade: NftSet;
  /** Without any endpoint. */
  readonly reject: NftSet;
  /** Of policy Local without an endpoint of this node. */
  readonly drop: NftSet;
  /** From the size of an endpoint set to the chain that chooses. */
  readonly chains: VerdictMap;
  /** The same for `nodeSets`. */
  readonly nodeChains: VerdictMap;
  /** Those that are served, each with a counter of packets; there while traffic is counted. */
  readonly packets: NftSet;
}

/** The objects of one family's table that Services fill. */
export interface FamilyObjects {
  readonly family: IpFamily;
  readonly table: Table;
  /** Words of an address. */
  readonly addressWords: 1 | 4;
  readonly clusterIps: NftSet;
  readonly nodeportIps: NftSet;
  readonly hairpinConnections: NftSet;
  readonly spaces: Readonly<Record<Space, SpaceObjects>>;
  /** From an endpoint set's number to its size, which names the chain that chooses. */
  readonly setSizes: NftMap;
  /**
   * Each endpoint set's number, with a counter of the connections that it was chosen for; there while
   * traffic is counted.
   */
  readonly setConnections: NftSet;
  /** From an endpoint set's number and a slot to an endpoint. */
  readonly endpoints: NftMap;
  /** From an endpoint set's number and a slot to the seat of an endpoint, for session affinity. */
  readonly affinitySlots: NftMap;
  /** From a client and an endpoint set's number to the seat of an endpoint; the kernel fills it. */
  readonly affinity: NftMap;
  /** From a load balancer's address to the number of the chain that checks the source. */
  readonly firewalls: NftMap;
  readonly firewallChains: VerdictMap;
}

/**
 * The IP header's fields of a family.
 *
 * @param family Of the packets.
 * @returns Source and destination address.
 */
export function header(family: IpFamily): { readonly saddr: Term; readonly daddr: Term } {
  return family === "IPv4" ? ip : ip6;
}

/**
 * The terms that make the key of a space, of where a connection went before it was translated.
 *
 * @param family Of the packets.
 * @param space How connections are told.
 * @returns In the order of the key.
 */
export function originalTerms(family: IpFamily, space: Space): readonly Term[] {
  const { daddr, daddr6, dport } = ct.original;
  return space === "service"
    ? [family === "IPv4" ? daddr : daddr6, meta.l4proto, dport]
    : [meta.l4proto, dport];
}

/**
 * The terms that make the key of a space.
 *
 * @param family Of the packets.
 * @param space How connections are told.
 * @returns In the order of the key.
 */
export function keyTerms(family: IpFamily, space: Space): readonly [Term, Term, ...Term[]] {
  return space === "service"
    ? [header(family).daddr, meta.l4proto, th.dport]
    : [meta.l4proto, th.dport];
}

function spaceObjects(owner: Table, address: "ipv4_addr" | "ipv6_addr", space: Space) {
  const key = space === "service"
    ? [address, "inet_proto", "inet_service"] as const
    : ["inet_proto", "inet_service"] as const;
  const what = space === "service" ? "address and port" : "node port";
  return {
    sets: map(owner, `${space}-sets`, key, ["mark"], {
      comment: `the endpoint set of an ${what}`.replace("an node", "a node"),
    }),
    nodeSets: map(owner, `${space}-node-sets`, key, ["mark"], {
      comment: "the same for who connects from this node, under policy Local",
    }),
    localPolicy: set(owner, `${space}-local-policy`, key, {
      comment: "externalTrafficPolicy Local",
    }),
    masquerade: set(owner, `${space}-masquerade`, key, {
      comment: "externalTrafficPolicy Cluster",
    }),
    reject: set(owner, `${space}-reject`, key, { comment: "no endpoint anywhere" }),
    drop: set(owner, `${space}-drop`, key, {
      comment: "policy Local, and no endpoint on this node",
    }),
    chains: verdictMap(owner, `${space}-chains`, ["mark"], {
      comment: "the chain that chooses among so many endpoints",
    }),
    nodeChains: verdictMap(owner, `${space}-node-chains`, ["mark"], {
      comment: "the chain that chooses among so many endpoints",
    }),
    packets: set(owner, `${space}-packets`, key, {
      counter: true,
      comment: "packets of connections, both ways",
    }),
  };
}

function objects(family: IpFamily): FamilyObjects {
  const owner = table(family === "IPv4" ? "ip" : "ip6", TABLE_NAME);
  const address = family === "IPv4" ? "ipv4_addr" : "ipv6_addr";
  const { daddr } = header(family);
  return {
    family,
    table: owner,
    addressWords: family === "IPv4" ? 1 : 4,
    clusterIps: set(owner, "cluster-ips", [address], { comment: "cluster IPs in use" }),
    nodeportIps: set(owner, "nodeport-ips", [address], {
      comment: "addresses of this node that answer node ports",
    }),
    hairpinConnections: set(owner, "hairpin-connections", [
      address,
      address,
      "inet_proto",
      "inet_service",
    ], { comment: "an endpoint of this node that reaches itself" }),
    spaces: {
      service: spaceObjects(owner, address, "service"),
      nodeport: spaceObjects(owner, address, "nodeport"),
    },
    // Sets and their sizes are data, not verdicts: the kernel validates every element of every
    // reachable verdict map at each commit that touches one (nft_table_validate), so a change
    // would cost more the more Services there are. nft has no plain 32-bit type for declarations:
    // a mark is one.
    setSizes: map(owner, "set-sizes", ["mark"], ["mark"], {
      comment: "endpoint set to its number of endpoints, or its kind of affinity",
    }),
    setConnections: set(owner, "set-connections", ["mark"], {
      counter: true,
      comment: "connections of an endpoint set",
    }),
    // The modulus in the declaration only says what type the field has; it limits nothing.
    endpoints: map(owner, "endpoints", [meta.mark, numgenRandom(2)], [daddr, th.dport], {
      comment: "endpoint set and slot to endpoint",
    }),
    affinitySlots: map(owner, "affinity-slots", [meta.mark, numgenRandom(2)], [meta.mark], {
      comment: "endpoint set and slot to the seat of an endpoint",
    }),
    affinity: map(owner, "affinity", [address, "mark"], ["mark"], {
      flags: ["dynamic", "timeout"],
      size: 2 ** 18,
      comment: "client and endpoint set to the seat of an endpoint",
    }),
    firewalls: map(owner, "firewalls", [address, "inet_proto", "inet_service"], ["mark"], {
      comment: "load balancers that are not for everyone",
    }),
    firewallChains: verdictMap(owner, "firewall-chains", ["mark"], {
      comment: "the chain that knows who may connect",
    }),
  };
}

/** The objects of the tables, by family. */
export const OBJECTS: Readonly<Record<IpFamily, FamilyObjects>> = {
  IPv4: objects("IPv4"),
  IPv6: objects("IPv6"),
};

/** A set or map whose elements are words, without intervals. */
export type PlainSet = NftSet | NftMap;

/** How many elements each set of a table holds at most; absent is without limit. */
export type SetSizes = ReadonlyMap<PlainSet, number>;

/** Buckets of the smallest set that has a size: 32 KiB of the kernel's memory. */
const LEAST_BUCKETS = 2 ** 12;
/** And of the largest: 8 MiB. The host limits what a table declares. */
const MOST_BUCKETS = 2 ** 20;

/**
 * Decides the sizes of a table's sets by what they have to hold. A hash of a declared size has its
 * buckets from the start and is filled in half the time that one takes which grows with its
 * elements (nft_hash_buckets: 4/3 of the size, up to a power of two, of which this makes the
 * most). What does not fit any more is refused with ENFILE, so there is room for half as many
 * elements again, and up to twice more. A set that may jump from nothing to everything has no
 * size and is never full.
 *
 * @param of The family's objects.
 * @param filled How many elements each set gets now.
 * @returns Sizes with room for more.
 */
export function setSizes(of: FamilyObjects, filled: ReadonlyMap<PlainSet, number>): SetSizes {
  const sizes = new Map<PlainSet, number>();
  const { service } = of.spaces;
  for (
    const set of [
      ...[of.clusterIps, of.setSizes, of.endpoints, service.sets],
      ...[of.setConnections, service.packets],
    ]
  ) {
    const wanted = 2 * (filled.get(set) ?? 0);
    const buckets = 2 ** Math.ceil(Math.log2(Math.max(LEAST_BUCKETS, wanted)));
    if (buckets <= MOST_BUCKETS) sizes.set(set, buckets * 3 / 4);
  }
  return sizes;
}
