/**
 * The lines of a list's items in JSON, without a parser that knows the place of everything: for a
 * file of ten thousand objects such a one takes seconds and a gigabyte.
 *
 * @module
 */

/** `"`, `\`, `[`, `]`, `{`, `}`, `,` and line feed. */
const QUOTE = 34;
const ESCAPE = 92;
const OPENING: ReadonlySet<number> = new Set([91, 123]);
const CLOSING: ReadonlySet<number> = new Set([93, 125]);
const ARRAY = 91;
const COMMA = 44;
const LINE_FEED = 10;
/** Space, tab and carriage return: what else JSON has between its parts. */
const BLANK: ReadonlySet<number> = new Set([32, 9, 13]);
const COLON = 58;

/** The name that the list has; one with escapes in it is not known. */
const ITEMS = '"items"';

/** Behind the string that begins at `at`. */
function behindString(text: string, at: number): number {
  for (let next = at + 1;; next++) {
    const code = text.charCodeAt(next);
    if (code === QUOTE || Number.isNaN(code)) return next + 1;
    if (code === ESCAPE) next++;
  }
}

/**
 * Finds the lines of the items of the document's own list, the last one if there are several, as
 * JSON.parse takes it.
 *
 * @param text JSON that JSON.parse has accepted.
 * @returns For each item the line where it begins, from 1; nothing when the document is not an
 * object with such a list.
 */
export function itemLines(text: string): readonly number[] {
  let lines: number[] = [];
  let line = 1;
  let depth = 0;
  /** Whether the value that comes next is the list, an item of it, or neither. */
  let next: "list" | "item" | undefined;
  let inList = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === LINE_FEED) line++;
    if (code === LINE_FEED || code === COLON || BLANK.has(code)) continue;
    if (CLOSING.has(code)) {
      depth--;
      if (depth === 1) inList = false;
      next = undefined;
    } else if (code === COMMA) next = inList && depth === 2 ? "item" : undefined;
    else {
      if (next === "item") lines.push(line);
      const isList = next === "list" && code === ARRAY;
      if (isList) lines = [];
      inList ||= isList;
      next = isList ? "item" : undefined;
      if (OPENING.has(code)) depth++;
      else if (code === QUOTE) {
        const end = behindString(text, at);
        const isName = depth === 1 && end - at === ITEMS.length && text.startsWith(ITEMS, at);
        // A value of this text is followed by no colon, so the next value is not taken for a list.
        if (isName) next = "list";
        at = end - 1;
      }
    }
  }
  return lines;
}
