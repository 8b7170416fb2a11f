/**
 * Sorting in steps, for whoever must let others have their turn in between.
 *
 * @module
 */

/** Items that are sorted or merged in a step: some milliseconds. */
const STEP = 2_000;

/**
 * Sorts, stably as `Array.prototype.sort` does.
 *
 * @param items What to sort; it is left in any order.
 * @param compare As for `Array.prototype.sort`.
 * @yields After each step.
 * @returns The items in order.
 */
export function* sorting<T>(
  items: T[],
  compare: (one: T, other: T) => number,
): Generator<void, T[]> {
  if (items.length <= STEP) return items.sort(compare);
  let runs: T[][] = [];
  for (let from = 0; from < items.length; from += STEP) {
    runs.push(items.slice(from, from + STEP).sort(compare));
    yield;
  }
  while (runs.length > 1) {
    const merged: T[][] = [];
    for (let index = 0; index < runs.length; index += 2) {
      const [left = [], right = []] = runs.slice(index, index + 2);
      merged.push(yield* merging(left, right, compare));
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

/** Merges two runs; of equal items those on the left go first. */
function* merging<T>(
  left: readonly T[],
  right: readonly T[],
  compare: (one: T, other: T) => number,
): Generator<void, T[]> {
  const merged: T[] = [];
  let at = 0;
  for (const item of right) {
    for (let next = left[at]; at < left.length; next = left[++at]) {
      if (next === undefined || compare(next, item) > 0) break;
      merged.push(next);
      if (merged.length % STEP === 0) yield;
    }
    merged.push(item);
    if (merged.length % STEP === 0) yield;
  }
  for (; at < left.length; at += STEP) {
    merged.push(...left.slice(at, at + STEP));
    yield;
  }
  return merged;
}
