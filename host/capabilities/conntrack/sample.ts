/**
 * Flows for tests, written into the kernel's table by hand.
 *
 * @module
 */
import { parseIp } from "../../../schemas/ip.ts";
import type { IpFamily, Protocol } from "../../../schemas/kube.ts";
import { NETLINK, NetlinkSocket } from "../netlink.ts";
import { MessageWriter, NLM_F, NLMSG, readAcknowledgement } from "../netlink_message.ts";
import {
  CONNTRACK_FAMILY,
  CONNTRACK_MESSAGE,
  CONNTRACK_SUBSYSTEM,
  CTA,
  CTA_IP_SOURCE,
  CTA_PROTO,
  CTA_TUPLE,
  PROTOCOL_NUMBER,
} from "./flow.ts";

/** A flow to be. */
export interface SampleFlow {
  readonly protocol: Protocol;
  /** `ip:port`, as `10.0.0.1:4000` or `[fd00::1]:4000`. */
  readonly client: string;
  /** Where it was sent to. */
  readonly destination: string;
  /** Who answers; `destination` when absent: it is not translated. */
  readonly responder?: string;
  /** A conntrack zone of its own; none when absent. */
  readonly zone?: number;
}

/** IPS_SEEN_REPLY, IPS_ASSURED, IPS_CONFIRMED: the kernel does not drop such a flow early. */
const STATUS = 1 << 1 | 1 << 2 | 1 << 3;
/** Seconds. */
const TIMEOUT = 600;
/** CTA_PROTOINFO, CTA_PROTOINFO_TCP, CTA_PROTOINFO_TCP_STATE, TCP_CONNTRACK_ESTABLISHED. */
const TCP_ESTABLISHED = { protoinfo: 4, tcp: 1, state: 1, established: 3 } as const;

interface Endpoint {
  readonly ip: Uint8Array;
  readonly port: number;
}

function endpointOf(text: string): Endpoint {
  const colon = text.lastIndexOf(":");
  const ip = parseIp(text.slice(0, colon).replace(/^\[(.*)\]$/, "$1"));
  if (ip === undefined) throw new TypeError(`Cannot read "${text}": it is no ip:port`);
  return { ip, port: Number(text.slice(colon + 1)) };
}

function familyOf({ ip }: Endpoint): IpFamily {
  return ip.length === 4 ? "IPv4" : "IPv6";
}

function bigEndian(value: number, size: 2 | 4): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes.subarray(4 - size);
}

function writeTuple(
  message: MessageWriter,
  type: number,
  protocol: Protocol,
  source: Endpoint,
  destination: Endpoint,
): void {
  const first = CTA_IP_SOURCE[familyOf(source)];
  message.nested(type, (tuple) => {
    tuple.nested(CTA_TUPLE.IP, (ip) => {
      ip.bytes(first, source.ip).bytes(first + 1, destination.ip);
    });
    tuple.nested(CTA_TUPLE.PROTO, (proto) => {
      proto.bytes(CTA_PROTO.NUM, new Uint8Array([PROTOCOL_NUMBER[protocol]]))
        .bytes(CTA_PROTO.SOURCE_PORT, bigEndian(source.port, 2))
        .bytes(CTA_PROTO.DESTINATION_PORT, bigEndian(destination.port, 2));
    });
  });
}

function newFlow(sample: SampleFlow, sequence: number): Uint8Array<ArrayBuffer> {
  const { protocol, zone } = sample;
  const client = endpointOf(sample.client);
  const destination = endpointOf(sample.destination);
  const responder = sample.responder === undefined ? destination : endpointOf(sample.responder);
  const type = CONNTRACK_SUBSYSTEM << 8 | CONNTRACK_MESSAGE.NEW;
  const message = new MessageWriter(type, NLM_F.REQUEST | NLM_F.CREATE | NLM_F.EXCL, sequence)
    .fixed([CONNTRACK_FAMILY[familyOf(client)], 0, 0, 0]);
  writeTuple(message, CTA.TUPLE_ORIG, protocol, client, destination);
  writeTuple(message, CTA.TUPLE_REPLY, protocol, responder, client);
  message.bytes(CTA.STATUS, bigEndian(STATUS, 4)).bytes(CTA.TIMEOUT, bigEndian(TIMEOUT, 4));
  if (zone !== undefined) message.bytes(CTA.ZONE, bigEndian(zone, 2));
  if (protocol === "TCP") {
    const { protoinfo, tcp, state, established } = TCP_ESTABLISHED;
    message.nested(protoinfo, (info) => {
      info.nested(tcp, (part) => part.bytes(state, new Uint8Array([established])));
    });
  }
  return message.finish();
}

/** Flows that are written in one datagram. */
const AT_ONCE = 256;

/**
 * Writes flows into the table of the namespace of the calling thread.
 *
 * @param samples The flows.
 * @returns When the kernel has them.
 * @throws {Error} With the errno when it refuses one.
 */
export async function trackFlows(samples: Iterable<SampleFlow>): Promise<void> {
  const socket = new NetlinkSocket(NETLINK.NETFILTER);
  let sequence = 1;
  const flush = async (part: readonly Uint8Array<ArrayBuffer>[]) => {
    await socket.send(part);
    for (let got = socket.receive(); got.type === "messages"; got = socket.receive()) {
      for (const answer of got.messages) {
        if (answer.type !== NLMSG.ERROR) continue;
        throw new Error(`Cannot track flow: errno ${readAcknowledgement(answer).errno}`);
      }
    }
  };
  try {
    let part: Uint8Array<ArrayBuffer>[] = [];
    for (const sample of samples) {
      part.push(newFlow(sample, sequence++));
      if (part.length < AT_ONCE) continue;
      await flush(part);
      part = [];
    }
    if (part.length > 0) await flush(part);
  } finally {
    socket.close();
  }
}
