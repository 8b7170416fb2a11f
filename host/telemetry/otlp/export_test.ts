/** Traces over real HTTP to a strict collector. */
import assert from "node:assert/strict";
import { makeCertificates } from "../../../tests/kit/certificates.ts";
import { Collector } from "../../../tests/kit/collector.ts";
import type { ReceivedSpan } from "../../../tests/kit/collector_protocol.ts";
import type { TraceRecord } from "../span.ts";
import { environment, open, sync } from "./opened_export.ts";

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
    { resource: _, scope: __, startedAt: ___, endedAt: ____, dropped, events, ...span },
  ) => ({
    ...span,
    droppedLinks: dropped.links,
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

for (const from of ["the environment", "the configuration"]) {
  Deno.test(`name and password of an endpoint from ${from} reach the collector, and no log`, async () => {
    await using collector = new Collector();
    const endpoint = collector.url.replace("://", "://me:open%20sesame@");
    const configured = from === "the configuration";
    using _ = environment(configured ? {} : { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint });
    const opened = open(configured ? endpoint : "");
    sync(opened);
    await opened.said(/Sending traces/);
    await opened.sink.stop(5_000);
    const [request] = collector.requests;
    assert.equal(request?.path, "/v1/traces");
    assert.equal(request?.headers["authorization"], `Basic ${btoa("me:open sesame")}`);
    assert.ok(collector.spans.length > 0);
    assert.doesNotMatch(opened.lines.join(), /sesame|Basic|bWU6/);
  });
}

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

Deno.test("spans are no larger than the variables allow, and say how much is left out", async () => {
  await using collector = new Collector();
  using _ = environment({
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_BSP_SCHEDULE_DELAY: "10",
    OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: "1",
    OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT: "3",
    OTEL_SPAN_LINK_COUNT_LIMIT: "0",
    OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT: "1",
  });
  const opened = open();
  sync(opened);
  await collector.until(() => collector.spans.length === 4);
  await opened.sink.stop(1_000);
  const told = collector.spans.map(({ name, attributes, links, events, dropped }) => ({
    ...{ name, attributes, links, dropped },
    events: events.map(({ attributes }) => attributes),
  }));
  const none = { attributes: 0, events: 0, links: 0 };
  assert.deepEqual(told, [
    {
      name: "weir.sync",
      attributes: { "weir.sync.kind": "par" },
      links: [],
      dropped: { attributes: 1, events: 0, links: 3 },
      events: [],
    },
    {
      name: "weir.event",
      attributes: { "k8s.namespace.name": "def" },
      links: [],
      dropped: none,
      events: [{ ratio: 0.5 }],
    },
    {
      name: "weir.diff",
      attributes: { "weir.upserts": 3 },
      links: [],
      dropped: { ...none, attributes: 1 },
      events: [],
    },
    {
      name: "weir.landed",
      attributes: { "error.type": "Typ" },
      links: [],
      dropped: none,
      events: [{ "exception.type": "TypeError" }],
    },
  ]);
});

Deno.test("an endpoint keeps its query, wherever it is given", async () => {
  const asked: string[] = [];
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => {
      asked.push(new URL(request.url).pathname + new URL(request.url).search);
      return new Response();
    },
  );
  const place = `http://127.0.0.1:${server.addr.port}`;
  for (
    const [name, value] of [
      ["OTEL_EXPORTER_OTLP_ENDPOINT", `${place}/tenant?token=a`],
      ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", `${place}/as/it/is?token=a`],
      ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", place],
    ] as const
  ) {
    using _ = environment({ [name]: value });
    const opened = open();
    sync(opened);
    await opened.said(/Sending traces/);
    await opened.sink.stop(1_000);
  }
  assert.deepEqual(asked, ["/tenant/v1/traces?token=a", "/as/it/is?token=a", "/"]);
});

Deno.test("a key of weir's own that cannot be read is told by its variable", async () => {
  const { ca, server } = await makeCertificates();
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/ca`, ca);
    await Deno.writeTextFile(`${folder}/crt`, server.certificate);
    using _ = environment({
      OTEL_EXPORTER_OTLP_ENDPOINT: "https://127.0.0.1:1",
      OTEL_EXPORTER_OTLP_CERTIFICATE: `${folder}/ca`,
      OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: `${folder}/crt`,
      OTEL_EXPORTER_OTLP_CLIENT_KEY: `${folder}/key`,
    });
    const opened = open();
    sync(opened);
    await opened.said(/^error /);
    assert.match(
      opened.lines[0] ?? "",
      /^error Cannot send traces: OTEL_EXPORTER_OTLP_CLIENT_KEY names "\S+key", which cannot be read/,
    );
    await opened.sink.stop(100);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
