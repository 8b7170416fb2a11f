/**
 * IPVS and the device that holds its addresses. Virtual servers have no names; the device alone
 * tells that they are kube-proxy's, and without it IPVS is left as it is.
 * Source: include/uapi/linux/ip_vs.h, genetlink.h.
 *
 * @module
 */
import { errnoOf } from "../errno.ts";
import { SystemCallError } from "../libc.ts";
import { Links } from "../link.ts";
import { NETLINK, NetlinkError, NetlinkSocket } from "../netlink.ts";
import { MessageWriter, NLM_F, readAttributes } from "../netlink_message.ts";
import { readSystemFile } from "../system_file.ts";
import type { IpvsLeftover, LinkLeftover } from "./leftover.ts";
import { IPVS_DEVICE } from "./ownership.ts";

/** GENL_ID_CTRL, the family that knows the others. */
const CONTROLLER = 16;
const CTRL_CMD_GETFAMILY = 3;
const CTRL_ATTR_FAMILY_ID = 1;
const CTRL_ATTR_FAMILY_NAME = 2;
/** nlmsghdr and genlmsghdr. */
const ATTRIBUTES = 20;
const IPVS_CMD_FLUSH = 17;
const IPVS_VERSION = 1;

/**
 * Reads what the kernel tells of IPVS.
 *
 * @param text Of /proc/net/ip_vs.
 * @returns How many virtual servers there are, and how many TCP connections they carry.
 */
export function readIpvs(
  text: string,
): { readonly virtualServers: number; readonly connections: number } {
  let virtualServers = 0;
  let connections = 0;
  // A server's line begins with its protocol (or FWM, for a mark), those of its backends with an
  // arrow; three lines of headings come first.
  for (const line of text.split("\n").slice(3)) {
    const words = line.trim().split(/\s+/);
    if (words[0] === "->") connections += Number(words[4] ?? 0);
    else if (words.length > 1) virtualServers++;
  }
  return { virtualServers, connections };
}

function ipvsText(): string {
  try {
    // Asking the controller for the family would load the module.
    return readSystemFile("/proc/thread-self/net/ip_vs");
  } catch (fault) {
    if (fault instanceof SystemCallError && fault.errno === errnoOf("ENOENT")) return "";
    throw fault;
  }
}

function hasDevice(): boolean {
  using links = new Links();
  try {
    links.index(IPVS_DEVICE);
    return true;
  } catch (fault) {
    if (fault instanceof NetlinkError && fault.errno === errnoOf("ENODEV")) return false;
    throw fault;
  }
}

/**
 * Finds kube-proxy's device, and with it the virtual servers.
 *
 * @returns At most both.
 * @throws {WeirError} WEIR_NETLINK when the kernel refuses.
 */
export function findIpvs(): readonly (IpvsLeftover | LinkLeftover)[] {
  if (!hasDevice()) return [];
  const found = readIpvs(ipvsText());
  return [
    ...(found.virtualServers === 0
      ? []
      : [{ place: "ipvs", owner: "kube-proxy", ...found } as const]),
    { place: "link", owner: "kube-proxy", name: IPVS_DEVICE },
  ];
}

/**
 * Removes all virtual servers.
 *
 * @throws {NetlinkError} When the kernel refuses.
 */
export function removeIpvs(): void {
  const socket = new NetlinkSocket(NETLINK.GENERIC);
  try {
    const question = new MessageWriter(CONTROLLER, NLM_F.REQUEST | NLM_F.ACK, 1)
      .fixed([CTRL_CMD_GETFAMILY, 1, 0, 0]).text(CTRL_ATTR_FAMILY_NAME, "IPVS").finish();
    const [answer] = socket.request('find family "IPVS"', question);
    const id = answer && readAttributes(answer.bytes, ATTRIBUTES).get(CTRL_ATTR_FAMILY_ID);
    if (id === undefined) {
      throw new NetlinkError('find family "IPVS"', errnoOf("ENOENT"), "the answer has none");
    }
    const family = new DataView(id.buffer, id.byteOffset, id.byteLength).getUint16(0, true);
    const flush = new MessageWriter(family, NLM_F.REQUEST | NLM_F.ACK, 2)
      .fixed([IPVS_CMD_FLUSH, IPVS_VERSION, 0, 0]).finish();
    socket.request('remove virtual servers "of IPVS"', flush);
  } finally {
    socket.close();
  }
}

/**
 * Deletes the device, and with it its addresses.
 *
 * @param leftover As it was found.
 * @throws {NetlinkError} When the kernel refuses.
 */
export function removeDevice({ name }: LinkLeftover): void {
  using links = new Links();
  links.remove(name);
}
