/**
 * Large answers as JSON, piece by piece: one that tells of ten thousand Services is many megabytes,
 * and syncs wait while it is written.
 *
 * @module
 */

/** Characters from which on a piece is handed out: a fraction of a millisecond. */
const PIECE = 64 * 1024;

/** Items of a list that are written together where they are small. */
const ITEMS = 16;

/** Lists this far down are written item by item; below, some items at a time. */
const DEPTH = 3;

/** Items of a list within an item that is written in one go. */
const SMALL = 64;

function isSmall(item: object): boolean {
  return Object.values(item).every((field) => !Array.isArray(field) || field.length <= SMALL);
}

/**
 * Writes a plain object as `JSON.stringify` does.
 *
 * @param value Objects and arrays without `toJSON`.
 * @returns Pieces of the text.
 */
export function* jsonPieces(value: object): Generator<string> {
  let piece = "";
  for (const text of texts(value, DEPTH)) {
    piece += text;
    if (piece.length < PIECE) continue;
    yield piece;
    piece = "";
  }
  if (piece !== "") yield piece;
}

function* texts(value: object, depth: number): Generator<string> {
  if (Array.isArray(value)) yield* listTexts(value, depth);
  else yield* objectTexts(value, depth);
}

function* listTexts(list: readonly unknown[], depth: number): Generator<string> {
  let before = "[";
  const first = list[0];
  if (depth > 0 && typeof first === "object" && first !== null) {
    for (const item of list) {
      yield before;
      before = ",";
      if (typeof item === "object" && item !== null && !isSmall(item)) {
        yield* texts(item, depth - 1);
      } else yield JSON.stringify(item) ?? "null";
    }
  } else {
    for (let from = 0; from < list.length; from += ITEMS) {
      yield before + JSON.stringify(list.slice(from, from + ITEMS)).slice(1, -1);
      before = ",";
    }
  }
  yield before === "[" ? "[]" : "]";
}

function* objectTexts(value: object, depth: number): Generator<string> {
  let before = "{";
  for (const [name, field] of Object.entries(value)) {
    if (depth > 0 && typeof field === "object" && field !== null) {
      yield `${before}${JSON.stringify(name)}:`;
      yield* texts(field, depth - 1);
    } else {
      const text: string | undefined = JSON.stringify(field);
      if (text === undefined) continue;
      yield `${before}${JSON.stringify(name)}:${text}`;
    }
    before = ",";
  }
  yield before === "{" ? "{}" : "}";
}
