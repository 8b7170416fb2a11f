/**
 * The clusters that the bench loads, all IPv4 with one TCP port a Service: plain Services of type
 * ClusterIP with the same number of endpoints, from which both lay-outs are made, and a mixture of
 * all types.
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
  /** What a plain Service has not; in the words of the Kubernetes API. */
  readonly spec?: Readonly<Record<string, unknown>>;
  /** The load balancer's address, if there is one. */
  readonly loadBalancerIP?: string;
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

/** Name of the Service that is larger than any that people have, in the namespace `bench-large`. */
export const LARGE = "large";

/**
 * Describes that Service: a thousand ports with a hundred endpoints each.
 *
 * @returns Its ports, in the words of the Kubernetes API, and the addresses of its endpoints.
 */
export function largeService(): {
  readonly clusterIP: string;
  readonly ports: readonly {
    readonly name: string;
    readonly protocol: string;
    readonly port: number;
  }[];
  readonly endpoints: readonly string[];
} {
  return {
    clusterIP: "172.31.255.1",
    ports: Array.from(
      { length: 1_000 },
      (_, index) => ({ name: `p${index}`, protocol: "TCP", port: 1_000 + index }),
    ),
    // Beyond those of the other Services.
    endpoints: Array.from({ length: 100 }, (_, index) => endpointAddress(8_000_000 + index)),
  };
}

/**
 * Of a hundred Services those below the first are plain, then come external IPs, then node ports,
 * then load balancers.
 */
const PLAIN = 60;
const EXTERNAL = 65;
const NODE_PORT = 85;

/** What makes a Service of the mixture what it is. */
function mixedSpec(service: number): Pick<BenchService, "spec" | "loadBalancerIP"> {
  // 61 has no divisor in common with 100: the kinds lie among each other.
  const kind = service * 61 % 100;
  const affinity = service % 20 === 7 ? { sessionAffinity: "ClientIP" } : {};
  if (kind < PLAIN) return { spec: affinity };
  // A quarter of those that can be reached from outside.
  const local = kind % 4 === 0 ? { externalTrafficPolicy: "Local" } : {};
  const spec = { ...affinity, ...local };
  if (kind < EXTERNAL) return { spec: { ...spec, externalIPs: [address(0xc6_33_00_01, service)] } };
  const nodePort = 30_000 + service % 30_000;
  if (kind < NODE_PORT) return { spec: { ...spec, type: "NodePort", nodePort } };
  const ranges = kind % 3 === 0
    ? { loadBalancerSourceRanges: ["10.0.0.0/8", `198.18.${service % 16}.0/24`] }
    : {};
  return {
    spec: { ...spec, ...ranges, type: "LoadBalancer", nodePort },
    loadBalancerIP: address(0xcb_00_00_01, service),
  };
}

/**
 * Describes a cluster with Services of every type: three of five plain, the others with external
 * IPs, node ports or load balancers, some of these with source ranges; 5 % with session affinity,
 * 10 % with externalTrafficPolicy Local; 1 to 20 endpoints, 10.5 on average.
 *
 * @param services The number of Services.
 * @returns The Services in the order of their names.
 */
export function mixedCluster(services: number): BenchService[] {
  let next = 0;
  return benchCluster(services, 0).map((plain, service) => ({
    ...plain,
    endpoints: Array.from({ length: service * 7 % 20 + 1 }, () => ({
      ip: endpointAddress(next++),
      port: 8080,
    })),
    ...mixedSpec(service),
  }));
}
