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
  readonly protocol: Protocol;
  /** 1–65535. */
  readonly port: number;
  /** 1–65535, or 0 when none is allocated. */
  readonly nodePort: number;
}

/** One ingress point of a load balancer. Source: core/v1 `LoadBalancerIngress`. */
export interface LoadBalancerIngress {
  readonly ip: string;
  /** KEP-1860: with "Proxy" the load balancer's address is not handled on the node. */
  readonly ipMode: "VIP" | "Proxy";
}

/** A slim Service. Source: core/v1 `Service`. */
export interface Service {
  readonly kind: "Service";
  readonly namespace: string;
  readonly name: string;
  readonly resourceVersion: string;
  /** Only the labels a proxy reads (`service.kubernetes.io/…`). */
  readonly labels: Readonly<Record<string, string>>;
  /** Only the annotations a proxy reads (topology mode). */
  readonly annotations: Readonly<Record<string, string>>;
  readonly type: "ClusterIP" | "NodePort" | "LoadBalancer" | "ExternalName";
  /** "None" for a headless Service, "" before one is allocated. */
  readonly clusterIP: string;
  /** One per family, the first equal to `clusterIP`; may be empty on objects before 1.20. */
  readonly clusterIPs: readonly string[];
  readonly externalIPs: readonly string[];
  readonly ports: readonly ServicePort[];
  readonly sessionAffinity: "None" | "ClientIP";
  /** Seconds, 1–86400; 0 when sessionAffinity is None. */
  readonly affinityTimeoutSeconds: number;
  readonly internalTrafficPolicy: "Cluster" | "Local";
  readonly externalTrafficPolicy: "Cluster" | "Local";
  /** 1–65535, or 0 when none is allocated. */
  readonly healthCheckNodePort: number;
  readonly publishNotReadyAddresses: boolean;
  readonly loadBalancerSourceRanges: readonly string[];
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
  readonly serving: boolean;
  readonly terminating: boolean;
  /** "" when unknown. */
  readonly nodeName: string;
  /** "" when unknown. */
  readonly zone: string;
  readonly hintZones: readonly string[];
  readonly hintNodes: readonly string[];
}

/** One port of a slice. Source: discovery/v1 `EndpointPort`. */
export interface SlicePort {
  readonly name: string;
  readonly protocol: Protocol;
  /** 1–65535; 0 means "all ports", which a service proxy ignores. */
  readonly port: number;
}

/** A slim EndpointSlice. Source: discovery/v1 `EndpointSlice`. */
export interface EndpointSlice {
  readonly kind: "EndpointSlice";
  readonly namespace: string;
  readonly name: string;
  readonly resourceVersion: string;
  /** The label `kubernetes.io/service-name`; "" when absent, and then nobody reads the slice. */
  readonly serviceName: string;
  readonly addressType: IpFamily | "FQDN";
  /** The annotation `endpoints.kubernetes.io/last-change-trigger-time` as written, or "". */
  readonly lastChangeTriggerTime: string;
  readonly endpoints: readonly SliceEndpoint[];
  readonly ports: readonly SlicePort[];
}

/** A taint of a Node. Source: core/v1 `Taint`. */
export interface Taint {
  readonly key: string;
  readonly value: string;
  readonly effect: string;
}

/** A slim Node: this one. Source: core/v1 `Node`. */
export interface Node {
  readonly kind: "Node";
  readonly name: string;
  readonly resourceVersion: string;
  /** Only the topology labels (`topology.kubernetes.io/zone`, …). */
  readonly labels: Readonly<Record<string, string>>;
  readonly podCIDRs: readonly string[];
  /** The addresses of type InternalIP and ExternalIP, in the order of the status. */
  readonly addresses: readonly string[];
  readonly taints: readonly Taint[];
  /** True once the Node has a deletion timestamp. */
  readonly deleting: boolean;
}

/** Any object a source delivers. */
export type KubeObject = Service | EndpointSlice | Node;

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
