/**
 * The slim Kubernetes objects: of each kind only the fields that a service proxy reads. Sources
 * decode into these shapes (from protobuf, JSON or YAML) and nothing else of an object is kept.
 * Field names and meanings are those of the Kubernetes API; absent lists are empty, absent
 * strings are "".
 *
 * @module
 */

/** A transport protocol a Service port can have. Source: core/v1 `Protocol`. */
export type Protocol = "TCP" | "UDP" | "SCTP";

/** An IP family as Kubernetes spells it. Source: core/v1 `IPFamily`. */
export type IpFamily = "IPv4" | "IPv6";

/** One port of a Service. Source: core/v1 `ServicePort`. */
export interface ServicePort {
  /** DNS label, or "" when the Service has a single unnamed port. */
  readonly name: string;
  /**
   * As the object says it, TCP when it does not. The resolver tells what is no {@linkcode Protocol}
   * and programs the other ports.
   */
  readonly protocol: string;
  /** As the object says it: 1–65535 in a valid one. */
  readonly port: number;
  /** As the object says it: 1–65535 in a valid one, or 0 when none is allocated. */
  readonly nodePort: number;
}

/** One ingress point of a load balancer. Source: core/v1 `LoadBalancerIngress`. */
export interface LoadBalancerIngress {
  /** Text of the address; an ingress that has only a hostname is left out. */
  readonly ip: string;
  /** KEP-1860: with "Proxy" the load balancer's address is not handled on the node. */
  readonly ipMode: "VIP" | "Proxy";
}

/** A slim Service. Source: core/v1 `Service`. */
export interface Service {
  /** Tells the objects of a source apart. */
  readonly kind: "Service";
  /** Namespace of the Service. */
  readonly namespace: string;
  /** Name of the Service, unique within its namespace. */
  readonly name: string;
  /** Opaque: only equality means something. */
  readonly resourceVersion: string;
  /** Only the labels a proxy reads (`service.kubernetes.io/…`). */
  readonly labels: Readonly<Record<string, string>>;
  /** Only the annotations a proxy reads (topology mode). */
  readonly annotations: Readonly<Record<string, string>>;
  /** How the Service is published; a ClusterIP is the basis of all but ExternalName. */
  readonly type: "ClusterIP" | "NodePort" | "LoadBalancer" | "ExternalName";
  /** "None" for a headless Service, "" before one is allocated. */
  readonly clusterIP: string;
  /** One per family, the first equal to `clusterIP`; may be empty on objects before 1.20. */
  readonly clusterIPs: readonly string[];
  /** Addresses outside Kubernetes' control that the node answers for. */
  readonly externalIPs: readonly string[];
  /** Its ports, in the object's order. */
  readonly ports: readonly ServicePort[];
  /** Whether a client's connections stick to one endpoint. */
  readonly sessionAffinity: "None" | "ClientIP";
  /** Seconds, 1–86400; 0 when sessionAffinity is None. */
  readonly affinityTimeoutSeconds: number;
  /** Which endpoints serve traffic to the cluster IP (KEP-2086). */
  readonly internalTrafficPolicy: "Cluster" | "Local";
  /** Which endpoints serve traffic from outside the cluster. */
  readonly externalTrafficPolicy: "Cluster" | "Local";
  /** As the object says it: 1–65535 in a valid one, or 0 when none is allocated. */
  readonly healthCheckNodePort: number;
  /** Already reflected in the slices' `ready`; kept for `explain`. */
  readonly publishNotReadyAddresses: boolean;
  /** CIDRs that may use the load balancer; empty means everyone. */
  readonly loadBalancerSourceRanges: readonly string[];
  /** The load balancer's points of entry, in the status's order. */
  readonly loadBalancerIngress: readonly LoadBalancerIngress[];
  /** "", "PreferClose", "PreferSameZone" or "PreferSameNode". */
  readonly trafficDistribution: string;
}

/** One endpoint of a slice. Source: discovery/v1 `Endpoint`. */
export interface SliceEndpoint {
  /** Kubernetes allows several and says they are fungible: only the first is used. */
  readonly addresses: readonly string[];
  /** An absent condition is read as true, except `terminating`, which is read as false. */
  readonly ready: boolean;
  /** Accepts connections, terminating or not. */
  readonly serving: boolean;
  /** Is being deleted. */
  readonly terminating: boolean;
  /** "" when unknown. */
  readonly nodeName: string;
  /** "" when unknown. */
  readonly zone: string;
  /** Zones that should use this endpoint; empty without a hint (KEP-2433). */
  readonly hintZones: readonly string[];
  /** Nodes that should use this endpoint; empty without a hint (KEP-3015). */
  readonly hintNodes: readonly string[];
}

/** One port of a slice. Source: discovery/v1 `EndpointPort`. */
export interface SlicePort {
  /** Matches the name of the Service's port; "" for an unnamed one. */
  readonly name: string;
  /** Matches the protocol of the Service's port; as the object says it, TCP when it does not. */
  readonly protocol: string;
  /** As the object says it: 1–65535; 0 means "all ports", which a service proxy ignores. */
  readonly port: number;
}

/** A slim EndpointSlice. Source: discovery/v1 `EndpointSlice`. */
export interface EndpointSlice {
  /** Tells the objects of a source apart. */
  readonly kind: "EndpointSlice";
  /** Namespace of the slice, and of its Service. */
  readonly namespace: string;
  /** Name of the slice, unique within its namespace. */
  readonly name: string;
  /** Opaque: only equality means something. */
  readonly resourceVersion: string;
  /** The label `kubernetes.io/service-name`; "" when absent, and then nobody reads the slice. */
  readonly serviceName: string;
  /** What all its addresses are; FQDN slices are not for a service proxy. */
  readonly addressType: IpFamily | "FQDN";
  /** The annotation `endpoints.kubernetes.io/last-change-trigger-time` as written, or "". */
  readonly lastChangeTriggerTime: string;
  /** Its endpoints, in the object's order. */
  readonly endpoints: readonly SliceEndpoint[];
  /** The ports that each of its endpoints has. */
  readonly ports: readonly SlicePort[];
}

/** A taint of a Node. Source: core/v1 `Taint`. */
export interface Taint {
  /** For example `node.kubernetes.io/unschedulable`. */
  readonly key: string;
  /** "" when the taint has none. */
  readonly value: string;
  /** `NoSchedule`, `PreferNoSchedule` or `NoExecute`. */
  readonly effect: string;
}

/** A slim Node: this one. Source: core/v1 `Node`. */
export interface Node {
  /** Tells the objects of a source apart. */
  readonly kind: "Node";
  /** Name of the Node, unique in the cluster. */
  readonly name: string;
  /** Opaque: only equality means something. */
  readonly resourceVersion: string;
  /** Only the topology labels (`topology.kubernetes.io/zone`, …). */
  readonly labels: Readonly<Record<string, string>>;
  /** The CIDRs of the Node's pods, one per family at most; empty until allocated. */
  readonly podCIDRs: readonly string[];
  /**
   * The addresses of type InternalIP and after them those of type ExternalIP, each in the order of
   * the status: the first of a family is the Node's own in it, as kube-proxy takes it.
   */
  readonly addresses: readonly string[];
  /** Its taints, in the object's order. */
  readonly taints: readonly Taint[];
  /** True once the Node has a deletion timestamp. */
  readonly deleting: boolean;
}

/** A slim ServiceCIDR: ranges of cluster IPs. Source: networking/v1 `ServiceCIDR`, KEP-1880. */
export interface ServiceCIDR {
  /** Tells the objects of a source apart. */
  readonly kind: "ServiceCIDR";
  /** Name of the ServiceCIDR, unique in the cluster; the API server's own is `kubernetes`. */
  readonly name: string;
  /** Opaque: only equality means something. */
  readonly resourceVersion: string;
  /** Canonical CIDRs, one per family at most. */
  readonly cidrs: readonly string[];
}

/** Any object a source delivers. */
export type KubeObject = Service | EndpointSlice | Node | ServiceCIDR;

/** The kinds a source delivers. */
export type KubeKind = KubeObject["kind"];

/**
 * What a source tells: an object is there (new or changed), an object is gone, or the first
 * complete listing of a kind has been delivered (`synced`). `at` is when the event arrived, in
 * milliseconds since the epoch.
 */
export type SourceEvent =
  | { readonly type: "upsert"; readonly object: KubeObject; readonly at: number }
  | {
    readonly type: "remove";
    readonly kind: KubeKind;
    readonly namespace: string;
    readonly name: string;
    readonly at: number;
  }
  | { readonly type: "synced"; readonly kind: KubeKind; readonly at: number };

/**
 * A source of objects: the API server, or a folder of manifests.
 */
export interface Source {
  /**
   * Delivers events until the signal aborts. It never gives up by itself: while its origin is
   * away it retries with back-off and delivers nothing, so that no rule changes.
   *
   * @param deliver Receives batches of events in order; it must not throw. A batch is what
   * arrived together, so that a list is one batch and not ten thousand.
   * @param signal Ends the source.
   * @returns Settles after the signal has aborted and everything is closed.
   */
  run(deliver: (events: readonly SourceEvent[]) => void, signal: AbortSignal): Promise<void>;
}
