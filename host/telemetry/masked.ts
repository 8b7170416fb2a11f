/**
 * What pages and the log may show of what an operator wrote.
 *
 * @module
 */

/** A URL: scheme, what stands before its host, host with path, query. */
const URLS = /([a-z][a-z0-9+.-]*:\/\/)([^/?#\s]*@)?([^?#\s"',]*)(\?[^#\s"']*)?/gi;

/**
 * Hides what URLs have of secrets: names and passwords, and the values of a query, where a
 * collector takes its token.
 *
 * @param text Any, for example the value of a flag or a word of the command line.
 * @returns The text with `***` in place of what stands before a host's `@` (a password may itself
 * have one) and of each value behind `?`.
 */
export function masked(text: string): string {
  return text.replace(
    URLS,
    (_, scheme: string, user: string | undefined, place: string, query = "") =>
      `${scheme}${user === undefined ? "" : "***@"}${place}${
        query.replace(/([?&])([^=&]*=)?[^&]+/g, "$1$2***")
      }`,
  );
}

/**
 * Hides the same in all texts of a plain value.
 *
 * @param value Objects, lists and what JSON has besides.
 * @returns Its like, with every text {@linkcode masked}.
 */
export function maskedWhole<T>(value: T): T {
  const whole = (each: unknown): unknown => {
    if (typeof each === "string") return masked(each);
    if (Array.isArray(each)) return each.map(whole);
    if (typeof each !== "object" || each === null) return each;
    return Object.fromEntries(Object.entries(each).map(([name, inner]) => [name, whole(inner)]));
  };
  // Texts stay texts, so the type stays.
  return whole(value) as T;
}
