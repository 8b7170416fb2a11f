/**
 * Reads what the kernel has of a table.
 *
 * @module
 */
import type { NftFamily } from "../../schemas/capability.ts";
import { WeirError } from "../../schemas/errors.ts";
import type { NftKernel } from "../capabilities/nft/kernel.ts";
import { FAMILY } from "../capabilities/nft/listing.ts";
import {
  chainOf,
  eachElement,
  ruleOf,
  type Ruleset,
  setOf,
  tableOf,
  type TableState,
} from "./ruleset.ts";
import { attributesOf, ELEMENTS, messagesOf, RULE, textOf } from "./wire.ts";

/** The kernel's end of nf_tables, of which nothing is asked that writes. */
export type NftReader = Pick<NftKernel, "list" | "tables" | "mustBeFree" | "generation">;

/** How often a table is read that others change meanwhile. */
const ATTEMPTS = 5;

async function tableIn(
  kernel: NftReader,
  family: NftFamily,
  name: string,
): Promise<TableState | undefined> {
  const list = async (what: "tables" | "chains" | "rules" | "sets") => [
    ...messagesOf(await kernel.list({ what, family }, name)),
  ];
  const [own] = await list("tables");
  if (own === undefined) return undefined;
  const table = tableOf(family, own.body);
  for (const { body } of await list("chains")) {
    const chain = chainOf(body);
    table.chains.set(chain.name, chain);
  }
  for (const { body } of await list("sets")) {
    const set = setOf(body);
    table.sets.set(set.name, set);
  }
  for (const { body } of await list("rules")) {
    const chain = textOf(attributesOf(body).get(RULE.CHAIN));
    table.chains.get(chain)?.rules.push(ruleOf(body));
  }
  for (const { name: set, elements } of table.sets.values()) {
    if (elements === undefined) continue;
    const listed = await kernel.list({ what: "elements", family, set }, name);
    for (const { body } of messagesOf(listed)) {
      const some = attributesOf(body).get(ELEMENTS.LIST);
      if (some !== undefined) eachElement(some, ({ key, value }) => elements.set(key, value));
    }
  }
  return table;
}

/**
 * Reads a table in all families, as of one generation.
 *
 * @param kernel nf_tables.
 * @param name The table's.
 * @returns What there is; empty when no family has it.
 * @throws {WeirError} WEIR_NETLINK when somebody changes rules faster than they can be read.
 */
export async function readTable(kernel: NftReader, name: string): Promise<Ruleset> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const generation = await kernel.generation();
    const found: Ruleset = new Map();
    for (const family of Object.keys(FAMILY) as NftFamily[]) {
      const table = await tableIn(kernel, family, name);
      if (table !== undefined) found.set(family, table);
    }
    if (await kernel.generation() === generation) return found;
  }
  throw new WeirError(
    "WEIR_NETLINK",
    `Cannot read table "${name}": nftables changed while it was read, ${ATTEMPTS} times; try again ` +
      "when less is going on",
  );
}
