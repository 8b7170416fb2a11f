/**
 * A place in protobuf bytes, and the steps that the readers of messages take from there.
 *
 * @module
 */
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
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
