/**
 * Expressions that load registers and compare them. Registers are counted in words of 4 bytes; the
 * kernel aliases the first four of them as register 1.
 *
 * @module
 */
import { WeirError } from "../../../schemas/errors.ts";
import type { MessageWriter } from "./bytes.ts";
import {
  BITWISE,
  CMP,
  CMP_OP,
  CT,
  CT_ORIGINAL,
  DATA,
  EXPRESSION,
  FIB,
  FIB_RESULT_ADDRTYPE,
  LIST_ELEM,
  LOOKUP,
  META,
  META_KEY,
  NUMGEN,
  NUMGEN_RANDOM,
  PAYLOAD,
  PAYLOAD_BASE,
} from "./constants.ts";
import { DATA_TYPES, type DataTypeName, type FieldValue } from "./datatype.ts";
import type { ExpressionNode } from "./expressions.ts";

/**
 * The number of a register (enum nft_registers): NFT_REG_1 is the first word, NFT_REG32_01 the
 * second.
 *
 * @param word 0–15.
 * @returns The number.
 */
export function register(word: number): number {
  return word === 0 ? 1 : 8 + word;
}

/**
 * The error for what cannot be encoded.
 *
 * @param what For example `dnat`.
 * @param value The offending value.
 * @param state Why it cannot be.
 * @returns The error.
 */
export function refuse(what: string, value: unknown, state: string): WeirError {
  return new WeirError("WEIR_NFT_ENCODE", `Cannot encode ${what} "${value}": ${state}`);
}

/**
 * Writes one expression.
 *
 * @param writer Of the message.
 * @param name The kernel's name for it, for example `payload`.
 * @param body Writes its attributes.
 */
export function expression(writer: MessageWriter, name: string, body: () => void): void {
  const element = writer.open(LIST_ELEM);
  writer.string(EXPRESSION.NAME, name);
  const data = writer.open(EXPRESSION.DATA);
  body();
  writer.close(data);
  writer.close(element);
}

/**
 * Writes nested data of bytes.
 *
 * @param writer Of the message.
 * @param attribute That holds the data.
 * @param bytes The data.
 */
export function value(writer: MessageWriter, attribute: number, bytes: Uint8Array): void {
  const data = writer.open(attribute);
  writer.bytes(DATA.VALUE, bytes);
  writer.close(data);
}

/**
 * A number as the packet mark or a conntrack state lies in a register: in the host's order.
 *
 * @param number Unsigned 32 bits.
 * @returns 4 bytes.
 */
export function hostBytes(number: number): Uint8Array {
  return new Uint8Array(new Uint32Array([number]).buffer);
}

/**
 * Loads a value into registers.
 *
 * @param writer Of the message.
 * @param node What to load.
 * @param word The first register, counted in words.
 * @returns How many words it takes.
 * @throws {WeirError} WEIR_NFT_ENCODE when it cannot be loaded.
 */
export function load(writer: MessageWriter, node: ExpressionNode, word: number): number {
  switch (node.kind) {
    case "payload":
      expression(writer, "payload", () => {
        writer.be32(PAYLOAD.DREG, register(word));
        writer.be32(PAYLOAD.BASE, PAYLOAD_BASE[node.base]);
        writer.be32(PAYLOAD.OFFSET, node.offset);
        writer.be32(PAYLOAD.LEN, node.length);
      });
      return node.length + 3 >> 2;
    case "meta":
      expression(writer, "meta", () => {
        writer.be32(META.KEY, node.key);
        writer.be32(META.DREG, register(word));
      });
      return node.length + 3 >> 2;
    case "ct":
      expression(writer, "ct", () => {
        writer.be32(CT.DREG, register(word));
        writer.be32(CT.KEY, node.key);
      });
      return 1;
    case "tuple":
      expression(writer, "ct", () => {
        writer.be32(CT.DREG, register(word));
        writer.be32(CT.KEY, node.key);
        writer.bytes(CT.DIRECTION, new Uint8Array([CT_ORIGINAL]));
      });
      return node.length + 3 >> 2;
    case "fib":
      expression(writer, "fib", () => {
        writer.be32(FIB.FLAGS, node.flags);
        writer.be32(FIB.RESULT, FIB_RESULT_ADDRTYPE);
        writer.be32(FIB.DREG, register(word));
      });
      return 1;
    case "numgen":
      if (!Number.isInteger(node.modulus) || node.modulus < 1) {
        throw refuse("numgen modulus", node.modulus, "it is no integer from 1 on");
      }
      expression(writer, "numgen", () => {
        writer.be32(NUMGEN.DREG, register(word));
        writer.be32(NUMGEN.MODULUS, node.modulus);
        writer.be32(NUMGEN.TYPE, NUMGEN_RANDOM);
        writer.be32(NUMGEN.OFFSET, 0);
      });
      return 1;
    case "bitwise": {
      const words = load(writer, node.of, word);
      if (words !== 1) throw refuse("bit operation", node.text, "its operand is not 4 bytes long");
      bitwise(writer, word, hostBytes(node.mask), hostBytes(node.xor));
      return 1;
    }
    case "concat": {
      let words = 0;
      for (const field of node.fields) words += loadKey(writer, field, word + words);
      // NFT_REG32_15 is the last register, and the mark's while a key is loaded.
      if (word + words > MARK_WORD) {
        throw refuse("concatenation", `${words} words`, `registers hold ${MARK_WORD}`);
      }
      return words;
    }
    case "lookup": {
      loadKey(writer, node.key, word);
      expression(writer, "lookup", () => {
        writer.string(LOOKUP.SET, node.map);
        writer.be32(LOOKUP.SREG, register(word));
        writer.be32(LOOKUP.DREG, register(word));
      });
      return 1;
    }
  }
}

/** Where the packet mark is kept for the moment; keys of maps never reach so far. */
const MARK_WORD = 15;

/**
 * Loads a key to look up. When it has itself been looked up, it takes a turn through the packet
 * mark, which is put back at once: the nft program (1.0.6) aborts when it lists a lookup whose key
 * comes straight from another one, since its map expressions have no length, and that would take
 * along everyone on the node who lists the ruleset. It shows the turn as assignments of the mark.
 *
 * @param writer Of the message.
 * @param node The key, or a field of it; one that was looked up must be 4 bytes long.
 * @param word The first register, counted in words.
 * @returns How many words it takes.
 */
export function loadKey(writer: MessageWriter, node: ExpressionNode, word: number): number {
  const words = load(writer, node, word);
  if (node.kind !== "lookup") return words;
  const mark = (attribute: number, at: number) =>
    expression(writer, "meta", () => {
      writer.be32(META.KEY, META_KEY.MARK);
      writer.be32(attribute, register(at));
    });
  mark(META.DREG, MARK_WORD);
  mark(META.SREG, word);
  mark(META.DREG, word);
  mark(META.SREG, MARK_WORD);
  return words;
}

/**
 * Replaces a register by `(register & mask) ^ xor`.
 *
 * @param writer Of the message.
 * @param word The register, counted in words.
 * @param mask As long as the value.
 * @param xor As long as the value.
 */
export function bitwise(
  writer: MessageWriter,
  word: number,
  mask: Uint8Array,
  xor: Uint8Array,
): void {
  expression(writer, "bitwise", () => {
    writer.be32(BITWISE.SREG, register(word));
    writer.be32(BITWISE.DREG, register(word));
    writer.be32(BITWISE.LEN, mask.length);
    value(writer, BITWISE.MASK, mask);
    value(writer, BITWISE.XOR, xor);
  });
}

/**
 * Goes on only when the first register equals bytes, or differs from them.
 *
 * @param writer Of the message.
 * @param op Which.
 * @param bytes What it is compared with.
 */
export function compare(writer: MessageWriter, op: "eq" | "neq", bytes: Uint8Array): void {
  expression(writer, "cmp", () => {
    writer.be32(CMP.SREG, register(0));
    writer.be32(CMP.OP, CMP_OP[op]);
    value(writer, CMP.DATA, bytes);
  });
}

/**
 * The bytes of a value as it lies in a register.
 *
 * @param name Its type.
 * @param field The value.
 * @returns Without padding.
 * @throws {WeirError} WEIR_NFT_ENCODE when it is none of the type.
 */
export function fieldBytes(name: DataTypeName, field: FieldValue): Uint8Array {
  const type = DATA_TYPES[name];
  const words = new Uint32Array(type.words);
  type.write(field, words, 0);
  return new Uint8Array(words.buffer, 0, type.bytes);
}
