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

/** Set for all interfaces, those to come among them; sockets can be opened all the same. */
const IPV6_DISABLED = "/proc/sys/net/ipv6/conf/all/disable_ipv6";

/**
 * Whether the kernel forwards packets of a family between interfaces; `absent` where it does not
 * have the family, `disabled` where no interface is to have an address of it.
 */
export type Forwarding = "on" | "off" | "absent" | "disabled";

/**
 * Tells whether the kernel forwards packets between interfaces.
 *
 * @param family Of the packets.
 * @param read Reads a file; the kernel's own if left out.
 * @returns What the kernel does.
 */
export function forwarding(family: IpFamily, read: ReadFile = readSystemFile): Forwarding {
  const value = readIfThere(FORWARDING[family], read);
  if (value === undefined) return "absent";
  if (value !== "0") return "on";
  return family === "IPv6" && readIfThere(IPV6_DISABLED, read) === "1" ? "disabled" : "off";
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
