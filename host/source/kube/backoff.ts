/**
 * How long to wait after a failure.
 *
 * @module
 */

/** Settings of a {@linkcode Backoff}. */
export interface BackoffOptions {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** From 0 to just below 1, uniformly. */
  readonly random: () => number;
}

/** First delay in milliseconds, before jitter. Source: client-go `NewReflector`. */
const FIRST = 800;
/** Longest delay in milliseconds, before jitter. */
const LONGEST = 30_000;
/** A failure this many milliseconds after the last one is the first of a new row. */
const RESET = 120_000;

/**
 * Exponential back-off with the figures of client-go's reflector: 800 ms, doubled up to 30 s, each
 * lengthened by up to as much again at random, so that the nodes of a cluster do not come back in
 * step; and from the start again after two minutes without a failure.
 */
export class Backoff {
  readonly #now: () => number;
  readonly #random: () => number;
  #delay = FIRST;
  #failedAt = -Infinity;

  /**
   * @param options The clock and randomness.
   */
  constructor(options: BackoffOptions) {
    this.#now = options.now;
    this.#random = options.random;
  }

  /**
   * Counts a failure.
   *
   * @returns Milliseconds to wait now: 800–1600 at first, 30,000–60,000 in the long run.
   */
  next(): number {
    const now = this.#now();
    if (now - this.#failedAt > RESET) this.#delay = FIRST;
    this.#failedAt = now;
    const delay = this.#delay * (1 + this.#random());
    this.#delay = Math.min(this.#delay * 2, LONGEST);
    return delay;
  }
}
