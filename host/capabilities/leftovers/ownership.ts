/**
 * What is kube-proxy's, by name: the names that it (1.24 and later, every mode) gives to what it
 * makes. What is weir's has a mark (nft/mark.ts). Nothing else is ever touched.
 *
 * Not in these lists is what the kubelet makes or shares with kube-proxy, though it is called
 * KUBE- too: KUBE-MARK-MASQ, KUBE-MARK-DROP, KUBE-FIREWALL, KUBE-KUBELET-CANARY, KUBE-IPTABLES-HINT
 * (KEP-3178).
 *
 * @module
 */
/** kube-proxy's table of nf_tables, in the families ip and ip6. */
export const KUBE_PROXY_TABLE = "kube-proxy";

/** The tables in which kube-proxy makes chains by iptables. */
export const IPTABLES_TABLES = ["filter", "nat", "mangle"] as const;

/** kube-proxy's chains that there is one of. */
const CHAINS: ReadonlySet<string> = new Set([
  // The iptables mode; the IPVS mode has some of them.
  "KUBE-SERVICES",
  "KUBE-EXTERNAL-SERVICES",
  "KUBE-NODEPORTS",
  "KUBE-POSTROUTING",
  "KUBE-FORWARD",
  "KUBE-PROXY-FIREWALL",
  "KUBE-PROXY-CANARY",
  // The IPVS mode.
  "KUBE-LOAD-BALANCER",
  "KUBE-NODE-PORT",
  "KUBE-SOURCE-RANGES-FIREWALL",
  "KUBE-IPVS-FILTER",
  "KUBE-IPVS-OUT-FILTER",
  // The userspace mode.
  "KUBE-PORTALS-CONTAINER",
  "KUBE-PORTALS-HOST",
  "KUBE-NODEPORT-CONTAINER",
  "KUBE-NODEPORT-HOST",
  "KUBE-NODEPORT-NON-LOCAL",
]);

/**
 * kube-proxy's chains of one Service or endpoint; a hash follows. XLB is of versions up to 1.23.
 */
const SERVICE_CHAIN = /^KUBE-(SVC|SVL|EXT|FW|SEP|XLB)-/;

/** kube-proxy's sets for IPv4, without the prefix. */
const SETS = [
  "LOOP-BACK",
  "CLUSTER-IP",
  "EXTERNAL-IP",
  "EXTERNAL-IP-LOCAL",
  "LOAD-BALANCER",
  "LOAD-BALANCER-LOCAL",
  "LOAD-BALANCER-FW",
  "LOAD-BALANCER-SOURCE-CIDR",
  "LOAD-BALANCER-SOURCE-IP",
  "NODE-PORT-TCP",
  "NODE-PORT-LOCAL-TCP",
  "NODE-PORT-UDP",
  "NODE-PORT-LOCAL-UDP",
  "NODE-PORT-SCTP-HASH",
  "NODE-PORT-LOCAL-SCTP-HASH",
  "HEALTH-CHECK-NODE-PORT",
  "IPVS-IPS",
] as const;

/** IPSET_MAXNAMELEN is 32 with the final NUL, and kube-proxy cuts what is longer. */
const SET_NAME_LENGTH = 31;

const SET_NAMES: ReadonlySet<string> = new Set(
  SETS.flatMap((name) => [`KUBE-${name}`, `KUBE-6-${name}`.slice(0, SET_NAME_LENGTH)]),
);

const COUNTERS: ReadonlySet<string> = new Set([
  "ct_state_invalid_dropped_pkts",
  "localhost_nps_accepted_pkts",
]);

/** The dummy device of the IPVS mode. */
export const IPVS_DEVICE = "kube-ipvs0";

/**
 * Whether a chain of iptables is kube-proxy's.
 *
 * @param name Its name.
 * @returns False for the kubelet's, and for everybody else's.
 */
export function isKubeProxyChain(name: string): boolean {
  return CHAINS.has(name) || SERVICE_CHAIN.test(name);
}

/**
 * Whether a set of ipset is kube-proxy's.
 *
 * @param name Its name.
 * @returns True for the sets of its IPVS mode.
 */
export function isKubeProxySet(name: string): boolean {
  return SET_NAMES.has(name);
}

/**
 * Whether an accounting object is kube-proxy's.
 *
 * @param name Its name.
 * @returns True for those of its iptables mode.
 */
export function isKubeProxyCounter(name: string): boolean {
  return COUNTERS.has(name);
}
