/**
 * Sets as a packet meets them: looked up, and changed from the packet's path.
 *
 * @module
 */
import { MessageWriter } from "../../../plugins/sdk/nft/bytes.ts";
import { DATA, DATA_VERDICT, ELEMENT, SET, SET_FLAG } from "../../../plugins/sdk/nft/constants.ts";
import { attributes } from "../../../plugins/sdk/nft/read.ts";
import { elementKey, type FakeElement, type FakeSet } from "../nft_fake_kernel.ts";
import type { Effects } from "./effects.ts";
import { CONCAT, ELEMENT_FLAG, ELEMENT_KEY_END, SET_CONCAT } from "./numbers.ts";
import { type Datum, datumOf, number32, partsOf } from "./operation.ts";

/** What a set was declared as. */
export interface SetShape {
  /** How a key is found. */
  readonly kind: "hash" | "interval" | "concatenated-intervals";
  /** Bytes of a key. */
  readonly keyLength: number;
  /** Bytes of the data; 0 for a set and for verdicts. */
  readonly dataLength: number;
  /** Bytes of each field of a concatenation of intervals, without padding. */
  readonly fields: readonly number[];
}

const shapes = new WeakMap<Uint8Array, SetShape>();

function readShape(bytes: Uint8Array): SetShape {
  const parts = partsOf(bytes.subarray(20));
  const flags = number32(parts.get(SET.FLAGS));
  const concatenation = partsOf(parts.get(SET.DESC)).get(CONCAT.DESC);
  return {
    kind: (flags & SET_FLAG.interval) === 0
      ? "hash"
      : (flags & SET_CONCAT) === 0
      ? "interval"
      : "concatenated-intervals",
    keyLength: number32(parts.get(SET.KEY_LEN)),
    dataLength: number32(parts.get(SET.DATA_TYPE)) === DATA_VERDICT
      ? 0
      : number32(parts.get(SET.DATA_LEN)),
    fields: attributes(concatenation ?? new Uint8Array()).map(([, field]) =>
      number32(partsOf(field).get(CONCAT.FIELD_LEN))
    ),
  };
}

/**
 * Reads what a set was declared as.
 *
 * @param set The set.
 * @returns Its shape.
 */
export function shapeOf(set: FakeSet): SetShape {
  const known = shapes.get(set.bytes);
  if (known !== undefined) return known;
  const shape = readShape(set.bytes);
  shapes.set(set.bytes, shape);
  return shape;
}

interface ReadElement {
  readonly key: Uint8Array;
  readonly end: Uint8Array | undefined;
  readonly flags: number;
  readonly datum: Datum | undefined;
}

const elements = new WeakMap<FakeElement, ReadElement>();

function valueOf(bytes: Uint8Array | undefined): Uint8Array {
  return partsOf(bytes).get(DATA.VALUE) ?? new Uint8Array();
}

function read(element: FakeElement): ReadElement {
  const known = elements.get(element);
  if (known !== undefined) return known;
  const parts = partsOf(element.bytes);
  const end = parts.get(ELEMENT_KEY_END);
  const data = parts.get(ELEMENT.DATA);
  const found = {
    key: valueOf(parts.get(ELEMENT.KEY)),
    end: end === undefined ? undefined : valueOf(end),
    flags: number32(parts.get(ELEMENT.FLAGS)),
    datum: data === undefined ? undefined : datumOf(data),
  };
  elements.set(element, found);
  return found;
}

/**
 * Compares bytes as memcmp() does.
 *
 * @param one As long as the other.
 * @param other As long as the first.
 * @returns Below, equal to or above 0.
 */
export function compareBytes(one: Uint8Array, other: Uint8Array): number {
  for (let at = 0; at < one.length; at++) {
    const difference = (one[at] ?? 0) - (other[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/**
 * nft_set_rbtree: of all beginnings and ends the last one that is not after the key decides, and of
 * a beginning and an end at the same key the beginning.
 */
function findInterval(live: readonly FakeElement[], key: Uint8Array): FakeElement | undefined {
  let best: FakeElement | undefined;
  for (const element of live) {
    const candidate = read(element);
    if ((candidate.flags & ELEMENT_FLAG.catchall) !== 0) continue;
    if (compareBytes(candidate.key, key) > 0) continue;
    const order = best === undefined ? 1 : compareBytes(candidate.key, read(best).key);
    const begins = (candidate.flags & ELEMENT_FLAG.intervalEnd) === 0;
    if (order > 0 || (order === 0 && begins)) best = element;
  }
  return best !== undefined && (read(best).flags & ELEMENT_FLAG.intervalEnd) === 0
    ? best
    : undefined;
}

/** nft_set_pipapo: every field lies within its own interval. */
function findConcatenation(
  live: readonly FakeElement[],
  key: Uint8Array,
  fields: readonly number[],
): FakeElement | undefined {
  return live.find((element) => {
    const { key: least, end: most = least, flags } = read(element);
    if ((flags & ELEMENT_FLAG.catchall) !== 0) return false;
    let at = 0;
    return fields.every((length) => {
      const part = (bytes: Uint8Array) => bytes.subarray(at, at + length);
      const inside = compareBytes(part(least), part(key)) <= 0 &&
        compareBytes(part(key), part(most)) <= 0;
      at += length + 3 & ~3;
      return inside;
    });
  });
}

/**
 * Looks a key up.
 *
 * @param set Where.
 * @param key As long as the set's keys.
 * @param now Milliseconds on the kernel's clock.
 * @returns The element, or undefined when there is none or it has expired.
 */
export function findElement(
  set: FakeSet,
  key: Uint8Array,
  now: number,
): FakeElement | undefined {
  const { kind, fields } = shapeOf(set);
  if (kind === "hash") {
    const element = set.elements.get(elementKey(key));
    return element !== undefined && element.expires > now ? element : undefined;
  }
  const live = [...set.elements.values()].filter(({ expires }) => expires > now);
  return kind === "interval" ? findInterval(live, key) : findConcatenation(live, key, fields);
}

/**
 * The element that matches what no other one does.
 *
 * @param set Where.
 * @returns The element, or undefined without one.
 */
export function findCatchall(set: FakeSet): FakeElement | undefined {
  return set.elements.get(elementKey(new Uint8Array(), undefined, ELEMENT_FLAG.catchall));
}

/**
 * What an element leads to.
 *
 * @param element Of a map.
 * @returns Its data, or undefined in a set.
 */
export function datumOfElement(element: FakeElement): Datum | undefined {
  return read(element).datum;
}

function encode(key: Uint8Array, data: Uint8Array | undefined): Uint8Array {
  const writer = new MessageWriter(256);
  for (const [attribute, bytes] of [[ELEMENT.KEY, key], [ELEMENT.DATA, data]] as const) {
    if (bytes === undefined) continue;
    const nested = writer.open(attribute);
    writer.bytes(DATA.VALUE, bytes);
    writer.close(nested);
  }
  return writer.finish().slice();
}

/** What a rule wants of a set. */
export interface DynamicChange {
  /** Which. */
  readonly op: "add" | "update" | "delete";
  /** The key's bytes. */
  readonly key: Uint8Array;
  /** The data's bytes, for a map. */
  readonly data: Uint8Array | undefined;
  /** Milliseconds; 0 leaves it to the set. */
  readonly timeout: number;
}

/**
 * Changes a set as nft_dynset_eval() does. An element that is there keeps its data whatever the
 * rule says, and with `update` starts its time anew; one that has expired is not there.
 *
 * @param set A dynamic one.
 * @param change What to do.
 * @param now Milliseconds on the kernel's clock.
 * @param effects Receives how to take it back.
 * @returns Whether the rule goes on: not when the set is full.
 */
export function changeElement(
  set: FakeSet,
  { op, key, data, timeout }: DynamicChange,
  now: number,
  effects: Effects,
): boolean {
  const name = elementKey(key);
  const before = set.elements.get(name);
  effects.record(() => {
    if (before === undefined) set.elements.delete(name);
    else set.elements.set(name, before);
  });
  const there = before !== undefined && before.expires > now;
  if (op === "delete") {
    if (there) set.elements.delete(name);
    return true;
  }
  const lives = timeout === 0 ? set.timeout : timeout;
  const expires = lives === 0 ? Infinity : now + lives;
  if (there) {
    // nft_dynset_eval: only an element that has a time starts it anew.
    if (op === "update" && before.expires !== Infinity) {
      set.elements.set(name, { bytes: before.bytes, expires });
    }
    return true;
  }
  let live = 0;
  for (const element of set.elements.values()) if (element.expires > now) live++;
  if (set.size > 0 && live >= set.size) return false;
  set.elements.set(name, { bytes: encode(key, data), expires });
  return true;
}
