/**
 * The registers of a rule while it is read: what each word holds, as nft would write it.
 *
 * @module
 */
import { type Field, type FieldType, hexadecimalBytes } from "./value.ts";

/** What a load has put into registers. */
export interface Loaded {
  /** As nft writes it. */
  readonly text: string;
  /** What the bytes mean. */
  readonly type: FieldType;
  /** Words of 4 bytes that it takes. */
  readonly words: number;
  /** The bits that are kept of it; undefined for all. */
  readonly mask?: Uint8Array;
  /** It is only the beginning of an address, of so many bits. */
  readonly prefix?: number;
  /** A value that is known while the rule is read. */
  readonly constant?: Uint8Array;
  /** It reads as an operation, which nft compares by `==`. */
  readonly computed?: true;
}

/**
 * The first word of a register.
 *
 * @param register Of enum nft_registers: 1 to 4 have four words, those from 8 on one.
 * @returns 0 to 15.
 */
export function wordOf(register: number): number {
  return register >= 8 ? register - 8 : (register - 1) * 4;
}

/** NFT_REG_VERDICT. */
export const VERDICT_REGISTER = 0;

const UNKNOWN: Loaded = { text: "?", type: "bytes", words: 1 };

/** What the registers hold. */
export class Registers {
  readonly #words = new Map<number, Loaded>();

  /**
   * Loads.
   *
   * @param register The first.
   * @param loaded What.
   */
  load(register: number, loaded: Loaded): void {
    const first = wordOf(register);
    for (let word = first + 1; word < first + loaded.words; word++) this.#words.delete(word);
    this.#words.set(first, loaded);
  }

  /**
   * Reads.
   *
   * @param register The first.
   * @returns What begins there.
   */
  at(register: number): Loaded {
    return this.#words.get(wordOf(register)) ?? UNKNOWN;
  }

  /**
   * Reads a key of several fields.
   *
   * @param register The first.
   * @param bytes How long it is.
   * @returns What is there, one after the other.
   */
  key(register: number, bytes: number): readonly Loaded[] {
    const first = wordOf(register);
    const end = first + Math.max(1, bytes + 3 >> 2);
    const found: Loaded[] = [];
    for (let word = first; word < end;) {
      const loaded = this.#words.get(word) ?? UNKNOWN;
      found.push(loaded);
      word += loaded.words;
    }
    return found;
  }
}

/**
 * Words that bytes take.
 *
 * @param bytes How many.
 * @returns Whole words.
 */
export function wordsFor(bytes: number): number {
  return Math.max(1, bytes + 3 >> 2);
}

/**
 * Words that a map's data take.
 *
 * @param fields Of the data.
 * @returns Whole words.
 */
export function wordsOfFields(fields: readonly Field[]): number {
  return fields.reduce((sum, { bytes = 4 }) => sum + wordsFor(bytes), 0);
}

/**
 * How many bits a mask keeps, when it is one of a range of addresses.
 *
 * @param mask In network order.
 * @returns The length of the prefix, or undefined when ones follow zeros.
 */
export function prefixOf(mask: Uint8Array): number | undefined {
  const bits = [...mask].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  const match = /^(1*)0*$/.exec(bits);
  return match?.[1]?.length;
}

/**
 * What is not known here, in a way that still tells one from another.
 *
 * @param name Of the expression.
 * @param bytes Its attributes.
 * @returns As nft's own debug output marks what has no syntax.
 */
export function opaque(name: string, bytes: Uint8Array): string {
  return bytes.length === 0 ? `[ ${name} ]` : `[ ${name} ${hexadecimalBytes(bytes)} ]`;
}
