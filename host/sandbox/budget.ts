/**
 * A token bucket: how much of something a plugin may send.
 *
 * @module
 */

/** Grants a rate with a burst. */
export class Budget {
  readonly #perMs: number;
  readonly #burst: number;
  readonly #now: () => number;
  #tokens: number;
  #at: number;

  /**
   * @param perSecond Average rate.
   * @param burst What may come at once; the bucket starts full.
   * @param now Milliseconds.
   */
  constructor(perSecond: number, burst: number, now: () => number) {
    this.#perMs = perSecond / 1000;
    this.#burst = burst;
    this.#now = now;
    this.#tokens = burst;
    this.#at = now();
  }

  /**
   * Takes from the bucket, or leaves it as it is.
   *
   * @param amount How much.
   * @returns Whether there was enough.
   */
  take(amount: number): boolean {
    const now = this.#now();
    // The clock of the machine may be set back.
    const elapsed = Math.max(0, now - this.#at);
    this.#tokens = Math.min(this.#burst, this.#tokens + elapsed * this.#perMs);
    this.#at = now;
    if (amount > this.#tokens) return false;
    this.#tokens -= amount;
    return true;
  }
}
