/**
 * The client's rate limit: a token bucket, as client-go's.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import { sleep } from "../../sleep.ts";

/** Settings of a {@linkcode TokenBucket}. */
export interface TokenBucketOptions {
  /** Tokens that flow in, per second. 0 stands for the default 5; below 0 there is no limit. */
  readonly qps: number;
  /** Tokens that the full bucket holds. 0 stands for the default 10. */
  readonly burst: number;
  readonly clock: Clock;
}

/**
 * A token bucket that lets callers pass in the order they came. It starts full. The defaults and
 * the meaning of 0 and −1 are those of client-go (`rest.DefaultQPS`, `rest.DefaultBurst`).
 */
export class TokenBucket {
  readonly #qps: number;
  readonly #burst: number;
  readonly #clock: Clock;
  /** Below 0: that many callers are waiting already. */
  #tokens: number;
  #filledAt: number;

  /**
   * @param options Rates and the clock.
   */
  constructor(options: TokenBucketOptions) {
    this.#qps = options.qps === 0 ? 5 : options.qps;
    this.#burst = options.burst === 0 ? 10 : options.burst;
    this.#clock = options.clock;
    this.#tokens = this.#burst;
    this.#filledAt = options.clock.now();
  }

  /**
   * Takes a token, waiting for it if need be.
   *
   * @param signal Ends the wait; the token is then lost.
   * @returns Settles when the caller may go on or the signal aborts.
   */
  async take(signal: AbortSignal): Promise<void> {
    if (this.#qps < 0) return;
    const now = this.#clock.now();
    const earned = Math.max(0, now - this.#filledAt) * this.#qps / 1000;
    this.#tokens = Math.min(this.#burst, this.#tokens + earned) - 1;
    this.#filledAt = now;
    if (this.#tokens < 0) await sleep(this.#clock, -this.#tokens * 1000 / this.#qps, signal);
  }
}
