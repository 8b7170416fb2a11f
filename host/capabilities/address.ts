/**
 * The addresses that are local to a network namespace, over rtnetlink, and word of every change of
 * them. Deno.networkInterfaces() would cost a permission, and tells of no change.
 *
 * @module
 */
import { messageOf } from "../../schemas/errors.ts";
import { formatIp, ipBytes } from "../../schemas/ip.ts";
import type { IpFamily } from "../../schemas/kube.ts";
import { NETLINK, NetlinkError, NetlinkSocket, Wake } from "./netlink.ts";
import { MessageWriter, type NetlinkMessage, NLM_F, readAttributes } from "./netlink_message.ts";

// Source: include/uapi/linux/rtnetlink.h, if_addr.h.
const RTM = { NEWADDR: 20, GETADDR: 22, NEWROUTE: 24, GETROUTE: 26 } as const;
const RTNLGRP = { IPV4_IFADDR: 5, IPV4_ROUTE: 7, IPV6_IFADDR: 9, IPV6_ROUTE: 11 } as const;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_FLAGS = 8;
const IFA_F_OPTIMISTIC = 0x04;
const IFA_F_DADFAILED = 0x08;
const IFA_F_TENTATIVE = 0x40;
const RTA_DST = 1;
const RTA_PREFSRC = 7;
const AF = { IPv4: 2, IPv6: 10 } as const;

/** Bytes before the attributes: the nlmsghdr and a struct ifaddrmsg or rtmsg. */
const IFADDRMSG_END = 24;
const RTMSG_END = 28;

/** Nobody's addresses (TEST-NET-3 of RFC 5737, RFC 3849): only a default route leads there. */
const NOWHERE = { IPv4: "203.0.113.1", IPv6: "2001:db8:ffff:ffff::1" } as const;

/** The addresses of a node. */
export interface LocalAddresses {
  /**
   * Those that answer, canonical texts of both families, each once, in the kernel's order. Those
   * that are still checked for duplicates, or are duplicates, do not (RFC 4862 §5.4); those that
   * are deprecated do.
   */
  readonly addresses: readonly string[];
  /** By family: the address from which connections to far away come, if there is a way there. */
  readonly sources: Readonly<Partial<Record<IpFamily, string>>>;
}

/** How addresses are watched. */
export interface AddressWatchOptions {
  /**
   * Told of the addresses soon after the start, and whenever they have become others. Must not
   * throw.
   */
  readonly onAddresses: (addresses: LocalAddresses) => void;
  /** Told when the watch has to end because its socket cannot be read any more. */
  readonly onEnd: (reason: string) => void;
  /** Whether a change of a route alone is news, for `sources`. */
  readonly routes: boolean;
}

/** The local address that an RTM_NEWADDR tells of, or undefined for one that does not answer. */
function addressOf({ bytes }: NetlinkMessage): string | undefined {
  const attributes = readAttributes(bytes, IFADDRMSG_END);
  // On a point-to-point link IFA_ADDRESS is the far end's; IPv6 knows IFA_LOCAL only there.
  const address = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS);
  const wide = attributes.get(IFA_FLAGS);
  const flags = wide?.length === 4
    ? new DataView(wide.buffer, wide.byteOffset, 4).getUint32(0, true)
    : bytes[18] ?? 0;
  const isUnchecked = (flags & IFA_F_TENTATIVE) !== 0 && (flags & IFA_F_OPTIMISTIC) === 0;
  if (address === undefined || isUnchecked || (flags & IFA_F_DADFAILED) !== 0) return undefined;
  return formatIp(address);
}

/** Watches the addresses of the network namespace in which it was opened, until it is closed. */
export class AddressWatch {
  readonly #options: AddressWatchOptions;
  readonly #events: NetlinkSocket;
  readonly #questions: NetlinkSocket;
  readonly #wake: Wake;
  readonly #loop: Promise<void>;
  #sequence = 1;
  #open = true;

  /**
   * Starts watching. It keeps the process alive until it is closed.
   *
   * @param options Whom to tell, and whether routes count.
   * @throws {WeirError} WEIR_NETLINK when the kernel refuses.
   */
  constructor(options: AddressWatchOptions) {
    this.#options = options;
    const open = () => new NetlinkSocket(NETLINK.ROUTE);
    using opening = new DisposableStack();
    this.#events = opening.adopt(open(), (socket) => socket.close());
    this.#questions = opening.adopt(open(), (socket) => socket.close());
    this.#wake = opening.adopt(new Wake(), (wake) => wake.close());
    this.#events.join(RTNLGRP.IPV4_IFADDR);
    this.#events.join(RTNLGRP.IPV6_IFADDR);
    if (options.routes) {
      this.#events.join(RTNLGRP.IPV4_ROUTE);
      this.#events.join(RTNLGRP.IPV6_ROUTE);
    }
    opening.move();
    this.#loop = this.#run();
  }

  async #run(): Promise<void> {
    let told = "";
    try {
      // The groups are joined: what happens after this listing is heard of.
      for (; this.#open; await this.#events.readable(this.#wake)) {
        if (!this.#open) return;
        // What an event says is not looked at: the listing that follows knows better.
        while (this.#events.receive().type !== "nothing");
        const addresses = await this.#list();
        const text = JSON.stringify(addresses);
        if (!this.#open || text === told) continue;
        told = text;
        this.#options.onAddresses(addresses);
      }
    } catch (fault) {
      if (this.#open) this.#options.onEnd(messageOf(fault));
    }
  }

  async #list(): Promise<LocalAddresses> {
    const found = new Set<string>();
    // A struct ifaddrmsg without a family: of both.
    const message = new MessageWriter(RTM.GETADDR, NLM_F.REQUEST | NLM_F.DUMP, this.#sequence++)
      .fixed(new Uint8Array(8));
    await this.#questions.dump(
      "list addresses",
      message.finish(),
      (answer) => {
        const address = answer.type === RTM.NEWADDR ? addressOf(answer) : undefined;
        if (address !== undefined) found.add(address);
      },
      () => found.clear(),
    );
    const [v4, v6] = [this.#source("IPv4"), this.#source("IPv6")];
    return {
      addresses: [...found],
      sources: {
        ...(v4 === undefined ? {} : { IPv4: v4 }),
        ...(v6 === undefined ? {} : { IPv6: v6 }),
      },
    };
  }

  /** Asks which source address a packet to far away would have. */
  #source(family: IpFamily): string | undefined {
    const target = ipBytes(NOWHERE[family]);
    const header = new Uint8Array(12);
    header.set([AF[family], target.length * 8]);
    const message = new MessageWriter(RTM.GETROUTE, NLM_F.REQUEST | NLM_F.ACK, this.#sequence++)
      .fixed(header).bytes(RTA_DST, target);
    try {
      const answers = this.#questions.request("look up the default route", message.finish());
      const route = answers.find(({ type }) => type === RTM.NEWROUTE);
      const source = route && readAttributes(route.bytes, RTMSG_END).get(RTA_PREFSRC);
      return source && formatIp(source);
    } catch (fault) {
      // ENETUNREACH and its kin: there is no way there.
      if (fault instanceof NetlinkError) return undefined;
      throw fault;
    }
  }

  /**
   * Stops watching.
   *
   * @returns When the sockets are closed.
   */
  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    this.#wake.ring();
    await this.#loop;
    this.#events.close();
    this.#questions.close();
    this.#wake.close();
  }
}
