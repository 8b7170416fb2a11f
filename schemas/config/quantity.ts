/**
 * Sizes as Kubernetes writes them (`resource.Quantity`), as far as they are whole bytes.
 *
 * @module
 */

/** Powers of the suffixes; "K" is what the help of --log-json-info-buffer-size says. */
const SUFFIXES: ReadonlyMap<string, number> = new Map([
  ["", 1],
  ...["k", "M", "G", "T", "P"].map((suffix, i) => [suffix, 1000 ** (i + 1)] as const),
  ["K", 1000],
  ...["Ki", "Mi", "Gi", "Ti", "Pi"].map((suffix, i) => [suffix, 1024 ** (i + 1)] as const),
]);

/**
 * Parses a size.
 *
 * @param text For example `512`, `64k` or `1.5Mi`.
 * @returns Bytes, or why the text is no size.
 */
export function parseBytes(text: string): number | string {
  const fault = "it is no size in bytes such as 512, 64k or 2Mi";
  const match = /^\+?(\d{1,16}(?:\.\d{0,9})?|\.\d{1,9})([A-Za-z]{0,2})$/.exec(text);
  const factor = SUFFIXES.get(match?.[2] ?? "?");
  if (match === null || factor === undefined) return fault;
  // Quantities round up to whole units.
  const bytes = Math.ceil(Number(match[1]) * factor);
  return Number.isSafeInteger(bytes) ? bytes : "it is more than 2⁵³ bytes";
}
