/**
 * Numbers and texts as people read them.
 *
 * @module
 */
import { printable } from "../printable.ts";

/** Characters of one text that are shown: a plugin may write novels. */
const MOST_CHARACTERS = 2_000;

/**
 * Makes a text that others wrote fit to be shown: of bounded length, and without characters that
 * hide or turn what stands beside them. Markup is harmless already, as everything is escaped.
 *
 * @param text Anything.
 * @param most How many characters are shown.
 * @returns The text.
 */
export function shown(text: string, most: number = MOST_CHARACTERS): string {
  const safe = printable(text.slice(0, most));
  return text.length > most ? `${safe}… (${text.length - most} characters more)` : safe;
}

/**
 * Writes a duration.
 *
 * @param milliseconds 0 or more; undefined when it is not known.
 * @returns For example `12.3 ms` or `4 min 5 s`.
 */
export function duration(milliseconds: number | undefined): string {
  if (milliseconds === undefined) return "–";
  if (milliseconds < 1) return `${Math.round(milliseconds * 1000)} µs`;
  if (milliseconds < 1_000) return `${milliseconds.toFixed(milliseconds < 100 ? 1 : 0)} ms`;
  const seconds = milliseconds / 1_000;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}

/**
 * Writes a whole number.
 *
 * @param value Any.
 * @returns For example `10,000`.
 */
export function count(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/**
 * Writes a number with its noun.
 *
 * @param value 0 or more.
 * @param noun In the singular; its plural ends in s.
 * @returns For example `1 endpoint`.
 */
export function counted(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
}

/**
 * Writes a share.
 *
 * @param share From 0 to 1.
 * @returns For example `33 %` or `0.4 %`.
 */
export function percent(share: number): string {
  const value = share * 100;
  return `${value >= 10 || value === 0 ? Math.round(value) : value.toFixed(1)} %`;
}

/**
 * Writes a moment.
 *
 * @param milliseconds Since the epoch.
 * @returns RFC 3339 in UTC, to the second.
 */
export function moment(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
}
