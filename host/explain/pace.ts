/**
 * How long who explains may hold up everything else: syncs run in the same event loop.
 *
 * @module
 */

/** What a pace stands on. */
export interface PaceOptions {
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  /** Settles once others have had their turn. */
  readonly turn: () => Promise<void>;
}

/** Milliseconds that are worked without a turn of others. */
export const MOST_MS = 5;

/** Work in steps, with turns of others in between. */
export class Pace {
  readonly #options: PaceOptions;
  #since: number;

  /** @param options Time, and how others have their turn. */
  constructor(options: PaceOptions) {
    this.#options = options;
    this.#since = options.now();
  }

  /**
   * Lets others have their turn if it is theirs.
   *
   * @returns Undefined at once, without a promise to wait for, while it is not.
   */
  due(): Promise<void> | undefined {
    const { now } = this.#options;
    return now() - this.#since < MOST_MS ? undefined : this.turn();
  }

  /** Lets others have their turn, after which as much may be done as in the beginning. */
  async turn(): Promise<void> {
    await this.#options.turn();
    this.#since = this.#options.now();
  }

  /**
   * Does work.
   *
   * @param steps Each takes a millisecond or so.
   * @returns What they come to.
   */
  async through<T>(steps: Generator<void, T>): Promise<T> {
    for (;;) {
      const { done, value } = steps.next();
      if (done) return value;
      const others = this.due();
      if (others !== undefined) await others;
    }
  }
}

/**
 * Does work without any pause.
 *
 * @param steps Few, or for who has nobody to wait for.
 * @returns What they come to.
 */
export function atOnce<T>(steps: Generator<void, T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}
