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
