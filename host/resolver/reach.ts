/**
 * How a Service is reached from outside of the cluster: at which addresses, and by whom.
 *
 * @module
 */
import { cidrContains, formatCidr, parseCidr, parseIp } from "../../schemas/ip.ts";
import type { IpFamily, Service } from "../../schemas/kube.ts";
import type { ExternalView } from "../../schemas/view.ts";
import { readAddress } from "./address.ts";
import type { ResolverNode } from "./node.ts";
import type { Problem } from "./problem.ts";
import type { Witness } from "./witness.ts";

/** What all ports of a Service have in common in one family. */
export type Reach = Pick<
  ExternalView,
  "externalIPs" | "loadBalancerIPs" | "loadBalancerSources"
>;

/** An address as the object has it, and where. */
interface WrittenAddress {
  readonly text: string;
  readonly path: string;
}

/**
 * Why an address cannot be an external IP: what the API server refuses too
 * (`ValidateNonSpecialIP`). The node would lose what it needs for itself.
 */
function specialty(ip: string): string | undefined {
  const bytes = parseIp(ip) ?? [];
  const [first = 0, second = 0, third = 0] = bytes;
  if (bytes.length === 4) {
    if (ip === "0.0.0.0") return "it is the unspecified address";
    if (first === 127) return "it is a loopback address";
    if (first === 169 && second === 254) return "it is a link-local address";
    if (first === 224 && second === 0 && third === 0) return "it is a link-local multicast address";
    return undefined;
  }
  if (ip === "::") return "it is the unspecified address";
  if (ip === "::1") return "it is a loopback address";
  if (first === 0xfe && (second & 0xc0) === 0x80) return "it is a link-local address";
  if (first === 0xff && (second & 0x0f) === 0x02) return "it is a link-local multicast address";
  return undefined;
}

/** Reads addresses of one family, each once; those of the other are not this view's. */
function addressesOf(
  service: Service,
  family: IpFamily,
  clusterIP: string,
  written: readonly WrittenAddress[],
  further: (ip: string) => string | undefined,
  problems: Problem[],
): readonly string[] {
  const addresses = new Set<string>();
  for (const { text, path } of written) {
    const address = readAddress(text);
    const fault = address === undefined
      ? "it is no IP address"
      : address.family === family && address.ip === clusterIP
      // Its packets meet the rules of the cluster IP, whatever is said of it here.
      ? "it is the Service's cluster IP"
      : further(address.ip);
    if (fault !== undefined) {
      problems.push({
        object: `Service ${service.namespace}/${service.name}`,
        path,
        message: `Cannot program "${text}": ${fault}`,
      });
    } else if (address?.family === family) addresses.add(address.ip);
  }
  return [...addresses];
}

/**
 * The family a malformed range was meant for: both when it does not show. Whom such a range was to
 * let in is unknown, that it was to keep others out is not.
 */
function isMeantFor(range: string, family: IpFamily): boolean {
  if (range.includes(":")) return family === "IPv6";
  return !range.includes(".") || family === "IPv4";
}

/**
 * Who may connect to the load balancer's addresses. Upstream passes malformed ranges over, and
 * with the last of them the restriction; here it stays, with the ranges that are left.
 */
function sourcesOf(
  service: Service,
  family: IpFamily,
  loadBalancerIPs: readonly string[],
  node: ResolverNode,
  problems: Problem[],
): readonly string[] | undefined {
  const sources = new Set<string>();
  const nodeAddresses = node.addresses.map(parseIp).filter((bytes) => bytes !== undefined);
  let restricted = false;
  let everyone = false;
  let admitsNode = false;
  for (const [index, text] of service.loadBalancerSourceRanges.entries()) {
    // The API server's validation lets spaces around a range pass.
    const range = text.trim();
    const cidr = parseCidr(range);
    if (cidr === undefined) {
      problems.push({
        object: `Service ${service.namespace}/${service.name}`,
        path: `spec.loadBalancerSourceRanges[${index}]`,
        message: `Cannot program "${text}": it is no CIDR, and nobody is admitted by it`,
      });
      restricted ||= isMeantFor(range, family);
      continue;
    }
    if (cidr.family !== family) continue;
    restricted = true;
    everyone ||= cidr.prefix === 0;
    admitsNode ||= nodeAddresses.some((address) => cidrContains(cidr, address));
    sources.add(formatCidr(cidr));
  }
  if (!restricted || everyone || loadBalancerIPs.length === 0) return undefined;
  // A load balancer that gives the node its address has the node's own connections come from it.
  if (admitsNode) {
    for (const ip of loadBalancerIPs) sources.add(`${ip}/${family === "IPv4" ? 32 : 128}`);
  }
  return [...sources];
}

/**
 * Decides at which addresses of one family a Service is reached from outside, and by whom.
 *
 * @param service A Service that is proxied.
 * @param family The family.
 * @param clusterIP Canonical text of the Service's cluster IP of this family.
 * @param node The node to resolve for.
 * @param problems Receives what cannot be used.
 * @param witness Hears of addresses that are passed over though nothing is wrong with them.
 * @returns The addresses; both lists are empty when there is none.
 */
export function reachOf(
  service: Service,
  family: IpFamily,
  clusterIP: string,
  node: ResolverNode,
  problems: Problem[],
  witness?: Witness,
): Reach {
  const isBalanced = service.type === "LoadBalancer";
  const ingress = service.loadBalancerIngress.flatMap(({ ip, ipMode }) => {
    const path = "status.loadBalancer.ingress";
    // KEP-1860: a Proxy ends the connections to its address, and those of this node go to it too.
    if (isBalanced && ipMode === "VIP") return [{ text: ip, path }];
    witness?.address(ip, path, isBalanced ? "proxied-by-load-balancer" : "no-load-balancer");
    return [];
  });
  const external = service.externalIPs.flatMap((text, index) => {
    const path = `spec.externalIPs[${index}]`;
    if (node.ignoresExternalIPs !== true) return [{ text, path }];
    witness?.address(text, path, "external-ips-off");
    return [];
  });
  const read = (written: readonly WrittenAddress[], further: (ip: string) => string | undefined) =>
    addressesOf(service, family, clusterIP, written, further, problems);
  const loadBalancerIPs = read(ingress, () => undefined);
  const balancedIPs = new Set(loadBalancerIPs);
  const externalIPs = read(external, specialty).filter((ip) => {
    const balanced = balancedIPs.has(ip);
    if (balanced) witness?.address(ip, "spec.externalIPs", "load-balancers-too");
    return !balanced;
  });
  const loadBalancerSources = isBalanced
    ? sourcesOf(service, family, loadBalancerIPs, node, problems)
    : undefined;
  return {
    externalIPs,
    loadBalancerIPs,
    ...(loadBalancerSources === undefined ? {} : { loadBalancerSources }),
  };
}
