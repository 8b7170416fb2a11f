/**
 * IP addresses and CIDRs as text and bytes. Strict as Go's `netip` is: no leading zeros, no
 * octal, four octets, no zone.
 *
 * @module
 */
import { WeirError } from "./errors.ts";
import type { IpFamily } from "./kube.ts";

/**
 * Parses an IPv4 address.
 *
 * @param text For example `10.0.0.1`.
 * @returns Its 4 bytes in network order, or undefined when the text is no IPv4 address.
 */
function parseIpv4(text: string): Uint8Array | undefined {
  const octets = text.split(".");
  if (octets.length !== 4) return undefined;
  const bytes = new Uint8Array(4);
  for (const [index, octet] of octets.entries()) {
    if (!/^(0|[1-9]\d{0,2})$/.test(octet) || Number(octet) > 255) return undefined;
    bytes[index] = Number(octet);
  }
  return bytes;
}

function parseGroups(text: string): number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [index, part] of parts.entries()) {
    if (index === parts.length - 1 && part.includes(".")) {
      const tail = parseIpv4(part);
      if (tail === undefined) return undefined;
      const [a = 0, b = 0, c = 0, d = 0] = tail;
      groups.push(a << 8 | b, c << 8 | d);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups.push(parseInt(part, 16));
    else return undefined;
  }
  return groups;
}

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0] ?? "");
  const tail = halves.length === 2 ? parseGroups(halves[1] ?? "") : [];
  if (head === undefined || tail === undefined) return undefined;
  if ((halves[0] ?? "").includes(".") && halves.length === 2) return undefined;
  const missing = 8 - head.length - tail.length;
  // "::" stands for at least one group (RFC 4291 §2.2 allows one or more).
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...Array<number>(missing).fill(0), ...tail];
  const bytes = new Uint8Array(16);
  for (const [index, group] of groups.entries()) {
    bytes[2 * index] = group >> 8;
    bytes[2 * index + 1] = group & 0xff;
  }
  return bytes;
}

/**
 * Parses an IP address of either family.
 *
 * @param text For example `10.0.0.1` or `fd00::1`.
 * @returns 4 or 16 bytes in network order, or undefined when the text is no IP address.
 *
 * @example Octal looks and short forms are refused
 * ```ts
 * import { parseIp } from "weir";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(parseIp("10.0.0.1"), new Uint8Array([10, 0, 0, 1]));
 * assert.equal(parseIp("010.0.0.1"), undefined);
 * assert.equal(parseIp("10.1"), undefined);
 * ```
 */
export function parseIp(text: string): Uint8Array | undefined {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

/**
 * Parses an IP address that must be one.
 *
 * @param text For example `10.0.0.1`.
 * @returns 4 or 16 bytes in network order.
 * @throws {WeirError} WEIR_ADDRESS_INVALID when the text is no IP address.
 *
 * @example
 * ```ts
 * import { ipBytes } from "weir";
 * import assert from "node:assert/strict";
 *
 * assert.equal(ipBytes("::1").length, 16);
 * ```
 */
export function ipBytes(text: string): Uint8Array {
  const bytes = parseIp(text);
  if (bytes === undefined) {
    throw new WeirError(
      "WEIR_ADDRESS_INVALID",
      `Cannot parse IP address "${text}": it is neither IPv4 nor IPv6`,
    );
  }
  return bytes;
}

/**
 * The canonical text of an address (RFC 5952 for IPv6).
 *
 * @param bytes 4 or 16 bytes in network order.
 * @returns For example `10.0.0.1` or `fd00::1`.
 *
 * @example
 * ```ts
 * import { formatIp, ipBytes } from "weir";
 * import assert from "node:assert/strict";
 *
 * assert.equal(formatIp(ipBytes("FD00:0:0::0:1")), "fd00::1");
 * ```
 */
export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups = Array.from(
    { length: 8 },
    (_, index) => (bytes[2 * index] ?? 0) << 8 | (bytes[2 * index + 1] ?? 0),
  );
  // RFC 5952 §4.2: the first longest run of two or more zero groups is written "::".
  let best = { start: -1, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  const hex = (part: readonly number[]) => part.map((group) => group.toString(16)).join(":");
  if (best.start < 0) return hex(groups);
  return `${hex(groups.slice(0, best.start))}::${hex(groups.slice(best.start + best.length))}`;
}

/**
 * The family of an address.
 *
 * @param text For example `fd00::1`.
 * @returns The family, or undefined when the text is no IP address.
 *
 * @example
 * ```ts
 * import { ipFamily } from "weir";
 * import assert from "node:assert/strict";
 *
 * assert.equal(ipFamily("fd00::1"), "IPv6");
 * assert.equal(ipFamily("nonsense"), undefined);
 * ```
 */
export function ipFamily(text: string): IpFamily | undefined {
  const bytes = parseIp(text);
  return bytes === undefined ? undefined : bytes.length === 4 ? "IPv4" : "IPv6";
}

/** A network: an address and the length of its prefix. */
export interface Cidr {
  /** Family of `network`. */
  readonly family: IpFamily;
  /** The network's first address: host bits are cleared. 4 or 16 bytes in network order. */
  readonly network: Uint8Array;
  /** Bits, 0–32 or 0–128. */
  readonly prefix: number;
}

/**
 * Parses a CIDR. Host bits are cleared, as Go's `net.ParseCIDR` does for the network.
 *
 * @param text For example `10.244.0.0/16`.
 * @returns The network, or undefined when the text is no CIDR.
 *
 * @example
 * ```ts
 * import { formatIp, parseCidr } from "weir";
 * import assert from "node:assert/strict";
 *
 * const cidr = parseCidr("10.244.3.7/16");
 * assert.equal(cidr && `${formatIp(cidr.network)}/${cidr.prefix}`, "10.244.0.0/16");
 * assert.equal(parseCidr("10.0.0.0/33"), undefined);
 * ```
 */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf("/");
  if (slash < 0) return undefined;
  const network = parseIp(text.slice(0, slash));
  const length = text.slice(slash + 1);
  if (network === undefined || !/^(0|[1-9]\d{0,2})$/.test(length)) return undefined;
  const prefix = Number(length);
  if (prefix > network.length * 8) return undefined;
  for (let bit = prefix; bit < network.length * 8; bit++) {
    network[bit >> 3] = (network[bit >> 3] ?? 0) & ~(0x80 >> (bit & 7));
  }
  return { family: network.length === 4 ? "IPv4" : "IPv6", network, prefix };
}

/**
 * The canonical text of a network: what equal networks have in common.
 *
 * @param cidr The network.
 * @returns For example `10.244.0.0/16` or `fd00::/64`.
 *
 * @example
 * ```ts
 * import { formatCidr, parseCidr } from "weir";
 * import assert from "node:assert/strict";
 *
 * const cidr = parseCidr("FD00:0::7/64");
 * assert.equal(cidr && formatCidr(cidr), "fd00::/64");
 * ```
 */
export function formatCidr(cidr: Cidr): string {
  return `${formatIp(cidr.network)}/${cidr.prefix}`;
}

/**
 * Tells whether an address is in a network.
 *
 * @param cidr The network.
 * @param address 4 or 16 bytes in network order.
 * @returns False also for an address of the other family.
 *
 * @example
 * ```ts
 * import { cidrContains, ipBytes, parseCidr } from "weir";
 * import assert from "node:assert/strict";
 *
 * const cidr = parseCidr("10.0.0.0/9");
 * assert.ok(cidr !== undefined && cidrContains(cidr, ipBytes("10.127.0.1")));
 * assert.ok(!cidrContains(cidr, ipBytes("10.128.0.1")));
 * ```
 */
export function cidrContains({ network, prefix }: Cidr, address: Uint8Array): boolean {
  if (address.length !== network.length) return false;
  for (let index = 0; index * 8 < prefix; index++) {
    const bits = Math.min(8, prefix - index * 8);
    const mask = 0xff << (8 - bits) & 0xff;
    if (((address[index] ?? 0) & mask) !== network[index]) return false;
  }
  return true;
}
