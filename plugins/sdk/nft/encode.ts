/**
 * Commands as nf_tables messages.
 *
 * @module
 */
import { ATTRIBUTE_MAXLEN, MessageWriter } from "./bytes.ts";
import {
  CHAIN,
  DATA,
  DATA_VERDICT,
  ELEMENT,
  ELEMENT_LIST,
  EXPRESSION,
  FAMILY,
  HOOK,
  HOOK_ATTRIBUTE,
  INTERVAL_END,
  LIST_ELEM,
  MESSAGE,
  NLA_NESTED,
  NLM,
  RULE,
  SET,
  SET_DESC,
  SET_FLAG,
  TABLE,
  VERDICT_CODE,
} from "./constants.ts";
import type { Command } from "./command.ts";
import type { ElementBatch } from "./elements.ts";
import { encodeStatements, writeVerdict } from "./encode_rule.ts";
import type { AnySet, Chain, Shape, Table } from "./objects.ts";
import type { Rule } from "./statements.ts";
import { commentUserdata, setUserdata } from "./userdata.ts";

/** Encoded messages. */
export interface Messages {
  /** One after the other, each with nlmsghdr and nfgenmsg. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** How many messages `bytes` holds, 0 or more. */
  readonly messages: number;
}

/** Messages, and which command each came from. */
export interface Encoded extends Messages {
  /**
   * Finds the command of a message.
   *
   * @param message Index from 0.
   * @returns The command and, of element commands, which elements the message holds.
   */
  find(message: number): Origin | undefined;
}

/** Where a message came from. */
export interface Origin {
  /** The command as it was given. */
  readonly command: Command;
  /** Index of the first element in the message. */
  readonly from: number;
  /** Index past the last; 0 for commands without elements. */
  readonly to: number;
}

function begin(writer: MessageWriter, type: number, flags: number, table: Table): void {
  writer.beginMessage(type, NLM.REQUEST | flags, FAMILY[table.family]);
}

function encodeTable(writer: MessageWriter, verb: "add" | "delete", table: Table): void {
  begin(writer, verb === "add" ? MESSAGE.NEWTABLE : MESSAGE.DELTABLE, create(verb), table);
  writer.string(TABLE.NAME, table.name);
  if (verb === "add") writer.be32(TABLE.FLAGS, 0);
  writer.endMessage();
}

function create(verb: "add" | "delete"): number {
  return verb === "add" ? NLM.CREATE : 0;
}

function encodeChain(writer: MessageWriter, verb: "add" | "delete", chain: Chain): void {
  begin(writer, verb === "add" ? MESSAGE.NEWCHAIN : MESSAGE.DELCHAIN, create(verb), chain.table);
  writer.string(CHAIN.TABLE, chain.table.name);
  writer.string(CHAIN.NAME, chain.name);
  if (verb === "add") {
    const { base } = chain;
    if (base !== undefined) {
      writer.string(CHAIN.TYPE, base.type);
      writer.be32(CHAIN.POLICY, VERDICT_CODE[base.policy ?? "accept"]);
      const hook = writer.open(CHAIN.HOOK);
      writer.be32(HOOK_ATTRIBUTE.HOOKNUM, HOOK[base.hook]);
      writer.be32(HOOK_ATTRIBUTE.PRIORITY, base.priority);
      writer.close(hook);
    }
    if (chain.comment !== "") writer.bytes(CHAIN.USERDATA, commentUserdata(chain.comment));
  }
  writer.endMessage();
}

/** DELRULE without a handle deletes all rules of a chain, without a chain those of the table. */
function encodeFlushRules(writer: MessageWriter, table: Table, chain: string | undefined): void {
  begin(writer, MESSAGE.DELRULE, 0, table);
  writer.string(RULE.TABLE, table.name);
  if (chain !== undefined) writer.string(RULE.CHAIN, chain);
  writer.endMessage();
}

function encodeRule(writer: MessageWriter, chain: Chain, rule: Rule): void {
  begin(writer, MESSAGE.NEWRULE, NLM.CREATE | NLM.APPEND, chain.table);
  writer.string(RULE.TABLE, chain.table.name);
  writer.string(RULE.CHAIN, chain.name);
  const expressions = writer.open(RULE.EXPRESSIONS);
  encodeStatements(writer, chain.table.family, rule.statements);
  writer.close(expressions);
  if (rule.comment !== "") writer.bytes(RULE.USERDATA, commentUserdata(rule.comment));
  writer.endMessage();
}

/** nft's number for a type; of a concatenation 6 bits per field, the first field uppermost. */
function typeNumber(shape: Shape): number {
  return shape.types.reduce((sum, type) => (sum << 6 | type.id) >>> 0, 0);
}

function encodeSet(writer: MessageWriter, verb: "add" | "delete", set: AnySet, id: number): void {
  begin(writer, verb === "add" ? MESSAGE.NEWSET : MESSAGE.DELSET, create(verb), set.table);
  writer.string(SET.TABLE, set.table.name);
  writer.string(SET.NAME, set.name);
  if (verb === "add") {
    let flags = set.kind === "set" ? 0 : SET_FLAG.map;
    for (const flag of set.flags) flags |= SET_FLAG[flag];
    if (set.timeoutSeconds > 0) flags |= SET_FLAG.timeout;
    writer.be32(SET.FLAGS, flags);
    writer.be32(SET.KEY_TYPE, typeNumber(set.key));
    writer.be32(SET.KEY_LEN, set.key.bytes);
    if (set.kind === "map") {
      writer.be32(SET.DATA_TYPE, typeNumber(set.data));
      writer.be32(SET.DATA_LEN, set.data.bytes);
    } else if (set.kind === "verdictMap") {
      writer.be32(SET.DATA_TYPE, DATA_VERDICT);
      writer.be32(SET.DATA_LEN, 0);
    }
    // The kernel insists on an id, which names the set within the batch.
    writer.be32(SET.ID, id);
    if (set.size > 0) {
      const description = writer.open(SET.DESC);
      writer.be32(SET_DESC.SIZE, set.size);
      writer.close(description);
    }
    if (set.timeoutSeconds > 0) writer.be64(SET.TIMEOUT, set.timeoutSeconds * 1000);
    writer.bytes(SET.USERDATA, setUserdata(set));
    if (set.counter) {
      // Each element that is added gets one of its own (nft_set_elem_expr_clone, 5.7).
      const counter = writer.open(SET.EXPR);
      writer.string(EXPRESSION.NAME, "counter");
      writer.close(writer.open(EXPRESSION.DATA));
      writer.close(counter);
    }
  }
  writer.endMessage();
}

function beginElements(writer: MessageWriter, verb: "add" | "delete", set: AnySet): void {
  begin(
    writer,
    verb === "add" ? MESSAGE.NEWSETELEM : MESSAGE.DELSETELEM,
    create(verb),
    set.table,
  );
  writer.string(ELEMENT_LIST.TABLE, set.table.name);
  writer.string(ELEMENT_LIST.SET, set.name);
}

/** The header of an attribute as the word it lies in. */
function header(length: number, type: number): number {
  return (length | type << 16) >>> 0;
}

/** The elements of sets and plain maps all have the same length: headers are computed once. */
function encodePlain(writer: MessageWriter, batch: ElementBatch): number {
  const { set, stride, count } = batch;
  const keyWords = set.key.words;
  const dataWords = set.kind === "map" && batch.verb === "add" ? set.data.words : 0;
  const length = 12 + keyWords * 4 + (dataWords > 0 ? 8 + dataWords * 4 : 0);
  const elementHeader = header(length, NLA_NESTED | LIST_ELEM);
  const keyHeader = header(8 + keyWords * 4, NLA_NESTED | ELEMENT.KEY);
  const keyValue = header(4 + set.key.bytes, DATA.VALUE);
  const dataHeader = header(8 + dataWords * 4, NLA_NESTED | ELEMENT.DATA);
  const dataValue = header(4 + (set.kind === "map" ? set.data.bytes : 0), DATA.VALUE);
  const perMessage = Math.floor((ATTRIBUTE_MAXLEN - 4) / length);
  writer.reserve(count * length + Math.ceil(count / perMessage) * 600);
  const source = batch.words;
  for (let from = 0; from < count; from += perMessage) {
    beginElements(writer, batch.verb, set);
    const list = writer.open(ELEMENT_LIST.ELEMENTS);
    const to = Math.min(count, from + perMessage);
    const room = writer.claim((to - from) * length >> 2);
    const { words } = room;
    let { at } = room;
    // One plain loop: a hundred thousand elements pass through it.
    for (let index = from; index < to; index++) {
      let next = index * stride;
      words[at++] = elementHeader;
      words[at++] = keyHeader;
      words[at++] = keyValue;
      for (let word = 0; word < keyWords; word++) words[at++] = source[next++] ?? 0;
      if (dataWords === 0) continue;
      words[at++] = dataHeader;
      words[at++] = dataValue;
      for (let word = 0; word < dataWords; word++) words[at++] = source[next++] ?? 0;
    }
    writer.close(list);
    writer.endMessage();
  }
  return perMessage;
}

/** The most elements per message whose lengths differ; a verdict has a name of up to 255 bytes. */
const PER_MESSAGE = 150;

function writeKey(writer: MessageWriter, set: AnySet, words: Uint32Array, at: number): void {
  const key = writer.open(ELEMENT.KEY);
  const bytes = new Uint8Array(words.slice(at, at + set.key.words).buffer, 0, set.key.bytes);
  writer.bytes(DATA.VALUE, bytes);
  writer.close(key);
}

/** Elements with verdicts or intervals. */
function encodeVarious(writer: MessageWriter, batch: ElementBatch): number {
  const { set, stride, count, words } = batch;
  for (let from = 0; from < count; from += PER_MESSAGE) {
    beginElements(writer, batch.verb, set);
    const list = writer.open(ELEMENT_LIST.ELEMENTS);
    for (let index = from; index < Math.min(count, from + PER_MESSAGE); index++) {
      const at = index * stride;
      const element = writer.open(LIST_ELEM);
      writeKey(writer, set, words, at);
      const verdict = batch.verdicts[index];
      if (verdict !== undefined) writeVerdict(writer, ELEMENT.DATA, verdict);
      if (batch.interval && set.kind === "map" && batch.verb === "add") {
        const data = writer.open(ELEMENT.DATA);
        const dataAt = at + stride - set.data.words;
        writer.bytes(
          DATA.VALUE,
          new Uint8Array(
            words.slice(dataAt, dataAt + set.data.words).buffer,
            0,
            set.data.bytes,
          ),
        );
        writer.close(data);
      }
      writer.close(element);
      if (batch.interval && words[at + 2 * set.key.words] === 1) {
        const end = writer.open(LIST_ELEM);
        writeKey(writer, set, words, at + set.key.words);
        writer.be32(ELEMENT.FLAGS, INTERVAL_END);
        writer.close(end);
      }
    }
    writer.close(list);
    writer.endMessage();
  }
  return PER_MESSAGE;
}

/** Writes a command; returns how many elements a message of it holds at most. */
function encodeCommand(writer: MessageWriter, command: Command, id: number): number {
  switch (command.kind) {
    case "table":
      if (command.verb === "flush") encodeFlushRules(writer, command.table, undefined);
      else encodeTable(writer, command.verb, command.table);
      return 0;
    case "chain":
      if (command.verb === "flush") {
        encodeFlushRules(writer, command.chain.table, command.chain.name);
      } else encodeChain(writer, command.verb, command.chain);
      return 0;
    case "rule":
      encodeRule(writer, command.chain, command.rule);
      return 0;
    case "set":
      if (command.verb === "flush") {
        // DELSETELEM without elements empties the set.
        beginElements(writer, "delete", command.set);
        writer.endMessage();
      } else encodeSet(writer, command.verb, command.set, id);
      return 0;
    case "elements":
      return command.set.kind === "verdictMap" || command.interval
        ? encodeVarious(writer, command)
        : encodePlain(writer, command);
  }
}

/**
 * Encodes commands in their order.
 *
 * @param commands Of a transaction.
 * @returns The messages.
 * @throws {WeirError} WEIR_NFT_ENCODE when a command cannot be encoded.
 */
export function encode(commands: readonly Command[]): Encoded {
  const writer = new MessageWriter();
  const starts: { readonly message: number; readonly perMessage: number }[] = [];
  for (const [index, command] of commands.entries()) {
    const message = writer.messages;
    const perMessage = encodeCommand(writer, command, index + 1);
    starts.push({ message, perMessage });
  }
  return {
    bytes: writer.finish(),
    messages: writer.messages,
    find(message) {
      const index = starts.findLastIndex((start) => start.message <= message);
      const command = commands[index];
      const start = starts[index];
      if (command === undefined || start === undefined || message >= writer.messages) {
        return undefined;
      }
      if (command.kind !== "elements") return { command, from: 0, to: 0 };
      const from = (message - start.message) * start.perMessage;
      return { command, from, to: Math.min(command.count, from + start.perMessage) };
    },
  };
}
