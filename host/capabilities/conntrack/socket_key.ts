/**
 * An address with a port as one value that a Map can be asked for: a hundred thousand flows are
 * looked up, and texts of their addresses would cost more than all the rest.
 *
 * @module
 */

/**
 * An address and a port: a number for IPv4 (address × 2¹⁶ + port, which a double holds exactly),
 * eight UTF-16 units of address and one of port for IPv6. Keys of two families never compare equal.
 */
export type SocketKey = number | string;

/** An address alone, made in the same way. */
export type IpKey = number | string;

/**
 * Makes an address' key.
 *
 * @param ip 4 or 16 bytes in network order.
 * @returns Its key.
 */
export function ipKey(ip: Uint8Array): IpKey {
  const view = new DataView(ip.buffer, ip.byteOffset, ip.byteLength);
  if (ip.length === 4) return view.getUint32(0);
  return String.fromCharCode(
    view.getUint16(0),
    view.getUint16(2),
    view.getUint16(4),
    view.getUint16(6),
    view.getUint16(8),
    view.getUint16(10),
    view.getUint16(12),
    view.getUint16(14),
  );
}

/**
 * Reads an address' key.
 *
 * @param key Of an address.
 * @returns Its 4 or 16 bytes in network order.
 */
export function ipOfKey(key: IpKey): Uint8Array {
  const bytes = new Uint8Array(typeof key === "number" ? 4 : 16);
  const view = new DataView(bytes.buffer);
  if (typeof key === "number") view.setUint32(0, key);
  else for (let at = 0; at < 8; at++) view.setUint16(at * 2, key.charCodeAt(at));
  return bytes;
}

/**
 * Makes the key of an address with a port.
 *
 * @param ip 4 or 16 bytes in network order.
 * @param port 0–65535.
 * @returns Their key.
 */
export function socketKey(ip: Uint8Array, port: number): SocketKey {
  const key = ipKey(ip);
  return typeof key === "number" ? key * 65536 + port : key + String.fromCharCode(port);
}

/**
 * Takes the address out of a key.
 *
 * @param key Of an address with a port.
 * @returns The address' key.
 */
export function ipOf(key: SocketKey): IpKey {
  return typeof key === "number" ? Math.floor(key / 65536) : key.slice(0, 8);
}

/**
 * Takes the port out of a key.
 *
 * @param key Of an address with a port.
 * @returns 0–65535.
 */
export function portOf(key: SocketKey): number {
  return typeof key === "number" ? key % 65536 : key.charCodeAt(8);
}
