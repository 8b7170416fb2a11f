import assert from "node:assert/strict";
import { TraceAudience } from "./audience.ts";

const MINUTE = 60_000;
const CHANGE = { "weir.sync.kind": "partial" };

/** An audience, and what makes time pass. */
function scene(exported: (traceId: string) => boolean = () => false) {
  let at = 0;
  const read: unknown[] = [];
  const traces = {
    last: (most: number) => {
      read.push(most);
      return [];
    },
    find: (traceId: string) => void read.push(traceId),
  };
  const audience = new TraceAudience(traces, exported, () => at);
  return { audience, read, pass: (milliseconds: number) => void (at += milliseconds) };
}

Deno.test("while nobody looks, the plugin is asked for its spans of full syncs only", () => {
  const { audience } = scene();
  assert.equal(audience.samples("a", CHANGE), false);
  assert.equal(audience.samples("a", { "weir.sync.kind": "full" }), true);
});

Deno.test("a collector has them of the traces that it takes", () => {
  const { audience } = scene((traceId) => traceId === "a");
  assert.deepEqual(["a", "b"].map((id) => audience.samples(id, CHANGE)), [true, false]);
});

for (const how of ["last", "find"] as const) {
  Deno.test(`who reads by ${how} has them for a quarter of an hour from then on`, () => {
    const { audience, read, pass } = scene();
    if (how === "last") audience.store.last(5);
    else audience.store.find("a");
    assert.deepEqual(read, how === "last" ? [5] : ["a"]);
    pass(15 * MINUTE - 1);
    assert.equal(audience.samples("b", CHANGE), true);
    pass(1);
    assert.equal(audience.samples("c", CHANGE), false);
    audience.store.last(1);
    assert.equal(audience.samples("d", CHANGE), true);
  });
}
