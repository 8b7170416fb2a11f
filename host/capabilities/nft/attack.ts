/**
 * Attacks on the checker, each a batch that some reader of netlink might take for something else.
 *
 * @module
 */
import { MessageWriter } from "../netlink_message.ts";
import { writeMark } from "./mark.ts";
import { batch, be32, message, newChain, newMap, newRule, newTable } from "./sample.ts";

const WEIR = { table: "weir", family: 2 };
const OTHER = { table: "other", family: 2 };
const REQUEST = 0x1;
const CREATE = 0x400;

/**
 * A changed copy.
 *
 * @param bytes The original.
 * @param change Overwrites bytes of the copy.
 * @returns The copy.
 */
export function patched(
  bytes: Uint8Array<ArrayBuffer>,
  change: (view: DataView) => void,
): Uint8Array<ArrayBuffer> {
  const copy = bytes.slice();
  change(new DataView(copy.buffer));
  return copy;
}

/**
 * A message of family ip whose bytes after nfgenmsg are given.
 *
 * @param kind NFT_MSG_*.
 * @param tail Its attributes, well-formed or not.
 * @param flags Of the header.
 * @returns The message.
 */
export function raw(kind: number, tail: Uint8Array, flags = REQUEST): Uint8Array<ArrayBuffer> {
  return batch(
    patched(
      new MessageWriter(10 << 8 | kind, flags, 0).fixed([2, 0, 0, 0]).finish(),
      (view) => view.setUint32(0, 20 + tail.length, true),
    ),
    tail,
  );
}

const TABLE_NAME = new TextEncoder().encode("weir\0");

function verdict(code: number, more: (writer: MessageWriter) => void = () => {}) {
  return newRule(
    WEIR,
    "c",
    "immediate",
    (data) =>
      data.bytes(1, be32(0)).nested(
        2,
        (value) => value.nested(2, (inner) => more(inner.bytes(1, be32(code)))),
      ),
  );
}

/**
 * Batches of one message that the checker must refuse when the granted table is "weir": what is
 * attacked, the bytes, and what the refusal must say.
 */
export const ATTACKS: readonly [name: string, bytes: Uint8Array, says: RegExp][] = [
  // Another table.
  ["another table", newTable(OTHER), /NAME: ".*" is not the granted table/],
  [
    "a longer name with the granted one at its front",
    newTable({ table: "weird", family: 2 }),
    /NAME/,
  ],
  ["a shorter name", newTable({ table: "wei", family: 2 }), /NAME/],
  ["another case", newTable({ table: "Weir", family: 2 }), /NAME/],
  ["bytes after the name's NUL", raw(0, attribute(1, bytesOf("weir\0x"))), /NAME/],
  ["two NULs", raw(0, attribute(1, bytesOf("weir\0\0"))), /NAME/],
  ["a name without its NUL", raw(0, attribute(1, bytesOf("weir"))), /NAME/],
  ["an empty name", raw(2, attribute(1, new Uint8Array(0))), /NAME/],
  [
    "a second name, of which the kernel takes the last",
    raw(2, batch(attribute(1, TABLE_NAME), attribute(1, bytesOf("other\0")))),
    /NAME is there twice/,
  ],
  [
    "a second name that hides behind the nested flag",
    raw(2, batch(attribute(1, TABLE_NAME), attribute(0x8001, bytesOf("other\0")))),
    /NAME is there twice/,
  ],
  [
    "a second name that hides behind the byte order flag",
    raw(2, batch(attribute(1, TABLE_NAME), attribute(0x4001, bytesOf("other\0")))),
    /NAME is there twice/,
  ],
  ["the deletion of all tables", raw(2, new Uint8Array(0)), /NAME is missing/],
  ["the destruction of all tables", raw(26, new Uint8Array(0)), /NAME is missing/],
  [
    "a deletion by handle, which ignores the name",
    message(2, 0, WEIR, (table) => table.bytes(4, new Uint8Array(8))),
    /attribute 4 is not allowed/,
  ],
  ["a chain of no table", raw(3, attribute(3, bytesOf("c\0"))), /TABLE is missing/],
  ["a chain's deletion without a table", raw(5, attribute(3, bytesOf("c\0"))), /TABLE is missing/],
  ["a rule's deletion without a table", raw(8, new Uint8Array(0)), /TABLE is missing/],
  ["a set's deletion without a table", raw(11, attribute(2, bytesOf("s\0"))), /TABLE is missing/],
  ["elements of no table", raw(12, attribute(2, bytesOf("s\0"))), /TABLE is missing/],

  // Another family.
  ...[0, 3, 5, 7, 12, 255].map((family): [string, Uint8Array, RegExp] => [
    `family ${family}`,
    newTable({ table: "weir", family }),
    /its family is/,
  ]),
  ["a version", patched(newTable(WEIR), (view) => view.setUint8(17, 1)), /version or resource id/],
  ["a resource id", patched(newTable(WEIR), (view) => view.setUint16(18, 10)), /resource id/],

  // Another kind of message.
  ...[1, 4, 7, 10, 13, 15, 16, 17, 18, 19, 20, 21, 22, 24, 25, 31, 32, 33, 255]
    .map((kind): [string, Uint8Array, RegExp] => [
      `message kind ${kind}`,
      message(kind, 0, WEIR),
      /message type \d+ is not allowed/,
    ]),
  ...[1, 2, 3, 4, 16, 17, 0x0100, 0x0b00].map((type): [string, Uint8Array, RegExp] => [
    `message type ${type} outside nf_tables`,
    patched(newTable(WEIR), (view) => view.setUint16(4, type, true)),
    /message type \d+ is not allowed/,
  ]),

  // Flags.
  ...[0x0, 0x4, 0x2 | 1, 0x4 | 1, 0x8 | 1, 0x10 | 1, 0x300 | 1, 0x1000 | 1, 0x8000 | 1]
    .map((flags): [string, Uint8Array, RegExp] => [
      `flags 0x${flags.toString(16)}`,
      patched(newTable(WEIR), (view) => view.setUint16(6, flags, true)),
      /its flags are/,
    ]),
  [
    "the flags of a dump on a rule",
    patched(newRule(WEIR, "c", "counter"), (view) => view.setUint16(6, 0x301, true)),
    /its flags are 0x301/,
  ],

  // Lengths.
  ["three bytes", new Uint8Array(3), /3 bytes trail/],
  ["a header alone", newTable(WEIR).subarray(0, 16), /16 bytes trail/],
  ["a message cut short", newTable(WEIR).subarray(0, 28), /its length is/],
  ["length 0", patched(newTable(WEIR), (view) => view.setUint32(0, 0, true)), /its length is 0/],
  [
    "a length of 4 GiB",
    patched(newTable(WEIR), (view) => view.setUint32(0, 0xfffffffc, true)),
    /its length is/,
  ],
  [
    "an odd length",
    patched(newTable(WEIR), (view) => view.setUint32(0, 31, true)),
    /its length is 31/,
  ],
  ["bytes after the last message", batch(newTable(WEIR), new Uint8Array(4)), /4 bytes trail/],
  [
    "a trailing attribute header",
    raw(0, batch(attribute(1, TABLE_NAME), new Uint8Array(4))),
    /length is 0/,
  ],
  [
    "an attribute shorter than its header",
    patched(newTable(WEIR), (view) => view.setUint16(20, 3, true)),
    /length is 3/,
  ],
  [
    "an attribute that leaves its message",
    patched(newTable(WEIR), (view) => view.setUint16(20, 200, true)),
    /leaves its container/,
  ],
  [
    "a nested attribute that leaves its container",
    message(
      6,
      CREATE,
      WEIR,
      (rule) => rule.text(2, "c").bytes(4, new Uint8Array([200, 0, 1, 0x80])),
    ),
    /EXPRESSIONS: an attribute of 200 bytes leaves/,
  ],
  [
    "an attribute nobody knows",
    message(0, CREATE, WEIR, (t) => t.bytes(60, be32(0))),
    /attribute 60/,
  ],
  ["attribute 0", message(0, CREATE, WEIR, (t) => t.bytes(0, be32(0))), /attribute 0/],

  // What a table may be.
  ["a dormant table", message(0, CREATE, WEIR, (t) => t.bytes(2, be32(1))), /FLAGS/],
  ["an owned table", message(0, CREATE, WEIR, (t) => t.bytes(2, be32(2))), /FLAGS/],

  [
    "a table with a mark of its own writing",
    message(0, CREATE, WEIR, (t) => t.bytes(6, writeMark({ role: "proxier", plugin: "other" }))),
    /NEWTABLE: attribute 6 is not allowed/,
  ],
  [
    "a mark that hides behind the nested flag",
    message(0, CREATE, WEIR, (t) => t.bytes(0x8006, writeMark({ role: "proxier", plugin: "o" }))),
    /NEWTABLE: attribute 6 is not allowed/,
  ],

  // Chains.
  ["an ingress hook", newChain(WEIR, "c", 5), /HOOK, HOOKNUM: the value 5/],
  [
    "a hook of one device",
    message(
      3,
      CREATE,
      WEIR,
      (chain) =>
        chain.text(3, "c").nested(
          4,
          (hook) => hook.bytes(1, be32(0)).bytes(2, be32(0)).text(3, "eth0"),
        ),
    ),
    /attribute 3 is not allowed/,
  ],
  [
    "an offloaded chain",
    message(3, CREATE, WEIR, (c) => c.text(3, "c").bytes(10, be32(3))),
    /FLAGS/,
  ],
  ["a chain by number", message(3, CREATE, WEIR, (c) => c.bytes(11, be32(1))), /attribute 11/],

  // Sets.
  ["an anonymous set", message(9, CREATE, WEIR, (s) => s.text(2, "s").bytes(3, be32(1))), /FLAGS/],
  [
    "a set of objects",
    message(9, CREATE, WEIR, (s) => s.text(2, "s").bytes(3, be32(0x40))),
    /FLAGS/,
  ],
  ["a set named by the kernel", newMap(WEIR, "set%d"), /NAME: the name has a byte 0x25/],
  [
    "a set that takes all memory",
    message(
      9,
      CREATE,
      WEIR,
      (set) => set.text(2, "s").nested(9, (desc) => desc.bytes(1, be32(0xffffffff))),
    ),
    /DESC, SIZE/,
  ],
  [
    "elements of a set by number",
    message(12, CREATE, WEIR, (list) => list.text(2, "s").bytes(4, be32(1))),
    /attribute 4 is not allowed/,
  ],
  [
    "an element that refers to an object",
    message(
      12,
      CREATE,
      WEIR,
      (list) => list.text(2, "s").nested(3, (all) => all.nested(1, (one) => one.text(9, "quota"))),
    ),
    /ELEMENTS, 0: attribute 9/,
  ],
  [
    "a list with something else in it",
    message(
      12,
      CREATE,
      WEIR,
      (list) => list.text(2, "s").nested(3, (all) => all.nested(2, () => {})),
    ),
    /ELEMENTS: attribute 2 is not a list's element/,
  ],
  [
    "a dynamic set by number",
    newRule(WEIR, "c", "dynset", (data) => data.text(1, "s").bytes(2, be32(1))),
    /dynset: attribute 2 is not allowed/,
  ],
  [
    "a lookup by number",
    newRule(WEIR, "c", "lookup", (data) => data.text(1, "s").bytes(2, be32(8)).bytes(4, be32(1))),
    /lookup: attribute 4 is not allowed/,
  ],

  // Rules.
  [
    "a rule in a chain by number",
    message(6, CREATE, WEIR, (r) => r.text(2, "c").bytes(11, be32(1))),
    /11/,
  ],
  [
    "a rule after one by number",
    message(6, CREATE, WEIR, (r) => r.text(2, "c").bytes(10, be32(1))),
    /10/,
  ],
  [
    "xtables' compatibility",
    message(6, CREATE, WEIR, (r) => r.text(2, "c").nested(5, () => {})),
    /5/,
  ],
  ...[
    "match",
    "target",
    "queue",
    "log",
    "objref",
    "tproxy",
    "dup",
    "fwd",
    "notrack",
    "synproxy",
    "osf",
    "socket",
    "flow_offload",
    "exthdr",
    "inner",
    "xfrm",
    "tunnel",
    "rt",
    "quota",
    "connlimit",
    "last",
    "secmark",
    "meta!",
    "ct!",
    "Counter",
    "nonsense",
  ].map((name): [string, Uint8Array, RegExp] => [
    `expression ${name}`,
    newRule(WEIR, "c", name),
    /expression ".*" is not allowed/,
  ]),
  [
    "an expression named twice",
    message(
      6,
      CREATE,
      WEIR,
      (rule) =>
        rule.text(2, "c").nested(
          4,
          (list) => list.nested(1, (one) => one.text(1, "counter").text(1, "queue")),
        ),
    ),
    /attribute 1 is not allowed after/,
  ],
  [
    "an expression whose name comes last",
    message(
      6,
      CREATE,
      WEIR,
      (rule) =>
        rule.text(2, "c").nested(
          4,
          (list) => list.nested(1, (one) => one.nested(2, () => {}).text(1, "counter")),
        ),
    ),
    /does not begin with its name/,
  ],
  [
    "a set conntrack zone",
    newRule(WEIR, "c", "ct", (data) => data.bytes(2, be32(17)).bytes(4, be32(8))),
    /ct, KEY: the value 17/,
  ],
  [
    "a set security mark",
    newRule(WEIR, "c", "meta", (data) => data.bytes(2, be32(14)).bytes(3, be32(8))),
    /meta, KEY: the value 14/,
  ],
  [
    "a rewritten header",
    newRule(
      WEIR,
      "c",
      "payload",
      (data) => data.bytes(2, be32(1)).bytes(3, be32(0)).bytes(4, be32(4)).bytes(5, be32(8)),
    ),
    /payload: attribute 5/,
  ],
  ["verdict queue", verdict(3), /VERDICT, CODE: the value 3/],
  ["verdict stolen", verdict(2), /VERDICT, CODE: the value 2/],
  ["a drop with an errno in its upper half", verdict(0xffff0000), /VERDICT, CODE/],
  ["a jump by number", verdict(-3 >>> 0, (inner) => inner.bytes(3, be32(1))), /attribute 3/],
  [
    "a register that does not exist",
    newRule(WEIR, "c", "immediate", (data) => data.bytes(1, be32(24))),
    /DREG: the value 24/,
  ],
  [
    "a number of eight bytes",
    newRule(WEIR, "c", "masq", (data) => data.bytes(1, new Uint8Array(8))),
    /FLAGS: it has 8 bytes, not 4/,
  ],
  [
    "an element with an expression that keeps no state",
    message(
      12,
      CREATE,
      WEIR,
      (list) =>
        list.text(2, "s").nested(
          3,
          (all) => all.nested(1, (one) => one.nested(7, (inner) => inner.text(1, "masq"))),
        ),
    ),
    /expression "masq" is not allowed/,
  ],
  [
    "129 expressions",
    message(6, CREATE, WEIR, (rule) =>
      rule.text(2, "c").nested(4, (list) => {
        for (let index = 0; index < 129; index++) list.nested(1, (one) => one.text(1, "counter"));
      })),
    /more than 128/,
  ],
];

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function attribute(type: number, value: Uint8Array): Uint8Array {
  const out = new Uint8Array((value.length + 7) & ~3);
  const view = new DataView(out.buffer);
  view.setUint16(0, 4 + value.length, true);
  view.setUint16(2, type, true);
  out.set(value, 4);
  return out;
}
