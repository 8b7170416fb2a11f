/**
 * How much of a kind of work there is at a time, how much may wait for it, and who comes in between.
 *
 * @module
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "./clock.ts";

/** What turns stand on. */
export interface TurnsOptions {
  /** How many are at work at a time. */
  readonly most: number;
  /** How many may wait; one more is refused. */
  readonly waiting: number;
  /** A turn rests for so many times what it took before somebody else has it; 0 without it. */
  readonly rest?: number;
  readonly clock: Clock;
}

/** Milliseconds of the longest rest. */
const LONGEST_REST_MS = 5_000;

/** Turns of work, first come, first served. */
export class Turns {
  readonly #options: TurnsOptions;
  readonly #queue = new Set<() => void>();
  #free: number;

  /** @param options How many. */
  constructor(options: TurnsOptions) {
    this.#options = options;
    this.#free = options.most;
  }

  /**
   * Takes a turn.
   *
   * @param signal Ends the wait.
   * @returns What gives it back, to be called once; undefined when too many wait already, or the
   * signal has aborted.
   */
  async take(signal?: AbortSignal): Promise<(() => void) | undefined> {
    if (signal?.aborted) return undefined;
    if (this.#free === 0) {
      if (this.#queue.size >= this.#options.waiting) return undefined;
      const { promise, resolve } = Promise.withResolvers<boolean>();
      const called = () => resolve(true);
      const leave = () => {
        // Who has been called already has the turn, and gives it back.
        if (this.#queue.delete(called)) resolve(false);
      };
      this.#queue.add(called);
      signal?.addEventListener("abort", leave);
      const mine = await promise;
      signal?.removeEventListener("abort", leave);
      if (!mine) return undefined;
    } else this.#free--;
    const { clock, rest = 0 } = this.#options;
    const begun = clock.now();
    return () => {
      const took = Math.max(0, clock.now() - begun);
      // In a task of its own, so that the rest of the process comes between two turns.
      clock.after(Math.min(rest * took, LONGEST_REST_MS), () => this.#next());
    };
  }

  #next(): void {
    const [called] = this.#queue;
    if (called === undefined) {
      this.#free++;
      return;
    }
    this.#queue.delete(called);
    called();
  }
}

/** Waits for a turn in which something long may be made. */
export type TakeTurn = () => Promise<void>;

/**
 * Gives turns one by one, however many wait: all that wait for Node's setImmediate() alone have
 * theirs together, and everybody else after all of them.
 *
 * @returns Waits for a turn; between any two of them everybody else has one.
 */
export function oneByOne(): TakeTurn {
  let last = Promise.resolve();
  return () => last = last.then(() => nextTurn());
}
