/**
 * Durations as Go writes them, which is how v1alpha1 and every flag has them: `1h0m0s`.
 *
 * @module
 */

/** Nanoseconds of each unit of Go's `time.ParseDuration`; the micro sign has two code points. */
const UNITS: ReadonlyMap<string, bigint> = new Map([
  ["ns", 1n],
  ["us", 1_000n],
  ["µs", 1_000n],
  ["μs", 1_000n],
  ["ms", 1_000_000n],
  ["s", 1_000_000_000n],
  ["m", 60_000_000_000n],
  ["h", 3_600_000_000_000n],
]);

/** One number with its unit; the digits may be on either side of the point. */
const PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y;

/** The most that Go's int64 of nanoseconds holds: some 292 years. */
const MOST = 2n ** 63n - 1n;

/** The smallest of a part's fractions that still counts: Go cuts off what is below a nanosecond. */
function partNanoseconds(number: string, unit: bigint): bigint {
  const [whole = "", fraction = ""] = number.split(".");
  const below = fraction === "" ? 0n : BigInt(fraction) * unit / 10n ** BigInt(fraction.length);
  return BigInt(whole === "" ? "0" : whole) * unit + below;
}

/**
 * Parses a duration.
 *
 * @param text For example `1.5h`, `1h0m0s`, `250ms`, `-1s` or `0`.
 * @returns Nanoseconds, or why the text is no duration.
 */
export function parseDuration(text: string): bigint | string {
  const fault = 'it is no duration such as 30s, 1h30m or 250ms ("0" alone needs no unit)';
  // A fraction or number of more digits says nothing and costs time to read.
  if (text.length > 128) return fault;
  const [, sign = "", rest = ""] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  if (rest === "0") return 0n;
  let nanoseconds = 0n;
  PART.lastIndex = 0;
  while (PART.lastIndex < rest.length) {
    const [, number = "", unit = ""] = PART.exec(rest) ?? [];
    const size = UNITS.get(unit);
    if (size === undefined) return fault;
    nanoseconds += partNanoseconds(number, size);
  }
  if (rest === "") return fault;
  // Go can hold one nanosecond more below zero, as every two's complement can.
  if (nanoseconds > (sign === "-" ? MOST + 1n : MOST)) {
    return "it is longer than the 292 years that a duration can be";
  }
  return sign === "-" ? -nanoseconds : nanoseconds;
}

/** A number with up to so many decimals, without trailing zeros. */
function decimal(value: bigint, unit: bigint): string {
  const fraction = (value % unit).toString().padStart(unit.toString().length - 1, "0");
  const digits = fraction.replace(/0+$/, "");
  return digits === "" || unit === 1n ? String(value / unit) : `${value / unit}.${digits}`;
}

/**
 * Formats a duration as Go's `Duration.String` does.
 *
 * @param nanoseconds The duration.
 * @returns For example `1h0m0s`, `1.5s`, `250ms` or `0s`.
 */
export function formatDuration(nanoseconds: bigint): string {
  if (nanoseconds < 0n) return `-${formatDuration(-nanoseconds)}`;
  if (nanoseconds === 0n) return "0s";
  if (nanoseconds < 1_000n) return `${nanoseconds}ns`;
  if (nanoseconds < 1_000_000n) return `${decimal(nanoseconds, 1_000n)}µs`;
  if (nanoseconds < 1_000_000_000n) return `${decimal(nanoseconds, 1_000_000n)}ms`;
  const minutes = nanoseconds / 60_000_000_000n;
  const seconds = `${decimal(nanoseconds % 60_000_000_000n, 1_000_000_000n)}s`;
  if (minutes === 0n) return seconds;
  return minutes < 60n ? `${minutes}m${seconds}` : `${minutes / 60n}h${minutes % 60n}m${seconds}`;
}

/**
 * What timers take.
 *
 * @param nanoseconds The duration.
 * @returns Milliseconds, with a fraction where there is one.
 */
export function milliseconds(nanoseconds: bigint): number {
  return Number(nanoseconds) / 1_000_000;
}
