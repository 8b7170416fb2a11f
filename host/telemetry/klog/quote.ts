/**
 * Text as Go's `strconv.Quote` writes it, which klog quotes messages and values with.
 *
 * @module
 */

/** What most text is made of. */
const PLAIN = /^[ !#-[\]-~]*$/;

/** What Go takes for printable: `unicode.IsPrint`, which knows of spaces only the ASCII one. */
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;

const SHORT: Readonly<Record<string, string>> = {
  "\x07": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
};

function hexadecimal(code: number, digits: number): string {
  return code.toString(16).padStart(digits, "0");
}

function visible(character: string): string {
  if (PRINTABLE.test(character)) return character;
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x80) return SHORT[character] ?? `\\x${hexadecimal(code, 2)}`;
  // Half of a surrogate pair is no text; in Go it would be U+FFFD already.
  if (code >= 0xd800 && code < 0xe000) return "\ufffd";
  return code < 0x10000 ? `\\u${hexadecimal(code, 4)}` : `\\U${hexadecimal(code, 8)}`;
}

/**
 * Quotes text.
 *
 * @param text Anything.
 * @returns The text in quotation marks, on one line, everything that does not show escaped.
 */
export function quote(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  let quoted = '"';
  for (const character of text) {
    quoted += character === '"' || character === "\\" ? `\\${character}` : visible(character);
  }
  return `${quoted}"`;
}

/**
 * Escapes what does not show, which could move a terminal's cursor and forge a line.
 *
 * @param line Without a line feed.
 * @returns The line; tabs and quotation marks stay.
 */
export function escapeLine(line: string): string {
  if (PLAIN.test(line)) return line;
  let escaped = "";
  for (const character of line) escaped += character === "\t" ? character : visible(character);
  return escaped;
}
