/**
 * The expressions of a rule as data: what the bytes of NFTA_RULE_EXPRESSIONS say.
 *
 * @module
 */
import {
  BITWISE,
  CMP,
  CT,
  DATA,
  DYNSET,
  EXPRESSION,
  FIB,
  IMMEDIATE,
  LOOKUP,
  META,
  NAT,
  NUMGEN,
  PAYLOAD,
  REJECT,
  VERDICT,
  VERDICT_CODE,
} from "../../../plugins/sdk/nft/constants.ts";
import { attributes } from "../../../plugins/sdk/nft/read.ts";
import {
  BITWISE_MORE,
  BYTEORDER,
  COMPARE,
  CT_MORE,
  DYNSET_MORE,
  DYNSET_OPS,
  NAT_TYPES,
  RANGE,
  REGISTER,
  VERDICT_MORE,
} from "./numbers.ts";
import { wordOf } from "./registers.ts";

/** Where a packet goes after a rule. */
export type RuleVerdict =
  | { readonly to: "accept" | "drop" | "return" | "continue" | "break" }
  | { readonly to: "jump" | "goto"; readonly chain: string };

/** A value of bytes, or a verdict. */
export type Datum =
  | { readonly kind: "value"; readonly bytes: Uint8Array }
  | { readonly kind: "verdict"; readonly verdict: RuleVerdict };

/** Into which word a result goes; into the verdict when it is "verdict". */
export type Target = number | "verdict";

/** One expression. Registers are counted in words from 0, lengths in bytes. */
export type Operation =
  | {
    readonly kind: "payload";
    readonly into: number;
    readonly base: number;
    readonly offset: number;
    readonly length: number;
  }
  | { readonly kind: "meta"; readonly key: number; readonly into: number }
  | { readonly kind: "metaSet"; readonly key: number; readonly from: number }
  | {
    readonly kind: "ct";
    readonly key: number;
    readonly direction: number | undefined;
    readonly into: number;
  }
  | { readonly kind: "ctSet"; readonly key: number; readonly from: number }
  | {
    readonly kind: "fib";
    readonly result: number;
    readonly flags: number;
    readonly into: number;
  }
  | {
    readonly kind: "numgen";
    readonly modulus: number;
    readonly offset: number;
    readonly into: number;
  }
  | {
    readonly kind: "bitwise";
    readonly op: number;
    readonly from: number;
    readonly into: number;
    readonly length: number;
    readonly mask: Uint8Array;
    readonly xor: Uint8Array;
    readonly shift: number;
  }
  | {
    readonly kind: "byteorder";
    readonly from: number;
    readonly into: number;
    readonly length: number;
    readonly size: number;
  }
  | {
    readonly kind: "compare";
    readonly op: (typeof COMPARE)[number];
    readonly from: number;
    readonly bytes: Uint8Array;
  }
  | {
    readonly kind: "range";
    readonly inside: boolean;
    readonly from: number;
    readonly least: Uint8Array;
    readonly most: Uint8Array;
  }
  | {
    readonly kind: "lookup";
    readonly set: string;
    readonly from: number;
    readonly into: Target | undefined;
    readonly inverted: boolean;
  }
  | {
    readonly kind: "dynset";
    readonly op: (typeof DYNSET_OPS)[number];
    readonly set: string;
    readonly key: number;
    readonly data: number | undefined;
    /** Milliseconds; 0 leaves it to the set. */
    readonly timeout: number;
    readonly inverted: boolean;
  }
  | { readonly kind: "immediate"; readonly into: Target; readonly datum: Datum }
  | { readonly kind: "reject"; readonly type: number; readonly code: number }
  | {
    readonly kind: "nat";
    readonly changes: (typeof NAT_TYPES)[number];
    readonly family: number;
    readonly address: number | undefined;
    readonly port: number | undefined;
  }
  | { readonly kind: "masquerade" }
  | { readonly kind: "nothing" };

type Parts = ReadonlyMap<number, Uint8Array>;

const NONE = new Uint8Array();

/**
 * The attributes in bytes.
 *
 * @param bytes Of an attribute that holds attributes, or undefined.
 * @returns By their types.
 */
export function partsOf(bytes: Uint8Array | undefined): Parts {
  return new Map(attributes(bytes ?? NONE));
}

/**
 * A 32-bit number in network byte order.
 *
 * @param bytes Of the attribute, or undefined.
 * @param absent What an absent one means.
 * @returns Unsigned.
 */
export function number32(bytes: Uint8Array | undefined, absent = 0): number {
  return bytes === undefined
    ? absent
    : new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(0);
}

/**
 * A text with its terminating NUL.
 *
 * @param bytes Of the attribute, or undefined.
 * @returns Without the NUL.
 */
export function textOf(bytes: Uint8Array | undefined): string {
  return new TextDecoder().decode(bytes ?? NONE).replace(/\0.*$/s, "");
}

const VERDICTS: ReadonlyMap<number, RuleVerdict["to"]> = new Map(
  Object.entries({ ...VERDICT_CODE, ...VERDICT_MORE }).map(
    ([name, code]) => [code, name as RuleVerdict["to"]],
  ),
);

/**
 * Reads nested data.
 *
 * @param bytes NFTA_DATA_VALUE or NFTA_DATA_VERDICT.
 * @returns The value or the verdict.
 * @throws {TypeError} For a verdict that the tracer does not know, such as queue.
 */
export function datumOf(bytes: Uint8Array | undefined): Datum {
  const parts = partsOf(bytes);
  const nested = parts.get(DATA.VERDICT);
  if (nested === undefined) return { kind: "value", bytes: parts.get(DATA.VALUE) ?? NONE };
  const verdict = partsOf(nested);
  const code = number32(verdict.get(VERDICT.CODE)) | 0;
  const to = VERDICTS.get(code);
  if (to === undefined) {
    throw new TypeError(`Cannot trace verdict "${code}": the tracer does not know it`);
  }
  return to === "jump" || to === "goto"
    ? { kind: "verdict", verdict: { to, chain: textOf(verdict.get(VERDICT.CHAIN)) } }
    : { kind: "verdict", verdict: { to } };
}

function valueOf(bytes: Uint8Array | undefined): Uint8Array {
  return partsOf(bytes).get(DATA.VALUE) ?? NONE;
}

function word(bytes: Uint8Array | undefined): number {
  return wordOf(number32(bytes));
}

function optionalWord(bytes: Uint8Array | undefined): number | undefined {
  return bytes === undefined ? undefined : word(bytes);
}

function target(bytes: Uint8Array): Target {
  return number32(bytes) === REGISTER.VERDICT ? "verdict" : word(bytes);
}

function bitwise(of: Parts): Operation {
  return {
    kind: "bitwise",
    op: number32(of.get(BITWISE_MORE.OP)),
    from: word(of.get(BITWISE.SREG)),
    into: word(of.get(BITWISE.DREG)),
    length: number32(of.get(BITWISE.LEN)),
    mask: valueOf(of.get(BITWISE.MASK)),
    xor: valueOf(of.get(BITWISE.XOR)),
    // A shift's count is a u32 of the host's order.
    shift: valueOf(of.get(BITWISE_MORE.DATA))[0] ?? 0,
  };
}

function compare(of: Parts): Operation {
  const op = COMPARE[number32(of.get(CMP.OP))];
  if (op === undefined) throw new TypeError('Cannot trace expression "cmp": unknown comparison');
  return { kind: "compare", op, from: word(of.get(CMP.SREG)), bytes: valueOf(of.get(CMP.DATA)) };
}

function lookup(of: Parts): Operation {
  const into = of.get(LOOKUP.DREG);
  return {
    kind: "lookup",
    set: textOf(of.get(LOOKUP.SET)),
    from: word(of.get(LOOKUP.SREG)),
    into: into === undefined ? undefined : target(into),
    inverted: number32(of.get(LOOKUP.FLAGS)) !== 0,
  };
}

function dynset(of: Parts): Operation {
  const op = DYNSET_OPS[number32(of.get(DYNSET.OP))];
  if (op === undefined) throw new TypeError('Cannot trace expression "dynset": unknown operation');
  const timeout = of.get(DYNSET.TIMEOUT);
  return {
    kind: "dynset",
    op,
    set: textOf(of.get(DYNSET.SET_NAME)),
    key: word(of.get(DYNSET.SREG_KEY)),
    data: optionalWord(of.get(DYNSET_MORE.SREG_DATA)),
    timeout: timeout === undefined
      ? 0
      : Number(new DataView(timeout.buffer, timeout.byteOffset).getBigUint64(0)),
    inverted: number32(of.get(DYNSET_MORE.FLAGS)) !== 0,
  };
}

function nat(of: Parts): Operation {
  const changes = NAT_TYPES[number32(of.get(NAT.TYPE))];
  if (changes === undefined) throw new TypeError('Cannot trace expression "nat": unknown type');
  return {
    kind: "nat",
    changes,
    family: number32(of.get(NAT.FAMILY)),
    address: optionalWord(of.get(NAT.REG_ADDR_MIN)),
    port: optionalWord(of.get(NAT.REG_PROTO_MIN)),
  };
}

function meta(of: Parts): Operation {
  const key = number32(of.get(META.KEY));
  const from = of.get(META.SREG);
  return from === undefined
    ? { kind: "meta", key, into: word(of.get(META.DREG)) }
    : { kind: "metaSet", key, from: word(from) };
}

function ct(of: Parts): Operation {
  const key = number32(of.get(CT.KEY));
  const from = of.get(CT_MORE.SREG);
  if (from !== undefined) return { kind: "ctSet", key, from: word(from) };
  // NFTA_CT_DIRECTION has 8 bits.
  return {
    kind: "ct",
    key,
    direction: of.get(CT_MORE.DIRECTION)?.[0],
    into: word(of.get(CT.DREG)),
  };
}

/** What each expression is, by the kernel's name for it. */
const READERS: Readonly<Record<string, (of: Parts) => Operation>> = {
  payload: (of) => ({
    kind: "payload",
    into: word(of.get(PAYLOAD.DREG)),
    base: number32(of.get(PAYLOAD.BASE)),
    offset: number32(of.get(PAYLOAD.OFFSET)),
    length: number32(of.get(PAYLOAD.LEN)),
  }),
  meta,
  ct,
  fib: (of) => ({
    kind: "fib",
    result: number32(of.get(FIB.RESULT)),
    flags: number32(of.get(FIB.FLAGS)),
    into: word(of.get(FIB.DREG)),
  }),
  numgen: (of) => ({
    kind: "numgen",
    modulus: number32(of.get(NUMGEN.MODULUS)),
    offset: number32(of.get(NUMGEN.OFFSET)),
    into: word(of.get(NUMGEN.DREG)),
  }),
  bitwise,
  byteorder: (of) => ({
    kind: "byteorder",
    from: word(of.get(BYTEORDER.SREG)),
    into: word(of.get(BYTEORDER.DREG)),
    length: number32(of.get(BYTEORDER.LEN)),
    size: number32(of.get(BYTEORDER.SIZE)),
  }),
  cmp: compare,
  range: (of) => ({
    kind: "range",
    inside: number32(of.get(RANGE.OP)) === 0,
    from: word(of.get(RANGE.SREG)),
    least: valueOf(of.get(RANGE.FROM_DATA)),
    most: valueOf(of.get(RANGE.TO_DATA)),
  }),
  lookup,
  dynset,
  immediate: (of) => ({
    kind: "immediate",
    into: target(of.get(IMMEDIATE.DREG) ?? NONE),
    datum: datumOf(of.get(IMMEDIATE.DATA)),
  }),
  reject: (of) => ({
    kind: "reject",
    type: number32(of.get(REJECT.TYPE)),
    code: of.get(REJECT.ICMP_CODE)?.[0] ?? 0,
  }),
  nat,
  masq: () => ({ kind: "masquerade" }),
  counter: () => ({ kind: "nothing" }),
  log: () => ({ kind: "nothing" }),
};

/**
 * Reads the expressions of a rule.
 *
 * @param bytes NFTA_RULE_EXPRESSIONS.
 * @returns First to last.
 * @throws {TypeError} For an expression that the tracer does not know: it would guess otherwise.
 */
export function readOperations(bytes: Uint8Array): readonly Operation[] {
  return attributes(bytes).map(([, expression]) => {
    const parts = partsOf(expression);
    const name = textOf(parts.get(EXPRESSION.NAME));
    const reader = READERS[name];
    if (reader === undefined) {
      throw new TypeError(`Cannot trace expression "${name}": the tracer does not know it`);
    }
    return reader(partsOf(parts.get(EXPRESSION.DATA)));
  });
}
