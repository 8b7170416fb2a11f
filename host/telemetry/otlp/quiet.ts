/**
 * The moments between syncs, in which work is done that no sync may wait for.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";

/** Milliseconds after which work is done in any case: so long a sync does not notice it. */
const MOST_WAIT_MS = 1_000;

/** Knows whether a sync is under way. */
export class Quiet {
  readonly #clock: Clock;
  readonly #waiting = new Set<() => void>();
  #syncs = 0;

  /** @param clock Time. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A sync begins. */
  begin(): void {
    this.#syncs++;
  }

  /** A sync is over: what waits is done in the next turn, behind what the sync leaves to do. */
  end(): void {
    this.#syncs--;
    if (this.#syncs === 0 && this.#waiting.size > 0) this.#clock.after(0, () => this.#serve());
  }

  /**
   * Does something when no sync is under way.
   *
   * @param work What; it is done once.
   */
  when(work: () => void): void {
    if (this.#syncs === 0) return work();
    const cancel = this.#clock.after(MOST_WAIT_MS, () => once());
    const once = () => {
      if (!this.#waiting.delete(once)) return;
      cancel();
      work();
    };
    this.#waiting.add(once);
  }

  /** One after the other, as long as none begins. */
  #serve(): void {
    const [next] = this.#waiting;
    if (this.#syncs > 0 || next === undefined) return;
    next();
    if (this.#waiting.size > 0) this.#clock.after(0, () => this.#serve());
  }
}
