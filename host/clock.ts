/**
 * Time as it is passed in: what the flow's stages know of the clock.
 *
 * @module
 */
import { clearImmediate, setImmediate } from "node:timers";

/** A clock that tells the time and rings. */
export interface Clock {
  /**
   * Tells the time.
   *
   * @returns Milliseconds since the epoch; the machine's clock gives a fraction too.
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

/** Milliseconds that the fine clock may be off the wall clock, of which one is rounding. */
const MOST_DRIFT = 2;

let origin = performance.timeOrigin;

/**
 * The wall clock with microseconds: stages of a sync take less than a millisecond. The monotonic
 * clock has them, but stands still while the machine sleeps and is not set when the wall clock is.
 */
function now(): number {
  const wall = Date.now();
  const fine = origin + performance.now();
  if (fine >= wall - MOST_DRIFT && fine <= wall + MOST_DRIFT) return fine;
  origin = wall - performance.now();
  return wall;
}

/** What a timer takes, 25 days: of longer ones it makes one of 1 ms. Who waits that long may hurry. */
const LONGEST = 2 ** 31 - 1;

/**
 * The clock of the machine. A timer of 0 ms rings after 2 ms in Deno, which would be a third of
 * what a change takes; an immediate runs in the next round of the event loop.
 */
export const systemClock: Clock = {
  now,
  after: (delay, callback) => {
    if (delay === 0) {
      const immediate = setImmediate(callback);
      return () => clearImmediate(immediate);
    }
    const timer = setTimeout(callback, Math.min(delay, LONGEST));
    return () => clearTimeout(timer);
  },
};
