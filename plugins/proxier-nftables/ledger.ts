/**
 * What is in the sets of one family's table, counted, and what leaves them a little later.
 *
 * @module
 */
import type { Transaction } from "weir";
import type { PlainSet, SetSizes } from "./objects.ts";

/** Words of the longest element: a hairpin's key of IPv6 has 4+4+1+1. */
const MOST_WORDS = 12;

/**
 * Elements that may wait for their removal. A deletion of thousands of Services is over when it is
 * over: what it takes along would else stay until somebody makes another change.
 */
const MOST_WAITING = 4096;

/** An element that no packet will choose any more. */
interface Waiting {
  readonly set: PlainSet;
  readonly words: Uint32Array;
}

/** Keeps count of a table's elements. */
export class Ledger {
  readonly #sizes: SetSizes;
  readonly #filled = new Map<PlainSet, number>();
  #waiting: Waiting[] = [];
  #outgrown = false;

  /**
   * @param sizes How many elements fit.
   */
  constructor(sizes: SetSizes) {
    this.#sizes = sizes;
  }

  /** Whether a set was given more elements than fit, so that the kernel would refuse them. */
  get outgrown(): boolean {
    return this.#outgrown;
  }

  /**
   * Adds an element.
   *
   * @param tx Receives the command.
   * @param set Where to.
   * @param words Key, then data. They are copied.
   */
  add(tx: Transaction, set: PlainSet, words: Uint32Array): void {
    this.#count(set, 1);
    tx.addElementWords(set, words);
  }

  /**
   * Deletes an element. The kernel, too, counts what an earlier command of the same batch deleted
   * as room (set->ndeact).
   *
   * @param tx Receives the command.
   * @param set Where from.
   * @param words Its key. They are copied.
   */
  delete(tx: Transaction, set: PlainSet, words: Uint32Array): void {
    this.#count(set, -1);
    tx.deleteElementWords(set, words);
  }

  /**
   * Deletes an element with the next transaction. A packet makes several lookups one after the
   * other, and the kernel may go over to the next generation between two of them: what the first
   * has promised must be there for the next. By the next transaction no such packet is left.
   *
   * @param tx Receives the command when too many wait already.
   * @param set Where from.
   * @param words Its key. They are copied.
   */
  deleteLater(tx: Transaction, set: PlainSet, words: Uint32Array): void {
    if (this.#waiting.length >= MOST_WAITING) this.delete(tx, set, words);
    else this.#waiting.push({ set, words: words.slice(0, MOST_WORDS) });
  }

  /**
   * Deletes what has waited; to be called before anything else of a transaction.
   *
   * @param tx Receives the commands.
   */
  settle(tx: Transaction): void {
    for (const { set, words } of this.#waiting) this.delete(tx, set, words);
    this.#waiting = [];
  }

  #count(set: PlainSet, more: number): void {
    const filled = (this.#filled.get(set) ?? 0) + more;
    this.#filled.set(set, filled);
    if (filled > (this.#sizes.get(set) ?? Infinity)) this.#outgrown = true;
  }
}
