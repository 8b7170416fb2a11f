/** What becomes of traces when the collector is away, slow, full or something else. */
import assert from "node:assert/strict";
import { Collector, type Manner } from "../../../tests/kit/collector.ts";
import type { SpanFate } from "./deliveries.ts";
import { environment, open, sync } from "./opened_export.ts";

/** Nobody listens there: a port that was free a moment ago. */
function deadEnd(): string {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return `http://127.0.0.1:${listener.addr.port}`;
}

const dead: readonly (readonly [string, Manner | undefined])[] = [
  ["is not there", undefined],
  ["hangs", { type: "hangs" }],
  ["answers 503 and asks to come again in an hour", { type: "refuses", retryAfter: 3_600 }],
  ["answers 503 and asks to come again at once", { type: "refuses", retryAfter: 0 }],
];

for (const [how, manner] of dead) {
  Deno.test(`a collector that ${how} makes none of 200 syncs late and is told of once`, async () => {
    await using collector = new Collector();
    if (manner !== undefined) collector.manner = manner;
    using _ = environment({
      OTEL_EXPORTER_OTLP_ENDPOINT: manner === undefined ? deadEnd() : collector.url,
      OTEL_EXPORTER_OTLP_TIMEOUT: "300",
      OTEL_BSP_SCHEDULE_DELAY: "20",
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "64",
      OTEL_BSP_MAX_QUEUE_SIZE: "128",
    });
    const opened = open();
    const durations: number[] = [];
    for (let count = 0; count < 200; count++) {
      const before = performance.now();
      sync(opened);
      durations.push(performance.now() - before);
      await new Promise((resume) => setTimeout(resume, 3));
    }
    durations.sort((one, other) => one - other);
    const slowest = durations.at(-3) ?? Infinity;
    assert.ok(slowest < 20, `the third slowest of 200 syncs took ${slowest} ms`);
    const before = performance.now();
    await opened.sink.stop(200);
    assert.ok(performance.now() - before < 1_000, "it ends in time");
    const { failed = 0, dropped = 0, ...others } = opened.fates;
    assert.ok(failed > 0 && dropped >= 0 && failed + dropped <= 800, JSON.stringify(opened.fates));
    assert.deepEqual(others, {});
    const warnings = opened.lines.filter((line) => line.startsWith("warning "));
    assert.equal(warnings.length, 1, opened.lines.join("\n"));
    assert.match(
      warnings[0] ?? "",
      /^warning Cannot send traces to "http:\/\/127\.0\.0\.1:\d+\/v1\/traces": /,
    );
  });
}

Deno.test("when the collector is back it has what comes then, and the log says what was lost", async () => {
  await using collector = new Collector();
  collector.manner = { type: "refuses", retryAfter: 3_600 };
  using _ = environment({
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_BSP_SCHEDULE_DELAY: "10",
  });
  const opened = open();
  sync(opened);
  await collector.until(() => collector.requests.length > 0);
  await opened.said(/^warning /);
  collector.manner = { type: "takes" };
  sync(opened);
  await collector.until(() => collector.spans.length === 4);
  await opened.sink.stop(1_000);
  assert.deepEqual(opened.lines.slice(-1), [
    `info Sending traces again ${
      JSON.stringify({ endpoint: `${collector.url}/v1/traces`, lostSpans: 4 })
    }`,
  ]);
  assert.deepEqual(opened.fates, { failed: 4, sent: 4 });
});

interface Poor {
  readonly what: string;
  readonly manner: Manner;
  readonly says: RegExp;
  readonly fates: Partial<Record<SpanFate, number>>;
}

const poor: readonly Poor[] = [
  {
    what: "takes some spans of a request only",
    manner: { type: "rejects", spans: 3, message: "of the future" },
    says: /^warning Cannot be sure that "http:\S+" keeps all spans: of the future {"rejected":3,/,
    fates: { sent: 5, rejected: 3 },
  },
  {
    what: "wants to know who sends",
    manner: { type: "answers", status: 401, body: "no tenant" },
    says: /^warning .*: it answers 401 Unauthorized: no tenant; OTEL_EXPORTER_OTLP_HEADERS is for/,
    fates: { failed: 8 },
  },
  {
    what: "has another path",
    manner: { type: "answers", status: 404, body: "" },
    says: /^warning .*: it answers 404 Not Found; a path belongs into OTEL_EXPORTER_OTLP_ENDPOINT/,
    fates: { failed: 8 },
  },
  {
    what: "is a web server",
    manner: { type: "answers", status: 200, body: "<html>It works!</html>" },
    says: /^warning Cannot be sure .*: what answers there is no OTLP: is the path right\? {"rej/,
    fates: { sent: 8 },
  },
  {
    what: "is busy for longer than a request may take",
    manner: { type: "refuses", retryAfter: 60 },
    says:
      /^warning .*: it answers 429, 502, 503 or 504 for longer than OTEL_EXPORTER_OTLP_TIMEOUT /,
    fates: { failed: 8 },
  },
];

for (const protocol of ["http/protobuf", "http/json"]) {
  for (const { what, manner, says, fates } of poor) {
    Deno.test(`of a collector that ${what} the log says so once, and each span is counted (${protocol})`, async () => {
      await using collector = new Collector();
      collector.manner = manner;
      using _ = environment({
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
        OTEL_BSP_SCHEDULE_DELAY: "10",
      });
      const opened = open();
      sync(opened);
      await opened.said(says);
      sync(opened);
      // Only what the first request had is rejected.
      if (manner.type === "rejects") collector.manner = { type: "takes" };
      await collector.until(() => collector.requests.length === 2);
      await opened.sink.stop(1_000);
      assert.equal(opened.lines.filter((line) => line.startsWith("warning")).length, 1);
      assert.deepEqual(opened.fates, fates);
    });
  }
}

Deno.test("a collector that never finishes its answer is given up, and told of", async () => {
  await using collector = new Collector();
  collector.manner = { type: "dribbles" };
  using _ = environment({
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_BSP_SCHEDULE_DELAY: "10",
    OTEL_BSP_EXPORT_TIMEOUT: "200",
  });
  const opened = open();
  sync(opened);
  await opened.said(/^warning Cannot send traces to .*: no answer within 200 ms /);
  assert.deepEqual(opened.fates, { failed: 4 });
  collector.manner = { type: "takes" };
  sync(opened);
  await opened.said(/Sending traces again/);
  await opened.sink.stop(100);
  assert.deepEqual(opened.fates, { failed: 4, sent: 4 });
});

Deno.test("spans for which the queue has no room are counted, and told of once", async () => {
  await using collector = new Collector();
  using _ = environment({
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_BSP_MAX_QUEUE_SIZE: "8",
    OTEL_BSP_SCHEDULE_DELAY: "60000",
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "8",
  });
  const opened = open();
  sync(opened);
  await opened.said(/Sending traces/);
  for (let count = 0; count < 5; count++) sync(opened);
  await collector.until(() => collector.spans.length > 0);
  await opened.sink.stop(1_000);
  const { sent = 0, dropped = 0 } = opened.fates;
  assert.equal(collector.spans.length, sent);
  assert.equal(sent + dropped, 24);
  assert.ok(dropped > 0);
  assert.deepEqual(
    opened.lines.filter((line) => line.startsWith("warning")).map((line) => line.slice(0, 29)),
    ["warning Cannot keep spans for"],
  );
});
