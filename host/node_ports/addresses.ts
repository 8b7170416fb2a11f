/**
 * Where NodePorts answer: `nodePortAddresses` of the configuration, held against the addresses that
 * this node has and those that its Node says.
 *
 * Upstream: pkg/proxy/util/nodeport_addresses.go, KEP-6032.
 *
 * @module
 */
import { type Cidr, formatIp, ipBytes, ipFamily, parseCidr, parseIp } from "../../schemas/ip.ts";
import type { IpFamily } from "../../schemas/kube.ts";
import type { NodePortAddresses } from "../../schemas/view.ts";

const FAMILIES: readonly IpFamily[] = ["IPv4", "IPv6"];

const LOOPBACK: Readonly<Record<IpFamily, Cidr>> = {
  IPv4: { family: "IPv4", network: ipBytes("127.0.0.0"), prefix: 8 },
  IPv6: { family: "IPv6", network: ipBytes("::1"), prefix: 128 },
};

/** An address in it says nothing without its link (RFC 4291 §2.5.6). */
const LINK_LOCAL: Cidr = { family: "IPv6", network: ipBytes("fe80::"), prefix: 10 };

/** What one family of `nodePortAddresses` comes to, whatever the node's addresses are. */
interface FamilySelection {
  readonly all: boolean;
  /** The Node's own address is asked for. */
  readonly primary: boolean;
  /** Loopback is asked for by name, and not only within a larger range. */
  readonly loopback: boolean;
  readonly cidrs: readonly Cidr[];
  /** No entry is about this family. */
  readonly unnamed: boolean;
}

/** What `nodePortAddresses` asks for. */
export type NodePortSelection = Readonly<Record<IpFamily, FamilySelection>>;

function contains({ network, prefix }: Cidr, address: Uint8Array): boolean {
  if (address.length !== network.length) return false;
  for (let bit = 0; bit < prefix; bit++) {
    const mask = 0x80 >> (bit & 7);
    if (((address[bit >> 3] ?? 0) & mask) !== ((network[bit >> 3] ?? 0) & mask)) return false;
  }
  return true;
}

/** A range that is all loopback. */
function isLoopback(cidr: Cidr): boolean {
  const loopback = LOOPBACK[cidr.family];
  return cidr.prefix >= loopback.prefix && contains(loopback, cidr.network);
}

/**
 * Reads `nodePortAddresses`. As with kube-proxy, a family that no entry is about answers on all of
 * its addresses.
 *
 * @param entries CIDRs and keywords, faultless.
 * @param relays Whether loopback may be asked for.
 * @returns What they ask for in each family.
 */
export function selectNodePortAddresses(
  entries: readonly string[],
  relays = true,
): NodePortSelection {
  const select = (family: IpFamily): FamilySelection => {
    const cidrs = entries.flatMap((entry) => parseCidr(entry) ?? [])
      .filter((cidr) => cidr.family === family);
    const primary = entries.includes("primary");
    const loopback = entries.includes("localhost") || cidrs.some(isLoopback);
    const all = entries.includes("all") || cidrs.some(({ prefix }) => prefix === 0);
    const unnamed = !primary && !loopback && !all && cidrs.length === 0;
    return { all: all || unnamed, primary, loopback: loopback && relays, cidrs, unnamed };
  };
  return { IPv4: select("IPv4"), IPv6: select("IPv6") };
}

function isInside(selection: FamilySelection, address: Uint8Array): boolean {
  return selection.all || selection.cidrs.some((cidr) => contains(cidr, address));
}

/**
 * Decides where NodePorts answer. Loopback and link-local addresses are never listed.
 *
 * @param selection What is asked for.
 * @param local The node's addresses, canonical texts.
 * @param primary Its own address in each family, canonical texts; of no account where the node does
 * not have it, as behind a cloud's address translation.
 * @returns The addresses, sorted.
 */
export function resolveNodePortAddresses(
  selection: NodePortSelection,
  local: readonly string[],
  primary: Readonly<Partial<Record<IpFamily, string>>>,
): NodePortAddresses {
  if (FAMILIES.every((family) => selection[family].all)) return { type: "every" };
  const addresses = local.filter((text) => {
    const bytes = ipBytes(text);
    const family = bytes.length === 4 ? "IPv4" : "IPv6";
    if (contains(LOOPBACK[family], bytes) || contains(LINK_LOCAL, bytes)) return false;
    const asked = selection[family];
    return isInside(asked, bytes) || (asked.primary && primary[family] === text);
  });
  return { type: "listed", addresses: addresses.sort() };
}

/**
 * The Node's own address in each family.
 *
 * @param addresses Of the Node, in its order.
 * @returns The first of each family, canonical texts; texts that are no address are passed over.
 */
export function primaryAddresses(
  addresses: readonly string[],
): Readonly<Partial<Record<IpFamily, string>>> {
  const primary: Partial<Record<IpFamily, string>> = {};
  for (const text of addresses) {
    const [bytes, family] = [parseIp(text), ipFamily(text)];
    if (bytes !== undefined && family !== undefined) primary[family] ??= formatIp(bytes);
  }
  return primary;
}

/**
 * Where servers listen that answer on the same addresses as NodePorts.
 *
 * @param nodePorts Where NodePorts answer.
 * @param local The node's addresses.
 * @returns Addresses to bind. For every address it is `::`, which takes IPv4 too, unless the node
 * has no IPv6.
 */
export function listenAddresses(
  nodePorts: NodePortAddresses,
  local: readonly string[],
): readonly string[] {
  if (nodePorts.type === "listed") return nodePorts.addresses;
  return local.some((address) => ipFamily(address) === "IPv6") ? ["::"] : ["0.0.0.0"];
}
