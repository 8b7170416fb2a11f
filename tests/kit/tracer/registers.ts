/**
 * The registers of a rule: sixteen words of 4 bytes, which know whether they were written.
 *
 * @module
 */
import { REGISTER } from "./numbers.ts";

/**
 * The first word of a register. NFT_REG_1 to NFT_REG_4 are four words each and alias NFT_REG32_00
 * to NFT_REG32_15.
 *
 * @param register Of enum nft_registers, not the verdict's.
 * @returns 0–15.
 */
export function wordOf(register: number): number {
  return register < REGISTER.FIRST_WORD ? (register - 1) * 4 : register - REGISTER.FIRST_WORD;
}

/** The registers while one rule runs. */
export class Registers {
  readonly #bytes = new Uint8Array(REGISTER.WORDS * 4);
  readonly #written = new Array<boolean>(REGISTER.WORDS).fill(false);

  /**
   * Writes a value; the last word is padded with zeros, as the kernel does.
   *
   * @param word The first word, 0–15.
   * @param value At least one byte.
   * @throws {TypeError} When it runs over the last register.
   */
  write(word: number, value: Uint8Array): void {
    const words = value.length + 3 >> 2;
    if (word < 0 || word + words > REGISTER.WORDS) {
      throw new TypeError(`Cannot write register word "${word}": ${value.length} bytes do not fit`);
    }
    this.#bytes.fill(0, word * 4, (word + words) * 4);
    this.#bytes.set(value, word * 4);
    this.#written.fill(true, word, word + words);
  }

  /**
   * Reads a value.
   *
   * @param word The first word, 0–15.
   * @param length Bytes.
   * @returns A copy.
   * @throws {TypeError} When no expression of the rule has written all of it: newer kernels refuse
   * such a rule, older ones compare with what an earlier rule left behind.
   */
  read(word: number, length: number): Uint8Array {
    for (let at = word; at < word + (length + 3 >> 2); at++) {
      if (this.#written[at] === true) continue;
      throw new TypeError(`Cannot read register word "${at}": nothing in the rule has written it`);
    }
    return this.#bytes.slice(word * 4, word * 4 + length);
  }
}
