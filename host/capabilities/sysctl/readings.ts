/**
 * What weir itself reads of the kernel, without a plugin: how full the conntrack table is, whether
 * packets are forwarded, how many processors and how much memory there are.
 *
 * @module
 */
import type { IpFamily } from "../../../schemas/kube.ts";
import type { ConntrackUsage } from "../conntrack/kernel.ts";
import { SystemCallError } from "../libc.ts";
import { readSystemFile } from "../system_file.ts";

/** Reads a file of the kernel: of the network namespace of the calling thread. */
export type ReadFile = (path: string) => string;

/** Nobody may be kept from anything by a file that is not there or not ours to read. */
function readIfThere(path: string, read: ReadFile): string | undefined {
  try {
    return read(path).trim();
  } catch (fault) {
    if (fault instanceof SystemCallError) return undefined;
    throw fault;
  }
}

/**
 * Tells how full the conntrack table is: at once, and without CAP_NET_ADMIN, unlike ctnetlink.
 *
 * @param read Reads a file; the kernel's own if left out.
 * @returns Both numbers, or undefined while nf_conntrack is not loaded.
 */
export function conntrackUsage(read: ReadFile = readSystemFile): ConntrackUsage | undefined {
  const entries = readIfThere("/proc/sys/net/netfilter/nf_conntrack_count", read);
  const limit = readIfThere("/proc/sys/net/netfilter/nf_conntrack_max", read);
  if (entries === undefined || limit === undefined) return undefined;
  return { entries: Number(entries), limit: Number(limit) };
}

/** The switch of each family that stands over all interfaces. */
const FORWARDING: Readonly<Record<IpFamily, string>> = {
  IPv4: "/proc/sys/net/ipv4/ip_forward",
  IPv6: "/proc/sys/net/ipv6/conf/all/forwarding",
};

/**
 * Tells whether the kernel forwards packets between interfaces.
 *
 * @param family Of the packets.
 * @param read Reads a file; the kernel's own if left out.
 * @returns False when it is off, undefined where the kernel does not have the family.
 */
export function forwards(family: IpFamily, read: ReadFile = readSystemFile): boolean | undefined {
  const value = readIfThere(FORWARDING[family], read);
  return value === undefined ? undefined : value !== "0";
}

/**
 * Tells how much memory the node has, whatever this process may use of it.
 *
 * @param read Reads a file; the kernel's own if left out.
 * @returns Bytes; 0 when the kernel does not tell.
 */
export function memoryBytes(read: ReadFile = readSystemFile): number {
  const [, kibibytes = "0"] = /^MemTotal:\s+(\d+) kB$/m.exec(
    readIfThere("/proc/meminfo", read) ?? "",
  ) ?? [];
  return Number(kibibytes) * 1024;
}

/**
 * Counts the processors of the node that are online. Not those that this process may use, which
 * a static CPU policy may have narrowed to one (kubernetes/kubernetes#99225): the conntrack table
 * is the whole node's.
 *
 * @param read Reads a file; the kernel's own if left out.
 * @returns 1 or more.
 */
export function onlineProcessors(read: ReadFile = readSystemFile): number {
  // For example `0-3,8`, as cpulist_parse() of the kernel reads it.
  const list = readIfThere("/sys/devices/system/cpu/online", read) ?? "";
  let count = 0;
  for (const range of list.split(",")) {
    const [, first = "", last = first] = /^(\d+)(?:-(\d+))?$/.exec(range) ?? [];
    if (first !== "") count += Number(last) - Number(first) + 1;
  }
  return count > 0 ? count : navigator.hardwareConcurrency;
}
