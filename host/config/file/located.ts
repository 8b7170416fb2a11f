/**
 * Values with the places in a file that they were read from.
 *
 * @module
 */

/** A place in a text; both count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** The start of a text, which is where a fault is that is nowhere else. */
export const START: Position = { line: 1, column: 1 };

/** Where each field, entry and map of a document stands. */
export class Positions {
  readonly #positions = new Map<string, Position>();

  /**
   * Notes where something stands.
   *
   * @param path From the document down; [] is the document.
   * @param position The place.
   */
  set(path: readonly string[], position: Position): void {
    this.#positions.set(JSON.stringify(path), position);
  }

  /**
   * Finds where something stands, or, if it is not there, what it would be in.
   *
   * @param path From the document down.
   * @returns The place.
   */
  find(path: readonly string[]): Position {
    for (let length = path.length; length >= 0; length--) {
      const position = this.#positions.get(JSON.stringify(path.slice(0, length)));
      if (position !== undefined) return position;
    }
    return START;
  }
}

/** One document of a file. */
export interface LocatedDocument {
  /** Maps, lists, texts, numbers, booleans and null. */
  readonly value: unknown;
  readonly positions: Positions;
  /** Fields that stand there more than once; the last one counts. */
  readonly duplicates: readonly (readonly string[])[];
}

/** Why a text has no documents. */
export interface SyntaxFault {
  readonly position: Position;
  readonly message: string;
}

/**
 * What is at a place of a value.
 *
 * @param value Of a document.
 * @param path From the document down.
 * @returns What stands there, or undefined.
 */
export function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === "object" && inner !== null && Object.hasOwn(inner, key)
        ? Reflect.get(inner, key)
        : undefined,
    value,
  );
}
