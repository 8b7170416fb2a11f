/**
 * A table's content as data: what the kernel lists of it, or what it would hold.
 *
 * @module
 */
import type { NftFamily } from "../../schemas/capability.ts";
import { type Field, fieldsOf } from "./value.ts";
import { typeofFields } from "./typeof.ts";
import {
  attributesOf,
  CHAIN,
  DATA,
  DATA_VERDICT,
  ELEMENT,
  ELEMENT_FLAG,
  listOf,
  notesOf,
  numberOf,
  RULE,
  SET,
  SET_FLAG,
  TABLE,
  textOf,
  viewOf,
  walk,
  wideOf,
} from "./wire.ts";

/** A rule. */
export interface RuleState {
  /** What names it to the kernel; undefined for one that is not there yet. */
  readonly handle: bigint | undefined;
  /** The list of its expressions, as in RULE.EXPRESSIONS. */
  readonly expressions: Uint8Array;
  readonly comment: string;
}

/** Where a chain meets packets. */
export interface ChainBase {
  readonly type: string;
  readonly hook: number;
  /** Signed. */
  readonly priority: number;
  readonly policy: "accept" | "drop";
}

/** A chain with its rules in order. */
export interface ChainState {
  readonly name: string;
  readonly comment: string;
  /** Undefined for one that is only jumped to. */
  base: ChainBase | undefined;
  rules: RuleState[];
}

/** A set or map, without what only the kernel decides, and without its size: that is room. */
export interface SetState {
  readonly name: string;
  /** Of SET_FLAG. */
  readonly flags: number;
  readonly key: readonly Field[];
  /** Without padding of the last field. */
  readonly keyBytes: number;
  /** Empty for a set, and for a verdict map. */
  readonly data: readonly Field[];
  readonly verdicts: boolean;
  /** Milliseconds; 0 without. */
  readonly timeout: number;
  /** Names of the expressions that each element has, for example `counter`. */
  readonly stateful: readonly string[];
  readonly comment: string;
  /** By {@linkcode elementOf}'s key; undefined where packets fill the set. */
  elements: Map<string, string> | undefined;
  /** The elements are another set's, too, and are to be copied before they are changed. */
  shared: boolean;
}

/** One family's table. */
export interface TableState {
  readonly family: NftFamily;
  readonly name: string;
  readonly comment: string;
  readonly dormant: boolean;
  readonly chains: Map<string, ChainState>;
  readonly sets: Map<string, SetState>;
}

/** A table in all families that have it. */
export type Ruleset = Map<NftFamily, TableState>;

const TABLE_DORMANT = 1;
const CHAIN_HOOK = { HOOKNUM: 1, PRIORITY: 2 } as const;
const DROP = 0;

/** enum nftnl_udata_*_types: where the comment of an object lies. */
const COMMENT = { table: 0, chain: 0, rule: 0, set: 7, element: 0 } as const;

function commentOf(kind: keyof typeof COMMENT, userdata: Uint8Array | undefined): string {
  return textOf(notesOf(userdata).get(COMMENT[kind]));
}

/**
 * Reads a NEWTABLE.
 *
 * @param family Of the message.
 * @param body Its attributes.
 * @returns An empty table.
 */
export function tableOf(family: NftFamily, body: Uint8Array): TableState {
  const found = attributesOf(body);
  return {
    family,
    name: textOf(found.get(TABLE.NAME)),
    comment: commentOf("table", found.get(TABLE.USERDATA)),
    dormant: (numberOf(found.get(TABLE.FLAGS)) & TABLE_DORMANT) !== 0,
    chains: new Map(),
    sets: new Map(),
  };
}

/**
 * Reads a NEWCHAIN.
 *
 * @param body Its attributes.
 * @returns A chain without rules.
 */
export function chainOf(body: Uint8Array): ChainState {
  const found = attributesOf(body);
  const hook = found.get(CHAIN.HOOK);
  let base: ChainBase | undefined;
  if (hook !== undefined) {
    const inner = attributesOf(hook);
    const policy = found.get(CHAIN.POLICY);
    base = {
      // NFT_CHAIN_T_DEFAULT.
      type: textOf(found.get(CHAIN.TYPE)) || "filter",
      hook: numberOf(inner.get(CHAIN_HOOK.HOOKNUM)),
      priority: numberOf(inner.get(CHAIN_HOOK.PRIORITY)) | 0,
      policy: policy !== undefined && numberOf(policy) === DROP ? "drop" : "accept",
    };
  }
  return {
    name: textOf(found.get(CHAIN.NAME)),
    comment: commentOf("chain", found.get(CHAIN.USERDATA)),
    base,
    rules: [],
  };
}

/**
 * Reads a NEWRULE.
 *
 * @param body Its attributes.
 * @returns The rule.
 */
export function ruleOf(body: Uint8Array): RuleState {
  const found = attributesOf(body);
  return {
    handle: wideOf(found.get(RULE.HANDLE)),
    expressions: found.get(RULE.EXPRESSIONS) ?? new Uint8Array(),
    comment: commentOf("rule", found.get(RULE.USERDATA)),
  };
}

function statefulOf(found: ReadonlyMap<number, Uint8Array>): readonly string[] {
  const [one, several] = [found.get(SET.EXPR), found.get(SET.EXPRESSIONS)];
  const all = several === undefined ? one === undefined ? [] : [one] : listOf(several);
  return all.map((expression) => textOf(attributesOf(expression).get(1)));
}

/**
 * Reads a NEWSET.
 *
 * @param body Its attributes.
 * @returns A set without elements.
 */
export function setOf(body: Uint8Array): SetState {
  const found = attributesOf(body);
  const flags = numberOf(found.get(SET.FLAGS));
  const userdata = notesOf(found.get(SET.USERDATA));
  const verdicts = numberOf(found.get(SET.DATA_TYPE)) === DATA_VERDICT;
  const isMap = (flags & SET_FLAG.map) !== 0 && !verdicts;
  const expressions = typeofFields(userdata);
  return {
    name: textOf(found.get(SET.NAME)),
    flags,
    key: expressions.key ?? fieldsOf(numberOf(found.get(SET.KEY_TYPE))),
    keyBytes: numberOf(found.get(SET.KEY_LEN)),
    data: isMap ? expressions.data ?? fieldsOf(numberOf(found.get(SET.DATA_TYPE))) : [],
    verdicts,
    timeout: numberOf(found.get(SET.TIMEOUT)),
    stateful: statefulOf(found),
    comment: textOf(userdata.get(COMMENT.set)),
    elements: (flags & SET_FLAG.dynamic) !== 0 ? undefined : new Map(),
    shared: false,
  };
}

/** NF_DROP, NF_ACCEPT and enum nft_verdicts. */
const VERDICTS: ReadonlyMap<number, string> = new Map([
  [0, "drop"],
  [1, "accept"],
  [-1, "continue"],
  [-2, "break"],
  [-3, "jump"],
  [-4, "goto"],
  [-5, "return"],
]);

/**
 * Reads a verdict.
 *
 * @param bytes The attributes of DATA.VERDICT.
 * @returns As nft writes it, and the chain that it leads to.
 */
export function verdictOf(
  bytes: Uint8Array,
): { readonly text: string; readonly chain: string | undefined } {
  const found = attributesOf(bytes);
  const code = numberOf(found.get(DATA.CODE)) | 0;
  const name = VERDICTS.get(code) ?? `verdict ${code}`;
  const chain = found.get(DATA.CHAIN);
  if (chain === undefined) return { text: name, chain: undefined };
  return { text: `${name} ${textOf(chain)}`, chain: textOf(chain) };
}

/** Bytes as a text of as many characters, which sorts and compares as they do. */
function binary(bytes: Uint8Array, from: number, to: number): string {
  let text = "";
  for (let at = from; at < to; at++) text += String.fromCharCode(bytes[at] ?? 0);
  return text;
}

/**
 * The bytes behind a part of an element.
 *
 * @param text As {@linkcode elementOf} has it.
 * @returns The bytes.
 */
export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/**
 * What stands between the parts of an element's key and value; no byte reads as one of these. A key
 * is its bytes, then MARKS.end for the end of an interval, or MARKS.to and the last key of one. A
 * value is MARKS.verdict with the verdict's words, or the data's bytes; then what else there is.
 */
export const MARKS = {
  end: "\u0101",
  to: "\u0102",
  catchAll: "\u0103",
  verdict: "\u0104",
  timeout: "\u0105",
  comment: "\u0106",
  object: "\u0107",
} as const;

/**
 * Reads an element, without what it counted and when it expires.
 *
 * @param bytes Of the message.
 * @param view Of the same memory.
 * @param from Where the element's attributes begin.
 * @param to Where they end.
 * @returns Its key and value, each as one text to compare.
 */
function elementOf(
  bytes: Uint8Array,
  view: DataView,
  from: number,
  to: number,
): { readonly key: string; readonly value: string } {
  let [key, last, flags] = ["", "", 0];
  let [data, rest] = ["", ""];
  walk(view, from, to, (type, start, end) => {
    switch (type) {
      case ELEMENT.KEY:
      case ELEMENT.KEY_END:
        walk(view, start, end, (part, first, past) => {
          if (part !== DATA.VALUE) return;
          if (type === ELEMENT.KEY) key = binary(bytes, first, past);
          else last = MARKS.to + binary(bytes, first, past);
        });
        break;
      case ELEMENT.DATA:
        walk(view, start, end, (part, first, past) => {
          if (part === DATA.VALUE) data = binary(bytes, first, past);
          else data = MARKS.verdict + verdictOf(bytes.subarray(first, past)).text;
        });
        break;
      case ELEMENT.FLAGS:
        flags = view.getUint32(start);
        break;
      case ELEMENT.TIMEOUT:
        rest += `${MARKS.timeout}${view.getBigUint64(start)}`;
        break;
      case ELEMENT.USERDATA: {
        const comment = commentOf("element", bytes.subarray(start, end));
        if (comment !== "") rest += MARKS.comment + comment;
        break;
      }
      case ELEMENT.OBJREF:
        rest += MARKS.object + textOf(bytes.subarray(start, end));
        break;
    }
  });
  if ((flags & ELEMENT_FLAG.end) !== 0) last = MARKS.end;
  if ((flags & ELEMENT_FLAG.catchAll) !== 0) key = MARKS.catchAll;
  return { key: key + last, value: data + rest };
}

/**
 * Reads the elements of a NEWSETELEM or DELSETELEM.
 *
 * @param list The value of ELEMENTS.LIST.
 * @param found Called for each.
 */
export function eachElement(
  list: Uint8Array,
  found: (element: { readonly key: string; readonly value: string }) => void,
): void {
  const view = viewOf(list);
  walk(view, 0, list.length, (_, start, end) => found(elementOf(list, view, start, end)));
}
