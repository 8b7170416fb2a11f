/**
 * Time as it is passed in: what the flow's stages know of the clock.
 *
 * @module
 */

/** A clock that tells the time and rings. */
export interface Clock {
  /**
   * Tells the time.
   *
   * @returns Milliseconds since the epoch.
   */
  now(): number;
  /**
   * Calls back once, later.
   *
   * @param delay Milliseconds from now; 0 means after the current macrotask.
   * @param callback What to do then; it must not throw.
   * @returns Cancels the call; harmless when it has been made already.
   */
  after(delay: number, callback: () => void): () => void;
}

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after: (delay, callback) => {
    const timer = setTimeout(callback, delay);
    return () => clearTimeout(timer);
  },
};
