/**
 * What the proxier remembers of a service port, compactly, and what that means for the kernel: the
 * claims to addresses and ports, and the sets of endpoints.
 *
 * @module
 */
import type { EndpointView, ExternalView, IpFamily, ServicePortView, Verdict } from "weir";
import { addressLength, binary, PROTOCOL_NUMBERS, pushAddress, pushPort } from "./bytes.ts";
import type { Space } from "./objects.ts";

/** Which of a service port's two sets of endpoints. */
export type SetName = "cluster" | "local";

/** How a service port is reached from outside, as it is, or is to be, in the kernel. */
export interface ExternalState {
  readonly outcome: Verdict;
  /** Addresses as bytes, each followed by no port: it is the service port's. */
  readonly addresses: readonly string[];
  /** How many of them, from the first on, are a load balancer's, which `sources` guards. */
  readonly balanced: number;
  /** CIDRs, sorted, with commas between; undefined when everyone may connect. */
  readonly sources: string | undefined;
  /** 1–65535, or 0. */
  readonly nodePort: number;
}

/** A service port as it is, or is to be, in the kernel. */
export interface ServiceState {
  readonly family: IpFamily;
  /** Number of the protocol. */
  readonly protocol: number;
  /** 1–65535. */
  readonly port: number;
  /** The cluster IP as bytes. */
  readonly clusterIp: string;
  readonly internal: Verdict;
  readonly external: ExternalState | undefined;
  /** Seconds, or 0. */
  readonly affinitySeconds: number;
  /** The slots of each set, records of {@linkcode recordLength} bytes; "" when nobody uses it. */
  readonly slots: Readonly<Record<SetName, string>>;
}

/**
 * What a service port wants to happen to connections to one address and port, or to one node port.
 * Whoever owns its key has it in the kernel.
 */
export interface Claim {
  readonly space: Space;
  /** Address (not for node ports), protocol (1 byte) and port (2 bytes, network order), as bytes. */
  readonly key: string;
  /** What happens. */
  readonly outcome: Verdict;
  /** Of the cluster IP, or from outside: then node and pods are special, and some masqueraded. */
  readonly from: "inside" | "outside";
  /**
   * Who is served of those that claim the same key, lowest first: whose cluster IP it is, then whose
   * load balancer's address the control plane says it is, then who names it as an external IP, which
   * anybody may who may write a Service (CVE-2020-8554).
   */
  readonly rank: 0 | 1 | 2;
  /** Whether who connects from this node is served though the outcome may be another. */
  readonly nodeServed: boolean;
  /** As ExternalState. */
  readonly sources: string | undefined;
}

/**
 * The length of a slot's record: address, port (network order) and a byte that is 1 for an
 * endpoint of this node.
 *
 * @param family Of the service port.
 * @returns Bytes.
 */
export function recordLength(family: IpFamily): 7 | 19 {
  return family === "IPv4" ? 7 : 19;
}

/**
 * How many endpoints slots hold.
 *
 * @param slots Of a service port.
 * @param family Of the service port.
 * @returns 0 for a set that nobody uses.
 */
export function countOf(slots: string, family: IpFamily): number {
  return slots.length / recordLength(family);
}

function bytesOf(address: string): string {
  const bytes: number[] = [];
  pushAddress(bytes, address);
  return binary(bytes);
}

/**
 * The key of a claim in the space of addresses.
 *
 * @param address As bytes.
 * @param protocol Its number.
 * @param port 1–65535.
 * @returns As {@linkcode Claim.key}.
 */
export function serviceKey(address: string, protocol: number, port: number): string {
  return address + nodePortKey(protocol, port);
}

/**
 * The key of a claim in the space of node ports.
 *
 * @param protocol Its number.
 * @param port 1–65535.
 * @returns As {@linkcode Claim.key}.
 */
export function nodePortKey(protocol: number, port: number): string {
  return String.fromCharCode(protocol, port >> 8, port & 0xff);
}

/** The records of the endpoints that a set chooses. */
function records(endpoints: readonly EndpointView[], set: "inCluster" | "inLocal"): string {
  const bytes: number[] = [];
  for (const endpoint of endpoints) {
    if (!endpoint[set]) continue;
    pushAddress(bytes, endpoint.ip);
    pushPort(bytes, endpoint.port);
    bytes.push(endpoint.local ? 1 : 0);
  }
  return binary(bytes);
}

/** Views are right; a set that is empty all the same must not swallow connections. */
function outcomeOf(verdict: Verdict, slots: Readonly<Record<SetName, string>>): Verdict {
  if (verdict === "cluster" && slots.cluster === "") return "reject";
  // KEP-2086: none anywhere is refused, none on this node is dropped.
  if (verdict === "local" && slots.local === "") return "drop";
  return verdict;
}

function isReachable(external: ExternalView | undefined): external is ExternalView {
  return external !== undefined && (external.nodePort > 0 ||
    external.externalIPs.length > 0 || external.loadBalancerIPs.length > 0);
}

function externalOf(
  external: ExternalView,
  slots: Readonly<Record<SetName, string>>,
): ExternalState {
  const { externalIPs, loadBalancerIPs, loadBalancerSources, nodePort } = external;
  return {
    outcome: outcomeOf(external.verdict, slots),
    addresses: [...loadBalancerIPs, ...externalIPs].map(bytesOf),
    balanced: loadBalancerIPs.length,
    sources: loadBalancerSources?.toSorted().join(","),
    nodePort,
  };
}

/**
 * What a view wants of the kernel, with slots in the view's order.
 *
 * @param view Of the service port.
 * @returns The state.
 * @throws {WeirError} WEIR_ADDRESS_INVALID when an address is none.
 */
export function stateOf(view: ServicePortView): ServiceState {
  const { family, internal, endpoints } = view;
  const external = isReachable(view.external) ? view.external : undefined;
  const outside = external?.verdict;
  const everywhere = internal === "cluster" || (outside !== undefined && outside !== "reject");
  const here = internal === "local" || outside === "local";
  const slots = {
    cluster: everywhere ? records(endpoints, "inCluster") : "",
    local: here ? records(endpoints, "inLocal") : "",
  };
  return {
    family,
    protocol: PROTOCOL_NUMBERS[view.protocol],
    port: view.port,
    clusterIp: bytesOf(view.clusterIP),
    internal: outcomeOf(internal, slots),
    external: external === undefined ? undefined : externalOf(external, slots),
    affinitySeconds: view.affinitySeconds,
    slots,
  };
}

/**
 * What a service port claims.
 *
 * @param state Of the service port.
 * @returns One claim for each of its addresses and its node port, none twice.
 */
export function claimsOf(state: ServiceState): readonly Claim[] {
  const { protocol, port, clusterIp, internal, external, slots } = state;
  const claims: Claim[] = [{
    space: "service",
    key: serviceKey(clusterIp, protocol, port),
    outcome: internal,
    from: "inside",
    rank: 0,
    nodeServed: false,
    sources: undefined,
  }];
  if (external === undefined) return claims;
  const { outcome, addresses, balanced, sources, nodePort } = external;
  const outside = {
    outcome,
    from: "outside",
    nodeServed: (outcome === "local" || outcome === "drop") && slots.cluster !== "",
  } as const;
  for (const [index, address] of addresses.entries()) {
    if (address === clusterIp || addresses.indexOf(address) < index) continue;
    claims.push({
      ...outside,
      space: "service",
      key: serviceKey(address, protocol, port),
      rank: index < balanced ? 1 : 2,
      sources: index < balanced ? sources : undefined,
    });
  }
  if (nodePort > 0) {
    const key = nodePortKey(protocol, nodePort);
    claims.push({ ...outside, space: "nodeport", key, rank: 0, sources: undefined });
  }
  return claims;
}

/** How connections come to an endpoint set: how they are told, and by which of the maps. */
export type Route = `${Space} ${"sets" | "nodeSets"}`;

const NO_ROUTES: readonly Route[] = [];
const PLAIN: readonly Route[] = ["service sets"];

/**
 * How connections come to a service port's endpoint sets.
 *
 * @param state Of the service port.
 * @returns For each set its routes, none twice.
 */
export function routesOf(state: ServiceState): Readonly<Record<SetName, readonly Route[]>> {
  if (state.external === undefined) {
    return {
      cluster: state.internal === "cluster" ? PLAIN : NO_ROUTES,
      local: state.internal === "local" ? PLAIN : NO_ROUTES,
    };
  }
  const routes = { cluster: new Set<Route>(), local: new Set<Route>() };
  for (const { space, outcome, nodeServed } of claimsOf(state)) {
    if (outcome === "cluster" || outcome === "local") routes[outcome].add(`${space} sets`);
    if (nodeServed) routes.cluster.add(`${space} nodeSets`);
  }
  return { cluster: [...routes.cluster], local: [...routes.local] };
}

/**
 * Compares claims to the same key.
 *
 * @param one A claim.
 * @param other Another to the same key.
 * @returns True when they mean the same for the kernel, given the same endpoint sets.
 */
export function sameClaim(one: Claim, other: Claim): boolean {
  return one.outcome === other.outcome && one.from === other.from &&
    one.nodeServed === other.nodeServed && one.sources === other.sources;
}

/**
 * The endpoints of this node among a service port's, each once.
 *
 * @param state Of the service port.
 * @returns Address, protocol and port of each, in bytes.
 */
export function hairpinsOf(state: ServiceState): ReadonlySet<string> {
  const { family, protocol, slots } = state;
  const size = recordLength(family);
  const length = addressLength(family);
  // Most service ports have none here, and the set is made for each of them at every resync.
  let found: Set<string> | undefined;
  for (const records of [slots.cluster, slots.local]) {
    for (let at = 0; at < records.length; at += size) {
      if (records.charCodeAt(at + size - 1) !== 1) continue;
      found ??= new Set();
      const address = records.slice(at, at + length);
      const port = records.slice(at + length, at + length + 2);
      found.add(address + String.fromCharCode(protocol) + port);
    }
  }
  return found ?? NONE;
}

const NONE: ReadonlySet<string> = new Set();
