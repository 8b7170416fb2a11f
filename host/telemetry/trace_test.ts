import assert from "node:assert/strict";
import {
  type Attributes,
  type Context,
  type Span,
  type SpanContext,
  type SpanStatus,
  SpanStatusCode,
  trace,
  type Tracer,
} from "@opentelemetry/api";
import { WeirError } from "../../schemas/errors.ts";
import { createTracing } from "./trace.ts";

/** A span that keeps what it is told. */
class RecordedSpan implements Span {
  readonly name: string;
  readonly parent: SpanContext | undefined;
  readonly attributes: Attributes = {};
  readonly exceptions: unknown[] = [];
  readonly #context: SpanContext;
  status: SpanStatus = { code: SpanStatusCode.UNSET };
  ends = 0;

  constructor(name: string, context: SpanContext, parent: SpanContext | undefined) {
    this.name = name;
    this.#context = context;
    this.parent = parent;
  }
  spanContext(): SpanContext {
    return this.#context;
  }
  setAttribute(key: string, value: Attributes[string]): this {
    if (value !== undefined) this.attributes[key] = value;
    return this;
  }
  setAttributes(attributes: Attributes): this {
    Object.assign(this.attributes, attributes);
    return this;
  }
  addEvent(): this {
    return this;
  }
  addLink(): this {
    return this;
  }
  addLinks(): this {
    return this;
  }
  setStatus(status: SpanStatus): this {
    this.status = status;
    return this;
  }
  updateName(): this {
    return this;
  }
  end(): void {
    this.ends++;
  }
  isRecording(): boolean {
    return this.ends === 0;
  }
  recordException(exception: unknown): void {
    this.exceptions.push(exception);
  }
}

/** A tracer whose ids count up, so that expected text can be written down. */
function recordingTracer(): { tracer: Tracer; spans: RecordedSpan[] } {
  const spans: RecordedSpan[] = [];
  const tracer: Tracer = {
    startSpan(name, options, context?: Context) {
      const parent = context === undefined ? undefined : trace.getSpanContext(context);
      const span = new RecordedSpan(name, {
        traceId: parent?.traceId ?? String(spans.length + 1).padStart(32, "a"),
        spanId: String(spans.length + 1).padStart(16, "b"),
        traceFlags: 1,
      }, parent);
      span.setAttributes(options?.attributes ?? {});
      spans.push(span);
      return span;
    },
    startActiveSpan() {
      throw new Error("an active span needs AsyncLocalStorage");
    },
  };
  return { tracer, spans };
}

const tree = (spans: readonly RecordedSpan[]) =>
  spans.map((span) => {
    const parent = spans.find((each) => each.spanContext().spanId === span.parent?.spanId);
    return `${parent?.name ?? "-"} > ${span.name} ${JSON.stringify(span.attributes)} ${span.ends}`;
  });

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
  assert.deepEqual(tree(spans), [
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
