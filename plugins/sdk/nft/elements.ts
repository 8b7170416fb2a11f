/**
 * The elements that one command adds to a set or deletes from it, as 32-bit words: a hundred
 * thousand of them are one flat array, not a hundred thousand objects.
 *
 * @module
 */
import { WeirError } from "../../../schemas/errors.ts";
import { parseCidr } from "../../../schemas/ip.ts";
import type { FieldValue } from "./datatype.ts";
import type { AnySet, Shape } from "./objects.ts";
import type { NftVerdict } from "./statements.ts";

/** A key or datum: one value for one field, a list for several. */
export type ElementValue = FieldValue | readonly FieldValue[];

/**
 * Writes a key or datum as words.
 *
 * @param shape Of the key or data.
 * @param value Its fields.
 * @param into Receives `shape.words` words.
 * @param at Index of the first.
 * @throws {WeirError} WEIR_NFT_ENCODE when fields are missing, too many, or none of their type.
 */
export function writeValue(
  shape: Shape,
  value: ElementValue,
  into: Uint32Array,
  at: number,
): void {
  const fields = typeof value === "object" ? value : [value];
  if (fields.length !== shape.types.length) {
    throw new WeirError(
      "WEIR_NFT_ENCODE",
      `Cannot encode element "${fields.join(" . ")}": the set has ${shape.types.length} fields (${
        shape.names.join(" . ")
      })`,
    );
  }
  let position = at;
  for (const [index, type] of shape.types.entries()) {
    const field = fields[index];
    if (field === undefined) continue;
    type.write(field, into, position);
    position += type.words;
  }
}

/**
 * The text of a key or datum.
 *
 * @param shape Of the key or data.
 * @param from Holds it.
 * @param at Index of the first word.
 * @returns For example `10.0.0.1 . tcp . 80`.
 */
export function formatValue(shape: Shape, from: Uint32Array, at: number): string {
  let position = at;
  const fields: string[] = [];
  for (const type of shape.types) {
    fields.push(type.format(from, position));
    position += type.words;
  }
  return fields.join(" . ");
}

/** Elements of one set that one command adds or deletes. */
export class ElementBatch {
  /** Tells commands apart. */
  readonly kind = "elements";
  /** What becomes of the elements. */
  readonly verb: "add" | "delete";
  /** Whose they are. */
  readonly set: AnySet;
  /** Words per element: its key, the end of its interval, its data. */
  readonly stride: number;
  /** The verdicts of a verdict map's elements, in their order. */
  readonly verdicts: NftVerdict[] = [];
  #words: Uint32Array<ArrayBuffer>;
  #count = 0;

  /**
   * Makes an empty batch.
   *
   * @param verb What becomes of the elements.
   * @param set Whose they are.
   */
  constructor(verb: "add" | "delete", set: AnySet) {
    this.verb = verb;
    this.set = set;
    const data = set.kind === "map" && verb === "add" ? set.data.words : 0;
    // An interval has an end, and a word that says whether the end is past the last address.
    this.stride = set.key.words + (this.interval ? set.key.words + 1 : 0) + data;
    this.#words = new Uint32Array(this.stride * 4);
  }

  /** Whether keys are intervals. */
  get interval(): boolean {
    return this.set.flags.includes("interval");
  }

  /** How many elements there are. */
  get count(): number {
    return this.#count;
  }

  /** All elements, one after the other; a view, valid until the next addition. */
  get words(): Uint32Array<ArrayBuffer> {
    return this.#words;
  }

  /**
   * Takes an element by its values.
   *
   * @param key Its fields; a CIDR when the set holds intervals.
   * @param data Its fields, for an addition to a map.
   * @throws {WeirError} WEIR_NFT_ENCODE when they do not fit the set.
   */
  take(key: ElementValue, data: ElementValue | undefined): void {
    const at = this.#grow();
    const { set } = this;
    if (this.interval) writeInterval(set, key, this.#words, at);
    else writeValue(set.key, key, this.#words, at);
    if (set.kind === "map" && this.verb === "add") {
      const datumAt = at + this.stride - set.data.words;
      if (data !== undefined) writeValue(set.data, data, this.#words, datumAt);
    }
    this.#count++;
  }

  /**
   * Takes an element as words.
   *
   * @param words Key and data as they lie in registers; more is ignored.
   */
  takeWords(words: ArrayLike<number>): void {
    const at = this.#grow();
    const into = this.#words;
    const { stride } = this;
    for (let index = 0; index < stride; index++) into[at + index] = words[index] ?? 0;
    this.#count++;
  }

  #grow(): number {
    const at = this.#count * this.stride;
    if (at + this.stride > this.#words.length) {
      const grown = new Uint32Array(this.#words.length * 2);
      grown.set(this.#words);
      this.#words = grown;
    }
    return at;
  }
}

function writeInterval(set: AnySet, key: ElementValue, into: Uint32Array, at: number): void {
  const text = typeof key === "object" ? key[0] : key;
  const [type] = set.key.types;
  if (set.key.types.length !== 1 || type === undefined || type.words * 4 !== type.bytes) {
    throw new WeirError(
      "WEIR_NFT_ENCODE",
      `Cannot encode interval "${text}": only a set with an address as its key holds intervals`,
    );
  }
  const host = type.bytes * 8;
  const cidr = parseCidr(String(text).includes("/") ? String(text) : `${text}/${host}`);
  if (cidr === undefined || cidr.network.length !== type.bytes) {
    throw new WeirError(
      "WEIR_NFT_ENCODE",
      `Cannot encode interval "${text}": it is no CIDR of the set's family`,
    );
  }
  // The end is exclusive: the network plus 2^(host bits), with carry.
  const end = cidr.network.slice();
  let bit = cidr.prefix - 1;
  while (bit >= 0 && ((end[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0) {
    end[bit >> 3] = (end[bit >> 3] ?? 0) & ~(0x80 >> (bit & 7));
    bit--;
  }
  if (bit >= 0) end[bit >> 3] = (end[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  into.set(new Uint32Array(cidr.network.slice().buffer), at);
  into.set(new Uint32Array(end.buffer), at + type.words);
  into[at + 2 * type.words] = bit >= 0 ? 1 : 0;
}

/**
 * The text of an element's key.
 *
 * @param batch The elements.
 * @param index Of the element.
 * @returns For example `10.0.0.1 . tcp . 80`, or `10.0.0.0-10.0.0.255` of an interval.
 */
export function formatKey(batch: ElementBatch, index: number): string {
  const at = index * batch.stride;
  const { key } = batch.set;
  const first = formatValue(key, batch.words, at);
  if (!batch.interval) return first;
  const last = batch.words.slice(at + key.words, at + 2 * key.words);
  const bytes = new Uint8Array(last.buffer);
  for (let position = bytes.length - 1; position >= 0; position--) {
    const byte = bytes[position] ?? 0;
    bytes[position] = byte - 1;
    if (byte > 0) break;
  }
  const end = formatValue(key, last, 0);
  return end === first ? first : `${first}-${end}`;
}

/**
 * The text of an element's data.
 *
 * @param batch Additions to a plain map.
 * @param index Of the element.
 * @returns For example `10.1.0.1 . 8080`.
 */
export function formatData(batch: ElementBatch, index: number): string {
  if (batch.set.kind !== "map") return "";
  const at = (index + 1) * batch.stride - batch.set.data.words;
  return formatValue(batch.set.data, batch.words, at);
}
