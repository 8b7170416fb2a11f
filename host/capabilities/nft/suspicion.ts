/**
 * When it is told that somebody else may have changed our tables. Nobody saw it: a commit of
 * somebody's was too close to a large one of ours. What it brings about, a full sync, commits much
 * again; where another program commits all the time, each would raise the next suspicion.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";

/** What a suspicion stands on. */
export interface SuspicionOptions {
  readonly clock: Clock;
  /** Told of it; must not throw. */
  readonly report: () => void;
}

/** Milliseconds between the first two reports; each further one takes twice as long. */
const FIRST_PAUSE_MS = 2_000;
/** Milliseconds of the longest pause: for so long a change that is one may wait for its repair. */
const LONGEST_PAUSE_MS = 60_000;

/** Reports the first suspicion at once, and those that follow less and less often. */
export class Suspicion {
  readonly #options: SuspicionOptions;
  #reportedAt = -Infinity;
  #pause = 0;
  #cancel: (() => void) | undefined;

  /** @param options Time, and whom to tell. */
  constructor(options: SuspicionOptions) {
    this.#options = options;
  }

  /** Takes notice of a commit of somebody's that may have been to our tables. */
  raise(): void {
    if (this.#cancel !== undefined) return;
    const { clock } = this.#options;
    const calm = clock.now() - this.#reportedAt;
    if (calm > 2 * LONGEST_PAUSE_MS) this.#pause = 0;
    // A clock that was set back must not make it longer.
    const wait = Math.min(this.#pause, this.#pause - calm);
    if (wait <= 0) this.#report();
    else this.#cancel = clock.after(wait, () => this.#report());
  }

  /** Reports no more. */
  stop(): void {
    this.#cancel?.();
  }

  #report(): void {
    this.#cancel = undefined;
    this.#reportedAt = this.#options.clock.now();
    this.#pause = Math.min(Math.max(FIRST_PAUSE_MS, 2 * this.#pause), LONGEST_PAUSE_MS);
    this.#options.report();
  }
}
