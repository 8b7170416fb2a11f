/**
 * The commands that a transaction collects.
 *
 * @module
 */
import type { ElementBatch } from "./elements.ts";
import type { AnySet, Chain, Table } from "./objects.ts";
import type { Rule } from "./statements.ts";

/** One command, in the order in which it takes effect. */
export type Command =
  | { readonly kind: "table"; readonly verb: "add" | "delete" | "flush"; readonly table: Table }
  | { readonly kind: "chain"; readonly verb: "add" | "delete" | "flush"; readonly chain: Chain }
  | { readonly kind: "rule"; readonly verb: "add"; readonly chain: Chain; readonly rule: Rule }
  | { readonly kind: "set"; readonly verb: "add" | "delete" | "flush"; readonly set: AnySet }
  | ElementBatch;
