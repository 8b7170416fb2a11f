/**
 * Tells a slow plugin from a hung one: whoever owes a sign of life (an acknowledgement, a pong)
 * must give one in time. Time is counted in the host's own ticks, so that a host that was itself
 * suspended or starved does not blame the plugin.
 *
 * @module
 */

/** What is owed at a tick. */
export interface Owed {
  /** Something is owed: a call is not acknowledged, or a ping not answered. */
  readonly owed: boolean;
  /** A handler runs or a large frame is being read, so that silence is more likely work. */
  readonly busy: boolean;
}

/** How long silence may last, in milliseconds. */
export interface Patience {
  readonly ackMs: number;
  readonly busyMs: number;
}

/** Counts silence. */
export class Liveness {
  readonly #patience: Patience;
  #heard = false;
  #silentMs = 0;

  /** @param patience How long silence may last, in milliseconds. */
  constructor(patience: Patience) {
    this.#patience = patience;
  }

  /** Milliseconds between two ticks while something is owed. */
  get tickMs(): number {
    return Math.max(1, Math.min(1000, this.#patience.ackMs / 3));
  }

  /** Notes that something was received. */
  hear(): void {
    this.#heard = true;
  }

  /**
   * Counts one tick.
   *
   * @param owed What is owed now.
   * @returns How many milliseconds the plugin has been silent for if that is too long, else
   * undefined.
   */
  tick({ owed, busy }: Owed): number | undefined {
    if (this.#heard || !owed) this.#silentMs = 0;
    else this.#silentMs += this.tickMs;
    this.#heard = false;
    const limit = busy ? this.#patience.busyMs : this.#patience.ackMs;
    return this.#silentMs >= limit ? this.#silentMs : undefined;
  }
}
