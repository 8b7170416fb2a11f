/**
 * What a check came to.
 *
 * @module
 */
import { messageOf } from "../../schemas/errors.ts";

/** One thing that was looked at. */
export type Tick =
  | { readonly state: "good"; readonly what: string }
  /** Good to know, and nothing to look at. */
  | { readonly state: "skipped"; readonly what: string }
  | { readonly state: "warning" | "failure"; readonly what: string; readonly remedy: string };

/** Ticks about one thing. */
export interface TickGroup {
  readonly title: string;
  readonly ticks: readonly Tick[];
}

/**
 * Something that is as it should be.
 *
 * @param what In a few words.
 * @returns The tick.
 */
export function good(what: string): Tick {
  return { state: "good", what };
}

/**
 * Something that could not be looked at, or need not.
 *
 * @param what In a few words, with the reason.
 * @returns The tick.
 */
export function skipped(what: string): Tick {
  return { state: "skipped", what };
}

/**
 * Something that weir can do without.
 *
 * @param what In a few words.
 * @param remedy What to do about it.
 * @returns The tick.
 */
export function warning(what: string, remedy: string): Tick {
  return { state: "warning", what, remedy };
}

/**
 * Something that weir cannot do without.
 *
 * @param what In a few words.
 * @param remedy What to do about it.
 * @returns The tick.
 */
export function failure(what: string, remedy: string): Tick {
  return { state: "failure", what, remedy };
}

/**
 * Looks at something, and takes what is thrown for the failure: weir's messages have their remedy.
 *
 * @param what It is called so in the failure.
 * @param look Looks.
 * @returns Its ticks.
 */
export async function attempted(
  what: string,
  look: () => readonly Tick[] | Promise<readonly Tick[]>,
): Promise<readonly Tick[]> {
  try {
    return await look();
  } catch (thrown) {
    return [failure(what, messageOf(thrown))];
  }
}
