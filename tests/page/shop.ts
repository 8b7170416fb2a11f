/**
 * A small cluster to be looked at: a shop in two zones.
 *
 * @module
 */
import { sampleEndpoint, sampleNode, sampleService, sampleSlice } from "../../host/samples.ts";
import type { EndpointSlice, KubeObject, Service, SliceEndpoint } from "../../schemas/kube.ts";
import { NODE_NAME } from "../kernel/program.ts";

/** This node, in zone a. */
export const NODE = sampleNode("a", {
  name: NODE_NAME,
  podCIDRs: ["10.244.0.0/24"],
  addresses: ["192.168.10.1"],
});

/** One endpoint in each zone: on this node and on another. */
const here = (last: number, fields: Partial<SliceEndpoint> = {}) =>
  sampleEndpoint(`10.244.0.${last}`, { nodeName: NODE_NAME, zone: "a", ...fields });
const there = (last: number, fields: Partial<SliceEndpoint> = {}) =>
  sampleEndpoint(`10.244.1.${last}`, { nodeName: "node-b", zone: "b", ...fields });

/**
 * A Service of the shop with its slice.
 *
 * @param name Its name.
 * @param last The last part of its cluster IP, 1–254.
 * @param endpoints Its endpoints.
 * @param fields What else is not as ever.
 * @returns Both.
 */
export function shopService(
  name: string,
  last: number,
  endpoints: readonly SliceEndpoint[],
  fields: Partial<Service> = {},
): readonly [Service, EndpointSlice] {
  const namespace = "shop";
  return [
    sampleService({ namespace, name, clusterIP: `10.96.0.${last}`, ...fields }),
    sampleSlice(endpoints, { namespace, name: `${name}-1`, serviceName: name }),
  ];
}

/** What the shop is made of. */
export const SHOP: readonly KubeObject[] = [
  ...shopService("cart", 10, [here(10), there(10)]),
  ...shopService("checkout", 11, [there(11), there(12)]),
  ...shopService("mail", 12, []),
  ...shopService("payments", 13, [here(13), there(13)], { internalTrafficPolicy: "Local" }),
  ...shopService("search", 14, [here(14), here(15), there(14)], {
    trafficDistribution: "PreferSameZone",
  }),
  ...shopService("storefront", 15, [
    here(20),
    here(21),
    there(20),
    there(21, { ready: false }),
    there(22, { ready: false, terminating: true }),
  ], {
    type: "LoadBalancer",
    externalTrafficPolicy: "Local",
    healthCheckNodePort: 32_000,
    ports: [{ name: "http", protocol: "TCP", port: 80, nodePort: 30_080 }],
    loadBalancerIngress: [{ ip: "203.0.113.10", ipMode: "VIP" }],
    loadBalancerSourceRanges: ["198.51.100.0/24"],
  }),
  sampleService({ namespace: "shop", name: "database", clusterIP: "None" }),
];
