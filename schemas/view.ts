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
  /** 1–65535. */
  readonly port: number;
  /** What happens to connections to `clusterIP:port`, by internalTrafficPolicy. */
  readonly internal: Verdict;
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

/** What a proxier must know besides the service ports; a change of it causes a resync. */
export interface ProxierSettings {
  /** Masquerade all traffic to cluster IPs, whatever its source. */
  readonly masqueradeAll: boolean;
  /** 0–31: the bit of the packet mark that means "masquerade". Upstream's default is 14. */
  readonly masqueradeBit: number;
  /** How local traffic is told; empty means that nothing is masqueraded for its source. */
  readonly localMatches: readonly LocalMatch[];
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
