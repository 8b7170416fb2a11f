import assert from "node:assert/strict";
import fc from "fast-check";
import { ATTACKS, patched, raw } from "./attack.ts";
import { checkBatch, type CheckResult } from "./check.ts";
import { MESSAGE_KINDS } from "./grammar.ts";
import {
  batch,
  be32,
  deleteTable,
  message,
  newChain,
  newElements,
  newMap,
  newRule,
  newTable,
} from "./sample.ts";

const WEIR = { table: "weir", family: 2 };
const OTHER = { table: "other", family: 2 };
const CREATE = 0x400;

function check(bytes: Uint8Array, messages = 1, maxBytes = 1 << 20): CheckResult {
  return checkBatch(bytes, { table: "weir", messages, maxBytes });
}

const ACCEPTED: readonly [name: string, bytes: Uint8Array][] = [
  ["a new table", newTable(WEIR)],
  ["a new table of family inet", newTable({ table: "weir", family: 1 })],
  ["a deleted table of family ip6", deleteTable({ table: "weir", family: 10 })],
  ["a base chain", newChain(WEIR, "input", 1)],
  ["a map", newMap(WEIR, "marks")],
  ["700 elements", newElements(WEIR, "marks", 0, 700)],
  ["a counter", newRule(WEIR, "input", "counter")],
  [
    "a rule that reads the mark",
    newRule(WEIR, "c", "meta", (data) => data.bytes(1, be32(8)).bytes(2, be32(3))),
  ],
  [
    "a rule that sets the mark",
    newRule(WEIR, "c", "meta", (data) => data.bytes(2, be32(3)).bytes(3, be32(8))),
  ],
  [
    "a jump",
    newRule(
      WEIR,
      "c",
      "immediate",
      (data) =>
        data.bytes(1, be32(0)).nested(
          2,
          (value) =>
            value.nested(2, (verdict) => verdict.bytes(1, be32(-3 >>> 0)).text(2, "services")),
        ),
    ),
  ],
  ["a rule without expressions", message(6, CREATE, WEIR, (rule) => rule.text(2, "c"))],
  ["all rules of the table deleted", message(8, 0, WEIR)],
  ["all elements of a set deleted", message(14, 0, WEIR, (list) => list.text(2, "marks"))],
  ["an element destroyed", message(30, 0, WEIR, (list) => list.text(2, "marks"))],
];

for (const [name, bytes] of ACCEPTED) {
  Deno.test(`a batch with ${name} passes the check`, () => {
    assert.deepEqual(check(bytes), { type: "accepted" });
  });
}

for (const [name, bytes, says] of ATTACKS) {
  Deno.test(`a batch with ${name} is refused before the kernel sees it`, () => {
    const result = check(bytes);
    assert.equal(result.type, "refused");
    if (result.type !== "refused") return;
    assert.match(`${result.path.join(", ")}: ${result.reason}`, says);
  });
}

Deno.test("the refusal counts messages from 0 and the good ones before are refused with it", () => {
  const result = check(batch(newTable(WEIR), newMap(WEIR, "m"), newTable(OTHER)), 3);
  assert.deepEqual(result, {
    type: "refused",
    message: 2,
    path: ["NEWTABLE", "NAME"],
    reason: '"other" is not the granted table',
  });
});

Deno.test("a batch with another number of messages than announced is refused", () => {
  for (const messages of [0, 1, 3]) {
    const result = check(batch(newTable(WEIR), newMap(WEIR, "m")), messages);
    assert.equal(result.type === "refused" && result.message, -1);
  }
});

Deno.test("a batch larger than its limit is refused without being read", () => {
  const bytes = newTable(WEIR);
  assert.equal(check(bytes, 1, bytes.length).type, "accepted");
  const result = check(bytes, 1, bytes.length - 1);
  assert.equal(result.type === "refused" && result.message, -1);
});

Deno.test("an empty batch is refused when a message was announced", () => {
  assert.equal(check(new Uint8Array(0), 1).type, "refused");
});

Deno.test("bytes before and after the batch in the same memory are not read", () => {
  const bytes = newTable(WEIR);
  const memory = new Uint8Array(bytes.length + 64).fill(0xff);
  memory.set(bytes, 32);
  assert.equal(check(memory.subarray(32, 32 + bytes.length)).type, "accepted");
});

Deno.test("every kind of message demands its table's name", () => {
  for (const [type, kind] of MESSAGE_KINDS) {
    assert.equal(kind.fields.byType[1]?.value.is, "table", kind.name);
    assert.equal(kind.fields.required & 2, 2, kind.name);
    assert.equal(check(raw(type, new Uint8Array(0))).type, "refused", kind.name);
  }
});

Deno.test("whatever the bytes, the check ends with an answer", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      assert.match(check(bytes).type, /^(accepted|refused)$/);
    }),
    { numRuns: 2000, seed: 5 },
  );
});

Deno.test("no changed byte makes a batch for another table acceptable", () => {
  const good = batch(newTable(OTHER), newChain(OTHER, "c", 1), newElements(OTHER, "m", 0, 3));
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.nat(255), (at, value) => {
      assert.equal(check(patched(good, (view) => view.setUint8(at, value)), 3).type, "refused");
    }),
    { numRuns: 5000, seed: 6 },
  );
});
