/**
 * Traces over real HTTP to a strict collector. The exporter reads its variables itself, from the
 * environment.
 */
import assert from "node:assert/strict";
import { Collector, type Manner } from "../../../tests/kit/collector.ts";
import type { ReceivedSpan } from "../../../tests/kit/collector_protocol.ts";
import { makeCertificates } from "../../../tests/kit/certificates.ts";
import { systemClock } from "../../clock.ts";
import { randomIdentifiers } from "../identifiers.ts";
import { createLog } from "../log.ts";
import type { TraceRecord } from "../span.ts";
import { createTracing } from "../trace.ts";
import { TraceRing } from "../trace_ring.ts";
import { openExport } from "./export.ts";
import { readExportSettings } from "./settings.ts";
import { TraceSink } from "./trace_sink.ts";

/** Sets variables until it is disposed of. */
function environment(variables: Readonly<Record<string, string>>): Disposable {
  for (const [name, value] of Object.entries(variables)) Deno.env.set(name, value);
  return {
    [Symbol.dispose]: () => Object.keys(variables).forEach((name) => Deno.env.delete(name)),
  };
}

/** Tracing with an export, as the environment or the configuration asks for it. */
function open(configured = "") {
  const lines: string[] = [];
  const log = createLog(
    {
      now: () => systemClock.now(),
      gate: () => ({ verbosity: 0 }),
      write: ({ severity, message, fields }) =>
        lines.push(`${severity} ${message} ${JSON.stringify(fields)}`),
    },
  );
  const { settings } = readExportSettings((name) => Deno.env.get(name), configured);
  assert.ok(settings !== undefined);
  const resource = { "service.name": "weir", "k8s.node.name": "node-1", "process.pid": 7 };
  const ring = new TraceRing();
  const sink = new TraceSink(
    ring,
    () =>
      openExport({
        settings,
        version: "1.2.3",
        resource,
        readFile: (path) => Deno.readTextFile(path),
        whenQuiet: (work) => work(),
        clock: systemClock,
        log,
      }),
    log,
  );
  const tracing = createTracing({
    now: () => systemClock.now(),
    identifiers: randomIdentifiers((bytes) => crypto.getRandomValues(bytes)),
    finished: (trace) => sink.add(trace),
  });
  const said = async (pattern: RegExp) => {
    while (!lines.some((line) => pattern.test(line))) {
      await new Promise((resume) => setTimeout(resume, 1));
    }
  };
  return { tracing, sink, ring, lines, said };
}

/** A sync of a handful of spans, of which one fails. */
function sync({ tracing }: Pick<ReturnType<typeof open>, "tracing">): void {
  const now = systemClock.now();
  tracing.sync({ "weir.sync.kind": "partial", "weir.revision": 7 }, now - 2.5, (root) => {
    const spanId = root.past("weir.event", { startedAt: now - 2.5, endedAt: now - 2.25 }, {
      "k8s.namespace.name": "default",
    }, {
      events: [{ name: "received", at: now - 2.375, attributes: { ratio: 0.5, big: 2 ** 40 } }],
    });
    root.link([{ traceId: root.traceId, spanId, attributes: { "weir.object.name": "web" } }]);
    root.run("weir.diff", {}, (span) => span.set({ "weir.upserts": 3, ok: true }));
    try {
      root.run("weir.landed", {}, () => {
        throw new TypeError("no ☂");
      });
    } catch {
      // It is what the span tells.
    }
  });
}

/** What a collector must have of a trace, but for its times. */
function expected({ traceId, spans }: TraceRecord): object[] {
  return spans.map(({ parentId = "", startedAt: _, endedAt: __, events, ...span }) => ({
    ...span,
    traceId,
    parentId,
    events: events.map(({ name, attributes }) => ({ name, attributes })),
  }));
}

function received(spans: readonly ReceivedSpan[]): object[] {
  return spans.map((
    { resource: _, scope: __, startedAt: ___, endedAt: ____, events, ...span },
  ) => ({
    ...span,
    events: events.map(({ name, attributes }) => ({ name, attributes })),
  }));
}

interface Timed {
  readonly startedAt: number;
  readonly endedAt: number;
  readonly events: readonly { readonly at: number }[];
}

function timesOf(spans: readonly Timed[]): number[] {
  return spans.flatMap(({ startedAt, endedAt, events }) => [
    startedAt,
    endedAt,
    ...events.map(({ at }) => at),
  ]);
}

for (const protocol of ["http/protobuf", "http/json"]) {
  for (const compression of ["none", "gzip"]) {
    Deno.test(`a collector has all of a trace by ${protocol}, compression ${compression}`, async () => {
      await using collector = new Collector();
      using _ = environment({
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
        OTEL_EXPORTER_OTLP_COMPRESSION: compression,
        OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20s3cret,x-tenant=a",
        OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test,k8s.node.name=elsewhere",
        OTEL_SERVICE_NAME: "weir-here",
        OTEL_BSP_SCHEDULE_DELAY: "10",
      });
      const opened = open();
      sync(opened);
      await collector.until(() => collector.spans.length === 4);
      await opened.sink.stop(1_000);
      const [trace] = opened.ring.last(1);
      assert.ok(trace !== undefined);
      assert.deepEqual(received(collector.spans), expected(trace));
      const times = timesOf(trace.spans);
      for (const [index, time] of timesOf(collector.spans).entries()) {
        assert.ok(Math.abs(time - (times[index] ?? NaN)) < 0.001, "to the microsecond");
      }
      const [span] = collector.spans;
      assert.deepEqual(span?.scope, { name: "weir", version: "1.2.3" });
      const { "telemetry.sdk.version": version, ...resource } = span.resource;
      assert.match(String(version), /^\d+\./);
      assert.deepEqual(resource, {
        "telemetry.sdk.language": "nodejs",
        "telemetry.sdk.name": "opentelemetry",
        "service.name": "weir-here",
        "k8s.node.name": "elsewhere",
        "process.pid": 7,
        "deployment.environment.name": "test",
      });
      const headers = collector.requests[0]?.headers ?? {};
      assert.deepEqual(
        [headers["authorization"], headers["x-tenant"], headers["content-encoding"] ?? "none"],
        ["Bearer s3cret", "a", compression],
      );
      assert.equal(opened.lines.join("").includes("s3cret"), false);
    });
  }
}

Deno.test("a collector with a certificate of an authority of its own is believed, if that is named", async () => {
  const { ca, server } = await makeCertificates();
  const file = await Deno.makeTempFile({ suffix: ".crt" });
  try {
    await Deno.writeTextFile(file, ca);
    const tls = { cert: server.certificate, key: server.key };
    await using collector = new Collector({ tls });
    using _ = environment({
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_CERTIFICATE: file,
      OTEL_BSP_SCHEDULE_DELAY: "10",
    });
    const opened = open();
    sync(opened);
    await collector.until(() => collector.spans.length === 4);
    await opened.sink.stop(1_000);
    // Another authority of the same name.
    await Deno.writeTextFile(file, (await makeCertificates()).ca);
    const stranger = open();
    sync(stranger);
    await stranger.said(/^warning /);
    assert.match(stranger.lines.join("\n"), /^warning Cannot send traces to .*ertificate/m);
    assert.equal(collector.spans.length, 4);
    await stranger.sink.stop(100);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("a certificate that cannot be read is told with the remedy, and syncs go on", async () => {
  using _ = environment({
    OTEL_EXPORTER_OTLP_ENDPOINT: "https://127.0.0.1:1",
    OTEL_EXPORTER_OTLP_CERTIFICATE: "/tmp/there is no such file",
  });
  const opened = open();
  sync(opened);
  await opened.said(/^error /);
  assert.match(
    opened.lines[0] ?? "",
    /^error Cannot send traces: no certificate of an authority .* name one in OTEL_EXPORTER_OTLP_C/,
  );
  sync(opened);
  await opened.sink.stop(100);
  assert.equal(opened.ring.size.traces, 2);
});

Deno.test("of a tenth, about a tenth is sent, and always whole traces", async () => {
  await using collector = new Collector();
  using _ = environment({
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
    OTEL_TRACES_SAMPLER_ARG: "0.1",
  });
  const opened = open();
  for (let count = 0; count < 2_000; count++) {
    sync(opened);
    // The queue of traces that wait for their turn is for syncs, which take longer than this.
    if (count % 50 === 0) await new Promise((resume) => setTimeout(resume));
  }
  await opened.sink.stop(5_000);
  const traces = Map.groupBy(collector.spans, ({ traceId }) => traceId);
  assert.ok(traces.size > 100 && traces.size < 320, `${traces.size} of 2000`);
  assert.deepEqual(new Set([...traces.values()].map(({ length }) => length)), new Set([4]));
});

Deno.test("what waits is sent when weir ends", async () => {
  await using collector = new Collector();
  using _ = environment({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
  const opened = open();
  sync(opened);
  // Not before the export is loaded: what a process of some milliseconds did is not worth a wait.
  await opened.said(/Sending traces/);
  sync(opened);
  assert.equal(collector.spans.length, 0);
  await opened.sink.stop(1_000);
  assert.equal(collector.spans.length, 8);
});

Deno.test("a configured endpoint keeps its path and query, and the log has neither name nor token", async () => {
  const asked = Promise.withResolvers<string>();
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => {
      asked.resolve(request.url);
      return new Response();
    },
  );
  const place = `127.0.0.1:${server.addr.port}`;
  const opened = open(`http://me:secret@${place}/tenant/?token=secret`);
  sync(opened);
  await opened.said(/Sending traces/);
  sync(opened);
  await opened.sink.stop(1_000);
  assert.equal(await asked.promise, `http://${place}/tenant/v1/traces?token=secret`);
  assert.doesNotMatch(opened.lines.join(), /secret/);
});

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
    const warnings = opened.lines.filter((line) => line.startsWith("warning "));
    assert.equal(warnings.length, 1, opened.lines.join("\n"));
    assert.match(warnings[0] ?? "", /^warning Cannot send traces to "http:\/\/127\.0\.0\.1:\d+": /);
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
    `info Sending traces again ${JSON.stringify({ endpoint: collector.url, lostSpans: 4 })}`,
  ]);
});
