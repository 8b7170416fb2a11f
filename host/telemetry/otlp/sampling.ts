/**
 * Which traces a collector takes.
 *
 * @module
 */

/** Which traces are sent. */
export type Sampling =
  | { readonly type: "always" }
  | { readonly type: "never" }
  /** Of the traces so many, from 0 to 1, chosen by their id. */
  | { readonly type: "ratio"; readonly ratio: number };

/**
 * Decides by the id, so that everyone who sees a trace decides alike.
 *
 * @param sampling Which traces are sent.
 * @param traceId 32 hexadecimal digits, random throughout: Trace Context Level 2 promises the last
 * 7 bytes.
 * @returns Whether this one is.
 */
export function isSampled(sampling: Sampling, traceId: string): boolean {
  switch (sampling.type) {
    case "always":
      return true;
    case "never":
      return false;
    case "ratio":
      return parseInt(traceId.slice(-14), 16) < sampling.ratio * 2 ** 56;
  }
}
