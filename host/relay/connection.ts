/**
 * Carries bytes between two connections.
 *
 * @module
 */

/** An end of a byte stream, as a connection of Deno's is one. */
export type ByteStream = Pick<Deno.Conn, "read" | "write" | "close" | "closeWrite">;

/** Bytes under way in one direction: what a slow reader makes the other side wait for. */
const BUFFER_BYTES = 32 << 10;

async function pump(from: ByteStream, to: ByteStream): Promise<void> {
  const buffer = new Uint8Array(BUFFER_BYTES);
  for (let size = await from.read(buffer); size !== null; size = await from.read(buffer)) {
    for (let written = 0; written < size;) {
      written += await to.write(buffer.subarray(written, size));
    }
  }
  // The other direction goes on: who has sent all of a request still waits for the answer.
  // One that is gone altogether cannot be told.
  await to.closeWrite().catch(() => {});
}

/**
 * Carries bytes in both directions until both have ended, or either end breaks; then both
 * connections are closed. Neither side is read faster than the other takes it.
 *
 * @param one A connection; it belongs to the relay from now on.
 * @param other The other, likewise.
 * @param signal Breaks both off.
 * @returns Settles when both are closed; it never rejects.
 */
export async function relay(
  one: ByteStream,
  other: ByteStream,
  signal: AbortSignal,
): Promise<void> {
  const broken = Promise.withResolvers<void>();
  const breakOff = () => broken.resolve();
  signal.addEventListener("abort", breakOff);
  if (signal.aborted) breakOff();
  const pumps = [pump(one, other), pump(other, one)];
  // A reset of either end is told to the other by closing it.
  await Promise.race([Promise.all(pumps), broken.promise]).catch(() => {});
  signal.removeEventListener("abort", breakOff);
  one.close();
  other.close();
  await Promise.allSettled(pumps);
}
