/**
 * Identifiers of traces and spans, drawn from randomness in large pieces: a call to the system for
 * each would cost more than the span.
 *
 * @module
 */

/** Makes identifiers. */
export interface Identifiers {
  /**
   * Makes a trace's.
   *
   * @returns 32 hexadecimal digits, not all of them 0.
   */
  trace(): string;
  /**
   * Makes a span's.
   *
   * @returns 16 hexadecimal digits, not all of them 0.
   */
  span(): string;
}

/** Bytes drawn at once: enough for the spans of some thirty syncs. */
const POOL_BYTES = 4096;

/**
 * Makes identifiers out of random bytes.
 *
 * @param fill Fills an array with random bytes, as `crypto.getRandomValues` does.
 * @returns The identifiers.
 */
export function randomIdentifiers(fill: (bytes: Uint8Array<ArrayBuffer>) => void): Identifiers {
  const bytes = new Uint8Array(POOL_BYTES);
  let pool = "";
  let at = 0;
  const take = (digits: number): string => {
    for (;;) {
      if (at + digits > pool.length) {
        fill(bytes);
        // All at once: a call for each would be most of what a span costs.
        pool = bytes.toHex();
        at = 0;
      }
      const id = pool.slice(at, at += digits);
      // Trace Context §3.2.2: all zeros is no identifier.
      if (!id.startsWith("00000000") || !/^0+$/.test(id)) return id;
    }
  };
  return { trace: () => take(32), span: () => take(16) };
}

/**
 * Makes identifiers that count up, so that expected text can be written down.
 *
 * @returns The identifiers.
 */
export function countingIdentifiers(): Identifiers {
  let traces = 0;
  let spans = 0;
  return {
    trace: () => String(++traces).padStart(32, "a"),
    span: () => String(++spans).padStart(16, "b"),
  };
}
