/**
 * Gives memory back to the node once the work that took it is over. A full sync leaves several
 * times what stays of it: lists, snapshots, frames. V8 would keep those pages for months, since
 * nothing afterwards is large enough to make it look.
 *
 * @module
 */
import type { Clock } from "./clock.ts";

/** What a collector stands on. */
export interface CollectorOptions {
  /** Collects garbage and gives pages back; undefined where V8 does not offer it. */
  readonly collect: (() => void) | undefined;
  readonly clock: Clock;
}

/** Milliseconds after large work at which garbage is collected: not while more of it comes. */
const QUIET_MS = 1_000;

/**
 * Milliseconds between two collections for work that is repeated: it leaves a megabyte or so each
 * time, and with ten thousand Services a collection holds everything up for 200 ms.
 */
const RARELY_MS = 300_000;

/** Milliseconds after the last look at the page at which who looked has gone. */
const GONE_MS = 60_000;

/** Looks that leave enough for a collection. */
const MANY_LOOKS = 50;

/**
 * Looks that are not waited out: each leaves 30 to 300 kB, which with ten thousand Services V8 does not
 * tidy up before the heap has grown to a multiple, and the container may have a limit.
 */
const MOST_LOOKS = 300;

/** Collects garbage after large work. */
export class Collector {
  readonly #options: CollectorOptions;
  #cancel: () => void = () => {};
  #cancelGone: () => void = () => {};
  #looks = 0;
  #collectedAt: number;

  /**
   * @param options How to collect, and the clock.
   */
  constructor(options: CollectorOptions) {
    this.#options = options;
    this.#collectedAt = options.clock.now();
  }

  /** Takes notice of large work that has just been done. */
  soon(): void {
    const { collect, clock } = this.#options;
    this.#cancel();
    if (collect === undefined) return;
    this.#cancel = clock.after(QUIET_MS, () => {
      this.#collectedAt = clock.now();
      this.#looks = 0;
      collect();
    });
  }

  /** Takes notice of somebody who looks at the page: collects once they have gone, or look on. */
  looked(): void {
    const { collect, clock } = this.#options;
    if (collect === undefined || ++this.#looks < MANY_LOOKS) return;
    // Once: who looks again before a second is over must not put it off.
    if (this.#looks % MOST_LOOKS === 0) this.soon();
    this.#cancelGone();
    this.#cancelGone = clock.after(GONE_MS, () => {
      if (this.#looks >= MANY_LOOKS) this.soon();
    });
  }

  /** Takes notice of work that is repeated, such as a scrape, and leaves something each time. */
  sometimes(): void {
    if (this.#options.clock.now() - this.#collectedAt >= RARELY_MS) this.soon();
  }

  /** Collects no more. */
  stop(): void {
    this.#cancel();
    this.#cancelGone();
  }
}
