/**
 * Who looks on while the resolver decides, to tell afterwards why. The decisions are the flow's own:
 * a witness hears what each predicate came to, and changes nothing.
 *
 * @module
 */
import type { EndpointSlice, Protocol, Service, SliceEndpoint } from "../../schemas/kube.ts";

/** What becomes of an endpoint in one of a service port's two sets. */
export type Membership =
  /** It is ready, and topology lets it in. */
  | "member"
  /** It is terminating and still serves, and nothing better is there (KEP-1669). */
  | "fallback"
  /** No traffic policy of the Service calls for this set. */
  | "unused"
  /** The set is of this node's endpoints, and it runs elsewhere. */
  | "not-local"
  /** It is not ready. */
  | "not-ready"
  /** It is terminating, and others are ready. */
  | "terminating"
  /** It is terminating and serves no more. */
  | "stopped"
  /** Its topology hints name other nodes (KEP-3015). */
  | "other-node"
  /** Its topology hints name other zones (KEP-2433). */
  | "other-zone";

/** Whom the topology hints let in. */
export type Topology = "everyone" | "same-node" | "same-zone";

/** Why hints that are there keep nobody out: some ready endpoint has none, or none names this place. */
export type IgnoredHints = "incomplete" | "elsewhere";

/** Why a slice's port is not read for a Service's port; `read` when it is. */
export type SlicePortFate =
  | "read"
  | "other-family"
  | "other-name"
  | "other-protocol"
  /** 0 means "all ports", which a service proxy passes over. */
  | "all-ports"
  | "malformed";

/** Why an endpoint does not come as far as to the choice: the first of twins does. */
export type CandidateFate = "malformed-address" | "duplicate";

/** An endpoint that is chosen or not. */
export interface WitnessedEndpoint {
  /** Canonical text. */
  readonly ip: string;
  /** 1–65535. */
  readonly port: number;
  /** As the slice has it. */
  readonly endpoint: SliceEndpoint;
}

/** Looks on while the endpoints of one service port are chosen. */
export interface PortWitness {
  /**
   * What is made of a slice, or of one of its ports.
   *
   * @param slice The slice.
   * @param fate What is made of it.
   */
  slice(slice: EndpointSlice, fate: SlicePortFate): void;
  /**
   * An endpoint that cannot be chosen.
   *
   * @param endpoint As the slice has it.
   * @param port Of the slice.
   * @param fate Why.
   */
  leftOut(endpoint: SliceEndpoint, port: number, fate: CandidateFate): void;
  /**
   * Whom hints let in.
   *
   * @param topology Whom.
   * @param ignored Why hints that are there let everyone in.
   */
  topology(topology: Topology, ignored: IgnoredHints | undefined): void;
  /**
   * What becomes of an endpoint.
   *
   * @param candidate The endpoint.
   * @param cluster In the set of the whole cluster.
   * @param local In the set of this node.
   */
  decided(candidate: WitnessedEndpoint, cluster: Membership, local: Membership): void;
}

/** Why an address that a Service has is not one at which this node answers. */
export type AddressFate =
  /** KEP-1860: the load balancer ends connections itself, and is to see those of this node too. */
  | "proxied-by-load-balancer"
  /** A status that was left when the Service was of type LoadBalancer. */
  | "no-load-balancer"
  /** External IPs are not programmed (KEP-5707, gate AllowServiceExternalIPs). */
  | "external-ips-off"
  /** It is a load balancer's address of the same Service, and served as that. */
  | "load-balancers-too";

/** Looks on while one Service is resolved. */
export interface Witness {
  /**
   * A service port's endpoints are about to be chosen.
   *
   * @param id Of the service port.
   * @param port The Service's port.
   * @returns Who looks on, if anybody.
   */
  port(
    id: string,
    port: { readonly name: string; readonly protocol: Protocol; readonly port: number },
  ): PortWitness | undefined;
  /**
   * An address at which this node does not answer, without anything being wrong with it.
   *
   * @param address As the object has it.
   * @param path The field.
   * @param fate Why.
   */
  address(address: string, path: string, fate: AddressFate): void;
}

/** Why a Service is not proxied at all. */
export type Unproxied =
  | "external-name"
  | "headless"
  | "no-cluster-ip"
  | "another-proxy"
  | "headless-label";

/** Another proxy serves the Service (KEP-2447): upstream's informers exclude any value. */
const LABEL_PROXY_NAME = "service.kubernetes.io/service-proxy-name";
/** Upstream's informers exclude Services and slices with this label, whatever its value. */
const LABEL_HEADLESS = "service.kubernetes.io/headless";

/**
 * Tells why no service proxy serves a Service.
 *
 * @param service Any Service.
 * @returns The reason, or undefined for one that is served.
 */
export function whyUnproxied(service: Service): Unproxied | undefined {
  if (service.type === "ExternalName") return "external-name";
  if (service.clusterIP === "None") return "headless";
  if (service.clusterIP === "" && service.clusterIPs.length === 0) return "no-cluster-ip";
  if (Object.hasOwn(service.labels, LABEL_PROXY_NAME)) return "another-proxy";
  return Object.hasOwn(service.labels, LABEL_HEADLESS) ? "headless-label" : undefined;
}
