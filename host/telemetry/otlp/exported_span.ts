/**
 * A span of weir's as OpenTelemetry's SDK wants to see it. Nothing is computed before it is sent,
 * which for most spans is seconds after the sync.
 *
 * @module
 */
import type { Attributes, HrTime, Link, SpanContext, SpanStatus } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import type { SpanAttributes, SpanRecord } from "../span.ts";
import { type AttributeLimits, limited, type SpanLimits } from "./limits.ts";

/** What all spans of a trace share. */
export interface ExportGround {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  readonly resource: ReadableSpan["resource"];
  readonly scope: ReadableSpan["instrumentationScope"];
  /** How much of a span is sent. */
  readonly limits: SpanLimits;
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
function attributesOf(attributes: SpanAttributes, limits: AttributeLimits): Attributes {
  return { ...limited(attributes, limits) };
}

/** How many attributes a limit leaves out. */
function leftOut(attributes: SpanAttributes, { count }: AttributeLimits): number {
  return Math.max(0, Object.keys(attributes).length - count);
}

/** A span of weir's for OpenTelemetry's SDK. */
export class ExportedSpan implements ReadableSpan {
  readonly kind = INTERNAL;
  readonly ended = true;
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
    return attributesOf(this.#span.attributes, this.#ground.limits.attributes);
  }

  /** How many of its attributes the limits leave out. */
  get droppedAttributesCount(): number {
    return leftOut(this.#span.attributes, this.#ground.limits.attributes);
  }

  /** What it points to. */
  get links(): Link[] {
    const { links: most, linkAttributes } = this.#ground.limits;
    return this.#span.links.slice(0, most).map(({ traceId, spanId, attributes }) => ({
      context: this.#context(traceId, spanId),
      attributes: attributesOf(attributes, linkAttributes),
      droppedAttributesCount: leftOut(attributes, linkAttributes),
    }));
  }

  /** How many of its links it has not, and the limits leave out. */
  get droppedLinksCount(): number {
    const { links, droppedLinks } = this.#span;
    return droppedLinks + Math.max(0, links.length - this.#ground.limits.links);
  }

  /** What happened in it. */
  get events(): ReadableSpan["events"] {
    const { events: most, eventAttributes } = this.#ground.limits;
    return this.#span.events.slice(0, most).map(({ name, at, attributes }) => ({
      name,
      time: hrTime(at),
      attributes: attributesOf(attributes, eventAttributes),
      droppedAttributesCount: leftOut(attributes, eventAttributes),
    }));
  }

  /** How many of its events the limits leave out. */
  get droppedEventsCount(): number {
    return Math.max(0, this.#span.events.length - this.#ground.limits.events);
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
