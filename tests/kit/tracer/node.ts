/**
 * The node as the routing decision sees it.
 *
 * @module
 */
import type { IpFamily } from "../../../schemas/kube.ts";
import { formatIp, ipFamily, parseCidr } from "../../../schemas/ip.ts";
import { ROUTE_TYPE } from "./numbers.ts";

/** A node's addresses and routes. */
export interface TracedNode {
  /**
   * Its own addresses with the interfaces that have them; those of the loopback ranges
   * (127.0.0.0/8 and ::1) need not be said.
   */
  readonly addresses: readonly { readonly address: string; readonly interface: string }[];
  /** CIDRs with the interfaces that lead there; the longest prefix goes first. */
  readonly routes: readonly { readonly to: string; readonly interface: string }[];
}

/** Where a packet goes from here. */
export type Route =
  /** To the node itself. */
  | { readonly kind: "local" }
  /** Out by an interface; the node's own packets carry this source there. */
  | { readonly kind: "out"; readonly interface: string; readonly source: string }
  /** Nowhere. */
  | { readonly kind: "none" };

/** The interface of the node's packets to itself. */
export const LOOPBACK = "lo";

function contains(cidr: string, address: Uint8Array): number {
  const parsed = parseCidr(cidr);
  if (parsed === undefined) throw new TypeError(`Cannot route to "${cidr}": it is no CIDR`);
  if (parsed.network.length !== address.length) return -1;
  for (let bit = 0; bit < parsed.prefix; bit++) {
    const mask = 0x80 >> (bit & 7);
    const differs = (parsed.network[bit >> 3] ?? 0) ^ (address[bit >> 3] ?? 0);
    if ((differs & mask) !== 0) return -1;
  }
  return parsed.prefix;
}

/**
 * Tells loopback addresses.
 *
 * @param address 4 or 16 bytes.
 * @returns True for 127.0.0.0/8 and ::1.
 */
export function isLoopback(address: Uint8Array): boolean {
  return address.length === 4 ? address[0] === 127 : formatIp(address) === "::1";
}

/**
 * Tells the node's own addresses.
 *
 * @param node Its addresses and routes.
 * @param address 4 or 16 bytes.
 * @returns Whether packets to it are for the node itself.
 */
export function isLocalAddress(node: TracedNode, address: Uint8Array): boolean {
  const text = formatIp(address);
  return isLoopback(address) || node.addresses.some((own) => own.address === text);
}

/**
 * The address that the node's packets carry out of an interface: the interface's first one, or if
 * it has none the first of any other (inet_select_addr).
 *
 * @param node Its addresses and routes.
 * @param name Of the interface.
 * @param family Wanted.
 * @returns Text of the address.
 * @throws {TypeError} When the node has no address of the family.
 */
export function addressOf(node: TracedNode, name: string, family: IpFamily): string {
  const own = node.addresses.filter(({ address }) => ipFamily(address) === family);
  const found = own.find((each) => each.interface === name) ?? own[0];
  if (found === undefined) {
    throw new TypeError(`Cannot leave by "${name}": the node has no ${family} address`);
  }
  return found.address;
}

/**
 * Routes a packet.
 *
 * @param node Its addresses and routes.
 * @param address Where it goes, 4 or 16 bytes.
 * @returns The way.
 */
export function routeTo(node: TracedNode, address: Uint8Array): Route {
  if (isLocalAddress(node, address)) return { kind: "local" };
  let best: { readonly prefix: number; readonly interface: string } | undefined;
  for (const route of node.routes) {
    const prefix = contains(route.to, address);
    if (prefix >= 0 && prefix > (best?.prefix ?? -1)) {
      best = { prefix, interface: route.interface };
    }
  }
  if (best === undefined) return { kind: "none" };
  const family = address.length === 4 ? "IPv4" : "IPv6";
  return {
    kind: "out",
    interface: best.interface,
    source: addressOf(node, best.interface, family),
  };
}

/**
 * The route type of an address, as `fib … type` yields it. For IPv4 the kernel looks into its table
 * of local addresses only (inet_addr_type), for IPv6 it routes (nft_fib6_eval_type).
 *
 * @param node Its addresses and routes.
 * @param address 4 or 16 bytes.
 * @returns RTN_*.
 */
export function routeType(node: TracedNode, address: Uint8Array): number {
  const multicast = address.length === 4
    ? ((address[0] ?? 0) & 0xf0) === 0xe0
    : address[0] === 0xff;
  if (multicast) return ROUTE_TYPE.multicast;
  switch (routeTo(node, address).kind) {
    case "local":
      return ROUTE_TYPE.local;
    case "out":
      return ROUTE_TYPE.unicast;
    case "none":
      return address.length === 4 ? ROUTE_TYPE.unicast : ROUTE_TYPE.unreachable;
  }
}
