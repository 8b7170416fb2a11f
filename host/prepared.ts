/**
 * A part of the proxy that has been made ready for another configuration beside the one in force:
 * what can fail has been done, and nothing is different yet.
 *
 * @module
 */

/** A part made ready; exactly one of both is to be called, once. Neither throws. */
export interface Prepared {
  /** Puts it in force in place of the former one, which then ends. */
  commit(): void;
  /** Drops it; the former one goes on. */
  abort(): void;
}
