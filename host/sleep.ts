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

/**
 * Waits for something, but no longer than a while.
 *
 * @param clock Measures the while.
 * @param limit Milliseconds.
 * @param work What is waited for; it must not reject.
 * @returns Settles when it has settled or the while is over.
 */
export async function within(clock: Clock, limit: number, work: Promise<unknown>): Promise<void> {
  const late = Promise.withResolvers<void>();
  const cancel = clock.after(limit, late.resolve);
  await Promise.race([work, late.promise]);
  cancel();
}
