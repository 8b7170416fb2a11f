import assert from "node:assert/strict";
import { sorting } from "./sorting.ts";

for (const count of [0, 1, 2_000, 2_001, 10_007]) {
  Deno.test(`${count} items are sorted in steps as at once, equal ones in their order`, () => {
    const items = Array.from({ length: count }, (_, at) => ({ key: at * 7919 % 101, at }));
    const byKey = (one: { key: number }, other: { key: number }) => one.key - other.key;
    const steps = sorting([...items], byKey);
    let turns = 0;
    let step = steps.next();
    for (; !step.done; step = steps.next()) turns++;
    assert.deepEqual(step.value, items.toSorted(byKey));
    assert.ok(turns >= Math.floor(count / 2_001), `${turns} turns`);
  });
}
