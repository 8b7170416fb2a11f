/**
 * A table that scrolls by itself where it is wider than the window.
 *
 * @module
 */
import type { Child } from "hono/jsx";

/** A table. */
export interface TableProps {
  /** What it is called by who cannot see it. */
  readonly label: string;
  /** Headings of the columns; those of numbers begin with `#`. */
  readonly columns: readonly string[];
  /** Rows of it. */
  readonly children?: Child;
}

/**
 * Makes a table.
 *
 * @param props The table.
 * @returns An element that can be scrolled by keyboard.
 */
export function Table({ label, columns, children }: TableProps) {
  return (
    <div class="scroll" role="region" aria-label={label} tabindex={0} data-scroll="">
      <table>
        <thead>
          <tr>
            {columns.map((column) => {
              const number = column.startsWith("#");
              return (
                <th scope="col" class={number ? "number" : ""}>
                  {number ? column.slice(1) : column}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}
