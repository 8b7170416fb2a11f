/**
 * What the resolver makes of the cluster's objects for this node: simple, already correct, and
 * all a plugin ever sees. A plugin never reads a Kubernetes object.
 *
 * @module
 */
import type { IpFamily, Protocol } from "./kube.ts";

/**
 * One endpoint of a service port. Which of the two sets it belongs to is decided: the cluster set
 * serves where the traffic policy is Cluster, the local set where it is Local.
 */
export interface EndpointView {
  /** Canonical text of the pod's address, of the port's family. */
  readonly ip: string;
  /** 1–65535. */
  readonly port: number;
  /** It runs on this node or on one that nobody names: hairpin traffic to itself is possible. */
  readonly local: boolean;
  /** Member of the cluster set: ready and admitted by topology, or the terminating fallback. */
  readonly inCluster: boolean;
  /** Member of the local set. */
  readonly inLocal: boolean;
}

/**
 * What happens to a new connection: it is balanced over a set of endpoints, rejected (the Service
 * has no endpoint anywhere), or dropped (the policy is Local and none is local, KEP-2086).
 */
export type Verdict = "cluster" | "local" | "reject" | "drop";

/**
 * How a service port is reached from outside of the cluster: at addresses of its own and at a port
 * of the node. All of them meet the same verdict.
 */
export interface ExternalView {
  /**
   * What happens to connections from outside of the cluster, by externalTrafficPolicy. `local` and
   * `drop` mean policy Local. It is for outside traffic only: connections from pods of this node
   * and from the node itself to these addresses are balanced over the cluster set then, as long as
   * that has a member, and only those of the node itself are masqueraded. `cluster` means policy
   * Cluster: every connection is masqueraded.
   */
  readonly verdict: Verdict;
  /** `spec.externalIPs` of this family, canonical texts, none of them a load balancer's. */
  readonly externalIPs: readonly string[];
  /** The load balancer's addresses of this family that the node handles (KEP-1860: mode VIP). */
  readonly loadBalancerIPs: readonly string[];
  /**
   * Who may connect to `loadBalancerIPs`: canonical CIDRs of this family; connections from
   * elsewhere are dropped. Absent when everyone may. It has the load balancer's own addresses in
   * it where the node is admitted: its connections may carry them as their source.
   */
  readonly loadBalancerSources?: readonly string[];
  /** 1–65535, on the addresses of `ProxierSettings.nodePorts`; 0 when there is none. */
  readonly nodePort: number;
}

/**
 * One port of one Service in one IP family, resolved for this node.
 */
export interface ServicePortView {
  /** Unique and stable: `namespace/name[:port]/protocol/family`, as `default/web:http/TCP/IPv4`. */
  readonly id: string;
  /** Namespace of the Service. */
  readonly namespace: string;
  /** Name of the Service. */
  readonly name: string;
  /** "" for an unnamed port. */
  readonly portName: string;
  /** Protocol of the port. */
  readonly protocol: Protocol;
  /** Family of `clusterIP` and of every endpoint. */
  readonly family: IpFamily;
  /** Canonical text of the cluster IP of this family. */
  readonly clusterIP: string;
  /** 1–65535, at the cluster IP, the external IPs and the load balancer's. */
  readonly port: number;
  /** What happens to connections to `clusterIP:port`, by internalTrafficPolicy. */
  readonly internal: Verdict;
  /** How it is reached from outside; absent when it is not. */
  readonly external?: ExternalView;
  /**
   * Session affinity ClientIP: for so many seconds after a client's last new connection, 1–86400,
   * all its connections to any address of the port go to the same endpoint as long as that stays
   * in the set; 0 without affinity.
   */
  readonly affinitySeconds: number;
  /** Every usable endpoint, sorted by address and port, none twice. */
  readonly endpoints: readonly EndpointView[];
}

/**
 * A rule that tells pod traffic of this node from other traffic; a packet is local when any of
 * them matches. Every proxier can render each.
 */
export type LocalMatch =
  | { readonly type: "cidr"; readonly family: IpFamily; readonly cidr: string }
  | { readonly type: "interface"; readonly name: string }
  | { readonly type: "interfacePrefix"; readonly prefix: string };

/**
 * The addresses of this node on which NodePorts answer: every one that is local to it but those of
 * the loopback ranges (127.0.0.0/8 and ::1), or the ones listed, canonical texts of either family.
 */
export type NodePortAddresses =
  | { readonly type: "every" }
  | { readonly type: "listed"; readonly addresses: readonly string[] };

/** What a proxier must know besides the service ports; a change of it causes a resync. */
export interface ProxierSettings {
  /**
   * The IP families to program, at least one. Service ports of another never come, and the kernel
   * may know no rules of it: a table of it is then refused.
   */
  readonly families: readonly IpFamily[];
  /** Masquerade all traffic to cluster IPs, whatever its source. */
  readonly masqueradeAll: boolean;
  /** 0–31: the bit of the packet mark that means "masquerade". Upstream's default is 14. */
  readonly masqueradeBit: number;
  /** How local traffic is told; empty means that nothing is masqueraded for its source. */
  readonly localMatches: readonly LocalMatch[];
  /** Where NodePorts answer. */
  readonly nodePorts: NodePortAddresses;
  /**
   * The ranges of cluster IPs (KEP-1880), canonical CIDRs: connections to an address in them that
   * no Service has are dropped. Empty when the cluster does not tell.
   */
  readonly serviceCIDRs: readonly string[];
  /**
   * Count the connections and packets of each service port, for the call `traffic`. Absent when
   * nobody asks for it; a proxier that cannot count ignores it.
   */
  readonly countTraffic?: true;
}

/** The whole truth at one revision. */
export interface Snapshot {
  /** Counts syncs from 1. */
  readonly revision: number;
  /** What else a proxier must know. */
  readonly settings: ProxierSettings;
  /** All service ports, sorted by id. */
  readonly ports: readonly ServicePortView[];
}

/** What changed from one revision to the next; order is by id, so equal changes read equal. */
export interface Diff {
  /** The revision the plugin is at. */
  readonly from: number;
  /** The revision it is at afterwards. */
  readonly to: number;
  /** New and changed service ports, whole, sorted by id. */
  readonly upserts: readonly ServicePortView[];
  /** The ids of service ports that are gone, sorted. */
  readonly removes: readonly string[];
}
