/**
 * The cluster that the bench loads: plain Services of type ClusterIP, each with one TCP port and
 * the same number of endpoints, all IPv4. Both lay-outs are made from this one description.
 *
 * @module
 */
import { formatIp } from "../../schemas/ip.ts";

/** One Service of the bench's cluster. */
export interface BenchService {
  readonly namespace: string;
  readonly name: string;
  readonly portName: string;
  readonly clusterIP: string;
  /** 1–65535. */
  readonly port: number;
  readonly endpoints: readonly { readonly ip: string; readonly port: number }[];
}

function address(base: number, index: number): string {
  const value = base + index;
  return formatIp(
    new Uint8Array([value >>> 24 & 255, value >>> 16 & 255, value >>> 8 & 255, value & 255]),
  );
}

/**
 * The address of an endpoint.
 *
 * @param index Counted over the whole cluster from 0.
 * @returns An address of 10.0.0.0/9, as pods have.
 */
export function endpointAddress(index: number): string {
  return address(0x0a_00_00_01, index);
}

/**
 * Describes the bench's cluster.
 *
 * @param services The number of Services.
 * @param endpoints The number of endpoints of each.
 * @returns The Services in the order of their names.
 */
export function benchCluster(services: number, endpoints: number): BenchService[] {
  return Array.from({ length: services }, (_, service) => ({
    namespace: `bench-${service % 20}`,
    name: `service-${String(service).padStart(5, "0")}`,
    portName: "http",
    clusterIP: address(0xac_10_00_01, service),
    port: 80,
    endpoints: Array.from({ length: endpoints }, (_, endpoint) => ({
      ip: endpointAddress(service * endpoints + endpoint),
      port: 8080,
    })),
  }));
}
