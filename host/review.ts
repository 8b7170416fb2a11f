/**
 * Looks at everything that is known anew from time to time, as kube-proxy's informers deliver all
 * that they hold again every --config-sync-period. Nothing is listed again, and who is told of the
 * same once more does nothing: it is a net under faults of weir's own.
 *
 * @module
 */
import type { Clock } from "./clock.ts";

/** What a review stands on. */
export interface ReviewOptions {
  /** Milliseconds between two looks, above 0; asked anew after each. */
  readonly period: () => number;
  /** Has everything looked at; must not throw. */
  readonly look: () => void;
  readonly clock: Clock;
}

/** Has everything looked at anew from time to time. */
export class Review {
  readonly #options: ReviewOptions;
  #cancel: () => void = () => {};

  /** @param options How often, and what is done. */
  constructor(options: ReviewOptions) {
    this.#options = options;
  }

  /** Begins to wait for the next look, also when the period has become another. */
  begin(): void {
    const { period, look, clock } = this.#options;
    this.#cancel();
    this.#cancel = clock.after(period(), () => {
      look();
      this.begin();
    });
  }

  /** Looks no more. */
  stop(): void {
    this.#cancel();
  }
}
