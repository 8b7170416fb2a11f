/**
 * What an explanation tells of the objects themselves.
 *
 * @module
 */
import type { Explanation } from "../../schemas/explanation.ts";
import type { EndpointSlice, Service } from "../../schemas/kube.ts";
import { firstOf, MOST_LISTED, MOST_PORTS } from "./limits.ts";

/** Ports of one slice that are told of. */
const MOST_SLICE_PORTS = 20;

/** Lists that are told of as far as there is room, and what is left out of them. */
export class Lists {
  readonly #more: Record<string, number> = {};

  /**
   * Lists the first, and notes how many are not.
   *
   * @param path Where in the answer.
   * @param all Everything.
   * @param most How many are listed.
   * @returns Those.
   */
  first<T>(path: string, all: readonly T[], most: number = MOST_LISTED): readonly T[] {
    const { listed, more } = firstOf(all, most);
    this.note(path, more);
    return listed;
  }

  /**
   * Notes how many are not listed.
   *
   * @param path Where in the answer.
   * @param more How many; 0 is not noted.
   */
  note(path: string, more: number): void {
    if (more > 0) this.#more[path] = more;
  }

  /** What was noted, if anything. */
  get notListed(): Pick<Explanation, "notListed"> {
    return Object.keys(this.#more).length === 0 ? {} : { notListed: this.#more };
  }
}

/**
 * Writes a Service's ports for people.
 *
 * @param ports As the Service has them.
 * @returns As `http TCP 80, node port 30080`.
 */
export function portTexts(ports: Service["ports"]): readonly string[] {
  return ports.map(({ name, protocol, port, nodePort }) =>
    `${name === "" ? "" : `${name} `}${protocol} ${port}${
      nodePort === 0 ? "" : `, node port ${nodePort}`
    }`
  );
}

/**
 * Tells of a Service as far as a proxy reads it.
 *
 * @param service The Service.
 * @param lists Where is noted what is not listed.
 * @returns What is told.
 */
export function serviceFacts(service: Service, lists: Lists): NonNullable<Explanation["service"]> {
  const { clusterIP, clusterIPs } = service;
  const first = <T>(field: string, all: readonly T[]) => lists.first(`service.${field}`, all);
  return {
    namespace: service.namespace,
    name: service.name,
    resourceVersion: service.resourceVersion,
    type: service.type,
    clusterIPs: clusterIPs.length > 0
      ? first("clusterIPs", clusterIPs)
      : clusterIP === ""
      ? []
      : [clusterIP],
    externalIPs: first("externalIPs", service.externalIPs),
    loadBalancer: first("loadBalancer", service.loadBalancerIngress).map(({ ip, ipMode }) =>
      ipMode === "VIP" ? ip : `${ip} (${ipMode})`
    ),
    loadBalancerSourceRanges: first("loadBalancerSourceRanges", service.loadBalancerSourceRanges),
    ports: portTexts(lists.first("service.ports", service.ports, MOST_PORTS)),
    internalTrafficPolicy: service.internalTrafficPolicy,
    externalTrafficPolicy: service.externalTrafficPolicy,
    sessionAffinity: service.sessionAffinity === "None"
      ? "None"
      : `${service.sessionAffinity}, ${service.affinityTimeoutSeconds} s`,
    trafficDistribution: service.trafficDistribution,
    publishNotReadyAddresses: service.publishNotReadyAddresses,
    healthCheckNodePort: service.healthCheckNodePort,
  };
}

/**
 * Tells of a slice.
 *
 * @param slice The slice.
 * @returns What is told.
 */
export function sliceFacts(slice: EndpointSlice): Explanation["slices"][number] {
  return {
    name: slice.name,
    resourceVersion: slice.resourceVersion,
    addressType: slice.addressType,
    ports: slice.ports.slice(0, MOST_SLICE_PORTS).map(({ name, protocol, port }) =>
      `${name === "" ? "" : `${name} `}${protocol} ${port}`
    ),
    endpoints: slice.endpoints.length,
    lastChangeTriggerTime: slice.lastChangeTriggerTime,
  };
}
