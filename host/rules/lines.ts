/**
 * Two lists of texts beside one another, as diff(1) shows them.
 *
 * @module
 */

/** A line of a comparison. */
export interface DiffLine {
  readonly type: "same" | "added" | "removed";
  readonly text: string;
}

/** Products of two lengths up to which the longest common subsequence is looked for. */
const MOST_CELLS = 250_000;

/** Lines around what differs. */
const CONTEXT = 2;

function same(text: string): DiffLine {
  return { type: "same", text };
}

function allOf(removed: readonly string[], added: readonly string[]): DiffLine[] {
  return [
    ...removed.map((text) => ({ type: "removed", text }) as const),
    ...added.map((text) => ({ type: "added", text }) as const),
  ];
}

/** By the longest common subsequence, which takes a table of both lengths. */
function exactly(before: readonly string[], after: readonly string[]): DiffLine[] {
  const width = after.length + 1;
  const longest = new Uint32Array((before.length + 1) * width);
  const cell = (row: number, column: number) => longest[row * width + column] ?? 0;
  for (let row = before.length - 1; row >= 0; row--) {
    for (let column = after.length - 1; column >= 0; column--) {
      longest[row * width + column] = before[row] === after[column]
        ? cell(row + 1, column + 1) + 1
        : Math.max(cell(row + 1, column), cell(row, column + 1));
    }
  }
  const lines: DiffLine[] = [];
  let [row, column] = [0, 0];
  while (row < before.length || column < after.length) {
    const [old, text] = [before[row], after[column]];
    if (old !== undefined && old === text) {
      lines.push(same(old));
      row++;
      column++;
    } else if (
      old !== undefined &&
      (text === undefined || cell(row + 1, column) >= cell(row, column + 1))
    ) {
      lines.push({ type: "removed", text: old });
      row++;
    } else if (text !== undefined) {
      lines.push({ type: "added", text });
      column++;
    } else break;
  }
  return lines;
}

/** Where each text is that is there once. */
function onceIn(texts: readonly string[]): ReadonlyMap<string, number> {
  const at = new Map<string, number>();
  for (const [index, text] of texts.entries()) at.set(text, at.has(text) ? -1 : index);
  return at;
}

/** Pairs of indexes of texts that both lists have once, as many as go upwards in both. */
function anchors(before: readonly string[], after: readonly string[]): [number, number][] {
  const there = onceIn(after);
  const pairs: [number, number][] = [];
  for (const [text, row] of onceIn(before)) {
    const column = there.get(text) ?? -1;
    if (row >= 0 && column >= 0) pairs.push([row, column]);
  }
  // The longest increasing subsequence, by piles.
  const piles: number[] = [];
  const former = new Int32Array(pairs.length).fill(-1);
  for (const [index, [, column]] of pairs.entries()) {
    let [low, high] = [0, piles.length];
    while (low < high) {
      const middle = low + high >> 1;
      if ((pairs[piles[middle] ?? 0]?.[1] ?? 0) < column) low = middle + 1;
      else high = middle;
    }
    if (low > 0) former[index] = piles[low - 1] ?? -1;
    piles[low] = index;
  }
  const chosen: [number, number][] = [];
  for (let at = piles.at(-1) ?? -1; at >= 0; at = former[at] ?? -1) {
    const pair = pairs[at];
    if (pair !== undefined) chosen.push(pair);
  }
  return chosen.reverse();
}

function between(before: readonly string[], after: readonly string[]): DiffLine[] {
  return before.length * after.length <= MOST_CELLS ? exactly(before, after) : allOf(before, after);
}

/**
 * Compares two lists whose order counts.
 *
 * @param before One.
 * @param after The other.
 * @returns Every line of both; no lines of type `added` or `removed` when they are equal.
 */
export function compareLists(
  before: readonly string[],
  after: readonly string[],
): readonly DiffLine[] {
  if (before.length * after.length <= MOST_CELLS) return exactly(before, after);
  const lines: DiffLine[] = [];
  let [row, column] = [0, 0];
  for (const [nextRow, nextColumn] of anchors(before, after)) {
    lines.push(...between(before.slice(row, nextRow), after.slice(column, nextColumn)));
    lines.push(same(before[nextRow] ?? ""));
    [row, column] = [nextRow + 1, nextColumn + 1];
  }
  lines.push(...between(before.slice(row), after.slice(column)));
  return lines;
}

/**
 * Keeps what differs, with a little around it.
 *
 * @param lines Of {@linkcode compareLists}.
 * @returns Those that say something.
 */
export function withContext(lines: readonly DiffLine[]): readonly DiffLine[] {
  const near = new Set<number>();
  for (const [index, { type }] of lines.entries()) {
    if (type === "same") continue;
    for (let at = index - CONTEXT; at <= index + CONTEXT; at++) near.add(at);
  }
  return lines.filter((_, index) => near.has(index));
}
