/**
 * What a packet leaves behind in the node, and how to take it back.
 *
 * @module
 */

/** Effects of one packet. */
export class Effects {
  readonly #undo: (() => void)[] = [];

  /**
   * Notes an effect.
   *
   * @param undo Takes it back; called after those noted later.
   */
  record(undo: () => void): void {
    this.#undo.push(undo);
  }

  /** Takes all of them back, the last one first. */
  undo(): void {
    for (const action of this.#undo.splice(0).toReversed()) action();
  }
}
