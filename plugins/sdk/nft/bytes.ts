/**
 * A growing buffer for netlink messages. Netlink is in the host's byte order for headers and
 * aligned to 4 bytes everywhere, so bulk data is written as 32-bit words. Every target of Deno is
 * little-endian, which this file relies on.
 *
 * @module
 */
import { WeirError } from "../../../schemas/errors.ts";
import { NLA_NESTED, SUBSYSTEM } from "./constants.ts";

const TEXT = new TextEncoder();

/** The longest attribute, header included: its length field has 16 bits. */
export const ATTRIBUTE_MAXLEN = 0xffff;

/** Writes nf_tables messages one after the other. */
export class MessageWriter {
  #buffer: ArrayBuffer;
  #bytes: Uint8Array<ArrayBuffer>;
  #words: Uint32Array<ArrayBuffer>;
  #view: DataView<ArrayBuffer>;
  #length = 0;
  #messageStart = 0;
  #messages = 0;

  /**
   * @param capacity First size of the buffer in bytes; it doubles as needed.
   */
  constructor(capacity = 16_384) {
    this.#buffer = new ArrayBuffer(capacity + 3 & ~3);
    this.#bytes = new Uint8Array(this.#buffer);
    this.#words = new Uint32Array(this.#buffer);
    this.#view = new DataView(this.#buffer);
  }

  /** How many messages have been begun. */
  get messages(): number {
    return this.#messages;
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /**
   * @returns All that was written; a view, valid until the next write.
   */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  /**
   * Makes room, so that what follows up to that many bytes is one reallocation at most.
   *
   * @param size Bytes.
   */
  reserve(size: number): void {
    const needed = this.#length + size;
    if (needed <= this.#buffer.byteLength) return;
    const grown = new ArrayBuffer(Math.max(needed + 3 & ~3, this.#buffer.byteLength * 2));
    const bytes = new Uint8Array(grown);
    bytes.set(this.finish());
    this.#buffer = grown;
    this.#bytes = bytes;
    this.#words = new Uint32Array(grown);
    this.#view = new DataView(grown);
  }

  /**
   * Begins a message: nlmsghdr and nfgenmsg. Sequence number and port stay 0, the host sets them.
   *
   * @param type Of MESSAGE in constants.ts.
   * @param flags Of NLM in constants.ts.
   * @param family Of FAMILY in constants.ts.
   */
  beginMessage(type: number, flags: number, family: number): void {
    this.reserve(20);
    this.#messageStart = this.#length;
    this.#messages++;
    const at = this.#length >> 2;
    this.#words[at] = 0;
    this.#words[at + 1] = (SUBSYSTEM << 8 | type) | flags << 16;
    this.#words[at + 2] = 0;
    this.#words[at + 3] = 0;
    this.#words[at + 4] = family;
    this.#length += 20;
  }

  /** Ends the message begun last by writing its length. */
  endMessage(): void {
    this.#words[this.#messageStart >> 2] = this.#length - this.#messageStart;
  }

  /**
   * Opens an attribute that holds attributes.
   *
   * @param type Of the attribute.
   * @returns Where it begins, for {@linkcode MessageWriter.close}.
   */
  open(type: number): number {
    this.reserve(4);
    const start = this.#length;
    this.#words[start >> 2] = (NLA_NESTED | type) << 16;
    this.#length += 4;
    return start;
  }

  /**
   * Closes an attribute.
   *
   * @param start What open() returned.
   * @throws {WeirError} WEIR_NFT_ENCODE when it is longer than its 16-bit length field can say.
   */
  close(start: number): void {
    const length = this.#length - start;
    if (length > ATTRIBUTE_MAXLEN) {
      throw new WeirError(
        "WEIR_NFT_ENCODE",
        `Cannot encode attribute of ${length} bytes: netlink allows ${ATTRIBUTE_MAXLEN}`,
      );
    }
    this.#view.setUint16(start, length, true);
  }

  /**
   * Writes a 32-bit number in network byte order, as nearly all of nf_tables wants it.
   *
   * @param type Of the attribute.
   * @param value Signed or unsigned.
   */
  be32(type: number, value: number): void {
    this.reserve(8);
    this.#words[this.#length >> 2] = 8 | type << 16;
    this.#view.setUint32(this.#length + 4, value >>> 0);
    this.#length += 8;
  }

  /**
   * Writes a 64-bit number in network byte order.
   *
   * @param type Of the attribute.
   * @param value An unsigned integer up to 2⁵³.
   */
  be64(type: number, value: number): void {
    this.reserve(12);
    this.#words[this.#length >> 2] = 12 | type << 16;
    this.#view.setBigUint64(this.#length + 4, BigInt(value));
    this.#length += 12;
  }

  /**
   * Writes a string with its terminating NUL.
   *
   * @param type Of the attribute.
   * @param text UTF-8 goes out.
   */
  string(type: number, text: string): void {
    const bytes = TEXT.encode(text);
    this.#header(type, bytes.length + 1);
    this.#bytes.set(bytes, this.#length - (bytes.length + 4 & ~3));
  }

  /**
   * Writes bytes.
   *
   * @param type Of the attribute.
   * @param bytes Its payload.
   */
  bytes(type: number, bytes: Uint8Array): void {
    this.#header(type, bytes.length);
    this.#bytes.set(bytes, this.#length - (bytes.length + 3 & ~3));
  }

  /**
   * Makes room for bulk data, which the caller writes with its headers.
   *
   * @param count How many 32-bit words.
   * @returns The buffer's words and the index of the first; valid until the next write.
   */
  claim(count: number): { readonly words: Uint32Array; readonly at: number } {
    this.reserve(count << 2);
    const at = this.#length >> 2;
    this.#length += count << 2;
    return { words: this.#words, at };
  }

  /** Writes the header and zeroes the padded payload, past which it leaves the position. */
  #header(type: number, payload: number): void {
    const padded = payload + 3 & ~3;
    this.reserve(4 + padded);
    if (payload + 4 > ATTRIBUTE_MAXLEN) {
      throw new WeirError(
        "WEIR_NFT_ENCODE",
        `Cannot encode attribute of ${payload + 4} bytes: netlink allows ${ATTRIBUTE_MAXLEN}`,
      );
    }
    this.#words[this.#length >> 2] = payload + 4 | type << 16;
    this.#bytes.fill(0, this.#length + 4, this.#length + 4 + padded);
    this.#length += 4 + padded;
  }
}
