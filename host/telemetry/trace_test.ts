import assert from "node:assert/strict";
import { WeirError } from "../../schemas/errors.ts";
import { recordingTracing, spanTimes, spanTree } from "./recording_tracing.ts";

/** Time as a test sets it. */
function watch(start = 1_000) {
  let at = start;
  return { now: () => at, pass: (milliseconds: number) => void (at += milliseconds) };
}

Deno.test("a sync is one trace: its stages are children, with what they counted and took", async () => {
  const { now, pass } = watch();
  const { tracing, traces } = recordingTracing(now);
  const revision = await tracing.sync({ "weir.sync.kind": "partial" }, 990, async (sync) => {
    const views = sync.run("weir.resolve", { "weir.services": 2 }, () => {
      pass(1.25);
      return ["a", "b", "c"];
    });
    sync.run("weir.diff", {}, (span) => span.set({ "weir.upserts": views.length }));
    await sync.run("weir.plugin.call", { "weir.plugin": "p" }, async (call) => {
      await Promise.resolve();
      await call.run("weir.capability", { "weir.method": "nft.commit" }, async (commit) => {
        pass(4);
        commit.set({ "weir.bytes": 4096 });
      });
    });
    sync.set({ "weir.revision": 7 });
    return 7;
  });
  assert.equal(revision, 7);
  const [trace] = traces;
  assert.ok(trace !== undefined && traces.length === 1);
  assert.deepEqual(spanTree(trace), [
    '- > weir.sync {"weir.sync.kind":"partial","weir.revision":7}',
    'weir.sync > weir.resolve {"weir.services":2}',
    'weir.sync > weir.diff {"weir.upserts":3}',
    'weir.sync > weir.plugin.call {"weir.plugin":"p"}',
    'weir.plugin.call > weir.capability {"weir.method":"nft.commit","weir.bytes":4096}',
  ]);
  assert.deepEqual(spanTimes(trace), [
    "weir.sync 0–15.25",
    "weir.resolve 10–11.25",
    "weir.diff 11.25–11.25",
    "weir.plugin.call 11.25–15.25",
    "weir.capability 11.25–15.25",
  ]);
});

Deno.test("a trace is told of when its root is over, and what still runs is cut off there", async () => {
  const { now, pass } = watch();
  const { tracing, traces } = recordingTracing(now);
  const gate = Promise.withResolvers<void>();
  const running = tracing.sync({}, now(), async (sync) => {
    const child = sync.begin("weir.capability");
    await gate.promise;
    return child;
  });
  assert.equal(traces.length, 0);
  pass(3);
  gate.resolve();
  const child = await running;
  await Promise.resolve();
  assert.equal(traces.length, 1);
  pass(100);
  child.end();
  child.begin("weir.netlink.send").end();
  assert.deepEqual(traces.map(spanTimes), [["weir.sync 0–3", "weir.capability 0–3"]]);
});

for (
  const [how, body] of [
    ["throws", () => {
      throw new WeirError("WEIR_NFT_KERNEL", 'Cannot commit "t": no such file');
    }],
    ["rejects", async () => {
      throw new WeirError("WEIR_NFT_KERNEL", 'Cannot commit "t": no such file');
    }],
  ] as const
) {
  Deno.test(`a stage that ${how} marks its span and the sync's, and the error goes on`, async () => {
    const { tracing, traces } = recordingTracing(() => 5);
    const sync = async () =>
      await tracing.sync({}, 5, async (span) => await span.run("weir.diff", {}, body));
    await assert.rejects(sync, { code: "WEIR_NFT_KERNEL" });
    const spans = traces[0]?.spans ?? [];
    assert.equal(spans.length, 2);
    for (const { error, attributes, events } of spans) {
      assert.equal(error, 'Cannot commit "t": no such file');
      assert.deepEqual(attributes, { "error.type": "WEIR_NFT_KERNEL" });
      assert.deepEqual(events, [{
        name: "exception",
        at: 5,
        attributes: {
          "exception.type": "WEIR_NFT_KERNEL",
          "exception.message": 'Cannot commit "t": no such file',
        },
      }]);
    }
  });
}

Deno.test("the wire is told the span whose child the plugin's work is", () => {
  const { tracing, traces } = recordingTracing(() => 5);
  const sent = tracing.sync(
    {},
    5,
    (sync) => sync.run("weir.plugin.call", {}, (s) => s.traceparent),
  );
  const [trace] = traces;
  assert.equal(sent, `00-${trace?.traceId}-${trace?.spans[1]?.spanId}-01`);
  assert.match(sent, /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
});

Deno.test("what is told later keeps the identifier that was given out for it", () => {
  const { tracing, traces } = recordingTracing(() => 5);
  tracing.sync({}, 5, (sync) => {
    const spanId = sync.nextId();
    sync.begin("weir.capability", {}, undefined, spanId).end();
    sync.past("plugin.encode", { startedAt: 7, endedAt: 6 }, { "plugin.ports": 3 }, { spanId });
  });
  const [trace] = traces;
  assert.ok(trace !== undefined);
  assert.deepEqual(spanTree(trace), [
    "- > weir.sync {}",
    "plugin.encode > weir.capability {}",
    'weir.sync > plugin.encode {"plugin.ports":3}',
  ]);
  assert.equal(trace.spans[2]?.endedAt, 7, "no span ends before it begins");
});

Deno.test("a trace has no more spans than its limit, and says how many were dropped", () => {
  const { tracing, traces } = recordingTracing(() => 5, { mostSpans: 3 });
  tracing.sync({}, 5, (sync) => {
    for (let count = 0; count < 10; count++) sync.run("weir.resolve", {}, () => {});
  });
  assert.deepEqual(traces.map(({ spans, dropped }) => [spans.length, dropped]), [[3, 8]]);
});

for (const sampled of [true, false]) {
  Deno.test(`a trace that is ${sampled ? "" : "not "}sampled says so on the wire and when it is over`, () => {
    const asked: unknown[] = [];
    const { tracing, traces } = recordingTracing(() => 5, {
      sampled: (...of) => {
        asked.push(of);
        return sampled;
      },
    });
    const kind = { "weir.sync.kind": "partial" };
    const sent = tracing.sync(kind, 5, (sync) => sync.traceparent);
    assert.match(sent, sampled ? /-01$/ : /-00$/);
    assert.equal(traces[0]?.sampled, sampled);
    assert.deepEqual(asked, [[traces[0]?.traceId, kind]]);
  });
}

Deno.test("a trace that is held is over when the last has let go, and ended when its root did", () => {
  let at = 5;
  const { tracing, traces } = recordingTracing(() => at);
  const [first, second, sync] = tracing.sync({}, 5, (root) => {
    at = 8;
    return [root.hold(), root.hold(), root] as const;
  });
  at = 20;
  sync.past("plugin.encode", { startedAt: 6, endedAt: 7 }, {});
  first();
  assert.equal(traces.length, 0);
  second();
  sync.past("plugin.late", { startedAt: 6, endedAt: 7 }, {});
  assert.deepEqual(traces.map(spanTimes), [["weir.sync 0–3", "plugin.encode 1–2"]]);
});

Deno.test("who lets go before the root has ended does not end the trace", async () => {
  const { tracing, traces } = recordingTracing(() => 5);
  const gate = Promise.withResolvers<void>();
  const running = tracing.sync({}, 5, (root) => {
    root.hold()();
    return gate.promise;
  });
  assert.equal(traces.length, 0);
  gate.resolve();
  await running;
  await Promise.resolve();
  assert.equal(traces.length, 1);
});

Deno.test("a trace that is over does not change any more, whenever it is read", () => {
  const { tracing, traces } = recordingTracing(() => 5);
  const root = tracing.sync({ a: 1 }, 5, (sync) => sync);
  root.set({ b: 2 });
  root.link([{ traceId: root.traceId, spanId: root.spanId, attributes: {} }]);
  root.end({ error: new Error("late") });
  const [trace] = traces;
  const [read] = trace?.spans ?? [];
  assert.deepEqual([read?.attributes, read?.links, read?.error], [{ a: 1 }, [], undefined]);
  assert.equal(trace?.spans, trace?.spans, "and is the same each time");
});
