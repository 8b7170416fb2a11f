/**
 * As much of SCTP as a handshake's first half takes: INIT and INIT ACK (RFC 9260 §3.3.2, §3.3.3).
 * The server's words travel as the INIT ACK's State Cookie.
 *
 * @module
 */

/** A packet with one INIT or INIT ACK chunk. */
export interface SctpPacket {
  /** 1–65535. */
  readonly sourcePort: number;
  /** 1–65535. */
  readonly targetPort: number;
  /** 0 for INIT; in the INIT ACK the tag that the INIT proposed. */
  readonly verificationTag: number;
  /** Which of the two. */
  readonly chunk: "init" | "init-ack";
  /** The tag the sender wants to see; not 0. */
  readonly initiateTag: number;
  /** The State Cookie of an INIT ACK; empty in an INIT. */
  readonly cookie: Uint8Array;
}

const CHUNK = { "init": 1, "init-ack": 2 } as const;
const STATE_COOKIE = 7;
/** Common header (12), chunk header (4), fixed part of INIT and INIT ACK (16). */
const FIXED = 32;

const CRC32C = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = (rest & 1) === 1 ? rest >>> 1 ^ 0x82f63b78 : rest >>> 1;
  return rest;
});

/**
 * SCTP's checksum (RFC 9260 appendix A).
 *
 * @param bytes A packet whose checksum field is 0.
 * @returns CRC32c, 0 to 2³²−1.
 */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = crc >>> 8 ^ (CRC32C[(crc ^ byte) & 0xff] ?? 0);
  return ~crc >>> 0;
}

/**
 * Writes a packet.
 *
 * @param packet What it says.
 * @returns Its bytes from the common header on, the checksum set.
 */
export function writeSctp(packet: SctpPacket): Uint8Array<ArrayBuffer> {
  const parameter = packet.cookie.length === 0 ? 0 : 4 + packet.cookie.length;
  const out = new Uint8Array(new ArrayBuffer(FIXED + (parameter + 3 & ~3)));
  const view = new DataView(out.buffer);
  view.setUint16(0, packet.sourcePort);
  view.setUint16(2, packet.targetPort);
  view.setUint32(4, packet.verificationTag);
  view.setUint8(12, CHUNK[packet.chunk]);
  view.setUint16(14, FIXED - 12 + parameter);
  view.setUint32(16, packet.initiateTag);
  view.setUint32(20, 65536); // advertised receiver window credit
  view.setUint16(24, 1); // outbound streams
  view.setUint16(26, 1); // inbound streams
  view.setUint32(28, 1); // initial TSN
  if (parameter > 0) {
    view.setUint16(32, STATE_COOKIE);
    view.setUint16(34, parameter);
    out.set(packet.cookie, 36);
  }
  // The checksum is the one field in little-endian order.
  view.setUint32(8, crc32c(out), true);
  return out;
}

/**
 * Reads a packet as a raw socket delivers it.
 *
 * @param received Beginning with the IPv4 header, or for IPv6 with SCTP's own.
 * @param version Of IP.
 * @returns The packet; undefined when it is neither INIT nor INIT ACK or its checksum is wrong.
 */
export function readSctp(received: Uint8Array, version: 4 | 6): SctpPacket | undefined {
  const bytes = version === 4 ? received.slice(4 * ((received[0] ?? 0) & 0xf)) : received.slice();
  if (bytes.length < FIXED) return undefined;
  const view = new DataView(bytes.buffer);
  const sum = view.getUint32(8, true);
  view.setUint32(8, 0);
  if (crc32c(bytes) !== sum) return undefined;
  const type = view.getUint8(12);
  if (type !== CHUNK.init && type !== CHUNK["init-ack"]) return undefined;
  const end = bytes.length >= FIXED + 4 && view.getUint16(32) === STATE_COOKIE
    ? 32 + view.getUint16(34)
    : 36;
  return {
    sourcePort: view.getUint16(0),
    targetPort: view.getUint16(2),
    verificationTag: view.getUint32(4),
    chunk: type === CHUNK.init ? "init" : "init-ack",
    initiateTag: view.getUint32(16),
    cookie: bytes.subarray(36, end),
  };
}
