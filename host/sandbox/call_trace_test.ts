import assert from "node:assert/strict";
import type { PluginMessage } from "../../schemas/wire.ts";
import { LIMITS } from "../../schemas/wire.ts";
import { recordingTracing, spanTimes, spanTree } from "../telemetry/recording_tracing.ts";
import { CallTrace } from "./call_trace.ts";

type Told = Extract<PluginMessage, { type: "spans" }>;
type ToldSpan = Told["spans"][number];

/** One call within a sync, and what is in its trace once it is over. */
function scene(limits = LIMITS) {
  let at = 1_000;
  const { tracing, traces } = recordingTracing(() => at);
  const gate = Promise.withResolvers<void>();
  const made = Promise.withResolvers<CallTrace>();
  const sync = tracing.sync({}, at, (root) =>
    root.run("weir.plugin.call", {}, (span) => {
      at += 1;
      made.resolve(
        new CallTrace({ span, limits, now: () => at }, { startedAt: 1_000, bytes: 100 }),
      );
      return gate.promise;
    }));
  return {
    call: made.promise,
    pass: (milliseconds: number) => void (at += milliseconds),
    finish: async () => {
      gate.resolve();
      await sync;
      await Promise.resolve();
      const [trace] = traces;
      assert.ok(trace !== undefined);
      return trace;
    },
  };
}

function told(spans: readonly Partial<ToldSpan>[], more: Partial<Told> = {}): Told {
  const whole = spans.map((span, index) => ({
    number: index + 1,
    name: "work",
    start: 0,
    end: 0,
    attributes: {},
    ...span,
  }));
  return { type: "spans", call: 1, elapsed: 10, dropped: 0, spans: whole, ...more };
}

Deno.test("a call shows its encoding, the wire, the handler and what it asked for", async () => {
  const { call, pass, finish } = scene();
  const trace = await call;
  pass(2);
  trace.acknowledged();
  pass(3);
  const commit = trace.invoked("nft", "commit", 64, undefined);
  pass(4);
  commit.end();
  pass(1);
  trace.ended();
  const record = await finish();
  assert.deepEqual(spanTree(record), [
    "- > weir.sync {}",
    "weir.sync > weir.plugin.call {}",
    'weir.plugin.call > weir.plugin.encode {"weir.bytes":100}',
    'weir.plugin.handler > weir.capability {"weir.method":"nft.commit","weir.bytes":64}',
    "weir.plugin.call > weir.plugin.wire {}",
    "weir.plugin.call > weir.plugin.handler {}",
  ]);
  assert.deepEqual(spanTimes(record).slice(2), [
    "weir.plugin.encode 0–1",
    "weir.capability 6–10",
    "weir.plugin.wire 1–3",
    "weir.plugin.handler 3–11",
  ]);
});

Deno.test("the plugin's spans hang together, with what it asked for below them", async () => {
  const { call, pass, finish } = scene();
  const trace = await call;
  trace.acknowledged();
  pass(2);
  const commit = trace.invoked("nft", "commit", 64, 2);
  pass(4);
  commit.end();
  pass(4);
  trace.told(
    told([
      { number: 2, parent: 1, name: "send", start: 2, end: 7, attributes: { ok: true } },
      { number: 1, name: "apply", start: 1, end: 8, error: "no" },
    ]),
    200,
  );
  trace.ended();
  const record = await finish();
  assert.deepEqual(spanTree(record).slice(3, 6), [
    'plugin.send > weir.capability {"weir.method":"nft.commit","weir.bytes":64}',
    'plugin.apply > plugin.send {"plugin.ok":true}',
    'weir.plugin.handler > plugin.apply {"error.type":"_OTHER"}',
  ]);
  assert.deepEqual(spanTimes(record).slice(4, 6), ["plugin.send 3–8", "plugin.apply 2–9"]);
  const { error, events, endedAt } = record.spans[5] ?? {};
  assert.equal(error, "no");
  assert.deepEqual(events, [
    { name: "exception", at: endedAt, attributes: { "exception.message": "no" } },
  ]);
});

Deno.test("the wire ends when the plugin had the call, which its own spans tell best", async () => {
  const { call, pass, finish } = scene();
  const trace = await call;
  pass(5);
  trace.acknowledged();
  pass(1);
  trace.told(told([{ start: 0, end: 4 }], { elapsed: 4 }), 200);
  trace.ended();
  assert.deepEqual(spanTimes(await finish()).slice(3), [
    "plugin.work 3–7",
    "weir.plugin.wire 1–3",
    "weir.plugin.handler 3–7",
  ]);
});

Deno.test("however late its words arrive, no span begins after what was asked for during it", async () => {
  const { call, pass, finish } = scene();
  const trace = await call;
  pass(5);
  trace.acknowledged();
  const commit = trace.invoked("nft", "commit", 64, 1);
  pass(4);
  commit.end();
  pass(3);
  trace.told(told([{ start: 1, end: 7 }], { elapsed: 8 }), 200);
  trace.ended();
  assert.deepEqual(spanTimes(await finish()).slice(3), [
    "weir.capability 6–10",
    "plugin.work 6–12",
    "weir.plugin.wire 1–5",
    "weir.plugin.handler 5–13",
  ]);
});

Deno.test("a call that was never acknowledged shows the wire alone", async () => {
  const { call, pass, finish } = scene();
  const trace = await call;
  pass(5);
  trace.ended();
  assert.deepEqual(spanTimes(await finish()).slice(3), ["weir.plugin.wire 1–6"]);
});

Deno.test("spans that follow the answer are within the handler, which ended when it was answered", async () => {
  const { call, pass, finish } = scene();
  const trace = await call;
  pass(1);
  trace.acknowledged();
  pass(10);
  trace.answered();
  const running = finish();
  pass(7);
  trace.told(told([{ start: 2, end: 8 }, { start: 9, end: 99 }], { elapsed: 17 }), 100);
  trace.ended();
  assert.deepEqual(spanTimes(await running).slice(3), [
    "plugin.work 4–10",
    "plugin.work 11–12",
    "weir.plugin.wire 1–2",
    "weir.plugin.handler 2–12",
  ]);
});

Deno.test("a plugin cannot forge the host's spans, nor hide a line, nor leave the call's time", async () => {
  const { call, pass, finish } = scene();
  const trace = await call;
  trace.acknowledged();
  pass(10);
  trace.told(
    told([{
      name: "weir.netlink.send\r\u001b[2J",
      start: 0,
      end: 1e12,
      attributes: { "weir.revision": 9, "\u202eb": "\u001b[1m" },
    }], { elapsed: 1e12 }),
    200,
  );
  trace.ended();
  const record = await finish();
  assert.deepEqual(spanTree(record).slice(3, 4), [
    'weir.plugin.handler > plugin.weir.netlink.send\\u000d\\u001b[2J {"plugin.weir.revision":9,' +
    '"plugin.\\\\u202eb":"\\\\u001b[1m"}',
  ]);
  assert.deepEqual(spanTimes(record).slice(3, 4).map((text) => text.split(" ").at(-1)), ["1–11"]);
});

for (
  const [what, limits, messages, kept] of [
    ["more spans than the limit", { ...LIMITS, spans: 2 }, [told([{}, {}, {}])], 2],
    ["more bytes than the limit", { ...LIMITS, spanBytes: 300 }, [told([{}]), told([{}])], 1],
    ["one number twice", LIMITS, [told([{ number: 1 }, { number: 1 }])], 1],
    ["what it dropped itself", LIMITS, [told([{}], { dropped: 1 })], 1],
  ] as const
) {
  Deno.test(`${what}: the call says that a span was dropped`, async () => {
    const { call, finish } = scene(limits as typeof LIMITS);
    const trace = await call;
    trace.acknowledged();
    for (const message of messages) trace.told(message, 200);
    trace.ended();
    const { spans } = await finish();
    assert.equal(spans.filter(({ name }) => name === "plugin.work").length, kept);
    const handler = spans.find(({ name }) => name === "weir.plugin.handler");
    assert.equal(handler?.attributes["weir.plugin.dropped_spans"], 1);
  });
}

Deno.test("parents that make a circle or are never told of make no circle in the trace", async () => {
  const { call, finish } = scene();
  const trace = await call;
  trace.acknowledged();
  trace.told(
    told([{ number: 1, parent: 2 }, { number: 2, parent: 1 }, { number: 9, parent: 7 }]),
    9,
  );
  trace.ended();
  const { spans } = await finish();
  const ids = new Set(spans.map(({ spanId }) => spanId));
  assert.ok(spans.slice(1).every(({ parentId }) => ids.has(parentId ?? "")));
  const parents = new Map(spans.map(({ spanId, parentId }) => [spanId, parentId]));
  for (const { spanId } of spans) {
    let steps = 0;
    for (let at: string | undefined = spanId; at !== undefined; at = parents.get(at)) steps++;
    assert.ok(steps < 10);
  }
});
