import assert from "node:assert/strict";
import { readAttributes, readMessages } from "../netlink_message.ts";
import { type FoundTable, refuseForeign, stampTables } from "./claim.ts";
import { readMark, type TableOwner, writeMark } from "./mark.ts";
import { batch, deleteTable, newChain, newElements, newMap, newTable } from "./sample.ts";

const OWNER: TableOwner = { role: "proxier", plugin: "hello" };
const IP = { table: "hello", family: 2 };
const IP6 = { table: "hello", family: 10 };

function found(
  name: string,
  owner: TableOwner | undefined,
  family: FoundTable["family"] = "ip",
): FoundTable {
  return { family, name, handle: 7n, owner };
}

const FREE: readonly (readonly [what: string, tables: readonly FoundTable[]])[] = [
  ["nothing", []],
  ["others' tables of other names", [found("mysite", undefined), found("hello2", undefined)]],
  ["its table of an earlier life", [found("hello", OWNER), found("hello", OWNER, "ip6")]],
  ["the table of the proxier before it", [found("hello", { role: "proxier", plugin: "other" })]],
];

for (const [what, tables] of FREE) {
  Deno.test(`a proxier may have its table where there is ${what}`, () => {
    refuseForeign(tables, { table: "hello", owner: OWNER });
  });
}

const FOREIGN: readonly (readonly [what: string, tables: readonly FoundTable[], says: RegExp])[] = [
  [
    "somebody's table of its name",
    [found("hello", undefined)],
    /^Cannot own nftables table "hello": there is ip hello, which weir has not made; rename .* delete it by `nft delete table ip hello`$/,
  ],
  [
    "somebody's beside its own",
    [found("hello", OWNER), found("hello", undefined, "inet")],
    /there is inet hello, which/,
  ],
  [
    "somebody's in two families",
    [found("hello", undefined), found("hello", undefined, "ip6")],
    /there is ip hello and ip6 hello, .*`nft delete table ip hello` and `nft delete table ip6 hello`$/,
  ],
  [
    "a detector's",
    [found("hello", { role: "local-detector", plugin: "detect" })],
    /which weir has made for the local-detector detect;/,
  ],
];

for (const [what, tables, message] of FOREIGN) {
  Deno.test(`a proxier may not have its table where there is ${what}, and is told what helps`, () => {
    assert.throws(() => refuseForeign(tables, { table: "hello", owner: OWNER }), {
      code: "WEIR_TABLE_FOREIGN",
      message,
    });
  });
}

Deno.test("each message that makes a table gets the mark, and every other stays byte for byte", () => {
  const messages = [
    newTable(IP),
    deleteTable(IP),
    newTable(IP),
    newChain(IP, "input", 1),
    newTable(IP6),
    newMap(IP6, "m"),
    newElements(IP6, "m", 1, 3),
  ];
  const original = batch(...messages);
  const parts = stampTables(original, writeMark(OWNER));
  assert.equal(parts.at(-1)?.buffer, original.buffer, "what follows the tables is not copied");
  const stamped = [...readMessages(batch(...parts))];
  assert.equal(stamped.length, messages.length);
  for (const [index, { type, bytes }] of stamped.entries()) {
    const before = messages[index] ?? assert.fail();
    if ((type & 0xff) !== 0) {
      assert.deepEqual(bytes, new Uint8Array(before), `message ${index}`);
      continue;
    }
    assert.deepEqual(bytes.subarray(4, before.length), new Uint8Array(before.subarray(4)));
    assert.equal(bytes.length % 4, 0);
    const { 6: mark } = Object.fromEntries(readAttributes(bytes, 20));
    assert.deepEqual(readMark(mark), OWNER);
  }
});

Deno.test("a batch that makes no table is sent as it is", () => {
  const original = batch(newChain(IP, "input", 1), newMap(IP, "m"));
  const [same, ...more] = stampTables(original, writeMark(OWNER));
  assert.equal(same, original);
  assert.deepEqual(more, []);
});

Deno.test("a batch of nothing but new tables is not blown up by their marks", () => {
  const most = batch(...Array.from({ length: 256 }, () => newTable(IP)));
  assert.equal(stampTables(most, writeMark(OWNER)).length, 1);
  assert.throws(() => stampTables(batch(most, newTable(IP)), writeMark(OWNER)), {
    code: "WEIR_GRANT_EXCEEDED",
    message: /makes its table more than 256 times/,
  });
});
