/**
 * Text for a terminal: colours where they are wanted, and tables that line up.
 *
 * @module
 */

/** The select graphic rendition codes (ECMA-48 §8.3.117) in use, each with its reset. */
const CODES = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  blue: [34, 39],
  cyan: [36, 39],
} as const;

/** A way to set off text. */
export type Accent = keyof typeof CODES;

/** Sets off text, or leaves it as it is where colours are not wanted. */
export type Style = Readonly<Record<Accent, (text: string) => string>>;

/**
 * Whether to colour: only on a terminal, and not with NO_COLOR (no-color.org: present and not
 * empty, whatever its value) nor on a dumb terminal.
 *
 * @param terminal Whether the output is a terminal.
 * @param env Reads an environment variable.
 * @returns True when colours are wanted.
 */
export function wantsColour(terminal: boolean, env: (name: string) => string | undefined): boolean {
  return terminal && (env("NO_COLOR") ?? "") === "" && env("TERM") !== "dumb";
}

/**
 * Makes the accents.
 *
 * @param colour False makes every accent leave its text as it is.
 * @returns One function for each accent.
 */
export function createStyle(colour: boolean): Style {
  const accent = (name: Accent) => {
    const [on, off] = CODES[name];
    return (text: string) => colour ? `\x1b[${on}m${text}\x1b[${off}m` : text;
  };
  return {
    bold: accent("bold"),
    dim: accent("dim"),
    red: accent("red"),
    green: accent("green"),
    yellow: accent("yellow"),
    blue: accent("blue"),
    cyan: accent("cyan"),
  };
}

/**
 * How many columns a text takes, accents not counted.
 *
 * @param text One line without wide characters.
 * @returns Its width in columns.
 */
export function visibleWidth(text: string): number {
  // deno-lint-ignore no-control-regex
  return [...text.replace(/\x1b\[\d+m/g, "")].length;
}

/**
 * Lines up a table, two spaces between columns, nothing after the last cell of a row.
 *
 * @param rows The cells, which may hold accents; rows may differ in length.
 * @param options `indent`: spaces before every row; `right`: columns (from 0) whose cells are
 * aligned to the right, as numbers are.
 * @returns One line for each row, each ending in a line feed.
 */
export function formatTable(
  rows: readonly (readonly string[])[],
  options: { readonly indent?: number; readonly right?: readonly number[] } = {},
): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) {
      widths[column] = Math.max(widths[column] ?? 0, visibleWidth(cell));
    }
  }
  const indent = " ".repeat(options.indent ?? 0);
  return rows.map((row) => {
    const cells = row.map((cell, column) => {
      const padding = " ".repeat((widths[column] ?? 0) - visibleWidth(cell));
      return options.right?.includes(column) ? padding + cell : cell + padding;
    });
    return `${(indent + cells.join("  ")).trimEnd()}\n`;
  }).join("");
}
