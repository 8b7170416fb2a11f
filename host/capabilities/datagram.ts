/**
 * One question and its answer over UDP. Deno's own datagram sockets are never connected, and the
 * kernel reports an ICMP "port unreachable" to connected ones only (udp(7)): here a refusal shows
 * at once instead of as silence.
 *
 * @module
 */
import { WeirError } from "../../schemas/errors.ts";
import { parseIp } from "../../schemas/ip.ts";
import { checked, errno, fixed, libc, SystemCallError } from "./libc.ts";

const AF_INET = 2;
const AF_INET6 = 10;
/** SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC */
const SOCKET_TYPE = 2 | 0o4000 | 0o2000000;
const POLLIN = 1;
const EPERM = 1;
const EINTR = 4;
const EAGAIN = 11;
const ECONNREFUSED = 111;
/** The largest UDP payload there is. */
const PAYLOAD_BYTES = 65_535;

/** How a question ended. */
export type DatagramAnswer =
  | { readonly type: "answered"; readonly payload: Uint8Array }
  /** An ICMP error said that nobody listens there. */
  | { readonly type: "refused" }
  /** Nothing came in time. */
  | { readonly type: "silent" };

/** A struct sockaddr_in (16 bytes) or sockaddr_in6 (28 bytes), ip(7) and ipv6(7). */
function socketAddress(address: Uint8Array, port: number): Uint8Array<ArrayBuffer> {
  const bytes = fixed(address.length === 4 ? 16 : 28);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, address.length === 4 ? AF_INET : AF_INET6, true);
  view.setUint16(2, port);
  bytes.set(address, address.length === 4 ? 4 : 8);
  return bytes;
}

function receive(fd: number): DatagramAnswer | undefined {
  const buffer = fixed(PAYLOAD_BYTES);
  const size = Number(libc().recv(fd, buffer, BigInt(buffer.length), 0));
  if (size >= 0) return { type: "answered", payload: buffer.slice(0, size) };
  return failed("recv", errno());
}

function failed(call: string, number: number): DatagramAnswer | undefined {
  if (number === ECONNREFUSED) return { type: "refused" };
  if (number === EAGAIN || number === EINTR) return undefined;
  throw new SystemCallError(call, number);
}

/**
 * Sends one datagram and waits for the first answer.
 *
 * @param target The address, IPv4 or IPv6, and the port, 1–65535.
 * @param sourcePort The port to send from, 1–65535, or 0 for any free one.
 * @param payload What to send.
 * @param timeoutMs How long to wait, in milliseconds.
 * @param now The time in milliseconds, from any beginning.
 * @returns The answer, or how it failed to come.
 * @throws {WeirError} WEIR_ADDRESS_INVALID for text that is no IP address.
 * @throws {SystemCallError} When the kernel cannot send, as ENETUNREACH without a route or
 * EADDRINUSE for a source port that is taken.
 */
export async function askDatagram(
  target: { readonly address: string; readonly port: number },
  sourcePort: number,
  payload: Uint8Array<ArrayBuffer>,
  timeoutMs: number,
  now: () => number,
): Promise<DatagramAnswer> {
  const address = parseIp(target.address);
  if (address === undefined) {
    throw new WeirError(
      "WEIR_ADDRESS_INVALID",
      `Cannot send datagram to "${target.address}": it is not IPv4 or IPv6`,
    );
  }
  const family = address.length === 4 ? AF_INET : AF_INET6;
  const fd = checked("socket", libc().socket(family, SOCKET_TYPE, 0));
  try {
    const anywhere = socketAddress(new Uint8Array(address.length), sourcePort);
    checked("bind", libc().bind(fd, anywhere, anywhere.length));
    const peer = socketAddress(address, target.port);
    checked("connect", libc().connect(fd, peer, peer.length));
    const sent = libc().sendto(fd, payload, BigInt(payload.length), 0, null, 0);
    const number = sent < 0 ? errno() : 0;
    // A rule of the output hook that rejects drops the datagram, which the sender sees as EPERM,
    // and sends it an ICMP error, as it would a sender elsewhere: the refusal is under way.
    if (number !== 0 && number !== EPERM) return failed("sendto", number) ?? { type: "silent" };
    const answer = await firstAnswer(fd, now() + timeoutMs, now);
    if (number === EPERM && answer.type === "silent") throw new SystemCallError("sendto", EPERM);
    return answer;
  } finally {
    libc().close(fd);
  }
}

async function firstAnswer(
  fd: number,
  deadline: number,
  now: () => number,
): Promise<DatagramAnswer> {
  const descriptor = fixed(8); // struct pollfd: int fd, short events, short revents
  const view = new DataView(descriptor.buffer);
  view.setInt32(0, fd, true);
  view.setInt16(4, POLLIN, true);
  for (;;) {
    const answer = receive(fd);
    if (answer !== undefined) return answer;
    const rest = Math.ceil(deadline - now());
    if (rest <= 0) return { type: "silent" };
    // On another thread, so that other questions go on. An error wakes it too (POLLERR).
    await libc().pollBeside(descriptor, 1n, rest);
  }
}
