/**
 * Long texts, compressed for whoever accepts it, as Prometheus does at each scrape and promhttp
 * answers it. Deno.serve would do so by itself, but not for OpenMetrics, whose media type it does
 * not know.
 *
 * @module
 */
import type { TakeTurn } from "../turns.ts";

/**
 * Whether a request accepts gzip.
 *
 * @param accept Its Accept-Encoding header.
 * @returns Whether it names gzip, and not with q=0.
 */
export function acceptsGzip(accept: string | undefined): boolean {
  return (accept ?? "").split(",").some((each) => {
    const [coding = "", ...parameters] = each.split(";").map((part) => part.trim().toLowerCase());
    return coding === "gzip" && !parameters.some((part) => /^q=0(\.0*)?$/.test(part));
  });
}

/**
 * Sends a text piece by piece, as it is read.
 *
 * @param pieces The text; no piece ends within a character. What makes them waits until each is
 * wanted.
 * @param turn Waited for before each piece.
 * @returns UTF-8.
 */
export function streamed(
  pieces: Iterable<string>,
  turn: TakeTurn,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  const iterator = pieces[Symbol.iterator]();
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      await turn();
      const { value, done } = iterator.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
  }, { highWaterMark: 0 });
}

/**
 * Compresses a text piece by piece, as it is read.
 *
 * @param pieces As for {@linkcode streamed}.
 * @param turn Likewise.
 * @returns gzip.
 */
export function gzipped(
  pieces: Iterable<string>,
  turn: TakeTurn,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  return streamed(pieces, turn).pipeThrough(new CompressionStream("gzip"));
}
