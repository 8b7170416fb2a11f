/**
 * The name that was probably meant.
 *
 * @module
 */

/** Letters that are inserted, left out, changed or swapped between two words (Damerau, OSA). */
function distance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(
        (last[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + 1,
        (last[j - 1] ?? 0) + change,
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, (beforeLast[j - 2] ?? 0) + 1);
      }
      row.push(least);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] ?? 0;
}

/** Longer ones are no slip of the finger, and would cost time to compare. */
const LONGEST = 64;

/**
 * Finds the name that was probably meant: the one with the fewest slips, if they are few for its
 * length. Case is no slip.
 *
 * @param word What was written.
 * @param names What there is.
 * @param most The most slips, however long the name.
 * @returns The nearest name, or undefined when none is near.
 */
export function nearest(
  word: string,
  names: readonly string[],
  most = Infinity,
): string | undefined {
  if (word.length > LONGEST) return undefined;
  const lower = word.toLowerCase();
  let best: string | undefined;
  let fewest = Infinity;
  for (const name of names) {
    const slips = distance(lower, name.toLowerCase());
    if (slips < fewest && slips <= Math.min(most, Math.max(1, Math.floor(name.length / 3)))) {
      best = name;
      fewest = slips;
    }
  }
  return best;
}
