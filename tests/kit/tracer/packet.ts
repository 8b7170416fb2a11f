/**
 * A packet on its way through the node: the bytes of its headers, and what the kernel keeps beside
 * them.
 *
 * @module
 */
import type { Protocol } from "../../../schemas/kube.ts";
import { formatIp } from "../../../schemas/ip.ts";
import { BASE } from "./numbers.ts";

/** IANA's numbers of the protocols a Service port can have. */
export const PROTOCOL_NUMBER: Readonly<Record<Protocol, number>> = { TCP: 6, UDP: 17, SCTP: 132 };

/** One end of a connection. */
export interface PacketEnd {
  /** 4 or 16 bytes. */
  readonly address: Uint8Array;
  /** 0–65535. */
  readonly port: number;
}

/** Where addresses lie: RFC 791 §3.1, RFC 8200 §3. */
const LAYOUT = {
  4: { length: 20, first: 0x45, protocol: 9, source: 12, destination: 16, address: 4 },
  6: { length: 40, first: 0x60, protocol: 6, source: 8, destination: 24, address: 16 },
} as const;

/** The first packet of a connection, or a later one. */
export class Packet {
  /** Which header it begins with. */
  readonly version: 4 | 6;
  /** IANA's number of its transport protocol. */
  readonly protocol: number;
  /** The packet mark. */
  mark = 0;
  readonly #network: Uint8Array;
  readonly #transport = new Uint8Array(20);

  /**
   * Makes one.
   *
   * @param protocol IANA's number.
   * @param source Where it says it comes from.
   * @param destination Where it goes, of the same family.
   */
  constructor(protocol: number, source: PacketEnd, destination: PacketEnd) {
    this.version = destination.address.length === 4 ? 4 : 6;
    this.protocol = protocol;
    const layout = LAYOUT[this.version];
    this.#network = new Uint8Array(layout.length);
    this.#network[0] = layout.first;
    this.#network[layout.protocol] = protocol;
    // A TCP header without options that asks for a connection: data offset 5, SYN.
    if (protocol === PROTOCOL_NUMBER.TCP) this.#transport.set([0x50, 0x02], 12);
    this.source = source;
    this.destination = destination;
  }

  /** Where it says it comes from. */
  get source(): PacketEnd {
    return this.#end(LAYOUT[this.version].source, 0);
  }

  set source(end: PacketEnd) {
    this.#setEnd(LAYOUT[this.version].source, 0, end);
  }

  /** Where it goes. */
  get destination(): PacketEnd {
    return this.#end(LAYOUT[this.version].destination, 2);
  }

  set destination(end: PacketEnd) {
    this.#setEnd(LAYOUT[this.version].destination, 2, end);
  }

  #end(address: number, port: number): PacketEnd {
    const ports = new DataView(this.#transport.buffer);
    return {
      address: this.#network.slice(address, address + LAYOUT[this.version].address),
      port: ports.getUint16(port),
    };
  }

  #setEnd(address: number, port: number, end: PacketEnd): void {
    if (end.address.length !== LAYOUT[this.version].address) {
      throw new TypeError(
        `Cannot write address "${formatIp(end.address)}": the packet is IPv${this.version}`,
      );
    }
    this.#network.set(end.address, address);
    new DataView(this.#transport.buffer).setUint16(port, end.port);
  }

  /**
   * Reads header bytes.
   *
   * @param base Of enum nft_payload_bases.
   * @param offset Bytes from the header's beginning.
   * @param length Bytes.
   * @returns The bytes, or undefined when the packet is too short, which ends the rule.
   * @throws {TypeError} For a link header: a packet of the node itself has none.
   */
  payload(base: number, offset: number, length: number): Uint8Array | undefined {
    if (base === BASE.link) {
      throw new TypeError('Cannot trace payload of base "link": packets are traced from layer 3');
    }
    const header = base === BASE.network ? this.#network : this.#transport;
    return offset + length > header.length ? undefined : header.slice(offset, offset + length);
  }
}

/**
 * Text of an end.
 *
 * @param end Address and port.
 * @returns For example `10.0.0.1:80` or `[fd00::1]:80`.
 */
export function endText({ address, port }: PacketEnd): string {
  const text = formatIp(address);
  return address.length === 4 ? `${text}:${port}` : `[${text}]:${port}`;
}
