/**
 * Service ports for tests, of which a test states only what it is about.
 *
 * @module
 */
import type { EndpointView, ServicePortView } from "../../schemas/view.ts";

/**
 * Makes endpoints of the cluster set.
 *
 * @param texts Each as `10.244.0.1:53`.
 * @returns The endpoints.
 */
export function sampleEndpoints(...texts: readonly string[]): readonly EndpointView[] {
  return texts.map((text) => {
    const colon = text.lastIndexOf(":");
    return {
      ip: text.slice(0, colon),
      port: Number(text.slice(colon + 1)),
      local: false,
      inCluster: true,
      inLocal: false,
    };
  });
}

/**
 * Makes the UDP port 53 of a Service at 10.96.0.10, with one endpoint.
 *
 * @param fields What is otherwise; the id follows from them.
 * @returns The service port.
 */
export function samplePort(fields: Partial<ServicePortView> = {}): ServicePortView {
  const { namespace = "default", name = "dns", portName = "dns" } = fields;
  const { protocol = "UDP", family = "IPv4" } = fields;
  return {
    id: `${namespace}/${name}:${portName}/${protocol}/${family}`,
    namespace,
    name,
    portName,
    protocol,
    family,
    clusterIP: "10.96.0.10",
    port: 53,
    internal: "cluster",
    affinitySeconds: 0,
    endpoints: sampleEndpoints("10.244.0.1:5353"),
    ...fields,
  };
}
