/**
 * Which addresses are the node's own, and which family comes first.
 *
 * Upstream: `detectNodeIPs` of cmd/kube-proxy/app/server.go.
 *
 * @module
 */
import { formatIp, ipFamily, parseIp } from "../../schemas/ip.ts";
import type { IpFamily } from "../../schemas/kube.ts";

/** The node's own addresses. */
export interface NodeIps {
  /** The family in which the node must be served. */
  readonly primary: IpFamily;
  /** Canonical texts; a family of which the node has none is absent. */
  readonly addresses: Readonly<Partial<Record<IpFamily, string>>>;
}

const UNSPECIFIED: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

/**
 * Reads `bindAddress`, which despite its name says nothing about binding: it overrides the node's
 * primary address.
 *
 * @param bindAddress Of the configuration; `0.0.0.0`, `::` and "" override nothing.
 * @returns The address and its family, or undefined.
 */
export function boundAddress(
  bindAddress: string,
): { readonly family: IpFamily; readonly address: string } | undefined {
  const bytes = parseIp(bindAddress);
  const family = ipFamily(bindAddress);
  if (bytes === undefined || family === undefined) return undefined;
  const address = formatIp(bytes);
  return UNSPECIFIED.has(address) ? undefined : { family, address };
}

/**
 * Finds the node's own addresses.
 *
 * @param nodeAddresses Of the Node, in its order; texts that are no address are passed over.
 * @param bindAddress Of the configuration.
 * @returns They, or undefined when neither tells.
 */
export function nodeIps(
  nodeAddresses: readonly string[],
  bindAddress: string,
): NodeIps | undefined {
  const addresses: Partial<Record<IpFamily, string>> = {};
  let primary: IpFamily | undefined;
  for (const text of nodeAddresses) {
    const [bytes, family] = [parseIp(text), ipFamily(text)];
    if (bytes === undefined || family === undefined) continue;
    primary ??= family;
    addresses[family] ??= formatIp(bytes);
  }
  const bound = boundAddress(bindAddress);
  if (bound !== undefined) {
    primary = bound.family;
    addresses[bound.family] = bound.address;
  }
  return primary === undefined ? undefined : { primary, addresses };
}
