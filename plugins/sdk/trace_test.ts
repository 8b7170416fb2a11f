import assert from "node:assert/strict";
import * as v from "valibot";
import { LIMITS, type PluginMessage, PluginMessageSchema } from "../../schemas/wire.ts";
import { CallSpans } from "./trace.ts";

type Told = Extract<PluginMessage, { type: "spans" }>;

/** One call, with a clock that a test sets. */
function call(traceparent: string | undefined = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`) {
  const messages: Told[] = [];
  let at = 100;
  const spans = new CallSpans(7, traceparent, (message) => {
    // What the host's schema refuses would end the plugin.
    messages.push(v.parse(PluginMessageSchema, JSON.parse(JSON.stringify(message))) as Told);
  }, () => at);
  return {
    spans,
    trace: spans.trace,
    messages,
    pass: (milliseconds: number) => at += milliseconds,
  };
}

Deno.test("spans are told of together, with times from the call's begin", () => {
  const { spans, trace, messages, pass } = call();
  pass(1);
  const result = trace.span("encode", { ports: 3 }, (span) => {
    pass(2);
    trace.span("sort", {}, () => pass(0.5));
    span.set({ bytes: 10 });
    return "done";
  });
  assert.equal(result, "done");
  assert.deepEqual(messages, []);
  assert.deepEqual(spans.announced, { spans: true });
  pass(1);
  spans.flush();
  assert.deepEqual(spans.announced, {});
  assert.deepEqual(messages, [{
    type: "spans",
    call: 7,
    elapsed: 4.5,
    dropped: 0,
    spans: [
      { number: 2, parent: 1, name: "sort", start: 3, end: 3.5, attributes: {} },
      { number: 1, name: "encode", start: 1, end: 3.5, attributes: { ports: 3, bytes: 10 } },
    ],
  }]);
  spans.flush();
  assert.equal(messages.length, 1, "nothing is told twice");
});

Deno.test("what is asked of a capability is part of the span that was begun last", async () => {
  const { spans, trace } = call();
  assert.equal(spans.current, undefined);
  const gate = Promise.withResolvers<void>();
  const outer = trace.span("outer", {}, async () => {
    assert.equal(spans.current, 1);
    await trace.span("inner", {}, async () => {
      assert.equal(spans.current, 2);
      await gate.promise;
    });
    assert.equal(spans.current, 1);
  });
  assert.equal(spans.current, 2);
  gate.resolve();
  await outer;
  await Promise.resolve();
  assert.equal(spans.current, undefined);
});

Deno.test("work side by side says whose part it is", async () => {
  const { spans, trace, messages } = call();
  const gate = Promise.withResolvers<void>();
  const both = ["one", "other"].map((name) =>
    trace.span(name, {}, async (span) => {
      await gate.promise;
      span.span(`part of ${name}`, {}, () => {});
    })
  );
  gate.resolve();
  await Promise.all(both);
  spans.flush();
  const told = messages.flatMap((message) => message.spans);
  for (const name of ["one", "other"]) {
    const part = told.find((span) => span.name === `part of ${name}`);
    assert.equal(told.find(({ number }) => number === part?.parent)?.name, name);
  }
});

Deno.test("an error is noted and thrown on", async () => {
  const { spans, trace, messages } = call();
  const no = () => {
    throw new Error("no");
  };
  assert.throws(() => trace.span("now", {}, no), /^Error: no$/);
  await assert.rejects(trace.span("later", {}, async () => no()), /^Error: no$/);
  spans.flush();
  assert.deepEqual(messages[0]?.spans.map(({ name, error }) => [name, error]), [
    ["now", "no"],
    ["later", "no"],
  ]);
});

Deno.test("what the wire would refuse is shortened or left out", () => {
  const { spans, trace, messages } = call();
  const many = Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`${at}`, at]));
  trace.span("n".repeat(500), { text: "t".repeat(5_000), none: NaN, "": 1, ...many }, () => {});
  trace.span("", { ["k".repeat(500)]: true }, () => {});
  spans.flush();
  const [long, unnamed] = messages[0]?.spans ?? [];
  assert.equal(long?.name.length, 64);
  assert.equal(Object.keys(long?.attributes ?? {}).length, 16);
  assert.deepEqual(unnamed?.attributes, { ["k".repeat(64)]: true });
});

Deno.test("spans beyond the limit are counted, in few messages", () => {
  const { spans, trace, messages } = call();
  for (let count = 0; count < LIMITS.spans + 50; count++) trace.span("again", {}, () => {});
  spans.flush();
  const told = messages.flatMap((message) => message.spans);
  assert.equal(told.length, LIMITS.spans);
  assert.equal(messages.reduce((sum, { dropped }) => sum + dropped, 0), 50);
  assert.ok(messages.length <= 6, `${messages.length} messages`);
});

for (
  const [flags, asked] of [
    ["01", true],
    // Trace Context Level 2 adds a bit, which says nothing of this one.
    ["03", true],
    ["02", false],
    ["00", false],
  ] as const
) {
  Deno.test(`with the flags ${flags} spans are ${asked ? "" : "not "}asked for`, () => {
    const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-${flags}`;
    const { spans, trace, messages } = call(traceparent);
    const inner = trace.span("a", {}, (span) => span.span("b", {}, () => spans.current));
    assert.equal(inner, asked ? 2 : undefined);
    assert.deepEqual(spans.announced, asked ? { spans: true } : {});
    spans.flush();
    assert.deepEqual(messages.map((message) => message.spans.length), asked ? [2] : []);
    assert.equal(trace.traceparent, traceparent);
  });
}

Deno.test("without a trace the work runs as ever and nothing is told", () => {
  const { spans, trace, messages } = call("");
  const untraced = new CallSpans(8, undefined, (message) => messages.push(message), () => 0);
  const result = untraced.trace.span("a", {}, (span) => {
    span.set({ b: 1 });
    return span.span("b", {}, () => untraced.current ?? "idle");
  });
  assert.equal(result, "idle");
  untraced.flush();
  spans.flush();
  assert.deepEqual([messages, trace.traceparent, untraced.trace.traceparent], [[], "", ""]);
});

for (const flags of ["01", "00"]) {
  Deno.test(`a span without its work is a mistake that says so, with the flags ${flags}`, () => {
    const { trace } = call(`00-${"a".repeat(32)}-${"b".repeat(16)}-${flags}`);
    const span = trace.span as unknown as (...args: readonly unknown[]) => unknown;
    for (const args of [["sort"], ["sort", () => 1], ["sort", {}], ["sort", null, () => 1]]) {
      assert.throws(() => span(...args), {
        name: "TypeError",
        message: /^Cannot trace "sort": it takes a name, details and the work/,
      });
    }
  });
}
