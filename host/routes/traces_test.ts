import assert from "node:assert/strict";
import { recordingTracing } from "../telemetry/recording_tracing.ts";
import { TraceRing } from "../telemetry/trace_ring.ts";
import { traceRoutes } from "./traces.ts";

const START = Date.UTC(2026, 0, 1);

/** Two syncs, of which the second fails. */
function scene() {
  const ring = new TraceRing();
  let at = START + 2.5;
  const { tracing } = recordingTracing(() => at, { finished: (trace) => ring.add(trace) });
  tracing.sync({ "weir.sync.kind": "full" }, START, (sync) => {
    const spanId = sync.past("weir.event", { startedAt: START, endedAt: START + 1 }, { a: 1 }, {
      events: [{ name: "received", at: START + 0.5, attributes: {} }],
    });
    sync.link([{ traceId: sync.traceId, spanId, attributes: { a: 1 } }]);
    sync.run("weir.diff", {}, () => at += 1.2345);
  });
  assert.throws(() =>
    tracing.sync({ "weir.sync.kind": "partial" }, at, () => {
      throw new TypeError("no");
    })
  );
  return traceRoutes(ring);
}

Deno.test("the last syncs are listed, newest first, by their roots", async () => {
  const { traces } = await (await scene().request("/")).json();
  assert.deepEqual(traces, [
    {
      traceId: "2".padStart(32, "a"),
      start: "2026-01-01T00:00:00.003Z",
      milliseconds: 0,
      spans: 1,
      sampled: true,
      dropped: 0,
      attributes: { "weir.sync.kind": "partial", "error.type": "TypeError" },
      error: "no",
    },
    {
      traceId: "1".padStart(32, "a"),
      start: "2026-01-01T00:00:00.000Z",
      milliseconds: 3.735,
      spans: 3,
      sampled: true,
      dropped: 0,
      attributes: { "weir.sync.kind": "full" },
    },
  ]);
});

Deno.test("one trace has all its spans, with times from the sync's begin", async () => {
  const traceId = "1".padStart(32, "a");
  const { spans } = await (await scene().request(`/${traceId}`)).json();
  const [root, event] = ["1".padStart(16, "b"), "2".padStart(16, "b")];
  assert.deepEqual(spans, [
    {
      spanId: root,
      name: "weir.sync",
      start: 0,
      milliseconds: 3.735,
      attributes: { "weir.sync.kind": "full" },
      links: [{ traceId, spanId: event, attributes: { a: 1 } }],
    },
    {
      spanId: event,
      parentId: root,
      name: "weir.event",
      start: 0,
      milliseconds: 1,
      attributes: { a: 1 },
      events: [{ name: "received", at: 0.5, attributes: {} }],
    },
    {
      spanId: "3".padStart(16, "b"),
      parentId: root,
      name: "weir.diff",
      start: 2.5,
      milliseconds: 1.235,
      attributes: {},
    },
  ]);
});

for (
  const [path, status] of [
    ["/?limit=1", 200],
    ["/?limit=999999", 200],
    ["/?limit=0", 400],
    ["/?limit=many", 400],
    ["/?limit=", 400],
    ["/0123", 404],
  ] as const
) {
  Deno.test(`GET ${path} answers ${status}`, async () => {
    const response = await scene().request(path);
    assert.equal(response.status, status);
    if (path === "/?limit=1") assert.equal((await response.json()).traces.length, 1);
    else await response.body?.cancel();
  });
}
