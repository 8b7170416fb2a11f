/**
 * A tracked connection as people look at it: both ends, its state, what passed.
 *
 * @module
 */
import { formatIp } from "../../../schemas/ip.ts";
import type { Protocol } from "../../../schemas/kube.ts";
import { CONNTRACK_ATTRIBUTES, CTA, CTA_PROTO, CTA_TUPLE, eachAttribute } from "./flow.ts";

/** An address and a port. */
export interface EntryEnd {
  /** Canonical text. */
  readonly ip: string;
  /** 0–65535. */
  readonly port: number;
}

/** A tracked connection. */
export interface ConntrackEntry {
  readonly protocol: Protocol;
  /** Who sent the first packet. */
  readonly source: EntryEnd;
  /** Where it was sent to. */
  readonly destination: EntryEnd;
  /** Who answers; not `destination` when it was translated (DNAT). */
  readonly responder: EntryEnd;
  /** To whom the answers go; not `source` when it was masqueraded. */
  readonly answeredTo: EntryEnd;
  /** Of TCP, for example `ESTABLISHED`; undefined for other protocols. */
  readonly state: string | undefined;
  /** Seconds until it is forgotten, when nothing passes. */
  readonly timeout: number | undefined;
  /** In both directions; undefined where net.netfilter.nf_conntrack_acct is off. */
  readonly packets: number | undefined;
  /** In both directions; undefined where net.netfilter.nf_conntrack_acct is off. */
  readonly bytes: number | undefined;
}

/** More of CTA_*. Source: include/uapi/linux/netfilter/nfnetlink_conntrack.h. */
const MORE = { PROTOINFO: 4, COUNTERS_ORIG: 9, COUNTERS_REPLY: 10 } as const;
const CTA_PROTOINFO_TCP = 1;
const CTA_PROTOINFO_TCP_STATE = 1;
const CTA_COUNTERS = { PACKETS: 1, BYTES: 2 } as const;

/** enum tcp_conntrack. Source: include/uapi/linux/netfilter/nf_conntrack_tcp.h. */
const TCP_STATES = [
  "NONE",
  "SYN_SENT",
  "SYN_RECV",
  "ESTABLISHED",
  "FIN_WAIT",
  "CLOSE_WAIT",
  "LAST_ACK",
  "TIME_WAIT",
  "CLOSE",
  "SYN_SENT2",
] as const;

const PROTOCOLS: ReadonlyMap<number, Protocol> = new Map([[6, "TCP"], [17, "UDP"], [132, "SCTP"]]);

interface Ends {
  readonly protocol: number;
  readonly source: EntryEnd;
  readonly destination: EntryEnd;
}

function endsOf(bytes: Uint8Array, view: DataView, start: number, end: number): Ends {
  let [protocol, sourcePort, destinationPort] = [0, 0, 0];
  let [source, destination] = ["", ""];
  eachAttribute(view, start, end, (part, from, to) => {
    if (part === CTA_TUPLE.IP) {
      eachAttribute(view, from, to, (type, at, stop) => {
        // Sources have odd numbers in both families.
        if (type % 2 === 1) source = formatIp(bytes.subarray(at, stop));
        else destination = formatIp(bytes.subarray(at, stop));
      });
    } else if (part === CTA_TUPLE.PROTO) {
      eachAttribute(view, from, to, (type, at) => {
        if (type === CTA_PROTO.NUM) protocol = view.getUint8(at);
        else if (type === CTA_PROTO.SOURCE_PORT) sourcePort = view.getUint16(at);
        else if (type === CTA_PROTO.DESTINATION_PORT) destinationPort = view.getUint16(at);
      });
    }
  });
  return {
    protocol,
    source: { ip: source, port: sourcePort },
    destination: { ip: destination, port: destinationPort },
  };
}

/**
 * Reads an entry out of a message of the kernel.
 *
 * @param bytes A whole message of type IPCTNL_MSG_CT_NEW.
 * @returns The entry, or undefined when it is of a protocol that no Service has.
 */
export function readEntry(bytes: Uint8Array): ConntrackEntry | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let [original, reply]: [Ends | undefined, Ends | undefined] = [undefined, undefined];
  let [state, timeout]: [string | undefined, number | undefined] = [undefined, undefined];
  let [packets, octets]: [number | undefined, number | undefined] = [undefined, undefined];
  eachAttribute(view, CONNTRACK_ATTRIBUTES, bytes.length, (type, from, to) => {
    switch (type) {
      case CTA.TUPLE_ORIG:
        original = endsOf(bytes, view, from, to);
        return;
      case CTA.TUPLE_REPLY:
        reply = endsOf(bytes, view, from, to);
        return;
      case CTA.TIMEOUT:
        timeout = view.getUint32(from);
        return;
      case MORE.PROTOINFO:
        eachAttribute(view, from, to, (kind, at, stop) => {
          if (kind !== CTA_PROTOINFO_TCP) return;
          eachAttribute(view, at, stop, (field, where) => {
            if (field === CTA_PROTOINFO_TCP_STATE) state = TCP_STATES[view.getUint8(where)];
          });
        });
        return;
      case MORE.COUNTERS_ORIG:
      case MORE.COUNTERS_REPLY:
        eachAttribute(view, from, to, (counter, at) => {
          const count = Number(view.getBigUint64(at));
          if (counter === CTA_COUNTERS.PACKETS) packets = (packets ?? 0) + count;
          else if (counter === CTA_COUNTERS.BYTES) octets = (octets ?? 0) + count;
        });
    }
  });
  const [there, back] = [original as Ends | undefined, reply as Ends | undefined];
  const protocol = PROTOCOLS.get(there?.protocol ?? 0);
  if (there === undefined || back === undefined || protocol === undefined) return undefined;
  const { source, destination } = there;
  return {
    protocol,
    source,
    destination,
    responder: back.source,
    answeredTo: back.destination,
    state,
    timeout,
    packets,
    bytes: octets,
  };
}
