import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { SpanRecord, TraceRecord } from "./span.ts";
import { TraceRing } from "./trace_ring.ts";

const SPAN: SpanRecord = {
  spanId: "1".repeat(16),
  parentId: undefined,
  name: "weir.sync",
  startedAt: 1,
  endedAt: 2,
  attributes: {},
  links: [],
  droppedLinks: 0,
  events: [],
  error: undefined,
};

function trace(id: number, spans: number, text = ""): TraceRecord {
  const span = { ...SPAN, attributes: { text } };
  return {
    traceId: String(id),
    spans: [span, ...Array(spans - 1).fill(span)],
    sampled: true,
    dropped: 0,
  };
}

function ids(ring: TraceRing): string[] {
  return ring.last(100).map(({ traceId }) => traceId);
}

Deno.test("the newest traces are kept and found, the oldest make room", () => {
  const ring = new TraceRing({ traces: 3, spans: 100, bytes: 1e6 });
  for (let id = 1; id <= 5; id++) ring.add(trace(id, 2));
  assert.deepEqual(ids(ring), ["5", "4", "3"]);
  assert.deepEqual(ring.last(2).map(({ traceId }) => traceId), ["5", "4"]);
  assert.equal(ring.find("4")?.spans.length, 2);
  assert.equal(ring.find("1"), undefined);
});

Deno.test("one large trace takes the place of several small ones, and too large a one of none", () => {
  const ring = new TraceRing({ traces: 100, spans: 10, bytes: 1e6 });
  for (let id = 1; id <= 5; id++) ring.add(trace(id, 2));
  ring.add(trace(6, 5));
  assert.deepEqual(ids(ring), ["6", "5", "4"]);
  ring.add(trace(7, 11));
  assert.deepEqual(ids(ring), ["6", "5", "4"]);
  assert.deepEqual([ring.size.traces, ring.size.spans], [3, 9]);
});

Deno.test("whatever is added, no limit is ever passed and nothing is counted twice", () => {
  const limits = { traces: 8, spans: 40, bytes: 20_000 };
  const one = fc.record({ spans: fc.integer({ min: 1, max: 50 }), text: fc.nat(2_000) });
  fc.assert(fc.property(fc.array(one, { maxLength: 60 }), (added) => {
    const ring = new TraceRing(limits);
    for (const [id, { spans, text }] of added.entries()) {
      ring.add(trace(id, spans, "x".repeat(text)));
      const { size } = ring;
      assert.ok(size.traces <= limits.traces);
      assert.ok(size.spans <= limits.spans);
      assert.ok(size.bytes <= limits.bytes);
      const listed = ring.last(100);
      assert.equal(listed.length, size.traces);
      assert.equal(listed.reduce((sum, each) => sum + each.spans.length, 0), size.spans);
    }
  }));
});

Deno.test("what is added is not looked at before somebody reads, but for some at once", () => {
  let looked = 0;
  const ring = new TraceRing({ traces: 100, spans: 1_000, bytes: 1e6 });
  const unread = (id: number): TraceRecord => {
    const { spans, ...rest } = trace(id, 2);
    return {
      ...rest,
      get spans() {
        looked++;
        return spans;
      },
    };
  };
  for (let id = 1; id <= 5; id++) ring.add(unread(id));
  assert.equal(looked, 0);
  assert.deepEqual(ids(ring), ["5", "4", "3", "2", "1"]);
  assert.ok(looked > 0);
  looked = 0;
  for (let id = 6; id <= 100; id++) ring.add(unread(id));
  assert.ok(looked > 0, "what waits is bounded");
});
