/**
 * A table that scrolls by itself where it is wider than the window, and the way through its pages.
 *
 * @module
 */
import type { Child } from "hono/jsx";
import { count } from "./words.ts";

/** One of several pages. */
export interface PagesProps {
  /** What they are pages of. */
  readonly of: string;
  /** Counts from 1. */
  readonly page: number;
  /** How many there are. */
  readonly pages: number;
  /** Tells the address of another page. */
  readonly link: (page: number) => string;
}

/**
 * Leads from one page to the next and back.
 *
 * @param props Where one is.
 * @returns Nothing when there is one page only.
 */
export function Pages({ of, page, pages, link }: PagesProps) {
  if (pages === 1) return null;
  return (
    <nav class="pages" aria-label={`Pages of ${of}`}>
      {page > 1 ? <a rel="prev" href={link(page - 1)}>Previous</a> : ""}
      <span>Page {count(page)} of {count(pages)}</span>
      {page < pages ? <a rel="next" href={link(page + 1)}>Next</a> : ""}
    </nav>
  );
}

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
      <table aria-label={label}>
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
