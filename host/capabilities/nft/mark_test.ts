import assert from "node:assert/strict";
import { markText, readMark, type TableOwner, writeMark } from "./mark.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);

/** One piece of user data, as libnftnl writes it. */
function piece(type: number, text: string): readonly number[] {
  const value = utf8(`${text}\0`);
  return [type, value.length, ...value];
}

const LONG = `/srv/${"folder/".repeat(40)}plugin.ts`;

const OWNERS: readonly (readonly [what: string, owner: TableOwner, text: string])[] = [
  ["a name", { role: "proxier", plugin: "hello" }, "weir: proxier hello"],
  ["a path", { role: "local-detector", plugin: "/a b/c.ts" }, "weir: local-detector /a b/c.ts"],
  ["what would end a comment", { role: "proxier", plugin: 'a"b' }, "weir: proxier a?b"],
  ["what is not ASCII", { role: "proxier", plugin: "dé\n\u202ex" }, "weir: proxier d???x"],
  ["nothing", { role: "conntrack-tuner", plugin: "" }, "weir: conntrack-tuner ?"],
  [
    "a long path",
    { role: "proxier", plugin: LONG },
    `weir: proxier ...${LONG.slice(-(127 - "weir: proxier ...".length))}`,
  ],
];

for (const [what, owner, text] of OWNERS) {
  Deno.test(`a mark with ${what} is a comment that nft reads, and is known again`, () => {
    assert.equal(markText(owner), text);
    const mark = writeMark(owner);
    assert.ok(mark.length <= 2 + 128);
    const again = readMark(mark);
    assert.ok(again !== undefined);
    assert.equal(again.role, owner.role);
    assert.equal(markText(again), text);
  });
}

Deno.test("a mark is found among what else nft keeps there", () => {
  const version = [1, 2, 0, 7];
  const mark = new Uint8Array([...version, ...piece(0, "weir: proxier hello"), ...version]);
  assert.deepEqual(readMark(mark), { role: "proxier", plugin: "hello" });
});

const OTHERS: readonly (readonly [what: string, userdata: readonly number[] | undefined])[] = [
  ["no user data", undefined],
  ["empty user data", []],
  ["half a header", [0]],
  ["a length that leads outside", [0, 200, ...utf8("weir: proxier hello\0")]],
  ["another comment", piece(0, "rules of our firewall")],
  ["a comment about weir", piece(0, "allow weir: proxier hello")],
  ["a role that there is not", piece(0, "weir: firewall hello")],
  ["a mark without a plugin", piece(0, "weir: proxier ")],
  ["another spelling", piece(0, "Weir: proxier hello")],
  ["the words under another type", piece(1, "weir: proxier hello")],
  ["the mark behind a first comment", [...piece(0, "ours"), ...piece(0, "weir: proxier hello")]],
];

for (const [what, userdata] of OTHERS) {
  Deno.test(`a table with ${what} is not weir's`, () => {
    assert.equal(readMark(userdata && new Uint8Array(userdata)), undefined);
  });
}
