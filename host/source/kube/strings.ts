/**
 * Shares equal strings. Node names, zones, namespaces and port names come thousands of times; kept
 * once they cost neither memory nor, when they come as bytes, decoding.
 *
 * @module
 */

const SLOTS = 16_384;
/** Longer texts come seldom twice. */
const LONGEST = 63;

// A leading U+FEFF is text here, not a byte-order mark.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * A table of the strings seen last, of fixed size: a new string takes the slot of an older one
 * with the same hash.
 */
export class StringTable {
  readonly #slots: string[] = Array<string>(SLOTS).fill("");

  /**
   * Reads UTF-8.
   *
   * @param bytes Holds the text.
   * @param start Its first byte.
   * @param end The byte after its last.
   * @returns The text; the same string for the same bytes, if it was read not long ago.
   */
  read(bytes: Uint8Array, start: number, end: number): string {
    const length = end - start;
    if (length === 0) return "";
    if (length > LONGEST) return decoder.decode(bytes.subarray(start, end));
    let hash = 0;
    for (let index = start; index < end; index++) hash = hash * 31 + (bytes[index] ?? 0) | 0;
    const slot = hash & SLOTS - 1;
    const known = this.#slots[slot] ?? "";
    if (known.length === length && sameAscii(known, bytes, start)) return known;
    return this.#slots[slot] = decoder.decode(bytes.subarray(start, end));
  }

  /**
   * Shares a string.
   *
   * @param text Any.
   * @returns An equal string; the same one as before, if it was seen not long ago.
   */
  share(text: string): string {
    if (text.length === 0 || text.length > LONGEST) return text;
    let hash = 0;
    for (let index = 0; index < text.length; index++) hash = hash * 31 + text.charCodeAt(index) | 0;
    const slot = hash & SLOTS - 1;
    const known = this.#slots[slot] ?? "";
    return known === text ? known : this.#slots[slot] = text;
  }
}

/** A text beyond ASCII is longer in bytes than in UTF-16, or differs in its first such byte. */
function sameAscii(text: string, bytes: Uint8Array, start: number): boolean {
  for (let index = 0; index < text.length; index++) {
    const byte = bytes[start + index] ?? 0;
    if (byte > 0x7f || text.charCodeAt(index) !== byte) return false;
  }
  return true;
}
