/**
 * A netlink socket: open, ask, dump, listen.
 *
 * @module
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { messageOf, WeirError } from "../../schemas/errors.ts";
import { errnoName, errnoOf } from "./errno.ts";
import { checked, errno, fixed, ioVector, libc, SystemCallError } from "./libc.ts";
import {
  type NetlinkMessage,
  NLM_F,
  NLMSG,
  readAcknowledgement,
  readMessages,
} from "./netlink_message.ts";

/** Netlink's protocols that weir speaks. Source: include/uapi/linux/netlink.h. */
export const NETLINK = { ROUTE: 0, NETFILTER: 12, GENERIC: 16 } as const;

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_ATTACH_FILTER = 26;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SOL_NETLINK = 270;
const NETLINK_ADD_MEMBERSHIP = 1;
const NETLINK_DROP_MEMBERSHIP = 2;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
const POLLIN = 1;
const EAGAIN = errnoOf("EAGAIN");
const EINTR = errnoOf("EINTR");
const ENOBUFS = errnoOf("ENOBUFS");

/** A batch of 100,000 set elements is some 10 MB and must fit the buffer as one piece. */
const BUFFER_BYTES = 64 << 20;

/** Larger sends run on another thread: the kernel works through a batch inside the send. */
const BESIDE_FROM_BYTES = 128 << 10;

/** The kernel fills at most 32 KiB per dump step, and less for everything else. */
const RECEIVE_BYTES = 128 << 10;

/** A dump during which something changed is started again at most this often. */
const DUMP_TRIES = 20;

/** What `receive` found: messages, nothing yet, or that the kernel had to throw some away. */
export type Received =
  | { readonly type: "messages"; readonly messages: readonly NetlinkMessage[] }
  | { readonly type: "nothing" }
  | { readonly type: "overrun" };

/** The kernel's refusal of a request. */
export class NetlinkError extends WeirError {
  /** What a stack trace begins with. */
  override readonly name = "NetlinkError";
  /** Positive errno of Linux, for example 17. */
  readonly errno: number;

  /**
   * Makes an error to throw.
   *
   * @param action What was asked for, as `create link "veth0"`.
   * @param errno Positive errno of Linux, for example 17.
   * @param detail The kernel's words, or "".
   */
  constructor(action: string, errno: number, detail: string) {
    super(
      "WEIR_NETLINK",
      `Cannot ${action}: the kernel says ${errnoName(errno)}${detail === "" ? "" : `, ${detail}`}`,
    );
    this.errno = errno;
  }
}

function sequenceOf(message: Uint8Array): number {
  return new DataView(message.buffer, message.byteOffset).getUint32(8, true);
}

/** How one pass of a dump went: `interrupted` when something changed meanwhile. */
export type DumpOutcome = "complete" | "interrupted";

/** Takes the messages of one step of a dump. */
function readStep(
  action: string,
  mine: number,
  messages: readonly NetlinkMessage[],
  take: (message: NetlinkMessage) => void,
): { readonly interrupted: boolean; readonly over: boolean } {
  let interrupted = false;
  for (const answer of messages) {
    if (answer.sequence !== mine) continue;
    if ((answer.flags & NLM_F.DUMP_INTR) !== 0) interrupted = true;
    if (answer.type === NLMSG.ERROR) {
      const { errno: number, detail } = readAcknowledgement(answer);
      throw new NetlinkError(action, number, detail);
    }
    if (answer.type === NLMSG.DONE) {
      // Its payload is the dump's outcome as a negative errno.
      const number = -new DataView(answer.bytes.buffer, answer.bytes.byteOffset + 16, 4)
        .getInt32(0, true);
      if (number === EINTR) return { interrupted: true, over: true };
      if (number > 0) throw new NetlinkError(action, number, "");
      return { interrupted, over: true };
    }
    take(answer);
  }
  return { interrupted, over: false };
}

/** A netlink socket. It belongs to the network namespace in which it was opened. */
export class NetlinkSocket {
  readonly #fd: number;
  readonly #buffer = fixed(RECEIVE_BYTES);
  #open = true;
  /** The port under which the kernel knows this socket: `nlmsg_pid` of what it causes. */
  readonly portId: number;

  /**
   * Opens a socket in the network namespace of the calling thread.
   *
   * @param protocol One of {@linkcode NETLINK}.
   * @throws {WeirError} WEIR_NETLINK when the kernel refuses.
   */
  constructor(protocol: number) {
    try {
      this.#fd = checked("socket", libc().socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
    } catch (cause) {
      if (!(cause instanceof SystemCallError)) throw cause;
      throw new WeirError(
        "WEIR_NETLINK",
        `Cannot open netlink socket "protocol ${protocol}": ${messageOf(cause)}`,
        { cause },
      );
    }
    try {
      // The forced variants need CAP_NET_ADMIN in the first user namespace; inside another one
      // the plain ones take what net.core.[rw]mem_max allows.
      this.#option(SOL_SOCKET, SO_SNDBUFFORCE, BUFFER_BYTES, SO_SNDBUF);
      this.#option(SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES, SO_RCVBUF);
      this.#option(SOL_NETLINK, NETLINK_CAP_ACK, 1);
      this.#option(SOL_NETLINK, NETLINK_EXT_ACK, 1);
      const address = fixed(12);
      new DataView(address.buffer).setUint16(0, AF_NETLINK, true);
      checked("bind", libc().bind(this.#fd, address, address.length));
      const size = fixed(4);
      size[0] = address.length;
      checked("getsockname", libc().getsockname(this.#fd, address, size));
      this.portId = new DataView(address.buffer).getUint32(4, true);
    } catch (cause) {
      this.close();
      throw new WeirError(
        "WEIR_NETLINK",
        `Cannot set up netlink socket "protocol ${protocol}": ${messageOf(cause)}`,
        { cause },
      );
    }
  }

  #option(level: number, option: number, value: number, fallback?: number): void {
    const bytes = fixed(4);
    new DataView(bytes.buffer).setUint32(0, value, true);
    const result = libc().setsockopt(this.#fd, level, option, bytes, 4);
    if (result < 0 && fallback !== undefined) this.#option(level, fallback, value);
    else checked("setsockopt", result);
  }

  /**
   * Sends bytes to the kernel, which works through them before this settles. Large ones are sent
   * on another thread, so that the event loop stays free.
   *
   * @param parts One datagram, in pieces, which are not copied and must not change meanwhile.
   * @param work `large` when they make the kernel work for long though they are few.
   * @throws {WeirError} WEIR_NETLINK when the kernel does not take it; nothing was done then.
   */
  async send(
    parts: readonly Uint8Array<ArrayBuffer>[],
    work: "as many as they are" | "large" = "as many as they are",
  ): Promise<void> {
    this.#mustBeOpen();
    const vector = ioVector(parts);
    const total = parts.reduce((sum, part) => sum + part.length, 0);
    if (total >= BESIDE_FROM_BYTES || work === "large") {
      if (await libc().writevBeside(this.#fd, vector, parts.length) >= 0) return;
      // errno stayed on the other thread. A refused datagram had no effect, so it is sent again
      // here, where its errno can be read.
      this.#mustBeOpen();
    }
    this.#sendNow(vector, parts, total);
  }

  #sendNow(
    vector: Uint8Array<ArrayBuffer>,
    parts: readonly Uint8Array<ArrayBuffer>[],
    total: number,
  ): void {
    for (;;) {
      if (libc().writev(this.#fd, vector, parts.length) >= 0) return;
      const number = errno();
      if (number === EINTR) continue;
      throw new NetlinkError(`send netlink message "${total} bytes"`, number, "");
    }
  }

  /**
   * Takes what has arrived, without waiting. Answers to a request are there when `send` returns.
   *
   * @returns Messages in memory of their own, nothing, or that the receive buffer had overrun.
   * @throws {WeirError} WEIR_NETLINK when the socket cannot be read.
   */
  receive(): Received {
    this.#mustBeOpen();
    for (;;) {
      const flags = MSG_DONTWAIT | MSG_TRUNC;
      const size = Number(libc().recv(this.#fd, this.#buffer, BigInt(RECEIVE_BYTES), flags));
      if (size > RECEIVE_BYTES) return { type: "overrun" };
      if (size >= 0) {
        const bytes = this.#buffer.slice(0, size);
        return { type: "messages", messages: [...readMessages(bytes)] };
      }
      const number = errno();
      if (number === EAGAIN) return { type: "nothing" };
      if (number === ENOBUFS) return { type: "overrun" };
      if (number !== EINTR) throw new NetlinkError('read netlink socket "answer"', number, "");
    }
  }

  /**
   * Sends one request and waits for its acknowledgement or its single answer.
   *
   * @param action What it does, for the error: `create link "veth0"`.
   * @param message One message with NLM_F_REQUEST, and NLM_F_ACK unless it is answered anyway.
   * @returns The answers other than acknowledgements.
   * @throws {NetlinkError} With the kernel's errno when it refuses.
   */
  request(action: string, message: Uint8Array<ArrayBuffer>): readonly NetlinkMessage[] {
    this.#mustBeOpen();
    this.#sendNow(ioVector([message]), [message], message.length);
    const mine = sequenceOf(message);
    const answers: NetlinkMessage[] = [];
    for (;;) {
      const received = this.receive();
      if (received.type === "overrun") throw new NetlinkError(action, ENOBUFS, "");
      if (received.type === "nothing") return answers;
      for (const answer of received.messages) {
        // What an earlier request left behind when its reading failed is not ours.
        if (answer.sequence !== mine) continue;
        if (answer.type !== NLMSG.ERROR) answers.push(answer);
        else {
          const { errno: number, detail } = readAcknowledgement(answer);
          if (number !== 0) throw new NetlinkError(action, number, detail);
        }
      }
    }
  }

  /**
   * Lists something. When it changed meanwhile, which the kernel says, it is listed anew.
   *
   * @param action What is listed, for the error: `list sets "weir"`.
   * @param message One message with NLM_F_REQUEST and NLM_F_DUMP.
   * @param take Called for every message of a consistent or inconsistent pass.
   * @param restart Called before each pass: forget what was taken.
   * @throws {NetlinkError} With the kernel's errno when it refuses.
   */
  async dump(
    action: string,
    message: Uint8Array<ArrayBuffer>,
    take: (message: NetlinkMessage) => void,
    restart: () => void,
  ): Promise<void> {
    for (let tries = 1; tries <= DUMP_TRIES; tries++) {
      restart();
      this.#mustBeOpen();
      this.#sendNow(ioVector([message]), [message], message.length);
      if (await this.#drain(action, sequenceOf(message), take) === "complete") return;
    }
    throw new NetlinkError(action, EINTR, `it changed during each of ${DUMP_TRIES} listings`);
  }

  async #drain(
    action: string,
    mine: number,
    take: (message: NetlinkMessage) => void,
  ): Promise<DumpOutcome> {
    let outcome: DumpOutcome = "complete";
    for (let steps = 1;; steps++) {
      const received = this.receive();
      // The next piece of a dump is prepared by the receive before it: nothing means it is over.
      if (received.type === "nothing") throw new NetlinkError(action, EAGAIN, "the dump stopped");
      if (received.type === "overrun") throw new NetlinkError(action, ENOBUFS, "");
      const step = readStep(action, mine, received.messages, take);
      if (step.interrupted) outcome = "interrupted";
      if (step.over) return outcome;
      // 100,000 elements are some 300 steps; others get their turn in between.
      if (steps % 16 === 0) await nextTurn();
    }
  }

  /**
   * Lists something that changes all the time, such as tracked flows, in one pass: whether it
   * changed meanwhile is said and not repaired. The kernel searches on another thread, for it may
   * look through all of a large table before it finds the next match.
   *
   * @param action What is listed, for the error: `list flows "IPv4 UDP"`.
   * @param message One message with NLM_F_REQUEST and NLM_F_DUMP.
   * @param take Called for every message; its bytes are its own.
   * @returns `interrupted` when some may be missing or there twice.
   * @throws {NetlinkError} With the kernel's errno when it refuses.
   */
  async scan(
    action: string,
    message: Uint8Array<ArrayBuffer>,
    take: (message: NetlinkMessage) => void,
  ): Promise<DumpOutcome> {
    await this.send([message], "large");
    const mine = sequenceOf(message);
    let outcome: DumpOutcome = "complete";
    for (let steps = 1;; steps++) {
      const step = readStep(action, mine, await this.#receiveBeside(action), take);
      if (step.interrupted) outcome = "interrupted";
      if (step.over) return outcome;
      // To wait for another thread gives nobody else a turn when it is done already.
      if (steps % 4 === 0) await nextTurn();
    }
  }

  async #receiveBeside(action: string): Promise<readonly NetlinkMessage[]> {
    this.#mustBeOpen();
    const flags = MSG_DONTWAIT | MSG_TRUNC;
    const room = BigInt(RECEIVE_BYTES);
    const size = Number(await libc().recvBeside(this.#fd, this.#buffer, room, flags));
    if (size > RECEIVE_BYTES) throw new NetlinkError(action, ENOBUFS, "");
    // errno stayed on the other thread: either nothing is there, or what was there got lost.
    if (size < 0) throw new NetlinkError(action, EAGAIN, "the dump stopped");
    return [...readMessages(this.#buffer.slice(0, size))];
  }

  /**
   * Joins a multicast group.
   *
   * @param group For example 7, NFNLGRP_NFTABLES.
   * @throws {SystemCallError} When the kernel refuses.
   */
  join(group: number): void {
    this.#option(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group);
  }

  /**
   * Leaves a multicast group.
   *
   * @param group For example 7, NFNLGRP_NFTABLES.
   * @throws {SystemCallError} When the kernel refuses.
   */
  leave(group: number): void {
    this.#option(SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, group);
  }

  /**
   * Makes the kernel drop, before they take room in the receive buffer, all datagrams that
   * another socket caused.
   *
   * @param portId That socket's port.
   * @throws {SystemCallError} When the kernel refuses.
   */
  ignorePort(portId: number): void {
    // Classic BPF over the first nlmsghdr; all messages of one datagram have the same cause.
    // A load turns the word from network order, while nlmsg_pid is in the machine's order.
    const swapped = new DataView(new ArrayBuffer(4));
    swapped.setUint32(0, portId, true);
    const program = [
      { code: 0x20, jumpTrue: 0, jumpFalse: 0, k: 12 }, // ld  [nlmsg_pid]
      { code: 0x15, jumpTrue: 0, jumpFalse: 1, k: swapped.getUint32(0) }, // jeq portId
      { code: 0x06, jumpTrue: 0, jumpFalse: 0, k: 0 }, // ret 0: drop
      { code: 0x06, jumpTrue: 0, jumpFalse: 0, k: 0xffffffff }, // ret all: keep
    ];
    const code = fixed(program.length * 8);
    const view = new DataView(code.buffer);
    for (const [index, step] of program.entries()) {
      view.setUint16(index * 8, step.code, true);
      view.setUint8(index * 8 + 2, step.jumpTrue);
      view.setUint8(index * 8 + 3, step.jumpFalse);
      view.setUint32(index * 8 + 4, step.k, true);
    }
    const header = fixed(16); // struct sock_fprog: u16 length, padding, pointer
    new DataView(header.buffer).setUint16(0, program.length, true);
    new DataView(header.buffer).setBigUint64(
      8,
      Deno.UnsafePointer.value(Deno.UnsafePointer.of(code)),
      true,
    );
    checked(
      "setsockopt",
      libc().setsockopt(this.#fd, SOL_SOCKET, SO_ATTACH_FILTER, header, header.length),
    );
  }

  /**
   * Waits until something can be received, on another thread and without spinning. While it
   * waits the process does not end by itself.
   *
   * @param wake A {@linkcode Wake} that ends the wait early.
   * @returns When there is something, or the wake was rung.
   */
  async readable(wake: Wake): Promise<void> {
    const descriptors = fixed(16);
    const view = new DataView(descriptors.buffer);
    view.setInt32(0, this.#fd, true);
    view.setInt16(4, POLLIN, true);
    view.setInt32(8, wake.fd, true);
    view.setInt16(12, POLLIN, true);
    await libc().pollBeside(descriptors, 2n, -1);
  }

  #mustBeOpen(): void {
    if (!this.#open) {
      throw new WeirError("WEIR_NETLINK", `Cannot use netlink socket "${this.#fd}": it is closed`);
    }
  }

  /** Closes the socket; later calls are refused. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    libc().close(this.#fd);
  }
}

/** A bell that ends {@linkcode NetlinkSocket.readable}: an eventfd. */
export class Wake {
  /** Its descriptor. */
  readonly fd: number;

  /**
   * Makes a bell that has not been rung.
   *
   * @throws {SystemCallError} When no descriptor is left.
   */
  constructor() {
    this.fd = checked("eventfd", libc().eventfd(0, SOCK_CLOEXEC));
  }

  /** Rings: every wait, now and later, ends at once. */
  ring(): void {
    const one = fixed(8);
    one[0] = 1;
    checked("write", libc().write(this.fd, one, 8n));
  }

  /** Releases the descriptor, once nobody waits any more. */
  close(): void {
    libc().close(this.fd);
  }
}
