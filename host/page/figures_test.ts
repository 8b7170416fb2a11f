import assert from "node:assert/strict";
import type { TraceRecord } from "../telemetry/span.ts";
import { syncFigures } from "./figures.ts";

function sync(endedAt: number, took: number, error?: string, revision?: number): TraceRecord {
  return {
    traceId: String(endedAt),
    sampled: true,
    dropped: 0,
    spans: [{
      spanId: "1",
      parentId: undefined,
      name: "weir.sync",
      startedAt: endedAt - took,
      endedAt,
      attributes: { "weir.revision": revision },
      links: [],
      droppedLinks: 0,
      events: [],
      error,
    }],
  };
}

Deno.test("without a sync there is no figure", () => {
  const figures = syncFigures([], 5_000, 0, 256);
  assert.deepEqual([figures.p99, figures.median, figures.perSecond], [undefined, undefined, 0]);
});

Deno.test("of a hundred syncs the p99 is the second slowest", () => {
  const traces = Array.from({ length: 100 }, (_, at) => sync(100_000 - at, at + 1, undefined, 1));
  const { p99, median, slowest } = syncFigures(traces, 100_000, 0, 256);
  assert.deepEqual([p99, median, slowest], [99, 50, 100]);
});

for (
  const [sentence, ends, now, startedAt, kept, perSecond] of [
    ["syncs of the last minute count", [100_000, 99_000, 1_000], 120_000, 0, 256, 2 / 60],
    [
      "a weir that has just started is measured since its start",
      [9_000, 8_000],
      10_000,
      0,
      256,
      0.2,
    ],
    [
      "of more syncs than are kept, the kept ones tell",
      [10_000, 9_900, 9_800, 9_700],
      10_000,
      0,
      4,
      4,
    ],
  ] as const
) {
  Deno.test(sentence, () => {
    const traces = ends.map((end) => sync(end, 1, undefined, 1));
    assert.equal(syncFigures(traces, now, startedAt, kept).perSecond, perSecond);
  });
}

Deno.test("failed syncs are counted", () => {
  assert.equal(syncFigures([sync(2, 1, "EBUSY"), sync(1, 1, undefined, 1)], 3, 0, 256).failed, 1);
});

Deno.test("a sync that had nothing to do is none that was fast", () => {
  const figures = syncFigures([sync(2_000, 1), sync(1_000, 50, undefined, 1)], 2_000, 0, 256);
  assert.deepEqual([figures.count, figures.median, figures.perSecond], [1, 50, 0.5]);
});
