/**
 * The frames on a plugin's stdin and stdout: u32le length of all that follows, u32le length of
 * the header, the header (JSON, UTF-8), the attachment (raw bytes, may be empty).
 *
 * @module
 */
import { WeirError } from "./errors.ts";

/** One frame as it was read. */
export interface Frame {
  /** The header's bytes; valid only until the next frame is read. */
  readonly header: Uint8Array;
  /** The attachment; the reader keeps no other reference to it. */
  readonly attachment: Uint8Array<ArrayBuffer>;
}

/** What a reader accepts, in bytes. */
export interface FrameLimits {
  /** Of everything after the first length word. */
  readonly frameBytes: number;
  /** Of the header. */
  readonly headerBytes: number;
}

/**
 * Reads some bytes.
 *
 * @param into Where to put them, at most as many as it has room for. Its buffer may be detached.
 * @returns A view of exactly the bytes read, at the same offset of a buffer of the same length
 * and content (the same buffer, or the one it was transferred to); null at the end of the stream.
 */
export type Fill = (into: Uint8Array<ArrayBuffer>) => Promise<Uint8Array<ArrayBuffer> | null>;

const PREFIX_BYTES = 8;
const BUFFER_BYTES = 64 * 1024;
/** An attachment up to this size is copied behind its header to save a write. */
const SMALL_BYTES = 16 * 1024;
const encoder = new TextEncoder();

function prefix(into: Uint8Array, headerBytes: number, attachmentBytes: number): void {
  const view = new DataView(into.buffer, into.byteOffset);
  view.setUint32(0, 4 + headerBytes + attachmentBytes, true);
  view.setUint32(4, headerBytes, true);
}

/**
 * Encodes a frame as pieces to be written one after the other; a large attachment is not copied.
 *
 * @param message The header, anything JSON can say.
 * @param attachment Bulk bytes.
 * @returns One to three pieces.
 */
export function encodeFrame(
  message: object,
  attachment: Uint8Array = new Uint8Array(),
): Uint8Array[] {
  const json = JSON.stringify(message);
  if (json.length <= SMALL_BYTES && attachment.length <= SMALL_BYTES) {
    // A UTF-16 unit takes at most 3 bytes of UTF-8.
    const piece = new Uint8Array(PREFIX_BYTES + 3 * json.length + attachment.length);
    const { written } = encoder.encodeInto(json, piece.subarray(PREFIX_BYTES));
    piece.set(attachment, PREFIX_BYTES + written);
    prefix(piece, written, attachment.length);
    return [piece.subarray(0, PREFIX_BYTES + written + attachment.length)];
  }
  const header = encoder.encode(json);
  const head = new Uint8Array(PREFIX_BYTES);
  prefix(head, header.length, attachment.length);
  return attachment.length === 0 ? [head, header] : [head, header, attachment];
}

/**
 * Encodes a frame that is for the bootstrap of a sandbox and not for its plugin: it has no header.
 *
 * @param message Anything JSON can say.
 * @returns The frame.
 */
export function encodeHeaderless(message: object): Uint8Array {
  const body = encoder.encode(JSON.stringify(message));
  const frame = new Uint8Array(PREFIX_BYTES + body.length);
  prefix(frame, 0, body.length);
  frame.set(body, PREFIX_BYTES);
  return frame;
}

function refused(state: string): WeirError {
  return new WeirError("WEIR_PLUGIN_PROTOCOL", `Cannot read frame: ${state}`);
}

/**
 * Reads frames from a stream of bytes. Small frames share one buffer; a frame that does not fit
 * into it is read straight into memory of its own, so that bulk bytes are copied only by the
 * kernel.
 */
export class FrameReader {
  readonly #fill: Fill;
  readonly #limits: FrameLimits;
  #buffer = new Uint8Array(BUFFER_BYTES);
  #start = 0;
  #end = 0;

  /**
   * @param fill Reads bytes of the stream.
   * @param limits What to accept.
   */
  constructor(fill: Fill, limits: FrameLimits) {
    this.#fill = fill;
    this.#limits = limits;
  }

  /**
   * Reads the next frame. Must not be called again before it has settled.
   *
   * @returns The frame, or null when the stream ended between two frames.
   * @throws {WeirError} WEIR_PLUGIN_PROTOCOL when a length breaks a limit or contradicts another,
   * or when the stream ends inside a frame.
   */
  async next(): Promise<Frame | null> {
    while (this.#end - this.#start < PREFIX_BYTES) {
      if (!await this.#more()) {
        if (this.#end === this.#start) return null;
        throw refused("the stream ended inside a length word");
      }
    }
    const view = new DataView(this.#buffer.buffer, this.#start);
    const total = view.getUint32(0, true);
    const headerBytes = view.getUint32(4, true);
    const { frameBytes, headerBytes: headerLimit } = this.#limits;
    if (total > frameBytes) throw refused(`it has ${total} bytes, the limit is ${frameBytes}`);
    if (headerBytes > headerLimit) {
      throw refused(`its header has ${headerBytes} bytes, the limit is ${headerLimit}`);
    }
    if (total < 4 + headerBytes) {
      throw refused(`its header has ${headerBytes} bytes, the whole frame ${total}`);
    }
    const body = total - 4;
    this.#start += PREFIX_BYTES;
    if (body <= this.#end - this.#start) {
      const header = this.#buffer.subarray(this.#start, this.#start + headerBytes);
      const attachment = this.#buffer.slice(this.#start + headerBytes, this.#start + body);
      this.#start += body;
      return { header, attachment };
    }
    const bytes = await this.#large(body);
    return { header: bytes.subarray(0, headerBytes), attachment: bytes.subarray(headerBytes) };
  }

  async #more(): Promise<boolean> {
    if (this.#start > 0) {
      this.#buffer.copyWithin(0, this.#start, this.#end);
      this.#end -= this.#start;
      this.#start = 0;
    }
    const read = await this.#fill(this.#buffer.subarray(this.#end));
    if (read === null) return false;
    this.#buffer = new Uint8Array(read.buffer);
    this.#end += read.length;
    return true;
  }

  async #large(length: number): Promise<Uint8Array<ArrayBuffer>> {
    let bytes = new Uint8Array(length);
    bytes.set(this.#buffer.subarray(this.#start, this.#end));
    let filled = this.#end - this.#start;
    this.#start = 0;
    this.#end = 0;
    while (filled < length) {
      const read = await this.#fill(bytes.subarray(filled));
      if (read === null) throw refused(`the stream ended ${length - filled} bytes early`);
      bytes = new Uint8Array(read.buffer);
      filled += read.length;
    }
    return bytes;
  }
}
