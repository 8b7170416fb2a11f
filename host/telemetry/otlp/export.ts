/**
 * Sends traces that are over to a collector. Nothing waits for it: a trace is handed over in a turn
 * of its own, at most so many spans wait, and what the collector does not take is dropped.
 *
 * It takes OpenTelemetry's SDK along, as much of it as sends traces: some 15 MB, so it is itself
 * loaded only when it is used.
 *
 * @module
 */
import { diag, DiagLogLevel } from "@opentelemetry/api";
import { OTLPTraceExporter as JsonExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtobufExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import {
  defaultResource,
  detectResources,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceNameEnvDetector,
} from "@opentelemetry/resources";
import { BatchSpanProcessor } from "@opentelemetry/sdk-trace";
import { setImmediate as nextTurn } from "node:timers/promises";
import { messageOf } from "../../../schemas/errors.ts";
import type { Clock } from "../../clock.ts";
import type { Logger } from "../log.ts";
import { masked } from "../masked.ts";
import type { SpanAttributes, TraceRecord } from "../span.ts";
import { ExportedSpan } from "./exported_span.ts";
import { isSampled } from "./sampling.ts";
import type { ExportSettings, TlsFiles } from "./settings.ts";

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

/** Reads the first file that is there. */
async function readFirst(
  paths: readonly string[],
  readFile: ExportOptions["readFile"],
): Promise<string> {
  let reason = "";
  for (const path of paths) {
    try {
      return await readFile(path);
    } catch (fault) {
      reason = messageOf(fault);
    }
  }
  throw new Error(
    `no certificate of an authority can be read from ${
      paths.join(", ")
    } (${reason}): name one in ` +
      "OTEL_EXPORTER_OTLP_CERTIFICATE and let weir read it (--allow-read)",
  );
}

async function agentOptions(tls: TlsFiles, readFile: ExportOptions["readFile"]) {
  const { authorities, certificate, key } = tls;
  return {
    keepAlive: true,
    ca: await readFirst(authorities, readFile),
    ...(certificate === "" ? {} : { cert: await readFile(certificate) }),
    ...(key === "" ? {} : { key: await readFile(key) }),
  };
}

/** The endpoint is a base: a path is put behind its own, and a query stays. */
function tracesUrl(endpoint: string): string {
  const url = new URL(endpoint);
  url.pathname = url.pathname.replace(/\/?$/, "/v1/traces");
  return url.href;
}

/** Says once that the collector is away, and once that it is back. */
class Complaints {
  readonly #log: Logger;
  readonly #endpoint: string;
  #lost = 0;

  constructor(log: Logger, endpoint: string) {
    this.#log = log;
    this.#endpoint = endpoint;
  }

  failed(spans: number, error: unknown): void {
    if (this.#lost === 0) {
      const state = error === undefined ? "it does not say why" : messageOf(error);
      this.#log.warn(`Cannot send traces to "${this.#endpoint}": ${state}`, {
        until: "it answers, spans are dropped; nothing else waits for it",
      });
    }
    this.#lost += spans;
  }

  sent(): void {
    if (this.#lost === 0) return;
    this.#log.info("Sending traces again", { endpoint: this.#endpoint, lostSpans: this.#lost });
    this.#lost = 0;
  }
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
  const { protocol, endpoint, configured, tls, queue, sampling } = settings;
  const shown = masked(endpoint);
  // What is wrong with its variables the exporter says while it is made; later it would repeat,
  // for each request, what is said better below.
  let tell = (text: string) => log.warn(text);
  const later = (text: string) => tell(text);
  diag.setLogger(
    { error: later, warn: later, info: () => {}, debug: () => {}, verbose: () => {} },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  const Exporter = protocol === "http/json" ? JsonExporter : ProtobufExporter;
  const exporter = new Exporter({
    ...(configured ? { url: tracesUrl(endpoint) } : {}),
    ...(tls === undefined ? {} : { httpAgentOptions: await agentOptions(tls, options.readFile) }),
  });
  const resource = defaultResource()
    .merge(resourceFromAttributes({ ...options.resource }))
    .merge(detectResources({
      detectors: [resourceAttributesEnvDetector, serviceNameEnvDetector],
    }));
  tell = (text) => log.v(4, text);
  const complaints = new Complaints(log, shown);
  const processor = new BatchSpanProcessor({
    exporter: {
      export: (spans, done) =>
        whenQuiet(() =>
          exporter.export(spans, (result) => {
            if (result.code === SUCCESS) complaints.sent();
            else complaints.failed(spans.length, result.error);
            done(result);
          })
        ),
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
      const ground = { traceId, resource, scope };
      for (const span of spans) processor.onEnd(new ExportedSpan(span, ground));
    }
    handing = undefined;
  }

  log.info("Sending traces", { endpoint: shown, protocol });
  return {
    add(trace) {
      if (!isSampled(sampling, trace.traceId)) return;
      if (pending.length < MOST_PENDING) pending.push(trace);
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
