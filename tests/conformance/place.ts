/**
 * A case's own corner of the cluster: addresses, NodePorts and a namespace that no other case has,
 * and objects that use them.
 *
 * @module
 */
import { sampleEndpoint, sampleService, sampleSlice } from "../../host/samples.ts";
import type {
  EndpointSlice,
  IpFamily,
  LoadBalancerIngress,
  Protocol,
  Service,
  ServicePort,
  SliceEndpoint,
} from "../../schemas/kube.ts";
import type { Destination } from "./case.ts";
import {
  addressOf,
  BACKENDS,
  type Client,
  NODE_ADDRESSES,
  NODE_NAME,
  OTHER_ZONE,
  type Server,
  TARGET_PORT,
  VERSION,
  ZONE,
} from "./world.ts";

/** An endpoint: a server that is ready, or one with conditions. */
export type EndpointOf = Server | (Partial<SliceEndpoint> & { readonly of: Server });

/** A port as a Service has it unless told otherwise. */
export const HTTP: ServicePort = { name: "http", protocol: "TCP", port: 80, nodePort: 0 };

/** The port on which NodePorts begin (--service-node-port-range). */
const FIRST_NODE_PORT = 30_000;
/** No case needs more of any kind. */
const MOST = 8;

/** One case in one family. */
export class Place {
  /** Of its addresses. */
  readonly family: IpFamily;
  /** Its objects' namespace. */
  readonly namespace: string;
  readonly #number: number;

  /**
   * Makes one.
   *
   * @param number Of the case, from 1 to 255; no other case of the family has it.
   * @param family Of its addresses.
   * @param namespace Of its objects; one of its own when absent.
   */
  constructor(
    number: number,
    family: IpFamily,
    namespace = `case-${number}-${family.toLowerCase()}`,
  ) {
    this.#number = number;
    this.family = family;
    this.namespace = namespace;
  }

  #address(four: string, six: string, index: number): string {
    return this.family === "IPv4"
      ? `${four}.${this.#number}.${index + 1}`
      : `${six}:${this.#number.toString(16)}::${index + 1}`;
  }

  /**
   * The case in the other family.
   *
   * @returns Its place, in the same namespace.
   */
  get other(): Place {
    return new Place(this.#number, this.family === "IPv4" ? "IPv6" : "IPv4", this.namespace);
  }

  /**
   * A cluster IP, within the range of {@linkcode Place.serviceCIDR}.
   *
   * @param index From 0.
   * @returns Text of the address.
   */
  clusterIP(index = 0): string {
    return this.#address("10.96", "fd00:10:96", index);
  }

  /** The range of cluster IPs. */
  get serviceCIDR(): string {
    return this.family === "IPv4" ? "10.96.0.0/16" : "fd00:10:96::/48";
  }

  /**
   * An address outside Kubernetes' control.
   *
   * @param index From 0.
   * @returns Text of the address.
   */
  externalIP(index = 0): string {
    return this.#address("198.18", "2001:db8:18", index);
  }

  /**
   * An address of a load balancer.
   *
   * @param index From 0.
   * @returns Text of the address.
   */
  loadBalancerIP(index = 0): string {
    return this.#address("198.19", "2001:db8:19", index);
  }

  /**
   * A NodePort.
   *
   * @param index From 0, below 8.
   * @returns 30000–32767.
   */
  nodePort(index = 0): number {
    return FIRST_NODE_PORT + this.#number * MOST + index;
  }

  /** The node's primary address, the one that answers NodePorts unless a case says otherwise. */
  get nodeIP(): string {
    return addressOf("node", this.family);
  }

  /**
   * Another address of the node.
   *
   * @param which The second one of the outside, or the one that pods see.
   * @returns Text of the address.
   */
  nodeAddress(which: keyof typeof NODE_ADDRESSES): string {
    return NODE_ADDRESSES[which][VERSION[this.family]];
  }

  /** The loopback address. */
  get loopback(): string {
    return this.family === "IPv4" ? "127.0.0.1" : "::1";
  }

  /**
   * The address of somebody.
   *
   * @param who A client or server.
   * @returns Text of the address.
   */
  addressOf(who: Client): string {
    return addressOf(who, this.family);
  }

  /**
   * A range of one address.
   *
   * @param address Of the family.
   * @returns Its CIDR.
   */
  only(address: string): string {
    return `${address}/${this.family === "IPv4" ? 32 : 128}`;
  }

  /** The range that holds everything. */
  get everything(): string {
    return this.family === "IPv4" ? "0.0.0.0/0" : "::/0";
  }

  /**
   * A destination.
   *
   * @param address Of the family.
   * @param port 1–65535; 80 when absent.
   * @param protocol TCP when absent.
   * @returns The destination.
   */
  to(address: string, port = 80, protocol: Protocol = "TCP"): Destination {
    return { address, port, protocol };
  }

  /**
   * A Service `web` of this place: a ClusterIP Service with the port {@linkcode HTTP}.
   *
   * @param fields What is otherwise.
   * @returns The Service.
   */
  service(fields: Partial<Service> = {}): Service {
    const clusterIP = fields.clusterIP ?? this.clusterIP();
    return sampleService({
      namespace: this.namespace,
      clusterIPs: [clusterIP],
      ports: [HTTP],
      ...fields,
      clusterIP,
    });
  }

  /**
   * A NodePort Service of this place.
   *
   * @param fields What is otherwise.
   * @returns The Service, with {@linkcode Place.nodePort}.
   */
  nodePortService(fields: Partial<Service> = {}): Service {
    return this.service({
      type: "NodePort",
      ports: [{ ...HTTP, nodePort: this.nodePort() }],
      ...fields,
    });
  }

  /**
   * A LoadBalancer Service of this place.
   *
   * @param fields What is otherwise.
   * @returns The Service, with {@linkcode Place.nodePort} and {@linkcode Place.loadBalancerIP}.
   */
  loadBalancerService(fields: Partial<Service> = {}): Service {
    return this.nodePortService({
      type: "LoadBalancer",
      loadBalancerIngress: [this.ingress()],
      // The API server allots it with externalTrafficPolicy Local, which a case may turn to.
      healthCheckNodePort: this.nodePort(MOST - 1),
      ...fields,
    });
  }

  /**
   * A load balancer's point of entry.
   *
   * @param ipMode VIP when absent.
   * @param index Of its address, from 0.
   * @returns The ingress.
   */
  ingress(ipMode: LoadBalancerIngress["ipMode"] = "VIP", index = 0): LoadBalancerIngress {
    return { ip: this.loadBalancerIP(index), ipMode };
  }

  /**
   * The slice of a Service, in which each of its ports leads to {@linkcode TARGET_PORT}.
   *
   * @param service Whose.
   * @param endpoints Who serves.
   * @param fields What is otherwise.
   * @returns The slice.
   */
  slice(
    service: Service,
    endpoints: readonly EndpointOf[],
    fields: Partial<EndpointSlice> = {},
  ): EndpointSlice {
    return sampleSlice(endpoints.map((endpoint) => this.#endpoint(endpoint)), {
      namespace: this.namespace,
      name: `${service.name}-${this.family.toLowerCase()}`,
      serviceName: service.name,
      addressType: this.family,
      ports: service.ports.map(({ name, protocol }) => ({ name, protocol, port: TARGET_PORT })),
      ...fields,
    });
  }

  #endpoint(endpoint: EndpointOf): SliceEndpoint {
    const { of, ...fields } = typeof endpoint === "string" ? { of: endpoint } : endpoint;
    const here = BACKENDS.some((name) => name === of);
    return sampleEndpoint(addressOf(of, this.family), {
      nodeName: here ? NODE_NAME : "elsewhere",
      zone: here ? ZONE : OTHER_ZONE,
      ...fields,
    });
  }

  /**
   * A Service and its slice.
   *
   * @param service The Service.
   * @param endpoints Who serves.
   * @returns Both.
   */
  with(service: Service, endpoints: readonly EndpointOf[]): readonly (Service | EndpointSlice)[] {
    return [service, this.slice(service, endpoints)];
  }
}
