/**
 * From where in its sources each part of a plugin's bundle comes, as the bundler has noted it.
 *
 * @module
 */
import * as v from "valibot";

/** A place in a file of a plugin's sources. */
export interface SourcePlace {
  /** As the bundler names it: from weir's own folder. */
  readonly file: string;
  /** Counts from 1. */
  readonly line: number;
}

/** What is kept of a source map. */
export const SourceMapSchema = v.strictObject({
  /** The files, as the bundler names them. */
  sources: v.array(v.string()),
  /**
   * For each file which of its lines each line is that the map speaks of, both counting from 0;
   * null where they are the same.
   */
  lines: v.array(v.nullable(v.array(v.number()))),
  /** As in ECMA-426. */
  mappings: v.string(),
});

const SEMICOLON = 59;
const COMMA = 44;

function isEnd(code: number): boolean {
  return code === COMMA || code === SEMICOLON;
}

/** What each character of base64 is worth; 64 for those that are none. */
const DIGITS = new Uint8Array(128).fill(64);
for (
  const [digit, character] of [
    ..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
  ]
    .entries()
) DIGITS[character.charCodeAt(0)] = digit;

/**
 * A source map that was read. It was made of hostile code, so it is held in numbers side by side
 * and not in an object for each of as many segments as fit into it.
 */
export class SourceMap {
  /** The files, as the bundler names them. */
  readonly sources: readonly string[];
  readonly #sourceLines: readonly (readonly number[] | null)[];
  /** Where the segments of each line begin. */
  readonly #begins: Uint32Array;
  readonly #columns: Int32Array;
  readonly #sources: Int32Array;
  readonly #lines: Int32Array;

  /**
   * Reads a map.
   *
   * @param map What is kept of it.
   * @throws {SyntaxError} When it cannot be read.
   */
  constructor({ sources, lines: sourceLines, mappings }: v.InferOutput<typeof SourceMapSchema>) {
    this.sources = sources;
    this.#sourceLines = sourceLines;
    let lines = 2;
    let segments = 1;
    for (let at = 0; at < mappings.length; at++) {
      const code = mappings.charCodeAt(at);
      if (code === SEMICOLON) lines++;
      if (code === SEMICOLON || code === COMMA) segments++;
    }
    this.#begins = new Uint32Array(lines);
    this.#columns = new Int32Array(segments);
    this.#sources = new Int32Array(segments).fill(-1);
    this.#lines = new Int32Array(segments);
    this.#read(mappings);
  }

  #read(mappings: string): void {
    let at = 0;
    const number = (): number => {
      let value = 0;
      for (let shift = 0;; shift += 5) {
        const digit = DIGITS[mappings.charCodeAt(at++)] ?? 64;
        if (digit === 64 || shift > 30) throw new SyntaxError("the mappings are malformed");
        value |= (digit & 31) << shift;
        if (digit < 32) return (value & 1) === 1 ? -(value >>> 1) : value >>> 1;
      }
    };
    /** Column, source, its line, its column and a name: each counts from the one before. */
    const fields = [0, 0, 0, 0, 0];
    let line = 0;
    let segment = 0;
    while (at < mappings.length) {
      const code = mappings.charCodeAt(at);
      if (code === COMMA) at++;
      else if (code === SEMICOLON) {
        at++;
        this.#begins[++line] = segment;
        fields[0] = 0;
      } else {
        let read = 0;
        for (; at < mappings.length && !isEnd(mappings.charCodeAt(at)); read++) {
          const before = fields[read];
          if (before === undefined) throw new SyntaxError("a segment has too many fields");
          fields[read] = before + number();
        }
        this.#columns[segment] = fields[0] ?? 0;
        if (read > 1) {
          this.#sources[segment] = fields[1] ?? 0;
          this.#lines[segment] = fields[2] ?? 0;
        }
        segment++;
      }
    }
    this.#begins[line + 1] = segment;
  }

  /**
   * Finds where something comes from.
   *
   * @param line Of the bundle, counts from 0.
   * @param column Of the bundle, counts from 0.
   * @returns The place; undefined for what the bundler has added, and where it is not known.
   */
  placeOf(line: number, column: number): SourcePlace | undefined {
    const begin = this.#begins[line];
    const end = this.#begins[line + 1];
    if (begin === undefined || end === undefined || begin >= end) return undefined;
    // By halves: a profile asks thousands of times, and one line may have all segments. The bundler
    // writes them in the order of their columns; in any other something is found, too.
    let found = begin;
    for (let past = end; past - found > 1;) {
      const middle = found + past >>> 1;
      if ((this.#columns[middle] ?? 0) <= column) found = middle;
      else past = middle;
    }
    const source = this.#sources[found] ?? -1;
    const file = this.sources[source];
    const told = this.#lines[found] ?? -1;
    const table = this.#sourceLines[source];
    const known = table === null ? told : table?.[told] ?? -1;
    return file === undefined || known < 0 ? undefined : { file, line: known + 1 };
  }
}
