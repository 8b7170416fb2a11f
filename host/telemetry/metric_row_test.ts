import assert from "node:assert/strict";
import { helpOf, type MetricRow, visibilityOf } from "./metric_row.ts";

const DEPRECATED: MetricRow = {
  type: "counter",
  name: "old_total",
  help: "Old",
  stability: "ALPHA",
  labels: [],
  deprecated: "0.2",
};

const cases: readonly (readonly [string, string, string, ReturnType<typeof visibilityOf>])[] = [
  ["before it is deprecated", "0.1.0", "", "shown"],
  ["in the version that deprecates it", "0.2.7", "", "shown"],
  ["in the next version", "0.3.0", "", "hidden"],
  ["in the next version, to who asks for hidden ones", "0.3.0", "1.36", "shown"],
  ["in the next major version", "1.0.0", "", "hidden"],
];

for (const [when, version, shownFor, expected] of cases) {
  Deno.test(`a deprecated metric is ${expected} ${when}`, () => {
    assert.equal(visibilityOf(DEPRECATED, version, shownFor), expected);
  });
}

Deno.test("a deprecated metric says so, after its stability", () => {
  assert.equal(helpOf(DEPRECATED), "[ALPHA] (Deprecated since 0.2) Old");
  assert.equal(helpOf({ type: "gauge", name: "new", help: "New", labels: [] }), "New");
});
