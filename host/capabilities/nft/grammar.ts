/**
 * What a plugin may write into its table, as data: for each kind of nf_tables message the
 * attributes it may hold, what each holds in turn, and nothing else. Whatever is not here is
 * refused, so a feature of a newer kernel is closed until someone has thought about it.
 *
 * Left out on purpose: everything that leaves the table or names things by a number instead of a
 * name (objects, flowtables, `…_ID` references, which kernels before 5.19.2 resolved across
 * tables, CVE-2022-2586), everything that hands packets to others (queue, log, dup, fwd, tproxy,
 * synproxy, osf, xt match and target), conntrack zones and helpers, rewriting of headers other
 * than by NAT, hooks of single devices, offload.
 *
 * Source: include/uapi/linux/netfilter/nf_tables.h; net/netfilter/nf_tables_api.c and nft_*.c.
 *
 * @module
 */

/** What the value of one attribute must be. Sizes are in bytes; numbers are big-endian. */
export type Value =
  | { readonly is: "table" }
  | { readonly is: "name" }
  | { readonly is: "bytes"; readonly min: number; readonly max: number }
  | { readonly is: "u32"; readonly allows: (value: number) => boolean }
  | { readonly is: "fields"; readonly fields: Fields }
  | { readonly is: "list"; readonly of: Value; readonly max: number }
  | { readonly is: "expression"; readonly among: ReadonlyMap<string, Fields> };

/** One attribute: its name in nf_tables.h without the prefix, and its value. */
export interface Field {
  /** For the path of a fault. */
  readonly name: string;
  /** What it must hold. */
  readonly value: Value;
}

/** The attributes of one level, by type, and those that must be there. */
export interface Fields {
  /** The attribute of each type; a hole is refused. */
  readonly byType: readonly (Field | undefined)[];
  /** Bit n set: type n must be there. */
  readonly required: number;
}

/** One kind of message. */
export interface MessageKind {
  /** As in NFT_MSG_*. */
  readonly name: string;
  /** Bits of nlmsg_flags that a plugin may set. */
  readonly flags: number;
  /** Its attributes. */
  readonly fields: Fields;
}

function fields(
  members: Readonly<Record<number, readonly [name: string, value: Value]>>,
  required: readonly number[] = [],
): Fields {
  const byType: (Field | undefined)[] = [];
  for (const [type, [name, value]] of Object.entries(members)) {
    byType[Number(type)] = { name, value };
  }
  return { byType, required: required.reduce((bits, type) => bits | 1 << type, 0) };
}

function u32(allows: (value: number) => boolean): Value {
  return { is: "u32", allows };
}

function upTo(max: number): Value {
  return u32((value) => value <= max);
}

/** Only these bits. */
function bits(mask: number): Value {
  return u32((value) => (value & ~mask) === 0);
}

function nested(of: Fields): Value {
  return { is: "fields", fields: of };
}

function list(of: Value, max: number): Value {
  return { is: "list", of, max };
}

const TABLE: Value = { is: "table" };
const NAME: Value = { is: "name" };
const ANY: Value = u32(() => true);
const U8: Value = { is: "bytes", min: 1, max: 1 };
const U64: Value = { is: "bytes", min: 8, max: 8 };
/** NFT_USERDATA_MAXLEN. */
const USERDATA: Value = { is: "bytes", min: 0, max: 256 };
/** NFT_REG_VERDICT to NFT_REG32_15; the kernel checks it against the length. */
const REGISTER: Value = upTo(23);

/** drop, accept, continue, break, jump, goto, return; NF_QUEUE and NF_STOLEN are not there. */
const VERDICTS = new Set([0, 1, ...[-1, -2, -3, -4, -5].map((code) => code >>> 0)]);

/** NFTA_DATA_*: a value of at most NFT_DATA_VALUE_MAXLEN bytes, or a verdict. */
const DATA: Value = nested(fields({
  1: ["VALUE", { is: "bytes", min: 1, max: 64 }],
  2: [
    "VERDICT",
    nested(fields({ 1: ["CODE", u32((code) => VERDICTS.has(code))], 2: ["CHAIN", NAME] }, [1])),
  ],
}));

/** Expressions that keep state and may sit in a set's elements. */
const STATEFUL: ReadonlyMap<string, Fields> = new Map([
  ["counter", fields({ 1: ["BYTES", U64], 2: ["PACKETS", U64] })],
  [
    "limit",
    fields({
      1: ["RATE", U64],
      2: ["UNIT", U64],
      3: ["BURST", ANY],
      4: ["TYPE", upTo(1)],
      5: ["FLAGS", bits(1)],
    }),
  ],
]);

const STATEFUL_EXPRESSION: Value = { is: "expression", among: STATEFUL };
/** NFT_SET_EXPR_MAX. */
const STATEFUL_LIST: Value = list(STATEFUL_EXPRESSION, 2);

/** NFT_META_MARK and NFT_META_NFTRACE: what a rule may set; the other keys may be read. */
const META_WRITABLE = new Set([3, 12]);
/** NFT_CT_MARK. */
const CT_WRITABLE = new Set([3]);

/** NFTA_META_*, for reading. */
const META_READ = fields({ 1: ["DREG", REGISTER], 2: ["KEY", ANY] }, [1, 2]);
const META_WRITE = fields({
  2: ["KEY", u32((key) => META_WRITABLE.has(key))],
  3: ["SREG", REGISTER],
}, [2, 3]);
const CT_READ = fields({ 1: ["DREG", REGISTER], 2: ["KEY", ANY], 3: ["DIRECTION", U8] }, [1, 2]);
const CT_WRITE = fields({
  2: ["KEY", u32((key) => CT_WRITABLE.has(key))],
  4: ["SREG", REGISTER],
}, [2, 4]);

/** The expressions of a rule. "meta!" and "ct!" are the writing forms of "meta" and "ct". */
const EXPRESSIONS: ReadonlyMap<string, Fields> = new Map([
  ...STATEFUL,
  ["meta", META_READ],
  ["meta!", META_WRITE],
  ["ct", CT_READ],
  ["ct!", CT_WRITE],
  // No SREG, CSUM_*: a rule reads headers and rewrites them by NAT only.
  [
    "payload",
    fields({
      1: ["DREG", REGISTER],
      2: ["BASE", upTo(2)],
      3: ["OFFSET", ANY],
      4: ["LEN", upTo(64)],
    }, [1, 2, 3, 4]),
  ],
  ["cmp", fields({ 1: ["SREG", REGISTER], 2: ["OP", upTo(5)], 3: ["DATA", DATA] }, [1, 2, 3])],
  [
    "range",
    fields({
      1: ["SREG", REGISTER],
      2: ["OP", upTo(1)],
      3: ["FROM_DATA", DATA],
      4: ["TO_DATA", DATA],
    }, [1, 2, 3, 4]),
  ],
  [
    "lookup",
    fields({
      1: ["SET", NAME],
      2: ["SREG", REGISTER],
      3: ["DREG", REGISTER],
      5: ["FLAGS", bits(1)],
    }, [1, 2]),
  ],
  ["immediate", fields({ 1: ["DREG", REGISTER], 2: ["DATA", DATA] }, [1, 2])],
  [
    "bitwise",
    fields({
      1: ["SREG", REGISTER],
      2: ["DREG", REGISTER],
      3: ["LEN", upTo(64)],
      4: ["MASK", DATA],
      5: ["XOR", DATA],
      6: ["OP", upTo(2)],
      7: ["DATA", DATA],
    }, [1, 2, 3]),
  ],
  [
    "byteorder",
    fields({
      1: ["SREG", REGISTER],
      2: ["DREG", REGISTER],
      3: ["OP", upTo(1)],
      4: ["LEN", upTo(64)],
      5: ["SIZE", upTo(8)],
    }, [1, 2, 3, 4, 5]),
  ],
  [
    "numgen",
    fields(
      { 1: ["DREG", REGISTER], 2: ["MODULUS", ANY], 3: ["TYPE", upTo(1)], 4: ["OFFSET", ANY] },
      [
        1,
        2,
        3,
      ],
    ),
  ],
  [
    "hash",
    fields({
      1: ["SREG", REGISTER],
      2: ["DREG", REGISTER],
      3: ["LEN", upTo(64)],
      4: ["MODULUS", ANY],
      5: ["SEED", ANY],
      6: ["OFFSET", ANY],
      7: ["TYPE", upTo(1)],
    }, [2, 4]),
  ],
  [
    "nat",
    fields({
      1: ["TYPE", upTo(1)],
      2: ["FAMILY", u32((family) => family === 2 || family === 10)],
      3: ["REG_ADDR_MIN", REGISTER],
      4: ["REG_ADDR_MAX", REGISTER],
      5: ["REG_PROTO_MIN", REGISTER],
      6: ["REG_PROTO_MAX", REGISTER],
      7: ["FLAGS", bits(0x7f)],
    }, [1, 2]),
  ],
  [
    "masq",
    fields({
      1: ["FLAGS", bits(0x7f)],
      2: ["REG_PROTO_MIN", REGISTER],
      3: ["REG_PROTO_MAX", REGISTER],
    }),
  ],
  [
    "redir",
    fields({
      1: ["REG_PROTO_MIN", REGISTER],
      2: ["REG_PROTO_MAX", REGISTER],
      3: ["FLAGS", bits(0x7f)],
    }),
  ],
  ["reject", fields({ 1: ["TYPE", upTo(2)], 2: ["ICMP_CODE", U8] }, [1])],
  [
    "fib",
    fields({ 1: ["DREG", REGISTER], 2: ["RESULT", upTo(3)], 3: ["FLAGS", bits(0x3f)] }, [1, 2, 3]),
  ],
  [
    "dynset",
    fields({
      1: ["SET_NAME", NAME],
      3: ["OP", upTo(2)],
      4: ["SREG_KEY", REGISTER],
      5: ["SREG_DATA", REGISTER],
      6: ["TIMEOUT", U64],
      7: ["EXPR", STATEFUL_EXPRESSION],
      9: ["FLAGS", bits(3)],
      10: ["EXPRESSIONS", STATEFUL_LIST],
    }, [1, 3, 4]),
  ],
]);

/** Attributes whose presence makes "meta" or "ct" a writing one: NFTA_META_SREG, NFTA_CT_SREG. */
export const WRITES: ReadonlyMap<string, number> = new Map([["meta", 3], ["ct", 4]]);

/** Prealloc of a hash set follows its declared size, so that is limited: 4 million elements. */
const SET_SIZE_MAX = 1 << 22;

/** CONSTANT, INTERVAL, MAP, TIMEOUT, EVAL, CONCAT, EXPR; not ANONYMOUS and not OBJECT. */
const SET_FLAGS = 0x1be;

/** Netfilter's hooks; 5 is ingress, which belongs to a device. */
const HOOK_MAX = 4;

const ELEMENT = nested(fields({
  1: ["KEY", DATA],
  2: ["DATA", DATA],
  3: ["FLAGS", bits(3)],
  4: ["TIMEOUT", U64],
  5: ["EXPIRATION", U64],
  6: ["USERDATA", USERDATA],
  7: ["EXPR", STATEFUL_EXPRESSION],
  10: ["KEY_END", DATA],
  11: ["EXPRESSIONS", STATEFUL_LIST],
}));

const ELEMENTS = fields({
  1: ["TABLE", TABLE],
  2: ["SET", NAME],
  // An attribute's length is a 16-bit number, an element at least 4 bytes.
  3: ["ELEMENTS", list(ELEMENT, 0x4000)],
}, [1, 2]);

const REQUEST = 0x1;
const NEW = REQUEST | 0x200 /* EXCL */ | 0x400; /* CREATE */
const NEW_RULE = NEW | 0x100 /* REPLACE */ | 0x800; /* APPEND */
const DELETE = REQUEST | 0x100; /* NONREC: refuse when it is not empty */

// The kernel flushes every table of the family, or of all, when the name is missing and finds a
// table by its handle whatever the name says: the name alone, and it must be there.
const TABLE_DELETE = fields({ 1: ["NAME", TABLE] }, [1]);
const CHAIN_DELETE = fields({ 1: ["TABLE", TABLE], 2: ["HANDLE", U64], 3: ["NAME", NAME] }, [1]);
const RULE_DELETE = fields({ 1: ["TABLE", TABLE], 2: ["CHAIN", NAME], 3: ["HANDLE", U64] }, [1]);
const SET_DELETE = fields({ 1: ["TABLE", TABLE], 2: ["NAME", NAME], 16: ["HANDLE", U64] }, [1]);

/** Every kind of message that a plugin may send, by its type within the nf_tables subsystem. */
export const MESSAGE_KINDS: ReadonlyMap<number, MessageKind> = new Map([
  [0, {
    name: "NEWTABLE",
    flags: NEW,
    // Neither dormant, which an outsider could not tell from a fault, nor owned: an owned table
    // dies with the socket, and rules must survive the host. Its user data is the host's to write:
    // it says whose the table is (mark.ts).
    fields: fields({ 1: ["NAME", TABLE], 2: ["FLAGS", bits(0)] }, [1]),
  }],
  [2, { name: "DELTABLE", flags: DELETE, fields: TABLE_DELETE }],
  [3, {
    name: "NEWCHAIN",
    flags: NEW,
    fields: fields({
      1: ["TABLE", TABLE],
      2: ["HANDLE", U64],
      3: ["NAME", NAME],
      4: [
        "HOOK",
        nested(fields({ 1: ["HOOKNUM", upTo(HOOK_MAX)], 2: ["PRIORITY", ANY] }, [1, 2])),
      ],
      5: ["POLICY", upTo(1)],
      7: ["TYPE", NAME],
      10: ["FLAGS", bits(1)],
      12: ["USERDATA", USERDATA],
    }, [1]),
  }],
  [5, { name: "DELCHAIN", flags: DELETE, fields: CHAIN_DELETE }],
  [6, {
    name: "NEWRULE",
    flags: NEW_RULE,
    fields: fields({
      1: ["TABLE", TABLE],
      2: ["CHAIN", NAME],
      3: ["HANDLE", U64],
      // NFT_RULE_MAXEXPRS.
      4: ["EXPRESSIONS", list({ is: "expression", among: EXPRESSIONS }, 128)],
      6: ["POSITION", U64],
      7: ["USERDATA", USERDATA],
    }, [1, 2]),
  }],
  [8, { name: "DELRULE", flags: DELETE, fields: RULE_DELETE }],
  [9, {
    name: "NEWSET",
    flags: NEW,
    fields: fields({
      1: ["TABLE", TABLE],
      2: ["NAME", NAME],
      3: ["FLAGS", bits(SET_FLAGS)],
      4: ["KEY_TYPE", ANY],
      5: ["KEY_LEN", upTo(64)],
      6: ["DATA_TYPE", ANY],
      7: ["DATA_LEN", upTo(64)],
      8: ["POLICY", upTo(1)],
      9: [
        "DESC",
        nested(fields({
          1: ["SIZE", upTo(SET_SIZE_MAX)],
          2: ["CONCAT", list(nested(fields({ 1: ["LEN", upTo(64)] }, [1])), 16)],
        })),
      ],
      // The kernel demands one; what would refer to it by this number is refused.
      10: ["ID", ANY],
      11: ["TIMEOUT", U64],
      12: ["GC_INTERVAL", ANY],
      13: ["USERDATA", USERDATA],
      17: ["EXPR", STATEFUL_EXPRESSION],
      18: ["EXPRESSIONS", STATEFUL_LIST],
    }, [1, 2]),
  }],
  [11, { name: "DELSET", flags: DELETE, fields: SET_DELETE }],
  [12, { name: "NEWSETELEM", flags: NEW, fields: ELEMENTS }],
  [14, { name: "DELSETELEM", flags: DELETE, fields: ELEMENTS }],
  // From Linux 6.3 on: as DEL…, and no error when it is not there.
  [26, { name: "DESTROYTABLE", flags: DELETE, fields: TABLE_DELETE }],
  [27, { name: "DESTROYCHAIN", flags: DELETE, fields: CHAIN_DELETE }],
  [28, { name: "DESTROYRULE", flags: DELETE, fields: RULE_DELETE }],
  [29, { name: "DESTROYSET", flags: DELETE, fields: SET_DELETE }],
  [30, { name: "DESTROYSETELEM", flags: DELETE, fields: ELEMENTS }],
]);
