/**
 * A place in protobuf bytes, and the steps that the readers of messages take from there.
 *
 * @module
 */
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { messageOf, WeirError } from "../../../schemas/errors.ts";
import type { StringTable } from "./strings.ts";

/**
 * The tag of a field that has a length: a string or a message.
 *
 * @param field The field's number.
 * @returns The tag as it stands on the wire.
 */
export const sized = (field: number): number => field << 3 | WireType.LengthDelimited;

/**
 * The tag of an integer or a boolean.
 *
 * @param field The field's number.
 * @returns The tag as it stands on the wire.
 */
export const varint = (field: number): number => field << 3 | WireType.Varint;

/** What a protobuf answer begins with. Source: apimachinery `serializer/protobuf`. */
const MARK = [0x6b, 0x38, 0x73, 0x00];

/** The fields of `runtime.Unknown`, the envelope of every answer: what it holds, and its bytes. */
export const UNKNOWN = { typeMeta: sized(1), raw: sized(2) };

/** The kind in a `runtime.TypeMeta`. */
export const KIND = sized(2);

/**
 * Runs a reader of bytes; whatever it throws means that they do not decode.
 *
 * @param what What is read, for the message.
 * @param read Reads it.
 * @returns What `read` returns.
 * @throws {WeirError} WEIR_DECODE.
 */
export function decoding<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new WeirError("WEIR_DECODE", `Cannot read ${what} "protobuf": ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** Where a varint ends, or undefined when its last byte is not there. */
function varintEnd(bytes: Uint8Array, start: number): number | undefined {
  for (let at = start; at < bytes.length; at++) if ((bytes[at] ?? 0) < 0x80) return at + 1;
  return undefined;
}

/** A field of which at least the beginning is there. */
export interface WireField {
  readonly tag: number;
  /** The byte after the field, which may not be there yet. */
  readonly end: number;
}

/**
 * Reads field after field; a message is read up to its end. It counts positions instead of making
 * a view per message: a list holds a million of them.
 */
export class WireCursor {
  /** All bytes. */
  readonly bytes: Uint8Array;
  readonly #reader: BinaryReader;
  readonly #strings: StringTable;

  /**
   * @param bytes All bytes.
   * @param strings Shares the strings that come often.
   */
  constructor(bytes: Uint8Array, strings: StringTable) {
    this.bytes = bytes;
    this.#reader = new BinaryReader(bytes);
    this.#strings = strings;
  }

  /**
   * The position.
   *
   * @returns Bytes from the start.
   */
  get position(): number {
    return this.#reader.pos;
  }

  /** @param position Bytes from the start. */
  set position(position: number) {
    this.#reader.pos = position;
  }

  /**
   * Reads the mark of an answer.
   *
   * @throws {RangeError} When something else is there.
   */
  mark(): void {
    const start = this.#reader.pos;
    if (MARK.some((byte, index) => this.bytes[start + index] !== byte)) {
      throw new RangeError("it does not begin with the mark k8s\\0");
    }
    this.#reader.pos = start + MARK.length;
  }

  /**
   * Looks at the next field where the bytes may end within it. The cursor goes past its tag, and
   * past its length if it has one.
   *
   * @returns The field; undefined when not even its length is there, and then the cursor stays.
   */
  peek(): WireField | undefined {
    const start = this.#reader.pos;
    const tagEnd = varintEnd(this.bytes, start);
    if (tagEnd === undefined) return undefined;
    const tag = this.#reader.uint32();
    const valueEnd = this.#valueEnd(tag, tagEnd);
    if (valueEnd === undefined) this.#reader.pos = start;
    return valueEnd === undefined ? undefined : { tag, end: valueEnd };
  }

  #valueEnd(tag: number, start: number): number | undefined {
    switch (tag & 7) {
      case WireType.Varint:
        return varintEnd(this.bytes, start);
      case WireType.Bit64:
        return start + 8;
      case WireType.Bit32:
        return start + 4;
      case WireType.LengthDelimited:
        if (varintEnd(this.bytes, start) === undefined) return undefined;
        return this.#reader.uint32() + this.#reader.pos;
      default:
        throw new RangeError(`a field has the wire type ${tag & 7}`);
    }
  }

  /**
   * Reads the fields of a message.
   *
   * @param end The byte after the message, where the cursor stands in the end.
   * @param take Reads the field with this tag, or calls {@linkcode WireCursor.skip}.
   * @throws {RangeError} When the message's last field reaches beyond its end.
   */
  fields(end: number, take: (tag: number) => void): void {
    while (this.#reader.pos < end) take(this.#reader.uint32());
    this.expect(end);
  }

  /**
   * Checks that a message was read exactly to its end.
   *
   * @param end The byte after the message.
   * @throws {RangeError} When its last field reaches further.
   */
  expect(end: number): void {
    if (this.#reader.pos !== end) throw new RangeError("a field is longer than its message");
  }

  /**
   * Reads a tag, where {@linkcode WireCursor.fields} with its function would cost too much.
   *
   * @returns The tag of the next field.
   */
  tag(): number {
    return this.#reader.uint32();
  }

  /**
   * Reads a length.
   *
   * @returns The position after as many bytes.
   * @throws {RangeError} When that is beyond all bytes.
   */
  end(): number {
    const length = this.#reader.uint32();
    const end = this.#reader.pos + length;
    if (end > this.bytes.length) throw new RangeError("a field is longer than the answer");
    return end;
  }

  /**
   * Passes over a field.
   *
   * @param tag Its tag, already read.
   * @throws {Error} When it has no valid type or reaches beyond all bytes.
   */
  skip(tag: number): void {
    const wireType = tag & 7;
    if (wireType === WireType.LengthDelimited) this.#reader.pos = this.end();
    else if (wireType === WireType.Varint) this.#reader.uint64();
    else this.#reader.skip(wireType, tag >>> 3);
  }

  /**
   * Reads a string.
   *
   * @returns The string.
   */
  text(): string {
    return this.#reader.string();
  }

  /**
   * Reads a string that is likely to come again.
   *
   * @returns The string, shared.
   */
  shared(): string {
    const end = this.end();
    const start = this.#reader.pos;
    this.#reader.pos = end;
    return this.#strings.read(this.bytes, start, end);
  }

  /**
   * Reads an int32.
   *
   * @returns The number.
   */
  integer(): number {
    return this.#reader.int32();
  }

  /**
   * Reads a bool.
   *
   * @returns Its value.
   */
  flag(): boolean {
    return this.#reader.bool();
  }

  /**
   * Reads a message of which one string matters.
   *
   * @param field The string's tag.
   * @returns The string, shared; "" when it is absent.
   */
  only(field: number): string {
    let text = "";
    this.fields(this.end(), (tag) => {
      if (tag === field) text = this.shared();
      else this.skip(tag);
    });
    return text;
  }
}
