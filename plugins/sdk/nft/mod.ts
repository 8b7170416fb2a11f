/**
 * nftables for plugins: a transaction builder that speaks netlink, and listings.
 *
 * @module
 */
export { type ElementText, type NftClient, nftClient } from "./client.ts";
export { type DataType, type DataTypeName, type FieldValue, writeAddress } from "./datatype.ts";
export type { ElementValue } from "./elements.ts";
export type { Messages } from "./encode.ts";
export {
  type BitsTerm,
  concat,
  ct,
  type ExpressionNode,
  fib,
  type HeaderField,
  ip,
  ip6,
  meta,
  type Named,
  numgenRandom,
  type OriginalTuple,
  type Term,
  th,
  type WritableTerm,
} from "./expressions.ts";
export { NftError } from "./nft_error.ts";
export {
  type AnySet,
  type BaseChain,
  type Chain,
  chain,
  type Collection,
  type Field,
  type Layout,
  map,
  type NftMap,
  type NftSet,
  set,
  type SetFlag,
  type SetOptions,
  type Shape,
  type Table,
  table,
  type VerdictMap,
  verdictMap,
} from "./objects.ts";
export type { Counted, ListedElement, ListedRule } from "./read.ts";
export {
  addToMap,
  addToSet,
  commented,
  counter,
  deleteFromMap,
  deleteFromSet,
  type Destination,
  dnat,
  masquerade,
  type NftVerdict,
  reject,
  type Rule,
  rule,
  type Statement,
  updateMap,
  updateSet,
  verdict,
} from "./statements.ts";
export { type NftObject, type Send, Transaction } from "./transaction.ts";
