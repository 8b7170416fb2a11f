/**
 * How many of something there are at a time.
 *
 * @module
 */

/**
 * Counts places that are taken, and lets one wait for the next. It holds on to the one who waits
 * and to nobody else: a race of all who have a place would leave a reaction on each of them, for as
 * long as it lasts, with every wait.
 */
export class Semaphore {
  #free: number;
  #wake: () => void = () => {};

  /** @param places How many there are. */
  constructor(places: number) {
    this.#free = places;
  }

  /**
   * Takes a place, and waits for one if need be. One may wait at a time.
   *
   * @param signal Ends the wait.
   * @returns False when the signal has aborted; then no place is taken.
   */
  async take(signal: AbortSignal): Promise<boolean> {
    while (this.#free === 0 && !signal.aborted) {
      const woken = Promise.withResolvers<void>();
      const wake = () => woken.resolve();
      this.#wake = wake;
      signal.addEventListener("abort", wake);
      await woken.promise;
      signal.removeEventListener("abort", wake);
    }
    if (signal.aborted) return false;
    this.#free--;
    return true;
  }

  /** Gives a place back. */
  release(): void {
    this.#free++;
    this.#wake();
  }
}
