/**
 * Links, addresses and routes of one network namespace, over rtnetlink: what `ip` does, without
 * needing it.
 *
 * @module
 */
import { WeirError } from "../../schemas/errors.ts";
import { parseCidr, parseIp } from "../../schemas/ip.ts";
import { errnoOf } from "./errno.ts";
import { NETLINK, NetlinkError, NetlinkSocket } from "./netlink.ts";
import { MessageWriter, NLM_F, readAttributes } from "./netlink_message.ts";
import type { NetworkNamespace } from "./namespace.ts";

// Source: include/uapi/linux/rtnetlink.h, if_link.h, if_addr.h, veth.h.
const RTM = { NEWLINK: 16, DELLINK: 17, GETLINK: 18, NEWADDR: 20, NEWROUTE: 24 } as const;
const IFLA_IFNAME = 3;
const IFLA_LINKINFO = 18;
const IFLA_NET_NS_FD = 28;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const VETH_INFO_PEER = 1;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_FLAGS = 8;
const IFA_F_NODAD = 0x02;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RT_TABLE_MAIN = 254;
const RTPROT_STATIC = 4;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RTN_UNICAST = 1;
const RTNH_F_ONLINK = 4;
const IFF_UP = 0x1;
const IFLA_OPERSTATE = 16;
/**
 * Up, the far end is there, and the kernel has noticed. IFF_RUNNING does not say so: it also stands
 * for a link of which the kernel has noticed nothing yet (netif_oper_up() takes IF_OPER_UNKNOWN).
 */
const IF_OPER_UP = 6;
/** Milliseconds between two looks at a link. */
const POLL = 5;
const AF = { 4: 2, 16: 10 } as const;

const CREATE = NLM_F.REQUEST | NLM_F.ACK | NLM_F.CREATE | NLM_F.EXCL;

/** A struct ifinfomsg: 16 bytes. */
function ifinfomsg(index: number, flags: number): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setInt32(4, index, true);
  view.setUint32(8, flags, true);
  view.setUint32(12, flags, true);
  return bytes;
}

function family(address: Uint8Array): number {
  return address.length === 4 ? AF[4] : AF[16];
}

function parsedAddress(text: string): Uint8Array {
  const bytes = parseIp(text);
  if (bytes !== undefined) return bytes;
  throw new WeirError(
    "WEIR_ADDRESS_INVALID",
    `Cannot use address "${text}": it is not IPv4 or IPv6`,
  );
}

/** One end of a veth pair. */
export interface VethEnd {
  /** At most 15 bytes (IFNAMSIZ). */
  readonly name: string;
  /** Where this end is. */
  readonly namespace: NetworkNamespace;
}

/** A route of the main table. */
export interface Route {
  /** CIDR; `0.0.0.0/0` or `::/0` is the default route. */
  readonly to: string;
  /** The link it leaves by. */
  readonly link: string;
  /** The next router's address, taken to be on the link; absent when the target itself is. */
  readonly via?: string;
}

/**
 * Makes a pair of virtual Ethernet links, one end in each namespace. Both are down.
 *
 * @param near One end.
 * @param far The other.
 * @throws {NetlinkError} When the kernel refuses, as EEXIST for a name that is taken.
 */
export function createVeth(near: VethEnd, far: VethEnd): void {
  const socket = near.namespace.inside(() => new NetlinkSocket(NETLINK.ROUTE));
  try {
    const message = new MessageWriter(RTM.NEWLINK, CREATE, 1)
      .fixed(ifinfomsg(0, 0))
      .text(IFLA_IFNAME, near.name)
      .nested(
        IFLA_LINKINFO,
        (info) =>
          info.text(IFLA_INFO_KIND, "veth").nested(IFLA_INFO_DATA, (data) =>
            data.nested(
              VETH_INFO_PEER,
              (peer) => peer.text(IFLA_IFNAME, far.name).u32(IFLA_NET_NS_FD, far.namespace.fd),
              ifinfomsg(0, 0),
            )),
      );
    socket.request(`create link "${near.name}"`, message.finish());
  } finally {
    socket.close();
  }
}

/** The links of one namespace. */
export class Links implements Disposable {
  readonly #socket: NetlinkSocket;
  #sequence = 1;

  /**
   * Opens a socket inside a namespace.
   *
   * @param namespace Whose links; the calling thread's when absent, which needs no right to move.
   * @throws {WeirError} WEIR_NETLINK or WEIR_NAMESPACE when the kernel refuses.
   */
  constructor(namespace?: NetworkNamespace) {
    const open = () => new NetlinkSocket(NETLINK.ROUTE);
    this.#socket = namespace === undefined ? open() : namespace.inside(open);
  }

  /**
   * The number of a link.
   *
   * @param name For example `lo`.
   * @returns Its index, from 1.
   * @throws {NetlinkError} ENODEV when there is none.
   */
  index(name: string): number {
    return this.#find(name).getInt32(20, true);
  }

  /** The operational state of a link, IF_OPER_* (RFC 2863, ifOperStatus). */
  #state(name: string): number | undefined {
    const { buffer, byteOffset, byteLength } = this.#find(name);
    const message = new Uint8Array(buffer, byteOffset, byteLength);
    return readAttributes(message, 32).get(IFLA_OPERSTATE)?.[0];
  }

  /** The RTM_NEWLINK message of a link: nlmsghdr (16 bytes), struct ifinfomsg, attributes. */
  #find(name: string): DataView {
    const action = `find link "${name}"`;
    const message = new MessageWriter(RTM.GETLINK, NLM_F.REQUEST | NLM_F.ACK, this.#sequence++)
      .fixed(ifinfomsg(0, 0)).text(IFLA_IFNAME, name);
    for (const answer of this.#socket.request(action, message.finish())) {
      if (answer.type !== RTM.NEWLINK) continue;
      const { buffer, byteOffset, byteLength } = answer.bytes;
      return new DataView(buffer, byteOffset, byteLength);
    }
    throw new NetlinkError(action, errnoOf("ENODEV"), "the answer has none");
  }

  /**
   * Waits until a link that was set up passes packets. The kernel notices the far end's carrier
   * later and on a thread of its own (linkwatch); until then what is sent is thrown away, and an
   * address that nobody answered for stays unreachable for seconds.
   *
   * @param name For example `eth0`; both its ends are up.
   * @param timeout At most so many milliseconds.
   * @returns When it passes packets.
   * @throws {WeirError} WEIR_NAMESPACE when it does not within that time.
   */
  async running(name: string, timeout = 10_000): Promise<void> {
    for (let waited = 0; this.#state(name) !== IF_OPER_UP;) {
      if (waited >= timeout) {
        throw new WeirError(
          "WEIR_NAMESPACE",
          `Cannot use link "${name}": it has no carrier after ${timeout} ms`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, POLL));
      waited += POLL;
    }
  }

  /**
   * Sets a link up.
   *
   * @param name For example `lo`.
   * @throws {NetlinkError} When the kernel refuses.
   */
  up(name: string): void {
    this.#change(name, IFF_UP, `set link "${name}" up`);
  }

  /**
   * Deletes a link; a veth takes its other end along.
   *
   * @param name For example `eth0`.
   * @throws {NetlinkError} When the kernel refuses.
   */
  remove(name: string): void {
    const message = new MessageWriter(RTM.DELLINK, NLM_F.REQUEST | NLM_F.ACK, this.#sequence++)
      .fixed(ifinfomsg(this.index(name), 0));
    this.#socket.request(`delete link "${name}"`, message.finish());
  }

  #change(name: string, flags: number, action: string): void {
    const message = new MessageWriter(RTM.NEWLINK, NLM_F.REQUEST | NLM_F.ACK, this.#sequence++)
      .fixed(ifinfomsg(this.index(name), flags));
    this.#socket.request(action, message.finish());
  }

  /**
   * Adds an address, usable at once: without duplicate address detection.
   *
   * @param link The link's name.
   * @param address For example `10.244.0.2/32`.
   * @throws {WeirError} WEIR_ADDRESS_INVALID for text that is no address with a prefix length.
   * @throws {NetlinkError} When the kernel refuses.
   */
  addAddress(link: string, address: string): void {
    const cidr = parseCidr(address);
    const bytes = parsedAddress(address.slice(0, address.indexOf("/")));
    if (cidr === undefined) {
      throw new WeirError("WEIR_ADDRESS_INVALID", `Cannot add address "${address}": it is no CIDR`);
    }
    const header = new Uint8Array(8);
    header.set([family(bytes), cidr.prefix, IFA_F_NODAD, 0]);
    new DataView(header.buffer).setUint32(4, this.index(link), true);
    const message = new MessageWriter(RTM.NEWADDR, CREATE, this.#sequence++)
      .fixed(header).bytes(IFA_LOCAL, bytes).bytes(IFA_ADDRESS, bytes).u32(IFA_FLAGS, IFA_F_NODAD);
    this.#socket.request(`add address "${address}" to link ${link}`, message.finish());
  }

  /**
   * Adds a route.
   *
   * @param route Where to, over which link.
   * @throws {WeirError} WEIR_ADDRESS_INVALID for text that is no CIDR or address.
   * @throws {NetlinkError} When the kernel refuses.
   */
  addRoute(route: Route): void {
    const cidr = parseCidr(route.to);
    if (cidr === undefined) {
      throw new WeirError("WEIR_ADDRESS_INVALID", `Cannot add route "${route.to}": it is no CIDR`);
    }
    const scope = route.via === undefined ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
    const header = new Uint8Array(12);
    header.set([
      family(cidr.network),
      cidr.prefix,
      0,
      0,
      RT_TABLE_MAIN,
      RTPROT_STATIC,
      scope,
      RTN_UNICAST,
    ]);
    if (route.via !== undefined) {
      new DataView(header.buffer).setUint32(8, RTNH_F_ONLINK, true);
    }
    const message = new MessageWriter(RTM.NEWROUTE, CREATE, this.#sequence++)
      .fixed(header).bytes(RTA_DST, cidr.network).u32(RTA_OIF, this.index(route.link));
    if (route.via !== undefined) message.bytes(RTA_GATEWAY, parsedAddress(route.via));
    this.#socket.request(`add route "${route.to}" over link ${route.link}`, message.finish());
  }

  /** Closes the socket. */
  [Symbol.dispose](): void {
    this.#socket.close();
  }
}
