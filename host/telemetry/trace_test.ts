import assert from "node:assert/strict";
import { SpanStatusCode } from "@opentelemetry/api";
import { WeirError } from "../../schemas/errors.ts";
import { recordingTracer, spanTree } from "./recording_tracer.ts";
import { createTracing } from "./trace.ts";

Deno.test("a sync is one trace: its stages are children, with what they counted", async () => {
  const { tracer, spans } = recordingTracer();
  const revision = await createTracing(tracer).sync(
    { "weir.sync.kind": "partial" },
    async (sync) => {
      const views = sync.run("weir.resolve", { "weir.services": 2 }, () => ["a", "b", "c"]);
      sync.run("weir.diff", {}, (span) => span.set({ "weir.upserts": views.length }));
      await sync.run("weir.plugin.call", { "weir.plugin": "p" }, async (call) => {
        await Promise.resolve();
        await call.run("weir.capability", { "weir.method": "nft.commit" }, async (commit) => {
          commit.set({ "weir.bytes": 4096 });
        });
      });
      sync.set({ "weir.revision": 7 });
      return 7;
    },
  );
  assert.equal(revision, 7);
  assert.deepEqual(spanTree(spans), [
    '- > weir.sync {"weir.sync.kind":"partial","weir.revision":7} 1',
    'weir.sync > weir.resolve {"weir.services":2} 1',
    'weir.sync > weir.diff {"weir.upserts":3} 1',
    'weir.sync > weir.plugin.call {"weir.plugin":"p"} 1',
    'weir.plugin.call > weir.capability {"weir.method":"nft.commit","weir.bytes":4096} 1',
  ]);
  assert.equal(new Set(spans.map((span) => span.spanContext().traceId)).size, 1);
});

Deno.test("an asynchronous stage's span is open until it settles", async () => {
  const { tracer, spans } = recordingTracer();
  const gate = Promise.withResolvers<void>();
  const running = createTracing(tracer).sync({}, () => gate.promise);
  await Promise.resolve();
  assert.equal(spans[0]?.ends, 0);
  gate.resolve();
  await running;
  assert.equal(spans[0]?.ends, 1);
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
    const { tracer, spans } = recordingTracer();
    const sync = async () =>
      await createTracing(tracer).sync({}, async (span) => await span.run("weir.diff", {}, body));
    await assert.rejects(sync, { code: "WEIR_NFT_KERNEL" });
    for (const span of spans) {
      assert.equal(span.ends, 1, span.name);
      assert.deepEqual(span.status, {
        code: SpanStatusCode.ERROR,
        message: 'Cannot commit "t": no such file',
      });
      assert.equal(span.attributes["error.type"], "WEIR_NFT_KERNEL");
      assert.equal(span.exceptions.length, 1);
    }
    assert.equal(spans.length, 2);
  });
}

Deno.test("a trace crosses the wire: what the plugin asks for is a child of the call", () => {
  const { tracer, spans } = recordingTracer();
  const tracing = createTracing(tracer);
  const sent = tracing.sync({}, (sync) => sync.run("weir.plugin.call", {}, (s) => s.traceparent));
  assert.match(sent ?? "", /^00-a+1-b+2-01$/);
  tracing.remote(sent, "weir.capability", {}, () => {});
  assert.equal(spans[2]?.parent?.spanId, spans[1]?.spanContext().spanId);
  assert.equal(spans[2]?.parent?.isRemote, true);
});

for (const sent of [undefined, "nonsense"]) {
  Deno.test(`a wire that sends ${sent ?? "no trace context"} begins a trace of its own`, () => {
    const { tracer, spans } = recordingTracer();
    createTracing(tracer).remote(sent, "weir.capability", {}, () => {});
    assert.equal(spans[0]?.parent, undefined);
    assert.equal(spans[0]?.ends, 1);
  });
}

Deno.test("without an SDK the work runs as ever and nothing goes over the wire", async () => {
  const result = await createTracing().sync({ "weir.revision": 1 }, async (span) => {
    assert.equal(span.traceparent, undefined);
    return span.run("weir.resolve", {}, () => "resolved");
  });
  assert.equal(result, "resolved");
});
