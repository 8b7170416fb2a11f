/**
 * Of what nothing is heard: while an API server is away the rules stay, and whoever looks at them has
 * to know how old what they follow is.
 *
 * @module
 */

/** One kind of objects that nothing is heard of. */
export interface Silence {
  /** By its plural, for example `services`. */
  readonly plural: string;
  /** Milliseconds since the epoch. */
  readonly since: number;
  /** What went wrong, as the log has it. */
  readonly reason: string;
  /** What whoever is asked can do. */
  readonly remedy: string;
}

/** What is kept of all sources that run. */
export class Silences {
  readonly #kept = new Map<object, Silence>();

  /**
   * Keeps what one listener does not hear, in place of what was kept of it.
   *
   * @param listener Who listens to one kind.
   * @param silence Undefined when it hears again, or listens no more.
   */
  keep(listener: object, silence: Silence | undefined): void {
    if (silence === undefined) this.#kept.delete(listener);
    else this.#kept.set(listener, silence);
  }

  /**
   * The one that has lasted longest.
   *
   * @returns Undefined while everything is heard.
   */
  get longest(): Silence | undefined {
    const [first, ...others] = this.#kept.values();
    return others.reduce(
      (longest, other) => longest && longest.since <= other.since ? longest : other,
      first,
    );
  }
}
