/**
 * What others wrote, made fit to show: on a terminal an escape or a carriage return could hide a
 * line of the log or an answer, or forge one.
 *
 * @module
 */

/**
 * What terminals obey, but for tabs and line feeds, and the marks that turn a text's direction or
 * part its lines.
 */
const OBEYED = /[^\P{Cc}\t\n]|[\u2028-\u202e\u2066-\u2069]/gu;

/** What besides breaks a line or a table. */
const BREAKS = /[\t\n]/g;

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/**
 * Writes control characters so that they are seen and not obeyed.
 *
 * @param text Anything; its tabs and line feeds stay.
 * @returns The text with `\u001b` in place of an escape.
 */
export function printable(text: string): string {
  return text.replace(OBEYED, escaped);
}

/**
 * Does so with tabs and line feeds too: whoever may create an EndpointSlice chooses its zones, and
 * whoever answers at a port chooses everything.
 *
 * @param text One line.
 * @returns One line.
 */
export function printableLine(text: string): string {
  return printable(text).replace(BREAKS, escaped);
}

/**
 * Does so with all texts of a plain value.
 *
 * @param value Objects, lists and what JSON has besides.
 * @returns Its like, with every text {@linkcode printableLine}.
 */
export function printableWhole<T>(value: T): T {
  const whole = (each: unknown): unknown => {
    if (typeof each === "string") return printableLine(each);
    if (Array.isArray(each)) return each.map(whole);
    if (typeof each !== "object" || each === null) return each;
    return Object.fromEntries(Object.entries(each).map(([name, inner]) => [name, whole(inner)]));
  };
  // Texts stay texts, so the type stays.
  return whole(value) as T;
}
