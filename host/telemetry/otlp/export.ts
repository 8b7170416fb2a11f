/**
 * Sends traces that are over to a collector. Nothing waits for it: a trace is handed over in a turn
 * of its own, at most so many spans wait, and what the collector does not take is dropped.
 *
 * It takes OpenTelemetry's SDK along, as much of it as sends traces: some 15 MB, so it is itself
 * loaded only when it is used.
 *
 * @module
 */
import { OTLPTraceExporter as JsonExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtobufExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import {
  defaultResource,
  detectResources,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceNameEnvDetector,
} from "@opentelemetry/resources";
import { BatchSpanProcessor, type ReadableSpan } from "@opentelemetry/sdk-trace";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../../clock.ts";
import type { Logger } from "../log.ts";
import { masked } from "../masked.ts";
import type { SpanAttributes, TraceRecord } from "../span.ts";
import { agentOptions } from "./certificates.ts";
import { Deliveries, type SpanFate } from "./deliveries.ts";
import { ExportedSpan } from "./exported_span.ts";
import { ExporterWords } from "./exporter_words.ts";
import { isSampled } from "./sampling.ts";
import type { ExportSettings } from "./settings.ts";

/** What the export stands on. */
export interface ExportOptions {
  readonly settings: ExportSettings;
  /** Of weir's own, for example `0.1.0`. */
  readonly version: string;
  /** What the spans tell of: OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME win over it. */
  readonly resource: SpanAttributes;
  /** Reads a file as text. */
  readonly readFile: (path: string) => Promise<string>;
  /** Does something when no sync is under way: what is sent is written in one go. */
  readonly whenQuiet: (work: () => void) => void;
  /** Told what becomes of spans. */
  readonly count: (fate: SpanFate, spans: number) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** An export under way. */
export interface TraceExport {
  /**
   * Sends a trace, later.
   *
   * @param trace The trace.
   */
  add(trace: TraceRecord): void;
  /**
   * Sends what waits and ends.
   *
   * @param milliseconds How long that may take.
   * @returns Settles when it is done or the time is over; never rejects.
   */
  stop(milliseconds: number): Promise<void>;
}

/** Traces that may wait for their turn: a turn comes within milliseconds. */
const MOST_PENDING = 256;

/** Of ExportResultCode. */
const SUCCESS = 0;
const FAILED = 1;

/** What an exporter says of a request. */
interface ExportResult {
  readonly code: typeof SUCCESS | typeof FAILED;
  readonly error?: Error;
}

/** What sending stands on. */
interface SendingGround {
  readonly words: ExporterWords;
  readonly deliveries: Deliveries;
  readonly clock: Clock;
  /** Milliseconds that a request may take. */
  readonly timeout: number;
}

/**
 * Sends requests, each of which settles: the processor goes on after its time is over, and an
 * answer may never come.
 */
function sending(
  exporter: JsonExporter | ProtobufExporter,
  { words, deliveries, clock, timeout }: SendingGround,
) {
  return (spans: ReadableSpan[], done: (result: ExportResult) => void) => {
    const late = new Error(`no answer within ${timeout} ms`);
    let isSettled = false;
    const settle = (result: ExportResult) => {
      const said = words.take();
      if (isSettled) return;
      isSettled = true;
      cancel();
      if (result.code === SUCCESS) deliveries.sent(spans.length, said);
      else deliveries.failed(spans.length, result.error);
      done(result);
    };
    const cancel = clock.after(timeout, () => settle({ code: FAILED, error: late }));
    exporter.export(spans, settle);
  };
}

/**
 * Begins to send.
 *
 * @param options Where to, what of, and who is told of trouble.
 * @returns The export.
 * @throws {Error} When a certificate cannot be read.
 */
export async function openExport(options: ExportOptions): Promise<TraceExport> {
  const { settings, clock, log, version, whenQuiet } = options;
  const { protocol, url, authorization, tls, queue, sampling, limits } = settings;
  const shown = masked(url);
  const deliveries = new Deliveries(log, shown, options.count, () => clock.now());
  const words = new ExporterWords(log);
  const Exporter = protocol === "http/json" ? JsonExporter : ProtobufExporter;
  const exporter = new Exporter({
    url,
    ...(authorization === undefined ? {} : { headers: { Authorization: authorization } }),
    ...(tls === undefined ? {} : { httpAgentOptions: await agentOptions(tls, options.readFile) }),
  });
  const resource = defaultResource()
    .merge(resourceFromAttributes({ ...options.resource }))
    .merge(detectResources({
      detectors: [resourceAttributesEnvDetector, serviceNameEnvDetector],
    }));
  words.made();
  /** In the processor's queue. */
  let waiting = 0;

  const send = sending(exporter, { words, deliveries, clock, timeout: queue.timeout });
  const processor = new BatchSpanProcessor({
    exporter: {
      export: (spans, done) => {
        waiting -= spans.length;
        whenQuiet(() => send(spans, done));
      },
      shutdown: () => exporter.shutdown(),
      forceFlush: () => exporter.forceFlush(),
    },
    maxQueueSize: queue.size,
    maxExportBatchSize: queue.batch,
    scheduledDelayMillis: queue.delay,
    exportTimeoutMillis: queue.timeout,
  });
  const scope = { name: "weir", version };
  const pending: TraceRecord[] = [];
  let handing: Promise<void> | undefined;

  function handOver(): void {
    for (const { traceId, spans } of pending.splice(0)) {
      const ground = { traceId, resource, scope, limits };
      for (const [index, span] of spans.entries()) {
        // The processor drops without a word what it has no room for.
        if (waiting >= queue.size) {
          deliveries.dropped(spans.length - index);
          break;
        }
        waiting++;
        processor.onEnd(new ExportedSpan(span, ground));
      }
    }
    handing = undefined;
  }

  log.info("Sending traces", { endpoint: shown, protocol });
  return {
    add(trace) {
      if (!isSampled(sampling, trace.traceId)) return;
      if (pending.length < MOST_PENDING) pending.push(trace);
      else deliveries.dropped(trace.spans.length);
      handing ??= nextTurn().then(handOver);
    },
    async stop(milliseconds) {
      await handing;
      const late = Promise.withResolvers<void>();
      const cancel = clock.after(milliseconds, late.resolve);
      await Promise.race([processor.shutdown().catch(() => {}), late.promise]);
      cancel();
    },
  };
}
