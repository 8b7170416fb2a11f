/**
 * What the proxier remembers of a service port, compactly: strings whose characters are bytes
 * take one byte per character in V8, compare fast and are keys of maps, so that a hundred
 * thousand endpoints cost less than two megabytes.
 *
 * @module
 */
import { type EndpointView, type IpFamily, type ServicePortView, writeAddress } from "weir";

/** What the kernel does with new connections to a service port. */
export type Outcome = "balance" | "reject" | "drop";

/** A service port as it is, or is to be, in the kernel. */
export interface ServiceState {
  readonly family: IpFamily;
  /** Address, protocol (1 byte) and port (2 bytes), all in network order, as bytes. */
  readonly key: string;
  readonly outcome: Outcome;
  /** Records of {@linkcode recordLength} bytes: the live slots, then the spare ones. */
  readonly slots: string;
  /** How many slots at the end are spare: no packet chooses them any more. */
  readonly spares: number;
}

/** Protocol numbers of IANA. */
export const PROTOCOL_NUMBERS = { TCP: 6, UDP: 17, SCTP: 132 } as const;

const scratchWords = new Uint32Array(4);

/**
 * Characters whose codes are the bytes; flat, so that V8 keeps no tree of pieces.
 *
 * @param bytes Plain arrays are several times faster to spread than typed ones.
 */
function binary(bytes: readonly number[]): string {
  // The number of arguments of a call is limited by the stack.
  if (bytes.length <= 8192) return String.fromCharCode(...bytes);
  const parts: string[] = [];
  for (let at = 0; at < bytes.length; at += 8192) parts.push(binary(bytes.slice(at, at + 8192)));
  return parts.join("");
}

function addressLength(family: IpFamily): 4 | 16 {
  return family === "IPv4" ? 4 : 16;
}

/**
 * The length of a slot's record: address, port (network order) and a byte that is 1 for an
 * endpoint of this node.
 *
 * @param family Of the service port.
 * @returns Bytes.
 */
export function recordLength(family: IpFamily): 7 | 19 {
  return family === "IPv4" ? 7 : 19;
}

/** Appends an address and a port, in network order. */
function pushPlace(bytes: number[], address: string, port: number): void {
  const words = writeAddress(address, scratchWords, 0);
  for (let index = 0; index < words; index++) {
    const word = scratchWords[index] ?? 0;
    bytes.push(word & 0xff, word >> 8 & 0xff, word >> 16 & 0xff, word >>> 24);
  }
  bytes.push(port >> 8, port & 0xff);
}

/**
 * The key of a service port, as bytes.
 *
 * @param family Of the address.
 * @param address Canonical text.
 * @param protocol Of the service port.
 * @param port 1–65535.
 * @returns As {@linkcode ServiceState.key}.
 * @throws {WeirError} WEIR_ADDRESS_INVALID when the address is none.
 */
export function serviceKey(
  family: IpFamily,
  address: string,
  protocol: keyof typeof PROTOCOL_NUMBERS,
  port: number,
): string {
  const bytes: number[] = [];
  pushPlace(bytes, address, port);
  bytes.splice(addressLength(family), 0, PROTOCOL_NUMBERS[protocol]);
  return binary(bytes);
}

/** The records of the endpoints that a set chooses. */
function records(endpoints: readonly EndpointView[], set: "inCluster" | "inLocal"): string {
  const bytes: number[] = [];
  for (const endpoint of endpoints) {
    if (!endpoint[set]) continue;
    pushPlace(bytes, endpoint.ip, endpoint.port);
    bytes.push(endpoint.local ? 1 : 0);
  }
  return binary(bytes);
}

/**
 * What a view wants of the kernel, with slots in the view's order.
 *
 * @param view Of the service port.
 * @returns The state, without spare slots.
 * @throws {WeirError} WEIR_ADDRESS_INVALID when an address is none.
 */
export function stateOf(view: ServicePortView): ServiceState {
  const { family, internal } = view;
  const slots = internal === "cluster"
    ? records(view.endpoints, "inCluster")
    : internal === "local"
    ? records(view.endpoints, "inLocal")
    : "";
  const outcome: Outcome = slots !== ""
    ? "balance"
    // KEP-2086: none anywhere is refused, none on this node is dropped.
    : internal === "drop" || internal === "local"
    ? "drop"
    : "reject";
  return {
    family,
    key: serviceKey(family, view.clusterIP, view.protocol, view.port),
    outcome,
    slots,
    spares: 0,
  };
}

/**
 * How many slots packets choose from.
 *
 * @param state Of the service port.
 * @returns 0 unless its outcome is balance.
 */
export function liveSlots(state: ServiceState): number {
  return state.slots.length / recordLength(state.family) - state.spares;
}

/**
 * The state as a view would want it.
 *
 * @param state As it is in the kernel.
 * @returns The same without spare slots.
 */
export function withoutSpares(state: ServiceState): ServiceState {
  if (state.spares === 0) return state;
  const live = liveSlots(state) * recordLength(state.family);
  return { ...state, slots: state.slots.slice(0, live), spares: 0 };
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
 * The port that follows an address.
 *
 * @param text Characters that are bytes, high byte first.
 * @param from Index of the high byte.
 * @returns 0–65535.
 */
export function portAt(text: string, from: number): number {
  return text.charCodeAt(from) << 8 | text.charCodeAt(from + 1);
}
