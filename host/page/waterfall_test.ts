import assert from "node:assert/strict";
import type { SpanRecord } from "../telemetry/span.ts";
import { waterfall } from "./waterfall.ts";

function span(spanId: string, parentId: string | undefined, from: number, to: number): SpanRecord {
  return {
    spanId,
    parentId,
    name: spanId,
    startedAt: from,
    endedAt: to,
    attributes: {},
    links: [],
    droppedLinks: 0,
    events: [],
    error: undefined,
  };
}

function lines(...spans: readonly [SpanRecord, ...SpanRecord[]]): string[] {
  return waterfall({ traceId: "1", sampled: true, dropped: 0, spans }).map((
    { span, depth, begin, share },
  ) => `${" ".repeat(depth)}${span.name} ${begin} ${share}`);
}

Deno.test("spans lie beneath the one they belong to, in the order of time", () => {
  assert.deepEqual(
    lines(
      span("root", undefined, 100, 200),
      span("later", "root", 150, 200),
      span("inner", "first", 110, 120),
      span("first", "root", 100, 150),
    ),
    ["root 0 1", " first 0 0.5", "  inner 0.1 0.1", " later 0.5 0.5"],
  );
});

Deno.test("what began before the root begins at the left, and a lost parent hides nobody", () => {
  assert.deepEqual(
    lines(span("root", undefined, 50, 100), span("event", "gone", 0, 50)),
    ["root 0.5 0.5", " event 0 0.5"],
  );
});

Deno.test("a sync of no time is as wide as the drawing, and a circle of spans ends", () => {
  assert.deepEqual(lines(span("root", undefined, 5, 5)), ["root 0 1"]);
  assert.deepEqual(
    lines(span("root", undefined, 0, 1), span("a", "b", 0, 1), span("b", "a", 0, 1)),
    ["root 0 1"],
  );
});
