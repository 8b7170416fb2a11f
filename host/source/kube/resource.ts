/**
 * What is asked of the API server: four resources, each with its path and selector.
 *
 * @module
 */
import type { KubeKind } from "../../../schemas/kube.ts";

/** A resource to list and watch. */
export interface Resource {
  readonly kind: KubeKind;
  /** The API group; "" is the core group. */
  readonly group: string;
  /** The plural, as RBAC names it. */
  readonly plural: string;
  /** The path over all namespaces, without a query. */
  readonly path: string;
  /** Query parameters of each request: the selector. */
  readonly selector: Readonly<Record<string, string>>;
  /**
   * What is not done when the API server does not have the resource, or does not allow it: then
   * the rest goes on. Absent for a resource that no proxy can do without.
   */
  readonly without?: string;
}

/**
 * Leaves out headless Services and Services that another proxy serves, and the slices of both: the
 * EndpointSlice controller copies these labels from a Service to its slices.
 * Source: kube-proxy `cmd/kube-proxy/app/server.go`.
 */
const PROXIED = "!service.kubernetes.io/headless,!service.kubernetes.io/service-proxy-name";

/**
 * The resources a service proxy on one node reads.
 *
 * @param nodeName The name of this node's Node; no other Node is asked for.
 * @returns Services, EndpointSlices, the Node and ServiceCIDRs.
 */
export function resources(nodeName: string): readonly Resource[] {
  return [
    {
      kind: "Service",
      group: "",
      plural: "services",
      path: "/api/v1/services",
      selector: { labelSelector: PROXIED },
    },
    {
      kind: "EndpointSlice",
      group: "discovery.k8s.io",
      plural: "endpointslices",
      path: "/apis/discovery.k8s.io/v1/endpointslices",
      selector: { labelSelector: PROXIED },
    },
    {
      kind: "Node",
      group: "",
      plural: "nodes",
      path: "/api/v1/nodes",
      selector: { fieldSelector: `metadata.name=${nodeName}` },
    },
    {
      kind: "ServiceCIDR",
      group: "networking.k8s.io",
      plural: "servicecidrs",
      // KEP-1880: v1 since Kubernetes 1.33.
      path: "/apis/networking.k8s.io/v1/servicecidrs",
      selector: {},
      without: "connections to a cluster IP that no Service has are not dropped",
    },
  ];
}

/**
 * The path and query of a request.
 *
 * @param resource What is asked for.
 * @param parameters The request's own parameters; undefined ones are left out.
 * @returns For example `/api/v1/services?labelSelector=…&limit=500&resourceVersion=0`.
 */
export function requestPath(
  resource: Resource,
  parameters: Readonly<Record<string, string | undefined>>,
): string {
  const query = new URLSearchParams(resource.selector);
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) query.set(name, value);
  }
  return `${resource.path}?${query}`;
}
