/**
 * The addresses of the node itself: what is sent to them is not on its way to somebody else.
 *
 * @module
 */
import type { NetlinkSocket } from "../netlink.ts";
import { MessageWriter, NLM_F, readAttributes } from "../netlink_message.ts";
import { type IpKey, ipKey } from "./socket_key.ts";

const RTM_NEWADDR = 20;
const RTM_GETADDR = 22;
/** IFA_ADDRESS is the peer's on a point-to-point link; IFA_LOCAL, if there, is one's own. */
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
/** After nlmsghdr and struct ifaddrmsg. */
const ATTRIBUTES = 24;

/** Keys of addresses of both families, none of them of the loopback ranges. */
export type LocalAddresses = ReadonlySet<IpKey>;

/** 127.0.0.0/8 and ::1. */
function isLoopback(address: Uint8Array): boolean {
  if (address.length === 4) return address[0] === 127;
  return address.every((byte, index) => byte === (index === 15 ? 1 : 0));
}

/**
 * Lists the addresses of all links.
 *
 * @param socket A routing socket on which nothing else is under way.
 * @param sequence Comes back in every answer.
 * @returns Their keys.
 * @throws {NetlinkError} When the kernel refuses.
 */
export async function readLocalAddresses(
  socket: NetlinkSocket,
  sequence: number,
): Promise<LocalAddresses> {
  const found = new Set<IpKey>();
  const message = new MessageWriter(RTM_GETADDR, NLM_F.REQUEST | NLM_F.DUMP, sequence)
    .fixed(new Uint8Array(8)).finish();
  await socket.dump('list addresses "of this node"', message, (answer) => {
    if (answer.type !== RTM_NEWADDR) return;
    const attributes = readAttributes(answer.bytes, ATTRIBUTES);
    const address = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS);
    if (address?.length !== 4 && address?.length !== 16) return;
    if (!isLoopback(address)) found.add(ipKey(address));
  }, () => found.clear());
  return found;
}
