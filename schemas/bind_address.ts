/**
 * The address a server binds, as text.
 *
 * @module
 */
import { formatIp, ipFamily, parseIp } from "./ip.ts";

/** Where a server listens. */
export interface BindAddress {
  /** Canonical text of an IPv4 or IPv6 address, without brackets. */
  readonly ip: string;
  /** 1–65535. */
  readonly port: number;
}

/** A port as Go's `net.SplitHostPort` leaves it: decimal digits, no sign. */
const PORT = /^\d{1,5}$/;

/**
 * Parses what `--healthz-bind-address` and `--metrics-bind-address` take. As kube-proxy does
 * (`AppendPortIfNeeded`), a bare IP address gets the default port.
 *
 * @param text `IPv4`, `IPv4:port`, `IPv6` or `[IPv6]:port`.
 * @param defaultPort The port (1–65535) of a bare IP address.
 * @returns The address, or why the text is none.
 */
export function parseBindAddress(text: string, defaultPort: number): BindAddress | string {
  const bare = parseIp(text);
  if (bare !== undefined) return { ip: formatIp(bare), port: defaultPort };
  const colon = text.lastIndexOf(":");
  if (colon < 0) return "it is neither IP:port nor an IP address";
  const host = text.slice(0, colon);
  const port = Number(text.slice(colon + 1));
  const bracketed = host.startsWith("[") && host.endsWith("]");
  const bytes = parseIp(bracketed ? host.slice(1, -1) : host);
  if (bytes === undefined) return `"${host}" is no IP address`;
  if (bracketed !== (bytes.length === 16)) {
    return "only an IPv6 address takes brackets, and needs them";
  }
  if (!PORT.test(text.slice(colon + 1)) || port < 1 || port > 65535) {
    return `"${text.slice(colon + 1)}" is no port from 1 to 65535`;
  }
  return { ip: formatIp(bytes), port };
}

/**
 * The canonical text of a bind address.
 *
 * @param address The address.
 * @returns `10.0.0.1:10256` or `[::]:10256`.
 */
export function formatBindAddress(address: BindAddress): string {
  return ipFamily(address.ip) === "IPv6"
    ? `[${address.ip}]:${address.port}`
    : `${address.ip}:${address.port}`;
}
