/**
 * The sizes of endpoint sets, and the chains that choose among so many endpoints.
 *
 * A chain is made for a size and a route when the first needs it. To bind its rule to the maps that
 * it looks up, the kernel walks all their elements (nf_tables_bind_set): 5 ms for 100,000. So chains
 * that can be foreseen are made while the maps are empty.
 *
 * @module
 */
import { type Transaction, verdict, type VerdictMap } from "weir";
import { type Choice, choiceChain } from "./layout.ts";
import type { FamilyObjects, Space } from "./objects.ts";
import type { Route } from "./service_state.ts";

/** Sizes of sets with affinity are told from plain ones by numbers from here on. */
const AFFINITY_SIZES = 2 ** 31;

/**
 * Sizes that nobody has any more and whose chains are kept all the same: a Service that is scaled up
 * and down finds them there. Somebody who changes the time of an affinity in a loop must not fill the
 * node with chains.
 */
const MOST_IDLE = 64;

/** A size, how many sets have it, and by which routes its chains are reached. */
interface Size {
  readonly choice: Choice;
  readonly routes: Set<Route>;
  uses: number;
}

/** Knows which sizes there are. */
export class Sizes {
  readonly #of: FamilyObjects;
  readonly #sizes = new Map<number, Size>();
  readonly #affinity = new Map<string, number>();
  #lastAffinity = AFFINITY_SIZES;
  /** Those that no set has any more. */
  readonly #idle = new Set<number>();

  /**
   * @param of The family's objects.
   */
  constructor(of: FamilyObjects) {
    this.#of = of;
  }

  /**
   * The number that stands for a size, as the map `set-sizes` has it.
   *
   * @param tx Receives what session affinity needs when it is the first of its kind.
   * @param choice The number of endpoints, 0 for a set that is not there, and the affinity.
   * @returns 0 for a set that is not there.
   */
  number(tx: Transaction, choice: Choice): number {
    const { count, affinitySeconds } = choice;
    if (count === 0) return 0;
    let number = count;
    if (affinitySeconds > 0) {
      if (this.#lastAffinity === AFFINITY_SIZES) {
        tx.add(this.#of.affinitySlots);
        tx.add(this.#of.affinity);
      }
      number = this.#affinity.get(kindOf(choice)) ?? ++this.#lastAffinity;
      this.#affinity.set(kindOf(choice), number);
    }
    if (!this.#sizes.has(number)) {
      this.#sizes.set(number, { choice, routes: new Set(), uses: 0 });
    }
    return number;
  }

  /**
   * Sees to it that connections find the chain of a size.
   *
   * @param tx Receives the commands.
   * @param number Of the size.
   * @param routes By which routes they come.
   */
  reach(tx: Transaction, number: number, routes: readonly Route[]): void {
    const size = this.#sizes.get(number);
    if (size === undefined) return;
    for (const route of routes) {
      if (size.routes.has(route)) continue;
      size.routes.add(route);
      const [space, way] = parts(route);
      const chain = choiceChain(this.#of, space, way, size.choice);
      tx.add(chain);
      tx.addElement(this.#chainsOf(route), number, verdict.goto(chain));
    }
  }

  /**
   * Counts a set that has another size now.
   *
   * @param before Its old size; 0 for none.
   * @param after Its new one; 0 for none.
   */
  move(before: number, after: number): void {
    const old = this.#sizes.get(before);
    if (old !== undefined && --old.uses === 0) this.#idle.add(before);
    const fresh = this.#sizes.get(after);
    if (fresh !== undefined && ++fresh.uses === 1) this.#idle.delete(after);
  }

  /**
   * Takes away the chains of sizes that no set has had since the last transaction, once they are
   * many.
   *
   * @param tx Receives the commands.
   */
  settle(tx: Transaction): void {
    if (this.#idle.size <= MOST_IDLE) return;
    for (const number of this.#idle) {
      const size = this.#sizes.get(number);
      if (size === undefined) continue;
      for (const route of size.routes) {
        const [space, way] = parts(route);
        tx.deleteElement(this.#chainsOf(route), number);
        tx.delete(choiceChain(this.#of, space, way, size.choice));
      }
      this.#sizes.delete(number);
      this.#affinity.delete(kindOf(size.choice));
    }
    this.#idle.clear();
  }

  #chainsOf(route: Route): VerdictMap {
    const [space, way] = parts(route);
    const { chains, nodeChains } = this.#of.spaces[space];
    return way === "sets" ? chains : nodeChains;
  }
}

function parts(route: Route): [Space, "sets" | "nodeSets"] {
  const at = route.indexOf(" ");
  return [route.slice(0, at) as Space, route.slice(at + 1) as "sets" | "nodeSets"];
}

function kindOf({ count, affinitySeconds }: Choice): string {
  return `${count} ${affinitySeconds}`;
}
