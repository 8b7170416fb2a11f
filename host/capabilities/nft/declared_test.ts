import assert from "node:assert/strict";
import { type DeclaredSizes, declareSizes } from "./declared.ts";
import { batch, be32, deleteTable, message, newMap, newTable } from "./sample.ts";

const IP = { table: "weir", family: 2 };
const IP6 = { table: "weir", family: 10 };

function newSet(where: typeof IP, name: string, size: number): Uint8Array<ArrayBuffer> {
  return message(
    9,
    0x400,
    where,
    (set) => set.text(2, name).nested(9, (description) => description.bytes(1, be32(size))),
  );
}

const deleteSet = (where: typeof IP, name: string) =>
  message(11, 0, where, (set) => set.text(2, name));

interface Case {
  readonly before?: readonly (readonly [string, number])[];
  readonly batch: readonly Uint8Array[];
  readonly after: readonly (readonly [string, number])[];
  readonly most: number;
}

const CASES: Readonly<Record<string, Case>> = {
  "new sets add up, those without a size count nothing": {
    batch: [newTable(IP), newSet(IP, "a", 5), newSet(IP6, "a", 6), newMap(IP, "m")],
    after: [["2 a", 5], ["10 a", 6]],
    most: 11,
  },
  "a table that is replaced counts twice until it is done": {
    before: [["2 a", 5], ["10 a", 6]],
    batch: [deleteTable(IP), newTable(IP), newSet(IP, "b", 7)],
    after: [["10 a", 6], ["2 b", 7]],
    most: 18,
  },
  "a set that is made and deleted again is made all the same": {
    batch: [newSet(IP, "a", 5), deleteSet(IP, "a"), newSet(IP, "a", 5), deleteSet(IP, "a")],
    after: [],
    most: 10,
  },
  "a set that is there keeps its size": {
    before: [["2 a", 5]],
    batch: [newSet(IP, "a", 1)],
    after: [["2 a", 5]],
    most: 6,
  },
  "a set that is deleted by its handle goes on counting": {
    before: [["2 a", 5]],
    batch: [message(11, 0, IP, (set) => set.bytes(16, new Uint8Array(8)))],
    after: [["2 a", 5]],
    most: 5,
  },
};

for (const [what, { before = [], batch: messages, after, most }] of Object.entries(CASES)) {
  Deno.test(`declared sizes: ${what}`, () => {
    const sizes: DeclaredSizes = new Map(before);
    const found = declareSizes(sizes, batch(...messages));
    assert.deepEqual([...found.after], after);
    assert.equal(found.most, most);
    assert.deepEqual([...sizes], before, "what was given stays as it is");
  });
}
