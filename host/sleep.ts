/**
 * Waiting, on a clock that is passed in.
 *
 * @module
 */
import type { Clock } from "./clock.ts";

/**
 * Waits.
 *
 * @param clock Says when it is over.
 * @param milliseconds How long; at most 2³¹−1, the longest timer.
 * @param signal Ends the wait early; the promise then resolves too, so that callers look at the
 * signal and need no catch.
 * @returns Settles when the time is over or the signal aborts.
 */
export function sleep(clock: Clock, milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const finish = () => {
      cancel();
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const cancel = clock.after(Math.min(milliseconds, 2 ** 31 - 1), finish);
    signal.addEventListener("abort", finish);
  });
}
