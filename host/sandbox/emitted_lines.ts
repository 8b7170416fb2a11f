/**
 * Which line of a file a line of Deno's rewriting of it is. Deno 2.9 writes each script anew before
 * it gives it to the bundler (without its blank lines, for example) and keeps a source map of
 * TypeScript alone, so that the bundler's map of JavaScript is about a text that nobody has.
 *
 * @module
 */

/** A line as it is compared: without what a printer may have chosen. */
function bare(line: string): string {
  return line.replace(/\s|;$/g, "");
}

/** Where a line is that is there once; -1 for one that is there more often. */
function uniqueLines(lines: readonly string[]): Map<string, number> {
  const at = new Map<string, number>();
  for (const [index, line] of lines.entries()) at.set(line, at.has(line) ? -1 : index);
  return at;
}

/**
 * Finds the lines again. A line is found if it is equal and there once in both texts, or if it
 * follows or precedes such a line in both.
 *
 * @param emitted What Deno made.
 * @param original What it made it of.
 * @returns For each line of what was made the line in the original, both counting from 0; -1 where
 * that is not known.
 */
export function originalLines(emitted: string, original: string): readonly number[] {
  const made = emitted.split("\n").map(bare);
  const source = original.split("\n").map(bare);
  const found = new Array<number>(made.length).fill(-1);
  const inSource = uniqueLines(source);
  for (const [line, at] of uniqueLines(made)) {
    const there = inSource.get(line) ?? -1;
    if (at >= 0 && there >= 0 && line !== "") found[at] = there;
  }
  const spread = (step: 1 | -1) => {
    let there: number | undefined;
    for (let count = 0; count < made.length; count++) {
      const at = step > 0 ? count : made.length - 1 - count;
      if (made[at] === "") continue;
      const known = found[at] ?? -1;
      if (known >= 0) there = known;
      else if (there !== undefined) {
        do there += step; while (source[there] === "");
        if (source[there] === made[at]) found[at] = there;
        else there = undefined;
      }
    }
  };
  spread(1);
  spread(-1);
  return found;
}
