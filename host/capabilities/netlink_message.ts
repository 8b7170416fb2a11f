/**
 * Netlink's framing: messages with a 16-byte header, and attributes of type, length and value,
 * everything padded to 4 bytes. Numbers are in the machine's order, which on every machine that
 * Deno runs on is little-endian. Source: include/uapi/linux/netlink.h.
 *
 * @module
 */
import { WeirError } from "../../schemas/errors.ts";

/** Flags of a message header. Source: include/uapi/linux/netlink.h. */
export const NLM_F = {
  REQUEST: 0x1,
  MULTI: 0x2,
  ACK: 0x4,
  ECHO: 0x8,
  DUMP_INTR: 0x10,
  DUMP: 0x300,
  EXCL: 0x200,
  CREATE: 0x400,
} as const;

/** Message types below 16 belong to netlink itself. Source: include/uapi/linux/netlink.h. */
export const NLMSG = { ERROR: 2, DONE: 3, OVERRUN: 4, MIN_TYPE: 16 } as const;

/** Bytes of a message header. */
export const NLMSG_HEADER = 16;

/** Bytes of an attribute header. */
export const ATTRIBUTE_HEADER = 4;

/**
 * The two highest bits of an attribute's type are flags (nested, network byte order), which the
 * kernel masks away before it looks at the type. Source: NLA_TYPE_MASK.
 */
export const ATTRIBUTE_TYPE = 0x3fff;

const NESTED = 0x8000;

/**
 * Rounds up to netlink's alignment.
 *
 * @param length Bytes.
 * @returns The next multiple of 4.
 */
export function align(length: number): number {
  return (length + 3) & ~3;
}

/** A received netlink message; offsets count from the start of `bytes`. */
export interface NetlinkMessage {
  /** Below 16 netlink's own, see {@linkcode NLMSG}. */
  readonly type: number;
  /** Bits of {@linkcode NLM_F}. */
  readonly flags: number;
  /** That of the request it answers; 0 for a notification. */
  readonly sequence: number;
  /** The port of the socket that caused it, 0 for the kernel. */
  readonly portId: number;
  /** The whole message, its header included. */
  readonly bytes: Uint8Array;
}

/**
 * Splits what one `recv` returned into its messages.
 *
 * @param bytes One or more messages, each padded to 4 bytes.
 * @returns The messages, as views of the same memory.
 * @throws {WeirError} WEIR_NETLINK when a length does not fit, which the kernel never sends.
 */
export function* readMessages(bytes: Uint8Array): Generator<NetlinkMessage> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + NLMSG_HEADER <= bytes.length;) {
    const length = view.getUint32(at, true);
    if (length < NLMSG_HEADER || at + length > bytes.length) {
      throw new WeirError(
        "WEIR_NETLINK",
        `Cannot read netlink message "length ${length}": ${bytes.length - at} bytes are there`,
      );
    }
    yield {
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      sequence: view.getUint32(at + 8, true),
      portId: view.getUint32(at + 12, true),
      bytes: bytes.subarray(at, at + length),
    };
    at += align(length);
  }
}

/** An attribute of a message or of another attribute. */
export interface NetlinkAttribute {
  /** Without the flags of {@linkcode ATTRIBUTE_TYPE}. */
  readonly type: number;
  /** Its value, as a view of the message's memory. */
  readonly value: Uint8Array;
}

/**
 * Lists the attributes of a message that came from the kernel, where equal types repeat.
 *
 * @param bytes The message or the content of a nested attribute.
 * @param start Where its first attribute begins: 0 within an attribute.
 * @returns The attributes in their order.
 */
export function* listAttributes(bytes: Uint8Array, start: number): Generator<NetlinkAttribute> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = start; at + ATTRIBUTE_HEADER <= bytes.length;) {
    const length = view.getUint16(at, true);
    if (length < ATTRIBUTE_HEADER || at + length > bytes.length) break;
    yield {
      type: view.getUint16(at + 2, true) & ATTRIBUTE_TYPE,
      value: bytes.subarray(at + ATTRIBUTE_HEADER, at + length),
    };
    at += align(length);
  }
}

/**
 * Reads the attributes of a message that came from the kernel.
 *
 * @param bytes The message or the content of a nested attribute.
 * @param start Where its first attribute begins: for nf_tables messages 20.
 * @returns The value of each attribute by its type; of equal types the last.
 */
export function readAttributes(bytes: Uint8Array, start: number): Map<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  for (const { type, value } of listAttributes(bytes, start)) found.set(type, value);
  return found;
}

/**
 * Reads a string attribute.
 *
 * @param value An attribute's value, with or without its terminating NUL.
 * @returns The text before the first NUL.
 */
export function readText(value: Uint8Array): string {
  const end = value.indexOf(0);
  return new TextDecoder().decode(end < 0 ? value : value.subarray(0, end));
}

/** What a {@linkcode NetlinkMessage} of type NLMSG.ERROR says. */
export interface Acknowledgement {
  /** Positive errno of Linux; 0 means that the request succeeded. */
  readonly errno: number;
  /** The sequence number of the request it answers. */
  readonly sequence: number;
  /** The kernel's words (NLMSGERR_ATTR_MSG), or "". */
  readonly detail: string;
}

/** NLM_F_CAPPED: the request itself is not repeated in the answer (NETLINK_CAP_ACK). */
const CAPPED = 0x100;
/** NLM_F_ACK_TLVS: attributes follow (NETLINK_EXT_ACK). */
const ACK_TLVS = 0x200;
/** NLMSGERR_ATTR_MSG: the kernel's words. */
const ATTR_MSG = 1;

/**
 * Reads an acknowledgement or error.
 *
 * @param message A message of type NLMSG.ERROR.
 * @returns Its errno and the kernel's words.
 */
export function readAcknowledgement(message: NetlinkMessage): Acknowledgement {
  const { bytes, flags } = message;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const errno = bytes.length < 20 ? 0 : -view.getInt32(16, true);
  const inner = bytes.length < 24 ? 0 : view.getUint32(20, true);
  const start = 20 + ((flags & CAPPED) !== 0 ? NLMSG_HEADER : align(inner));
  const words = (flags & ACK_TLVS) !== 0 ? readAttributes(bytes, start).get(ATTR_MSG) : undefined;
  return {
    errno,
    sequence: message.sequence,
    detail: words === undefined ? "" : readText(words),
  };
}

/**
 * Writes one netlink message: header, a fixed part, attributes.
 */
export class MessageWriter {
  #bytes = new Uint8Array(new ArrayBuffer(256));
  #view = new DataView(this.#bytes.buffer);
  #length = NLMSG_HEADER;

  /**
   * Begins a message.
   *
   * @param type The message's type.
   * @param flags Of {@linkcode NLM_F}.
   * @param sequence Comes back in every answer.
   */
  constructor(type: number, flags: number, sequence: number) {
    this.#view.setUint16(4, type, true);
    this.#view.setUint16(6, flags, true);
    this.#view.setUint32(8, sequence, true);
  }

  #reserve(size: number): number {
    const at = this.#length;
    this.#length += align(size);
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(new ArrayBuffer(2 * this.#length));
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }

  /**
   * Appends a fixed part, such as a `struct ifinfomsg`.
   *
   * @param bytes Padded to 4 bytes when it is not a multiple.
   * @returns This writer.
   */
  fixed(bytes: ArrayLike<number>): this {
    this.#bytes.set(bytes, this.#reserve(bytes.length));
    return this;
  }

  /**
   * Appends an attribute.
   *
   * @param type Its type.
   * @param value Its bytes.
   * @returns This writer.
   */
  bytes(type: number, value: Uint8Array): this {
    const at = this.#reserve(ATTRIBUTE_HEADER + value.length);
    this.#view.setUint16(at, ATTRIBUTE_HEADER + value.length, true);
    this.#view.setUint16(at + 2, type, true);
    this.#bytes.set(value, at + ATTRIBUTE_HEADER);
    return this;
  }

  /**
   * Appends an attribute that holds a string and its NUL.
   *
   * @param type Its type.
   * @param text Without a NUL.
   * @returns This writer.
   */
  text(type: number, text: string): this {
    return this.bytes(type, new TextEncoder().encode(`${text}\0`));
  }

  /**
   * Appends an attribute that holds a 32-bit number in the machine's order.
   *
   * @param type Its type.
   * @param value 0 to 2³²−1.
   * @returns This writer.
   */
  u32(type: number, value: number): this {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value, true);
    return this.bytes(type, bytes);
  }

  /**
   * Appends an attribute that holds attributes.
   *
   * @param type Its type.
   * @param content Writes them, to this same writer.
   * @param header Bytes before the first of them, such as the peer's `struct ifinfomsg`.
   * @returns This writer.
   */
  nested(type: number, content: (writer: this) => void, header: ArrayLike<number> = []): this {
    const at = this.#reserve(ATTRIBUTE_HEADER);
    this.fixed(header);
    content(this);
    this.#view.setUint16(at, this.#length - at, true);
    this.#view.setUint16(at + 2, type | NESTED, true);
    return this;
  }

  /**
   * Ends the message.
   *
   * @returns Its bytes, the length set.
   */
  finish(): Uint8Array<ArrayBuffer> {
    this.#view.setUint32(0, this.#length, true);
    return this.#bytes.subarray(0, this.#length);
  }
}
