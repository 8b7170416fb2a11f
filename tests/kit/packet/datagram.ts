/**
 * Sockets for single packets, straight from the kernel: a connected one learns of an ICMP error
 * (ECONNREFUSED), which Deno's and Node's own datagram sockets keep to themselves, and a raw one
 * speaks SCTP on kernels that have no SCTP sockets.
 *
 * @module
 */
import { errnoName } from "../../../host/capabilities/errno.ts";
import { checked, errno, fixed, libc, SystemCallError } from "../../../host/capabilities/libc.ts";
import { formatIp, parseIp } from "../../../schemas/ip.ts";

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const IPPROTO_SCTP = 132;
const MSG_DONTWAIT = 0x40;
const POLLIN = 1;
const EAGAIN = "EAGAIN";

/** An address and a port; for raw sockets the port is 0. */
export interface Endpoint {
  /** Text of an IPv4 or IPv6 address. */
  readonly ip: string;
  /** 0–65535. */
  readonly port: number;
}

/** A struct sockaddr_in or sockaddr_in6. */
function socketAddress({ ip, port }: Endpoint): Uint8Array<ArrayBuffer> {
  const bytes = parseIp(ip);
  if (bytes === undefined) {
    throw new TypeError(`Cannot use address "${ip}": it is not IPv4 or IPv6`);
  }
  const out = fixed(bytes.length === 4 ? 16 : 28);
  const view = new DataView(out.buffer);
  view.setUint16(0, bytes.length === 4 ? AF_INET : AF_INET6, true);
  view.setUint16(2, port);
  out.set(bytes, bytes.length === 4 ? 4 : 8);
  return out;
}

function endpointOf(address: Uint8Array<ArrayBuffer>): Endpoint {
  const view = new DataView(address.buffer);
  const ip = view.getUint16(0, true) === AF_INET
    ? formatIp(address.subarray(4, 8))
    : formatIp(address.subarray(8, 24));
  return { ip, port: view.getUint16(2) };
}

/** A UDP socket or a raw SCTP one. */
export class DatagramSocket implements Disposable {
  readonly #fd: number;
  readonly #buffer = fixed(2048);
  #open = true;

  /**
   * Opens a socket in the network namespace of the calling thread.
   *
   * @param transport `sctp` opens a raw socket, which needs CAP_NET_RAW.
   * @param version Of IP.
   * @throws {SystemCallError} When the kernel refuses.
   */
  constructor(transport: "udp" | "sctp", version: 4 | 6) {
    const domain = version === 4 ? AF_INET : AF_INET6;
    this.#fd = transport === "udp"
      ? checked("socket", libc().socket(domain, SOCK_DGRAM | SOCK_CLOEXEC, 0))
      : checked("socket", libc().socket(domain, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_SCTP));
  }

  /**
   * Takes packets to this address.
   *
   * @param local Where to; the unspecified address means all.
   * @throws {SystemCallError} When it is taken.
   */
  bind(local: Endpoint): void {
    const address = socketAddress(local);
    checked("bind", libc().bind(this.#fd, address, address.length));
  }

  /**
   * Exchanges packets with this address alone, and learns of its ICMP errors.
   *
   * @param remote Where to.
   * @throws {SystemCallError} ENETUNREACH and the like.
   */
  connect(remote: Endpoint): void {
    const address = socketAddress(remote);
    checked("connect", libc().connect(this.#fd, address, address.length));
  }

  /**
   * Sends one packet.
   *
   * @param bytes Its payload; for SCTP beginning with the common header.
   * @param to Where to, unless it is connected.
   * @throws {SystemCallError} ECONNREFUSED when an earlier packet was answered so.
   */
  send(bytes: Uint8Array<ArrayBuffer>, to?: Endpoint): void {
    const address = to === undefined ? null : socketAddress(to);
    const size = BigInt(bytes.length);
    checked("send", libc().sendto(this.#fd, bytes, size, 0, address, address?.length ?? 0));
  }

  /**
   * Takes one packet, if one is there.
   *
   * @returns Its payload, whence it came; undefined when there is none.
   * @throws {SystemCallError} ECONNREFUSED and the like for an ICMP error.
   */
  receive(): { readonly bytes: Uint8Array<ArrayBuffer>; readonly from: Endpoint } | undefined {
    const address = fixed(28);
    const size = fixed(4);
    size[0] = address.length;
    const length = BigInt(this.#buffer.length);
    const result = libc().recvfrom(this.#fd, this.#buffer, length, MSG_DONTWAIT, address, size);
    if (result < 0) {
      const number = errno();
      if (errnoName(number) === EAGAIN) return undefined;
      throw new SystemCallError("recv", number);
    }
    return { bytes: this.#buffer.slice(0, Number(result)), from: endpointOf(address) };
  }

  /**
   * Waits for a packet or an error.
   *
   * @param timeout At most so many milliseconds.
   * @returns When something is there or the time is over.
   */
  async readable(timeout: number): Promise<void> {
    const descriptor = fixed(8);
    const view = new DataView(descriptor.buffer);
    view.setInt32(0, this.#fd, true);
    view.setInt16(4, POLLIN, true);
    await libc().pollBeside(descriptor, 1n, Math.max(0, Math.ceil(timeout)));
  }

  /** Closes the socket; nobody may be waiting on it. */
  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    libc().close(this.#fd);
  }
}
