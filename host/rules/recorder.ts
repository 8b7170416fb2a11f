/**
 * nf_tables that only takes notes: it lists what the kernel has, and what is committed, marked and
 * checked as ever, is carried out on a copy.
 *
 * @module
 */
import { WeirError } from "../../schemas/errors.ts";
import { concatenated } from "../bytes.ts";
import { type FoundTable, stampTables } from "../capabilities/nft/claim.ts";
import type { NftKernel } from "../capabilities/nft/kernel.ts";
import { writeMark } from "../capabilities/nft/mark.ts";
import { carryOut } from "./batch.ts";
import { compareRulesets, joinChanges, type RuleChanges } from "./compare.ts";
import { type NftReader, readTable } from "./listing.ts";
import type { Ruleset } from "./ruleset.ts";

/** What there is of a table, and what there would be. */
interface Recorded {
  readonly before: Ruleset;
  after: Ruleset;
}

/** Records what a proxier would write to its tables. */
export class Recorder {
  readonly #kernel: NftReader;
  readonly #tables = new Map<string, Promise<Recorded>>();

  /** @param kernel nf_tables, which is read and not written. */
  constructor(kernel: NftReader) {
    this.#kernel = kernel;
  }

  /**
   * Stands in for nf_tables.
   *
   * @param table The only one that is written.
   * @returns What the capability `nft` takes in place of the kernel.
   */
  standIn(table: string): Pick<NftKernel, "commit" | "list" | "declared"> {
    return {
      declared: new Map(),
      list: (request, name, owner, keys) => this.#kernel.list(request, name, owner, keys),
      commit: async (messages, _, { claim } = {}) => {
        if (claim !== undefined) await this.#kernel.mustBeFree(claim);
        const recorded = await this.#of(table);
        // They are the plugin's memory, and what is recorded refers to them.
        const kept = messages.slice();
        const bytes = claim === undefined
          ? kept
          : concatenated(stampTables(kept, writeMark(claim.owner)));
        const outcome = carryOut(recorded.after, bytes);
        if ("after" in outcome) {
          recorded.after = outcome.after;
          return;
        }
        const { failure } = outcome;
        throw new WeirError(
          "WEIR_NFT_KERNEL",
          `Cannot commit nftables message "${failure.message}": the kernel would say ` +
            `${failure.name}, ${failure.detail}`,
          { cause: failure },
        );
      },
    };
  }

  /**
   * What is different.
   *
   * @param removed Tables that nobody would have any more.
   * @returns Of the tables that were written, and of those.
   */
  async changes(removed: readonly Pick<FoundTable, "family" | "name">[]): Promise<RuleChanges> {
    const all: RuleChanges[] = [];
    for (const recorded of this.#tables.values()) {
      const { before, after } = await recorded;
      all.push(compareRulesets(before, after));
    }
    for (const name of new Set(removed.map(({ name }) => name))) {
      // Of the same name in another family it may be somebody else's.
      const families = new Set(removed.filter((one) => one.name === name).map((one) => one.family));
      const there = [...await readTable(this.#kernel, name)];
      const gone: Ruleset = new Map(there.filter(([family]) => families.has(family)));
      all.push(compareRulesets(gone, new Map()));
    }
    return joinChanges(all);
  }

  #of(table: string): Promise<Recorded> {
    const known = this.#tables.get(table);
    if (known !== undefined) return known;
    const recorded = readTable(this.#kernel, table).then((before) => ({ before, after: before }));
    this.#tables.set(table, recorded);
    return recorded;
  }
}
