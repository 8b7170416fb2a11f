/**
 * Numbers out of samples.
 *
 * @module
 */

/**
 * A quantile by the nearest rank.
 *
 * @param samples At least one.
 * @param q 0 to 1.
 * @returns A sample.
 */
export function quantile(samples: readonly number[], q: number): number {
  const sorted = [...samples].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))] ?? NaN;
}

/**
 * The average.
 *
 * @param samples At least one.
 * @returns Their sum by their number.
 */
export function mean(samples: readonly number[]): number {
  return samples.reduce((sum, sample) => sum + sample, 0) / samples.length;
}

/**
 * Where the median of all that could have been sampled lies in 95 of 100 cases, whatever their
 * distribution: between two samples whose ranks are 1.96 standard deviations of the sign test off
 * the middle.
 *
 * @param samples Some dozens at least, independent of each other.
 * @returns The lower and the upper end.
 */
export function medianInterval(samples: readonly number[]): readonly [number, number] {
  const reach = 0.98 / Math.sqrt(samples.length);
  return [quantile(samples, 0.5 - reach), quantile(samples, 0.5 + reach)];
}
