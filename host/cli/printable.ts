/**
 * What others wrote, made fit for a terminal.
 *
 * @module
 */

/** C0 without nothing, DEL and C1: what terminals obey, or what breaks a table's line. */
// deno-lint-ignore no-control-regex
const CONTROLS = /[\x00-\x1f\x7f-\x9f]/g;

/**
 * Writes control characters so that they are seen and not obeyed: whoever may create an
 * EndpointSlice chooses its zones, and whoever answers at a port chooses everything.
 *
 * @param text One line.
 * @returns The line with `\u001b` in place of an escape.
 */
export function printable(text: string): string {
  return text.replace(
    CONTROLS,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/**
 * Does so with all texts of a plain value.
 *
 * @param value Objects, lists and what JSON has besides.
 * @returns Its like, with every text {@linkcode printable}.
 */
export function printableWhole<T>(value: T): T {
  const whole = (each: unknown): unknown => {
    if (typeof each === "string") return printable(each);
    if (Array.isArray(each)) return each.map(whole);
    if (typeof each !== "object" || each === null) return each;
    return Object.fromEntries(Object.entries(each).map(([name, inner]) => [name, whole(inner)]));
  };
  // Texts stay texts, so the type stays.
  return whole(value) as T;
}
