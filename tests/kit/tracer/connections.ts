/**
 * Connection tracking: what the kernel remembers of a connection from its first packet on.
 *
 * @module
 */
import type { Effects } from "./effects.ts";
import { CT_STATE, CT_STATUS } from "./numbers.ts";
import { endText, type Packet, type PacketEnd } from "./packet.ts";

/** A connection. What changes while its first packet is on its way is written by the tracer. */
export interface Connection {
  /** 4 or 6. */
  readonly version: 4 | 6;
  /** IANA's number of its protocol. */
  readonly protocol: number;
  /** As the client sent it. */
  readonly source: PacketEnd;
  /** As the client sent it. */
  readonly destination: PacketEnd;
  /** The translated source, once that is decided; the source itself when it stays. */
  newSource: PacketEnd | undefined;
  /** The translated destination, once that is decided; the destination itself when it stays. */
  newDestination: PacketEnd | undefined;
  /** Whether a masquerade rule decided on its source. */
  masqueraded: boolean;
  /** The connection mark. */
  mark: number;
  /** Whether an answer was seen. */
  answered: boolean;
  /** Whether it got through, and is remembered. */
  confirmed: boolean;
}

/**
 * The bit of `ct state`.
 *
 * @param connection Of the packet; undefined before conntrack has seen it.
 * @returns As a rule reads it.
 */
export function stateOf(connection: Connection | undefined): number {
  if (connection === undefined) return CT_STATE.invalid;
  return connection.answered ? CT_STATE.established : CT_STATE.new;
}

function differs(one: PacketEnd, other: PacketEnd | undefined): boolean {
  return other !== undefined && endText(one) !== endText(other);
}

/**
 * The bits of `ct status`.
 *
 * @param connection Of the packet.
 * @returns As a rule reads it.
 */
export function statusOf(connection: Connection): number {
  return (connection.answered ? CT_STATUS.seenReply : 0) |
    (connection.confirmed ? CT_STATUS.confirmed : 0) |
    (connection.masqueraded || differs(connection.source, connection.newSource)
      ? CT_STATUS.snat
      : 0) |
    (differs(connection.destination, connection.newDestination) ? CT_STATUS.dnat : 0);
}

/** All connections of a node. */
export class Connections {
  readonly #all = new Map<string, Connection>();

  #key({ protocol, source, destination }: Pick<Packet, "protocol" | "source" | "destination">) {
    return `${protocol} ${endText(source)} ${endText(destination)}`;
  }

  /**
   * Finds a packet's connection, or begins one.
   *
   * @param packet As it arrived.
   * @returns The connection; a new one is forgotten unless it is confirmed.
   */
  of(packet: Packet): Connection {
    const { version, protocol, source, destination } = packet;
    return this.#all.get(this.#key(packet)) ?? {
      ...{ version, protocol, source, destination },
      newSource: undefined,
      newDestination: undefined,
      masqueraded: false,
      mark: 0,
      answered: false,
      confirmed: false,
    };
  }

  /**
   * Remembers a connection whose packet got through. Whoever got it is taken to answer.
   *
   * @param connection The packet's.
   * @param effects Receives how to take it back.
   */
  confirm(connection: Connection, effects: Effects): void {
    const key = this.#key(connection);
    const { confirmed, answered } = connection;
    effects.record(() => Object.assign(connection, { confirmed, answered }));
    connection.confirmed = true;
    connection.answered = true;
    if (this.#all.has(key)) return;
    this.#all.set(key, connection);
    effects.record(() => this.#all.delete(key));
  }

  /** Forgets all connections. */
  clear(): void {
    this.#all.clear();
  }
}
