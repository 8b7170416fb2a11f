/**
 * Long texts, compressed for whoever accepts it, as Prometheus does at each scrape and promhttp
 * answers it. Deno.serve would do so by itself, but not for OpenMetrics, whose media type it does
 * not know.
 *
 * @module
 */

/** Characters that are compressed in one go: a sync that begins waits for no more than that. */
const PIECE = 32_768;

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
 * Compresses a text piece by piece, as it is read.
 *
 * @param text The text; a character beyond the BMP is never cut in two.
 * @returns gzip.
 */
export function gzipped(text: string): ReadableStream<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  let at = 0;
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      let end = at + PIECE;
      // Between the halves of a pair there is no character.
      if (/[\uD800-\uDBFF]/.test(text.charAt(end - 1))) end++;
      controller.enqueue(encoder.encode(text.slice(at, end)));
      at = end;
      if (at >= text.length) controller.close();
    },
  }, { highWaterMark: 0 }).pipeThrough(new CompressionStream("gzip"));
}
