/**
 * A clock for tests: it stands still until it is told to move.
 *
 * @module
 */
import type { Clock } from "./clock.ts";

interface Timer {
  readonly due: number;
  readonly order: number;
  readonly callback: () => void;
}

/** Lets the promises that a callback settled run on; a few turns deep, as `await`s nest. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

/** A simulated {@linkcode Clock}: timers ring only inside {@linkcode SimulatedClock.advance}. */
export class SimulatedClock implements Clock {
  #now: number;
  #order = 0;
  readonly #timers = new Set<Timer>();

  /**
   * Makes a clock that stands still.
   *
   * @param start The time it stands at first, in milliseconds since the epoch.
   */
  constructor(start = 0) {
    this.#now = start;
  }

  /**
   * Tells the time.
   *
   * @returns Where it stands, in milliseconds since the epoch.
   */
  now(): number {
    return this.#now;
  }

  /**
   * Calls back when it is advanced far enough.
   *
   * @param delay Milliseconds from now.
   * @param callback Called while the clock is advanced past that moment.
   * @returns Cancels the call.
   */
  after(delay: number, callback: () => void): () => void {
    const timer = { due: this.#now + Math.max(0, delay), order: this.#order++, callback };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** How many timers wait to ring. */
  get waiting(): number {
    return this.#timers.size;
  }

  /**
   * Moves on, and rings every timer that becomes due, in order, with `now()` at its due moment.
   *
   * @param duration Milliseconds.
   * @returns Settles when what the timers started has run as far as it can without more time.
   */
  async advance(duration: number): Promise<void> {
    const end = this.#now + duration;
    await settle();
    for (let timer = this.#next(end); timer !== undefined; timer = this.#next(end)) {
      this.#timers.delete(timer);
      this.#now = Math.max(this.#now, timer.due);
      timer.callback();
      await settle();
    }
    this.#now = end;
  }

  #next(end: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.due > end) continue;
      const earlier = first === undefined || timer.due < first.due ||
        (timer.due === first.due && timer.order < first.order);
      if (earlier) first = timer;
    }
    return first;
  }
}
