/**
 * A span of weir's as OpenTelemetry's SDK wants to see it. Nothing is computed before it is sent,
 * which for most spans is seconds after the sync.
 *
 * @module
 */
import type { Attributes, HrTime, Link, SpanContext, SpanStatus } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import type { SpanAttributes, SpanRecord } from "../span.ts";

/** What all spans of a trace share. */
export interface ExportGround {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  readonly resource: ReadableSpan["resource"];
  readonly scope: ReadableSpan["instrumentationScope"];
}

/** SpanKind.INTERNAL; SpanStatusCode.ERROR and UNSET; TraceFlags.SAMPLED. */
const INTERNAL = 0;
const FAILED = 2;
const UNSET = 0;
const SAMPLED = 1;

/** Seconds and nanoseconds. */
function hrTime(milliseconds: number): HrTime {
  const seconds = Math.floor(milliseconds / 1000);
  const nanoseconds = Math.round((milliseconds - seconds * 1000) * 1e6);
  return nanoseconds < 1e9 ? [seconds, nanoseconds] : [seconds + 1, 0];
}

/** An interface is no index signature. */
function attributesOf(attributes: SpanAttributes): Attributes {
  return { ...attributes };
}

/** A span of weir's for OpenTelemetry's SDK. */
export class ExportedSpan implements ReadableSpan {
  readonly kind = INTERNAL;
  readonly ended = true;
  readonly droppedAttributesCount = 0;
  readonly droppedEventsCount = 0;
  readonly droppedLinksCount = 0;
  /** Its parent; a root has none. */
  readonly parentSpanContext?: SpanContext;
  readonly #span: SpanRecord;
  readonly #ground: ExportGround;

  /**
   * @param span The span.
   * @param ground What it shares with the others of its trace.
   */
  constructor(span: SpanRecord, ground: ExportGround) {
    this.#span = span;
    this.#ground = ground;
    if (span.parentId !== undefined) {
      this.parentSpanContext = this.#context(ground.traceId, span.parentId);
    }
  }

  /** What it was begun as. */
  get name(): string {
    return this.#span.name;
  }

  /** Where it belongs. */
  readonly spanContext = (): SpanContext => this.#context(this.#ground.traceId, this.#span.spanId);

  /** Since the epoch. */
  get startTime(): HrTime {
    return hrTime(this.#span.startedAt);
  }

  /** Since the epoch. */
  get endTime(): HrTime {
    return hrTime(this.#span.endedAt);
  }

  /** How long it took. */
  get duration(): HrTime {
    return hrTime(this.#span.endedAt - this.#span.startedAt);
  }

  /** Whether it failed, and why. */
  get status(): SpanStatus {
    const { error } = this.#span;
    return error === undefined ? { code: UNSET } : { code: FAILED, message: error };
  }

  /** What it says of itself. */
  get attributes(): Attributes {
    return attributesOf(this.#span.attributes);
  }

  /** What it points to. */
  get links(): Link[] {
    return this.#span.links.map(({ traceId, spanId, attributes }) => ({
      context: this.#context(traceId, spanId),
      attributes: attributesOf(attributes),
    }));
  }

  /** What happened in it. */
  get events(): ReadableSpan["events"] {
    return this.#span.events.map(({ name, at, attributes }) => ({
      name,
      time: hrTime(at),
      attributes: attributesOf(attributes),
    }));
  }

  /** Of whom it tells. */
  get resource(): ReadableSpan["resource"] {
    return this.#ground.resource;
  }

  /** Who tells. */
  get instrumentationScope(): ReadableSpan["instrumentationScope"] {
    return this.#ground.scope;
  }

  #context(traceId: string, spanId: string): SpanContext {
    return { traceId, spanId, traceFlags: SAMPLED };
  }
}
