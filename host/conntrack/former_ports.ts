/**
 * Service ports as they were: where flows to addresses that nobody has any more were sent.
 *
 * @module
 */
import type { ServicePortView } from "../../schemas/view.ts";
import { sameAddresses } from "./suspicion.ts";

/**
 * How many are kept until a reconciliation takes them; a proxier may be away for days. The oldest
 * go: their flows are the likeliest to have expired.
 */
const MOST = 10_000;

/** Remembers service ports that were removed or have moved to other addresses. */
export class FormerPorts {
  readonly #most: number;
  /** By id, in the order in which they were replaced. */
  readonly #views = new Map<string, readonly ServicePortView[]>();
  #count = 0;

  /** @param most How many are kept. */
  constructor(most: number = MOST) {
    this.#most = most;
  }

  /**
   * Takes notice of a change.
   *
   * @param before The service port as it was.
   * @param now As it is; undefined when it is gone.
   */
  replaced(before: ServicePortView, now: ServicePortView | undefined): void {
    if (now !== undefined && sameAddresses(before, now)) return;
    const others = this.#views.get(before.id) ?? [];
    // Where its flows went does not matter any more, and may be thousands of endpoints.
    this.#views.set(before.id, [...others, { ...before, endpoints: [] }]);
    this.#count++;
    while (this.#count > this.#most) this.#dropOldest();
  }

  #dropOldest(): void {
    const [first] = this.#views;
    if (first === undefined) return;
    const [id, [, ...rest]] = first;
    this.#count--;
    if (rest.length === 0) this.#views.delete(id);
    else this.#views.set(id, rest);
  }

  /**
   * Hands out what is known and forgets it.
   *
   * @param ids Of which service ports.
   * @returns What they were, oldest first for each.
   */
  take(ids: Iterable<string> | "all"): ServicePortView[] {
    const taken: ServicePortView[] = [];
    for (const id of ids === "all" ? [...this.#views.keys()] : ids) {
      const views = this.#views.get(id);
      if (views === undefined) continue;
      taken.push(...views);
      this.#count -= views.length;
      this.#views.delete(id);
    }
    return taken;
  }
}
