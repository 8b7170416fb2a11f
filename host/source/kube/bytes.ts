/**
 * Bytes that come in pieces.
 *
 * @module
 */

/**
 * Joins pieces.
 *
 * @param parts Bytes in their order.
 * @returns All of them in memory of their own; a single piece itself.
 */
export function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return only;
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
