/**
 * Slim objects for tests: plain ones, of which a test states only what it is about.
 *
 * @module
 */
import type { EndpointSlice, Node, Service, SliceEndpoint } from "../schemas/kube.ts";

/**
 * A Service `default/web` with the cluster IP 10.96.0.1 and the TCP port 80 named http.
 *
 * @param fields What is otherwise.
 * @returns The Service.
 */
export function sampleService(fields: Partial<Service> = {}): Service {
  return {
    kind: "Service",
    namespace: "default",
    name: "web",
    resourceVersion: "",
    labels: {},
    annotations: {},
    type: "ClusterIP",
    clusterIP: "10.96.0.1",
    clusterIPs: fields.clusterIP === undefined ? ["10.96.0.1"] : [fields.clusterIP],
    externalIPs: [],
    ports: [{ name: "http", protocol: "TCP", port: 80, nodePort: 0 }],
    sessionAffinity: "None",
    affinityTimeoutSeconds: 0,
    internalTrafficPolicy: "Cluster",
    externalTrafficPolicy: "Cluster",
    healthCheckNodePort: 0,
    publishNotReadyAddresses: false,
    loadBalancerSourceRanges: [],
    loadBalancerIngress: [],
    trafficDistribution: "",
    ...fields,
  };
}

/**
 * A ready endpoint on another node.
 *
 * @param address Its address.
 * @param fields What is otherwise.
 * @returns The endpoint.
 */
export function sampleEndpoint(
  address: string,
  fields: Partial<SliceEndpoint> = {},
): SliceEndpoint {
  return {
    addresses: [address],
    ready: true,
    serving: true,
    terminating: false,
    nodeName: "elsewhere",
    zone: "",
    hintZones: [],
    hintNodes: [],
    ...fields,
  };
}

/**
 * A slice `web-1` of the Service `default/web` whose TCP port http is 8080.
 *
 * @param endpoints Its endpoints.
 * @param fields What is otherwise.
 * @returns The slice.
 */
export function sampleSlice(
  endpoints: readonly SliceEndpoint[],
  fields: Partial<EndpointSlice> = {},
): EndpointSlice {
  return {
    kind: "EndpointSlice",
    namespace: "default",
    name: "web-1",
    resourceVersion: "",
    serviceName: "web",
    addressType: "IPv4",
    lastChangeTriggerTime: "",
    endpoints,
    ports: [{ name: "http", protocol: "TCP", port: 8080 }],
    ...fields,
  };
}

/**
 * A Node `here` in the zone given.
 *
 * @param zone The value of its zone label; "" for none.
 * @param fields What is otherwise.
 * @returns The Node.
 */
export function sampleNode(zone: string, fields: Partial<Node> = {}): Node {
  return {
    kind: "Node",
    name: "here",
    resourceVersion: "",
    labels: zone === "" ? {} : { "topology.kubernetes.io/zone": zone },
    podCIDRs: [],
    addresses: [],
    taints: [],
    deleting: false,
    ...fields,
  };
}
