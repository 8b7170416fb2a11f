/**
 * What a rule refers to.
 *
 * @module
 */
import { attributesOf, DATA, EXPRESSION, listOf, textOf } from "./wire.ts";
import { verdictOf } from "./ruleset.ts";

/** NFTA_IMMEDIATE_DATA, NFTA_LOOKUP_SET, NFTA_DYNSET_SET_NAME. */
const NAMES = { immediate: 2, lookup: 1, dynset: 1 } as const;

/** A chain or set that has to be there. */
export interface Reference {
  readonly kind: "chain" | "set";
  readonly name: string;
}

/**
 * Finds what a rule refers to.
 *
 * @param expressions The list of its expressions.
 * @returns Each as often as it is named.
 */
export function referencesOf(expressions: Uint8Array): readonly Reference[] {
  const found: Reference[] = [];
  for (const bytes of listOf(expressions)) {
    const expression = attributesOf(bytes);
    const name = textOf(expression.get(EXPRESSION.NAME));
    if (name !== "immediate" && name !== "lookup" && name !== "dynset") continue;
    const value = attributesOf(expression.get(EXPRESSION.DATA) ?? new Uint8Array())
      .get(NAMES[name]);
    if (value === undefined) continue;
    if (name !== "immediate") {
      found.push({ kind: "set", name: textOf(value) });
      continue;
    }
    const verdict = attributesOf(value).get(DATA.VERDICT);
    const { chain } = verdict === undefined ? { chain: undefined } : verdictOf(verdict);
    if (chain !== undefined) found.push({ kind: "chain", name: chain });
  }
  return found;
}
