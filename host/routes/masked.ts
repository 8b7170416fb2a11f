/**
 * What pages may show of what an operator wrote.
 *
 * @module
 */

/**
 * Hides passwords in URLs.
 *
 * @param text Any, for example the value of a flag or a word of the command line.
 * @returns The text with `***` in place of what stands before a host's `@`.
 */
export function masked(text: string): string {
  return text.replace(/([a-z][a-z0-9+.-]*:\/\/)[^/@\s]*@/gi, "$1***@");
}
