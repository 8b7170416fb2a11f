/**
 * A tracked flow as the kernel's ctnetlink tells it: as much of it as decides whether it leads
 * anywhere, and the attributes by which exactly this entry is named again.
 *
 * @module
 */
import type { IpFamily, Protocol } from "../../../schemas/kube.ts";
import {
  align,
  ATTRIBUTE_HEADER,
  ATTRIBUTE_TYPE,
  MessageWriter,
  NLM_F,
  NLMSG_HEADER,
} from "../netlink_message.ts";
import { ipKey, ipOf, portOf, type SocketKey, socketKey } from "./socket_key.ts";

/** NFNL_SUBSYS_CTNETLINK. Source: include/uapi/linux/netfilter/nfnetlink.h. */
export const CONNTRACK_SUBSYSTEM = 1;

/** IPCTNL_MSG_CT_*. Source: include/uapi/linux/netfilter/nfnetlink_conntrack.h. */
export const CONNTRACK_MESSAGE = { NEW: 0, GET: 1, DELETE: 2, GET_STATS: 5 } as const;

/** Where the attributes begin: after nlmsghdr and nfgenmsg. */
export const CONNTRACK_ATTRIBUTES = NLMSG_HEADER + 4;

/** CTA_*. Source: include/uapi/linux/netfilter/nfnetlink_conntrack.h. */
export const CTA = {
  TUPLE_ORIG: 1,
  TUPLE_REPLY: 2,
  STATUS: 3,
  TIMEOUT: 7,
  ID: 12,
  NAT_DST: 13,
  ZONE: 18,
  FILTER: 25,
} as const;

/** CTA_TUPLE_*. */
export const CTA_TUPLE = { IP: 1, PROTO: 2, ZONE: 3 } as const;

/** CTA_IP_*: the number of the source's attribute; the destination's is one more. */
export const CTA_IP_SOURCE = { IPv4: 1, IPv6: 3 } as const;

/** CTA_PROTO_*. */
export const CTA_PROTO = { NUM: 1, SOURCE_PORT: 2, DESTINATION_PORT: 3 } as const;

/** CTA_FILTER_ORIG_FLAGS, and its bits by the position of what is compared (kernel 5.8). */
const CTA_FILTER_ORIG_FLAGS = 1;
const FILTER_SOURCE = 1 << 0;
const FILTER_DESTINATION = 1 << 1;
const FILTER_PROTOCOL = 1 << 3;
const FILTER_SOURCE_PORT = 1 << 4;
const FILTER_DESTINATION_PORT = 1 << 5;

/** AF_* of a family, the first byte of nfgenmsg. */
export const CONNTRACK_FAMILY: Readonly<Record<IpFamily, number>> = { IPv4: 2, IPv6: 10 };

/** IPPROTO_* of each protocol of a Service. */
export const PROTOCOL_NUMBER: Readonly<Record<Protocol, number>> = { TCP: 6, UDP: 17, SCTP: 132 };

/** A tracked flow with ports. */
export interface Flow {
  /** IPPROTO_*, for example 17. */
  readonly protocol: number;
  /** Where its first packet was sent to. */
  readonly destination: SocketKey;
  /** Where its answers come from: not `destination` when it was translated (DNAT). */
  readonly responder: SocketKey;
  /** Tracked in a zone of somebody's own (CTA_ZONE), as Open vSwitch does, or in the common one. */
  readonly zone: "common" | "other";
  /** The attributes that name this entry and no other, as the kernel wrote them. */
  readonly identity: readonly Uint8Array[];
}

/** Which flows are asked for. */
export interface FlowQuestion {
  readonly family: IpFamily;
  readonly protocol: Protocol;
  /** Only those that were first sent to this port; absent for any. */
  readonly port?: number;
}

/** Which flows somebody looks for. */
export interface FlowSearch extends FlowQuestion {
  /** Only those that were first sent to this address of the family; absent for any. */
  readonly to?: Uint8Array;
  /** Only those of this client; absent for any. */
  readonly from?: { readonly ip: Uint8Array; readonly port?: number | undefined };
}

/**
 * Walks attributes.
 *
 * @param view Of the message.
 * @param start Offset of the first attribute, in bytes.
 * @param end Offset past the last, in bytes.
 * @param found Called for each with its type and the offsets of its payload.
 */
export function eachAttribute(
  view: DataView,
  start: number,
  end: number,
  found: (type: number, from: number, to: number) => void,
): void {
  for (let at = start; at + ATTRIBUTE_HEADER <= end;) {
    const length = view.getUint16(at, true);
    if (length < ATTRIBUTE_HEADER || at + length > end) return;
    found(view.getUint16(at + 2, true) & ATTRIBUTE_TYPE, at + ATTRIBUTE_HEADER, at + length);
    at += align(length);
  }
}

interface Tuple {
  readonly protocol: number;
  readonly source: SocketKey;
  readonly destination: SocketKey;
  /** A zone of this direction alone. */
  readonly zoned: boolean;
}

function readTuple(bytes: Uint8Array, view: DataView, start: number, end: number) {
  let [source, destination, size] = [0, 0, 0];
  let [protocol, sourcePort, destinationPort] = [0, 0, 0];
  let zoned = false;
  eachAttribute(view, start, end, (part, from, to) => {
    if (part === CTA_TUPLE.IP) {
      eachAttribute(view, from, to, (type, at, stop) => {
        size = stop - at;
        // Sources have odd numbers in both families.
        if (type % 2 === 1) source = at;
        else destination = at;
      });
    } else if (part === CTA_TUPLE.PROTO) {
      eachAttribute(view, from, to, (type, at) => {
        if (type === CTA_PROTO.NUM) protocol = view.getUint8(at);
        else if (type === CTA_PROTO.SOURCE_PORT) sourcePort = view.getUint16(at);
        else if (type === CTA_PROTO.DESTINATION_PORT) destinationPort = view.getUint16(at);
      });
    } else if (part === CTA_TUPLE.ZONE) zoned = true;
  });
  if (source === 0 || destination === 0 || (size !== 4 && size !== 16)) return undefined;
  return {
    protocol,
    source: socketKey(bytes.subarray(source, source + size), sourcePort),
    destination: socketKey(bytes.subarray(destination, destination + size), destinationPort),
    zoned,
  } satisfies Tuple;
}

/**
 * Reads a flow out of a message of the kernel.
 *
 * @param bytes A whole message of type IPCTNL_MSG_CT_NEW.
 * @returns The flow, or undefined when it lacks what every flow has.
 */
export function readFlow(bytes: Uint8Array): Flow | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let original: Tuple | undefined;
  let reply: Tuple | undefined;
  let [id, zoned] = [false, false];
  const identity: Uint8Array[] = [];
  eachAttribute(view, CONNTRACK_ATTRIBUTES, bytes.length, (type, from, to) => {
    if (type === CTA.TUPLE_ORIG) original = readTuple(bytes, view, from, to);
    else if (type === CTA.TUPLE_REPLY) reply = readTuple(bytes, view, from, to);
    if (type === CTA.ID) id = true;
    else if (type === CTA.ZONE) zoned = true;
    if (type !== CTA.TUPLE_ORIG && type !== CTA.ZONE && type !== CTA.ID) return;
    identity.push(bytes.subarray(from - ATTRIBUTE_HEADER, to));
  });
  // Without an id, the tuple might by now name another flow: it must not be deleted by it.
  if (original === undefined || reply === undefined || !id) return undefined;
  const { protocol, destination } = original;
  const zone = zoned || original.zoned || reply.zoned ? "other" : "common";
  return { protocol, destination, responder: reply.source, zone, identity };
}

/** Where an attribute's header is, or -1. */
function find(view: DataView, start: number, end: number, type: number): number {
  for (let at = start; at + ATTRIBUTE_HEADER <= end;) {
    const length = view.getUint16(at, true);
    if (length < ATTRIBUTE_HEADER || at + length > end) return -1;
    if ((view.getUint16(at + 2, true) & ATTRIBUTE_TYPE) === type) return at;
    at += align(length);
  }
  return -1;
}

/** Both ends of a flow's first packet. */
export interface FlowEnds {
  readonly source: SocketKey;
  readonly destination: SocketKey;
}

/**
 * Reads both ends of a flow, and makes nothing of the rest: who looks for a few flows sees tens of
 * thousands.
 *
 * @param bytes A whole message of type IPCTNL_MSG_CT_NEW.
 * @param question Of which family and protocol flows were asked for.
 * @returns The ends; undefined for a flow of another family or protocol.
 */
export function readEnds(
  bytes: Uint8Array,
  { family, protocol }: Pick<FlowQuestion, "family" | "protocol">,
): FlowEnds | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const endOf = (at: number) => at < 0 ? 0 : at + view.getUint16(at, true);
  const inside = (at: number, type: number) =>
    at < 0 ? -1 : find(view, at + ATTRIBUTE_HEADER, endOf(at), type);
  const tuple = find(view, CONNTRACK_ATTRIBUTES, bytes.length, CTA.TUPLE_ORIG);
  const proto = inside(tuple, CTA_TUPLE.PROTO);
  const number = inside(proto, CTA_PROTO.NUM);
  if (number < 0 || view.getUint8(number + ATTRIBUTE_HEADER) !== PROTOCOL_NUMBER[protocol]) {
    return undefined;
  }
  const addresses = inside(tuple, CTA_TUPLE.IP);
  const end = (ipType: number, portType: number) => {
    const ip = inside(addresses, ipType);
    const port = inside(proto, portType);
    if (ip < 0 || port < 0) return undefined;
    const address = bytes.subarray(ip + ATTRIBUTE_HEADER, endOf(ip));
    return socketKey(address, view.getUint16(port + ATTRIBUTE_HEADER));
  };
  const source = end(CTA_IP_SOURCE[family], CTA_PROTO.SOURCE_PORT);
  const destination = end(CTA_IP_SOURCE[family] + 1, CTA_PROTO.DESTINATION_PORT);
  return source === undefined || destination === undefined ? undefined : { source, destination };
}

/**
 * Whether a flow is one of those that were asked for.
 *
 * @param ends Of the flow, whose family and protocol are right.
 * @param search Which flows.
 * @returns Whether it is one of them.
 */
export function isAskedFor({ source, destination }: FlowEnds, search: FlowSearch): boolean {
  const { port, to, from } = search;
  return (port === undefined || portOf(destination) === port) &&
    (to === undefined || ipOf(destination) === ipKey(to)) &&
    (from === undefined || ipOf(source) === ipKey(from.ip)) &&
    (from?.port === undefined || portOf(source) === from.port);
}

function headerOf(family: IpFamily): readonly number[] {
  return [CONNTRACK_FAMILY[family], 0, 0, 0];
}

/** Ports are in network order. */
function portBytes(port: number): Uint8Array {
  return new Uint8Array([port >> 8, port & 0xff]);
}

/**
 * Asks for flows. Kernels before 5.8 pass the filter over and list everything, and none filters by
 * addresses of IPv6: each answer is to be looked at.
 *
 * @param question Which flows.
 * @param sequence Comes back in every answer.
 * @returns The message.
 */
export function listFlows(question: FlowSearch, sequence: number): Uint8Array<ArrayBuffer> {
  const { family, protocol, port, from } = question;
  // The kernel's comparison of IPv6 addresses is the wrong way round, in 6.18 still: it passes over
  // those that are equal (ctnetlink_filter_match_tuple, !ipv6_addr_cmp).
  const [to, client] = family === "IPv4" ? [question.to, from?.ip] : [];
  const type = CONNTRACK_SUBSYSTEM << 8 | CONNTRACK_MESSAGE.GET;
  const source = CTA_IP_SOURCE[family];
  const message = new MessageWriter(type, NLM_F.REQUEST | NLM_F.DUMP, sequence)
    .fixed(headerOf(family));
  message.nested(CTA.TUPLE_ORIG, (tuple) => {
    if (to !== undefined || client !== undefined) {
      tuple.nested(CTA_TUPLE.IP, (ip) => {
        if (client !== undefined) ip.bytes(source, client);
        if (to !== undefined) ip.bytes(source + 1, to);
      });
    }
    tuple.nested(CTA_TUPLE.PROTO, (proto) => {
      proto.bytes(CTA_PROTO.NUM, new Uint8Array([PROTOCOL_NUMBER[protocol]]));
      if (from?.port !== undefined) proto.bytes(CTA_PROTO.SOURCE_PORT, portBytes(from.port));
      if (port !== undefined) proto.bytes(CTA_PROTO.DESTINATION_PORT, portBytes(port));
    });
  });
  const flags = FILTER_PROTOCOL |
    (port === undefined ? 0 : FILTER_DESTINATION_PORT) |
    (to === undefined ? 0 : FILTER_DESTINATION) |
    (client === undefined ? 0 : FILTER_SOURCE) |
    (from?.port === undefined ? 0 : FILTER_SOURCE_PORT);
  return message.nested(CTA.FILTER, (filter) => filter.u32(CTA_FILTER_ORIG_FLAGS, flags)).finish();
}

/**
 * Deletes one flow: the entry that was listed and none that has taken its tuple since, because
 * its id goes along. The id is a hash of the entry's address in memory and its tuple, so that only
 * one that was made anew in the very same place is taken for it; its client then starts anew.
 *
 * @param family Of the flow.
 * @param flow As it was listed.
 * @param sequence Comes back when it is refused; a success is not acknowledged.
 * @returns The message.
 */
export function deleteFlow(
  family: IpFamily,
  flow: Pick<Flow, "identity">,
  sequence: number,
): Uint8Array<ArrayBuffer> {
  const type = CONNTRACK_SUBSYSTEM << 8 | CONNTRACK_MESSAGE.DELETE;
  const message = new MessageWriter(type, NLM_F.REQUEST, sequence).fixed(headerOf(family));
  for (const attribute of flow.identity) message.fixed(attribute);
  return message.finish();
}
