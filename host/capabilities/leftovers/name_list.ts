/**
 * The names of what one netfilter subsystem holds.
 *
 * @module
 */
import { NETLINK, NetlinkError, NetlinkSocket } from "../netlink.ts";
import { readAttributes, readText } from "../netlink_message.ts";
import { isAbsent } from "./refusal.ts";

/** Where the attributes of an nfnetlink message begin: after nlmsghdr and nfgenmsg. */
const ATTRIBUTES = 20;

/**
 * Lists names.
 *
 * @param action For the error, for example `list sets "of ipset"`.
 * @param question The request for a dump.
 * @param attribute Which attribute of each answer is the name.
 * @returns Sorted; none where the kernel does not have the subsystem.
 * @throws {NetlinkError} When the kernel refuses.
 */
export async function listNames(
  action: string,
  question: Uint8Array<ArrayBuffer>,
  attribute: number,
): Promise<readonly string[]> {
  const socket = new NetlinkSocket(NETLINK.NETFILTER);
  let names: string[] = [];
  try {
    await socket.dump(action, question, ({ bytes }) => {
      const name = readAttributes(bytes, ATTRIBUTES).get(attribute);
      if (name !== undefined) names.push(readText(name));
    }, () => {
      names = [];
    });
  } catch (fault) {
    if (!(fault instanceof NetlinkError) || !isAbsent(fault.errno)) throw fault;
  } finally {
    socket.close();
  }
  return names.sort();
}
