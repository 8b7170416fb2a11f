/**
 * Bytes that come in pieces.
 *
 * @module
 */

/**
 * Joins pieces.
 *
 * @param parts Bytes in their order.
 * @returns All of them in memory of their own; a single piece itself, which is not copied.
 */
export function concatenated<Memory extends ArrayBufferLike>(
  parts: readonly Uint8Array<Memory>[],
): Uint8Array<Memory | ArrayBuffer> {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return only;
  // A view of an ArrayBuffer does not move, so the kernel may read it (capabilities/libc.ts).
  const whole = new Uint8Array(new ArrayBuffer(parts.reduce((sum, { length }) => sum + length, 0)));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
