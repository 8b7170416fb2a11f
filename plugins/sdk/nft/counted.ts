/**
 * What elements have counted, read out of a listing of a large set.
 *
 * @module
 */
import { WeirError } from "../../../schemas/errors.ts";
import { COUNTER, DATA, ELEMENT, ELEMENT_LIST, EXPRESSION, NLA_NESTED } from "./constants.ts";

/** What a counter has counted; see {@linkcode counted}. */
export type TakeCount = (key: Uint32Array, packets: number, bytes: number) => void;

/** The longest key of nf_tables has so many words (NFT_DATA_VALUE_MAXLEN). */
const MOST_KEY_WORDS = 16;

const COUNTER_NAME = [...new TextEncoder().encode("counter\0")];

function malformed(what: string): WeirError {
  return new WeirError("WEIR_DECODE", `Cannot read nftables counters: ${what}`);
}

/** Where an attribute's header is, or -1; nothing is made on the way. */
function find(view: DataView, from: number, to: number, wanted: number): number {
  for (let at = from; at + 4 <= to;) {
    const length = view.getUint16(at, true);
    if (length < 4 || at + length > to) throw malformed("an attribute runs over its end");
    if ((view.getUint16(at + 2, true) & ~NLA_NESTED & ~0x4000) === wanted) return at;
    at += length + 3 & ~3;
  }
  return -1;
}

/** The same within an attribute. */
function inside(view: DataView, at: number, wanted: number): number {
  return at < 0 ? -1 : find(view, at + 4, at + view.getUint16(at, true), wanted);
}

function isCounter(view: DataView, name: number): boolean {
  return view.getUint16(name, true) === 4 + COUNTER_NAME.length &&
    COUNTER_NAME.every((byte, index) => view.getUint8(name + 4 + index) === byte);
}

function countAt(view: DataView, at: number): number {
  if (at < 0) return 0;
  if (view.getUint16(at, true) < 12) throw malformed("a number is too short");
  return view.getUint32(at + 4) * 2 ** 32 + view.getUint32(at + 8);
}

/**
 * Tells what the elements in a listing have counted. Those that have counted nothing, which most of
 * a large set are, cost a look, and the others one call: nothing is made of any.
 *
 * @param bytes The kernel's answer.
 * @param take Called for each that has counted something, with the key's words, which are another's
 * after the call.
 * @throws {WeirError} WEIR_DECODE when the answer is malformed.
 */
export function counted(bytes: Uint8Array, take: TakeCount): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const words = new Uint32Array(MOST_KEY_WORDS);
  for (let start = 0; start + 20 <= bytes.length;) {
    const size = view.getUint32(start, true);
    if (size < 20 || start + size > bytes.length) throw malformed("a message runs over its end");
    const list = find(view, start + 20, start + size, ELEMENT_LIST.ELEMENTS);
    const end = list < 0 ? 0 : list + view.getUint16(list, true);
    for (let at = list + 4; at + 4 <= end;) {
      const length = view.getUint16(at, true);
      if (length < 4 || at + length > end) throw malformed("an attribute runs over its end");
      takeCounted(view, at, words, take);
      at += length + 3 & ~3;
    }
    start += size + 3 & ~3;
  }
}

function takeCounted(view: DataView, element: number, words: Uint32Array, take: TakeCount): void {
  const expression = inside(view, element, ELEMENT.EXPR);
  const name = inside(view, expression, EXPRESSION.NAME);
  if (name < 0 || !isCounter(view, name)) return;
  const data = inside(view, expression, EXPRESSION.DATA);
  const packets = countAt(view, inside(view, data, COUNTER.PACKETS));
  if (packets === 0) return;
  const key = inside(view, inside(view, element, ELEMENT.KEY), DATA.VALUE);
  const length = key < 0 ? 0 : view.getUint16(key, true) - 4 >> 2;
  if (length > MOST_KEY_WORDS) throw malformed("a key is too long");
  for (let index = 0; index < length; index++) {
    words[index] = view.getUint32(key + 4 + 4 * index, true);
  }
  take(words.subarray(0, length), packets, countAt(view, inside(view, data, COUNTER.BYTES)));
}
