/**
 * Leads connections from one listener to another place, byte for byte. A unix socket lies in the
 * file system and not in a network namespace (unix(7)), so two bridges, one on either side of it,
 * make a port inside a namespace reachable from outside.
 *
 * @module
 */

/** A connection of either kind, as far as a bridge cares. */
export interface Bridged {
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly writable: WritableStream<Uint8Array<ArrayBufferLike>>;
  /** Closes it; harmless when a stream has closed it already. */
  close(): void;
}

function closeQuietly(connection: Bridged): void {
  try {
    connection.close();
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.BadResource)) throw thrown;
  }
}

async function lead(near: Bridged, connect: () => Promise<Bridged>): Promise<void> {
  let far: Bridged;
  try {
    far = await connect();
  } catch {
    // Nobody is there (yet): the client sees its connection end, as at any dead server.
    return closeQuietly(near);
  }
  // Each direction ends by itself, so that a client may finish writing and still read.
  await Promise.allSettled([
    near.readable.pipeTo(far.writable),
    far.readable.pipeTo(near.writable),
  ]);
  closeQuietly(near);
  closeQuietly(far);
}

/**
 * Leads every connection on until the listener is closed.
 *
 * @param listener Where connections arrive.
 * @param connect Opens the connection that one of them is led to.
 * @returns Settles when the listener was closed.
 */
export async function bridge(
  listener: AsyncIterable<Bridged>,
  connect: () => Promise<Bridged>,
): Promise<void> {
  for await (const connection of listener) void lead(connection, connect);
}
