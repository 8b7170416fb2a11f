/**
 * The data types of nft: how a value is written as text, and how it lies in a register. A value
 * takes whole 32-bit words, since nf_tables pads every field of a concatenation to 4 bytes. A word
 * is kept as it lies in memory, so network byte order means that its low byte comes first.
 *
 * @module
 */
import { WeirError } from "../../../schemas/errors.ts";
import { formatIp, ipBytes } from "../../../schemas/ip.ts";

/** A data type that a set's key or a map's data can have; the names are nft's. */
export type DataTypeName =
  | "ipv4_addr"
  | "ipv6_addr"
  | "inet_proto"
  | "inet_service"
  | "mark"
  | "integer"
  | "ifname";

/**
 * The value of one field: an address or an interface name as text, a protocol by name or number,
 * a port, mark or integer as a number.
 */
export type FieldValue = string | number;

/** How one data type lies in memory and reads as text. */
export interface DataType {
  /** nft's identifier of it (enum datatypes of libnftables), which shows in listings only. */
  readonly id: number;
  /** Length in bytes, without padding. */
  readonly bytes: number;
  /** Length with padding, in 32-bit words. */
  readonly words: number;
  /** nft's byteorder, told in the set's userdata: 1 is the host's, 2 the network's. */
  readonly order: 1 | 2;
  /**
   * Writes a value.
   *
   * @param value Of the field.
   * @param into Receives `words` words.
   * @param at Index of the first.
   * @throws {WeirError} WEIR_NFT_ENCODE or WEIR_ADDRESS_INVALID when it is none of this type.
   */
  write(value: FieldValue, into: Uint32Array, at: number): void;
  /**
   * Reads a value as text.
   *
   * @param from Holds it.
   * @param at Index of its first word.
   * @returns As nft prints it with -nn.
   */
  format(from: Uint32Array, at: number): string;
}

function refuse(value: FieldValue, type: string, state: string): WeirError {
  return new WeirError("WEIR_NFT_ENCODE", `Cannot encode ${type} "${value}": ${state}`);
}

function integer(value: FieldValue, type: string, most: number): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > most) {
    throw refuse(value, type, `it is no integer from 0 to ${most}`);
  }
  return value;
}

/**
 * The word of an IPv4 address. Views hold 100,000 of them, so this does not split strings.
 *
 * @param text Canonical text.
 * @returns The word, or -1 when it is no IPv4 address.
 */
export function ipv4Word(text: string): number {
  let word = 0;
  let octet = -1;
  let shift = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === 0x2e) {
      if (octet < 0 || shift === 24) return -1;
      word |= octet << shift;
      shift += 8;
      octet = -1;
    } else if (code >= 0x30 && code <= 0x39 && octet !== 0) {
      octet = octet < 0 ? code - 0x30 : octet * 10 + code - 0x30;
      if (octet > 255) return -1;
    } else return -1;
  }
  return octet < 0 || shift !== 24 ? -1 : (word | octet << 24) >>> 0;
}

/** Group values of the address being read; reused, since reading is synchronous. */
const GROUPS = new Uint16Array(8);

/**
 * Writes the four words of an IPv6 address.
 *
 * @param text Canonical text.
 * @param into Receives them.
 * @param at Index of the first.
 * @returns False when the text is not plain hexadecimal groups; nothing is written then.
 */
export function ipv6Words(text: string, into: Uint32Array, at: number): boolean {
  let count = 0;
  let gap = -1;
  let group = -1;
  let digits = 0;
  for (let index = 0; index <= text.length; index++) {
    const code = index < text.length ? text.charCodeAt(index) : 0x3a;
    if (code === 0x3a) {
      if (group >= 0) {
        if (count === 8) return false;
        GROUPS[count++] = group;
        group = -1;
        digits = 0;
        if (index < text.length && text.charCodeAt(index + 1) === 0x3a) {
          if (gap >= 0) return false;
          gap = count;
          index++;
        } else if (index === text.length - 1) return false;
      } else if (index === 0 && text.charCodeAt(1) === 0x3a) {
        gap = 0;
        index++;
      } else if (index < text.length || gap !== count) return false;
    } else {
      const digit = code <= 0x39 ? code - 0x30 : (code | 0x20) - 0x57;
      const hexadecimal = code >= 0x30 && code <= 0x39 ||
        (code | 0x20) >= 0x61 && (code | 0x20) <= 0x66;
      if (!hexadecimal || ++digits > 4) return false;
      group = (group < 0 ? 0 : group << 4) | digit;
    }
  }
  if (gap < 0 ? count !== 8 : count > 7) return false;
  const moved = gap < 0 ? 0 : 8 - count;
  for (let word = 0; word < 4; word++) {
    let value = 0;
    for (let half = 0; half < 2; half++) {
      const position = 2 * word + half;
      const source = gap < 0 || position < gap
        ? position
        : position < gap + moved
        ? -1
        : position - moved;
      const bits = source < 0 ? 0 : GROUPS[source] ?? 0;
      value |= (bits >> 8 | (bits & 0xff) << 8) << (16 * half);
    }
    into[at + word] = value >>> 0;
  }
  return true;
}

/** The bytes of words, as they lie in memory. */
function bytesOf(from: Uint32Array, at: number, length: number): Uint8Array {
  return new Uint8Array(from.slice(at, at + (length + 3 >> 2)).buffer, 0, length);
}

const PROTOCOLS: Readonly<Record<string, number>> = {
  icmp: 1,
  tcp: 6,
  udp: 17,
  icmpv6: 58,
  sctp: 132,
};

/** nft's `-nn` prints protocols by number; people and String(tx) read names. */
const PROTOCOL_NAMES = new Map(Object.entries(PROTOCOLS).map(([name, number]) => [number, name]));

/** How each data type lies in memory and reads as text. */
export const DATA_TYPES: Readonly<Record<DataTypeName, DataType>> = {
  ipv4_addr: {
    id: 7,
    bytes: 4,
    words: 1,
    order: 2,
    write(value, into, at) {
      const word = typeof value === "string" ? ipv4Word(value) : -1;
      if (word < 0) throw refuse(value, "IPv4 address", "it has not four octets");
      into[at] = word;
    },
    format: (from, at) => bytesOf(from, at, 4).join("."),
  },
  ipv6_addr: {
    id: 8,
    bytes: 16,
    words: 4,
    order: 2,
    write(value, into, at) {
      if (typeof value !== "string") throw refuse(value, "IPv6 address", "it is a number");
      if (ipv6Words(value, into, at)) return;
      // The rare forms, such as an embedded IPv4 address, and the error.
      const bytes = ipBytes(value);
      if (bytes.length !== 16) throw refuse(value, "IPv6 address", "it is an IPv4 address");
      into.set(new Uint32Array(bytes.buffer), at);
    },
    format: (from, at) => formatIp(bytesOf(from, at, 16)),
  },
  inet_proto: {
    id: 12,
    bytes: 1,
    words: 1,
    order: 2,
    write(value, into, at) {
      into[at] = typeof value === "string"
        ? PROTOCOLS[value] ?? integer(value, "protocol", 255)
        : integer(value, "protocol", 255);
    },
    format: (from, at) => PROTOCOL_NAMES.get(from[at] ?? 0) ?? String(from[at] ?? 0),
  },
  inet_service: {
    id: 13,
    bytes: 2,
    words: 1,
    order: 2,
    write(value, into, at) {
      const port = integer(value, "port", 0xffff);
      into[at] = port >> 8 | (port & 0xff) << 8;
    },
    format: (from, at) => String((from[at] ?? 0) >> 8 & 0xff | ((from[at] ?? 0) & 0xff) << 8),
  },
  mark: {
    id: 19,
    bytes: 4,
    words: 1,
    order: 1,
    write(value, into, at) {
      into[at] = integer(value, "mark", 0xffffffff);
    },
    format: (from, at) => hexadecimal(from[at] ?? 0),
  },
  integer: {
    id: 4,
    bytes: 4,
    words: 1,
    order: 1,
    write(value, into, at) {
      into[at] = integer(value, "integer", 0xffffffff);
    },
    format: (from, at) => String(from[at] ?? 0),
  },
  ifname: {
    id: 41,
    bytes: 16,
    words: 4,
    order: 1,
    write(value, into, at) {
      // IFNAMSIZ is 16 with the NUL; the kernel forbids "/" and white space in names.
      if (typeof value !== "string" || !/^[^/\s"*]{1,15}$/.test(value)) {
        throw refuse(value, "interface name", "it is no name of 1 to 15 characters");
      }
      const bytes = new Uint8Array(16);
      if (new TextEncoder().encodeInto(value, bytes).read !== value.length || bytes[15] !== 0) {
        throw refuse(value, "interface name", "it is longer than 15 bytes");
      }
      into.set(new Uint32Array(bytes.buffer), at);
    },
    format(from, at) {
      const bytes = bytesOf(from, at, 16);
      const end = bytes.indexOf(0);
      return `"${new TextDecoder().decode(bytes.subarray(0, end < 0 ? 16 : end))}"`;
    },
  },
};

/**
 * The text of a mark, as nft prints it.
 *
 * @param value Unsigned 32 bits.
 * @returns For example `0x00004000`.
 */
export function hexadecimal(value: number): string {
  return `0x${(value >>> 0).toString(16).padStart(8, "0")}`;
}

/**
 * Writes an address as the words that addElementWords() takes.
 *
 * @param text An IPv4 or IPv6 address.
 * @param into Receives one or four words.
 * @param at Index of the first.
 * @returns How many words were written.
 * @throws {WeirError} WEIR_ADDRESS_INVALID when the text is no IP address.
 *
 * @example
 * ```ts
 * import { writeAddress } from "weir";
 * import assert from "node:assert/strict";
 *
 * const words = new Uint32Array(4);
 * assert.equal(writeAddress("10.0.0.1", words, 0), 1);
 * assert.deepEqual(new Uint8Array(words.buffer, 0, 4), new Uint8Array([10, 0, 0, 1]));
 * ```
 */
export function writeAddress(text: string, into: Uint32Array, at: number): number {
  const word = ipv4Word(text);
  if (word >= 0) {
    into[at] = word;
    return 1;
  }
  if (!ipv6Words(text, into, at)) {
    const bytes = ipBytes(text);
    into.set(new Uint32Array(bytes.buffer), at);
    return bytes.length / 4;
  }
  return 4;
}
