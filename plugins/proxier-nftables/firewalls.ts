/**
 * Who may reach a load balancer: one chain and one set of ranges for each list of sources, shared
 * by all load balancers that have the same list.
 *
 * @module
 */
import { cidrContains, parseCidr, set, type Transaction, verdict } from "weir";
import { firewallChain, sourcesName } from "./layout.ts";
import type { FamilyObjects } from "./objects.ts";

interface Firewall {
  readonly number: number;
  /** How many load balancers use it. */
  uses: number;
}

/** The chains that check sources. */
export class Firewalls {
  readonly #of: FamilyObjects;
  readonly #bySources = new Map<string, Firewall>();
  /** The lists that nobody uses any more. */
  readonly #idle = new Set<string>();
  #last = 0;

  /**
   * @param of The family's objects.
   */
  constructor(of: FamilyObjects) {
    this.#of = of;
  }

  /**
   * Takes away the chains that nobody has used since the last transaction.
   *
   * @param tx Receives the commands.
   */
  settle(tx: Transaction): void {
    for (const sources of this.#idle) {
      const number = this.#bySources.get(sources)?.number ?? 0;
      this.#bySources.delete(sources);
      tx.deleteElement(this.#of.firewallChains, number);
      const chain = firewallChain(this.#of, number);
      tx.flush(chain);
      tx.delete(chain);
      tx.delete(this.#sources(number));
    }
    this.#idle.clear();
  }

  /**
   * The chain for a list of sources, which is made if there is none.
   *
   * @param tx Receives the commands.
   * @param sources CIDRs with commas between, as ExternalState has them.
   * @returns Its number.
   */
  acquire(tx: Transaction, sources: string): number {
    const known = this.#bySources.get(sources);
    if (known !== undefined) {
      known.uses++;
      this.#idle.delete(sources);
      return known.number;
    }
    const number = ++this.#last;
    this.#bySources.set(sources, { number, uses: 1 });
    const ranges = this.#sources(number);
    const chain = firewallChain(this.#of, number);
    tx.add(ranges);
    for (const cidr of outermost(sources)) tx.addElement(ranges, cidr);
    tx.add(chain);
    tx.addElement(this.#of.firewallChains, number, verdict.goto(chain));
    return number;
  }

  /**
   * Gives a chain back; it goes with the next transaction, unless somebody wants it by then.
   *
   * @param sources As it was acquired.
   */
  release(sources: string): void {
    const known = this.#bySources.get(sources);
    if (known !== undefined && --known.uses === 0) this.#idle.add(sources);
  }

  #sources(number: number) {
    const address = this.#of.family === "IPv4" ? "ipv4_addr" : "ipv6_addr";
    return set(this.#of.table, sourcesName(number), [address], { flags: ["interval"] });
  }
}

/**
 * The ranges that lie in no other: an interval set takes none that overlap (EEXIST).
 *
 * @param sources CIDRs with commas between.
 * @returns CIDRs, none twice.
 */
export function outermost(sources: string): readonly string[] {
  const ranges = sources.split(",").flatMap((text) => {
    const cidr = parseCidr(text);
    return cidr === undefined ? [] : [{ text, ...cidr }];
  });
  ranges.sort((one, other) => one.prefix - other.prefix);
  const kept: typeof ranges = [];
  for (const range of ranges) {
    if (!kept.some((wider) => cidrContains(wider, range.network))) kept.push(range);
  }
  return kept.map(({ text }) => text);
}
