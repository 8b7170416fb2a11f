/**
 * Traces: one span for each sync and a child for each stage, plugin call and capability. Without a
 * registered SDK every span is the API's no-op.
 *
 * A parent is passed along explicitly. The API's active context needs AsyncLocalStorage, which an
 * SDK brings, and it would tie a sync to whatever event happened to wake the scheduler.
 *
 * @module
 */
import {
  type Attributes,
  type Context,
  ROOT_CONTEXT,
  type Span,
  SpanStatusCode,
  trace,
  type Tracer,
} from "@opentelemetry/api";
import { messageOf, WeirError } from "../../schemas/errors.ts";
import { formatTraceparent, parseTraceparent } from "./traceparent.ts";

/** The names of spans, in the order of the flow. */
export type SpanName =
  | "weir.sync"
  | "weir.resolve"
  | "weir.diff"
  | "weir.plugin.call"
  | "weir.capability";

/** What spans say of themselves; bytes and counts are numbers. */
export interface SpanAttributes {
  /** The revision that the sync leads to. */
  readonly "weir.revision"?: number;
  /** `full` or `partial`. */
  readonly "weir.sync.kind"?: string;
  /** Services that were dirty. */
  readonly "weir.services"?: number;
  /** Service ports that are new or changed. */
  readonly "weir.upserts"?: number;
  /** Service ports that are gone. */
  readonly "weir.removes"?: number;
  /** The plugin's name. */
  readonly "weir.plugin"?: string;
  /** Of a plugin's handler or a capability's method, for example `nft.commit`. */
  readonly "weir.method"?: string;
  /** nf_tables messages of a batch. */
  readonly "weir.messages"?: number;
  /** Bytes that were sent. */
  readonly "weir.bytes"?: number;
}

/** A span under way. */
export interface TraceSpan {
  /**
   * Runs a stage as a child of this span.
   *
   * @param name The child's name.
   * @param attributes What is known before it runs.
   * @param body The stage; the span ends when it returns or, if it is asynchronous, settles.
   * @returns What the body returns. What it throws is recorded and thrown on.
   */
  run<Result>(
    name: SpanName,
    attributes: SpanAttributes,
    body: (span: TraceSpan) => Result,
  ): Result;
  /**
   * Adds what is known only now.
   *
   * @param attributes Attributes; one that is already there is replaced.
   */
  set(attributes: SpanAttributes): void;
  /** For the wire, or undefined when nothing is traced. */
  readonly traceparent: string | undefined;
}

/** Where traces begin. */
export interface Tracing {
  /**
   * Runs a sync as the root of a trace.
   *
   * @param attributes What is known before it runs.
   * @param body The sync.
   * @returns What the body returns. What it throws is recorded and thrown on.
   */
  sync<Result>(attributes: SpanAttributes, body: (span: TraceSpan) => Result): Result;
  /**
   * Runs what the other end of a wire asked for, as a child of the span that it sent.
   *
   * @param traceparent What came over the wire; without it, or if it is none, a trace begins.
   * @param name The span's name.
   * @param attributes What is known before it runs.
   * @param body What was asked for.
   * @returns What the body returns. What it throws is recorded and thrown on.
   */
  remote<Result>(
    traceparent: string | undefined,
    name: SpanName,
    attributes: SpanAttributes,
    body: (span: TraceSpan) => Result,
  ): Result;
  /**
   * Tells of something that is over, as a child of the span that a wire brought.
   *
   * @param traceparent What came over the wire; without it nothing is told.
   * @param name The span's name.
   * @param attributes What is known of it.
   * @param times When it began and ended, in milliseconds of `performance.now()`.
   */
  past(
    traceparent: string | undefined,
    name: SpanName,
    attributes: SpanAttributes,
    times: { readonly startedAt: number; readonly endedAt: number },
  ): void;
}

/** An interface is no index signature, and undefined is no attribute. */
function attributesOf(attributes: SpanAttributes): Attributes {
  return { ...attributes };
}

function fail(span: Span, error: unknown): void {
  span.recordException(error instanceof Error ? error : messageOf(error));
  if (error instanceof WeirError) span.setAttribute("error.type", error.code);
  span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
  span.end();
}

function isPromise(value: unknown): value is Promise<unknown> {
  return value instanceof Promise;
}

function runSpan<Result>(
  tracer: Tracer,
  parent: Context,
  name: SpanName,
  attributes: SpanAttributes,
  body: (span: TraceSpan) => Result,
): Result {
  const span = tracer.startSpan(name, { attributes: attributesOf(attributes) }, parent);
  const context = trace.setSpan(parent, span);
  const handle: TraceSpan = {
    run: (childName, childAttributes, childBody) =>
      runSpan(tracer, context, childName, childAttributes, childBody),
    set: (more) => void span.setAttributes(attributesOf(more)),
    get traceparent() {
      return formatTraceparent(span.spanContext());
    },
  };
  let result: Result;
  try {
    result = body(handle);
  } catch (error) {
    fail(span, error);
    throw error;
  }
  if (isPromise(result)) {
    // Observed here and returned as it is: whoever awaits it sees the rejection.
    result.then(() => span.end(), (error) => fail(span, error));
  } else span.end();
  return result;
}

/**
 * Makes the beginning of traces.
 *
 * @param tracer Where spans come from; by default the registered SDK's, or the no-op.
 * @returns Where traces begin.
 */
export function createTracing(tracer: Tracer = trace.getTracer("weir")): Tracing {
  return {
    sync: (attributes, body) => runSpan(tracer, ROOT_CONTEXT, "weir.sync", attributes, body),
    remote: (traceparent, name, attributes, body) => {
      const sender = traceparent === undefined ? undefined : parseTraceparent(traceparent);
      const parent = sender === undefined
        ? ROOT_CONTEXT
        : trace.setSpanContext(ROOT_CONTEXT, sender);
      return runSpan(tracer, parent, name, attributes, body);
    },
    past: (traceparent, name, attributes, { startedAt, endedAt }) => {
      const sender = traceparent === undefined ? undefined : parseTraceparent(traceparent);
      if (sender === undefined) return;
      const parent = trace.setSpanContext(ROOT_CONTEXT, sender);
      const options = { attributes: attributesOf(attributes), startTime: startedAt };
      tracer.startSpan(name, options, parent).end(endedAt);
    },
  };
}
