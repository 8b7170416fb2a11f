/**
 * Values as strings whose characters are bytes: they take one byte per character in V8, compare
 * fast and are keys of maps, so that a hundred thousand endpoints cost less than two megabytes.
 *
 * @module
 */
import { type IpFamily, writeAddress } from "weir";

/** Protocol numbers of IANA. */
export const PROTOCOL_NUMBERS = { TCP: 6, UDP: 17, SCTP: 132 } as const;

const scratchWords = new Uint32Array(4);

/**
 * Characters whose codes are the bytes; flat, so that V8 keeps no tree of pieces.
 *
 * @param bytes Plain arrays are several times faster to spread than typed ones.
 * @returns One character a byte.
 */
export function binary(bytes: readonly number[]): string {
  // The number of arguments of a call is limited by the stack.
  if (bytes.length <= 8192) return String.fromCharCode(...bytes);
  const parts: string[] = [];
  for (let at = 0; at < bytes.length; at += 8192) parts.push(binary(bytes.slice(at, at + 8192)));
  return parts.join("");
}

/**
 * The bytes of an address.
 *
 * @param family Of the address.
 * @returns 4 or 16.
 */
export function addressLength(family: IpFamily): 4 | 16 {
  return family === "IPv4" ? 4 : 16;
}

/**
 * Appends an address, in network order.
 *
 * @param bytes Receives it.
 * @param address Canonical text.
 * @throws {WeirError} WEIR_ADDRESS_INVALID when it is none.
 */
export function pushAddress(bytes: number[], address: string): void {
  const words = writeAddress(address, scratchWords, 0);
  for (let index = 0; index < words; index++) {
    const word = scratchWords[index] ?? 0;
    bytes.push(word & 0xff, word >> 8 & 0xff, word >> 16 & 0xff, word >>> 24);
  }
}

/**
 * Appends a port, in network order.
 *
 * @param bytes Receives it.
 * @param port 1–65535.
 */
export function pushPort(bytes: number[], port: number): void {
  bytes.push(port >> 8, port & 0xff);
}

/**
 * Reads bytes as words, each padded as nf_tables wants its fields.
 *
 * @param text Characters that are bytes.
 * @param from Index of the first.
 * @param length How many; the last word is padded with zeros.
 * @param into Receives the words.
 * @param at Index of the first word.
 * @returns Index past the last word.
 */
export function writeWords(
  text: string,
  from: number,
  length: number,
  into: Uint32Array,
  at: number,
): number {
  let position = at;
  let index = from;
  for (; index + 4 <= from + length; index += 4) {
    into[position++] = text.charCodeAt(index) | text.charCodeAt(index + 1) << 8 |
      text.charCodeAt(index + 2) << 16 | text.charCodeAt(index + 3) << 24;
  }
  if (index === from + length) return position;
  let rest = 0;
  for (let shift = 0; index < from + length; index++, shift += 8) {
    rest |= text.charCodeAt(index) << shift;
  }
  into[position++] = rest;
  return position;
}

/**
 * Text of an address in bytes.
 *
 * @param text Characters that are bytes.
 * @param from Index of the first.
 * @param family How many there are.
 * @returns The bytes.
 */
export function addressBytes(text: string, from: number, family: IpFamily): Uint8Array {
  return Uint8Array.from(
    { length: addressLength(family) },
    (_, index) => text.charCodeAt(from + index),
  );
}

/**
 * The port at a place.
 *
 * @param text Characters that are bytes, high byte first.
 * @param from Index of the high byte.
 * @returns 0–65535.
 */
export function portAt(text: string, from: number): number {
  return text.charCodeAt(from) << 8 | text.charCodeAt(from + 1);
}

/**
 * A number from a text that is the same in every run: what is kept in the kernel from one life of
 * the plugin to the next must not get another number. FNV-1a, then the finish of MurmurHash3.
 *
 * @param text Characters below 256 count whole, others by their low byte.
 * @returns 0 to 2³²−1.
 */
export function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    value = Math.imul(value ^ (text.charCodeAt(index) & 0xff), 0x01000193);
  }
  value = Math.imul(value ^ value >>> 16, 0x85ebca6b);
  value = Math.imul(value ^ value >>> 13, 0xc2b2ae35);
  return (value ^ value >>> 16) >>> 0;
}
