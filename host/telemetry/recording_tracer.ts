/**
 * A tracer for tests: it remembers its spans.
 *
 * @module
 */
import {
  type Attributes,
  type Context,
  type Span,
  type SpanContext,
  type SpanStatus,
  SpanStatusCode,
  trace,
  type Tracer,
} from "@opentelemetry/api";

/** A span that keeps what it is told. */
export interface RecordedSpan extends Span {
  /** What it was started as. */
  readonly name: string;
  /** The span it is a child of, or undefined for a root. */
  readonly parent: SpanContext | undefined;
  /** All attributes, the later ones over the earlier. */
  readonly attributes: Attributes;
  /** What was recorded as thrown. */
  readonly exceptions: readonly unknown[];
  /** The status set last. */
  readonly status: SpanStatus;
  /** How often it was ended; once is right. */
  readonly ends: number;
}

class Recording implements RecordedSpan {
  readonly name: string;
  readonly parent: SpanContext | undefined;
  readonly attributes: Attributes = {};
  readonly exceptions: unknown[] = [];
  readonly #context: SpanContext;
  status: SpanStatus = { code: SpanStatusCode.UNSET };
  ends = 0;

  constructor(name: string, context: SpanContext, parent: SpanContext | undefined) {
    this.name = name;
    this.#context = context;
    this.parent = parent;
  }
  spanContext(): SpanContext {
    return this.#context;
  }
  setAttribute(key: string, value: Attributes[string]): this {
    if (value !== undefined) this.attributes[key] = value;
    return this;
  }
  setAttributes(attributes: Attributes): this {
    Object.assign(this.attributes, attributes);
    return this;
  }
  addEvent(): this {
    return this;
  }
  addLink(): this {
    return this;
  }
  addLinks(): this {
    return this;
  }
  setStatus(status: SpanStatus): this {
    this.status = status;
    return this;
  }
  updateName(): this {
    return this;
  }
  end(): void {
    this.ends++;
  }
  isRecording(): boolean {
    return this.ends === 0;
  }
  recordException(exception: unknown): void {
    this.exceptions.push(exception);
  }
}

/**
 * Makes a tracer whose ids count up, so that expected text can be written down.
 *
 * @returns The tracer, and its spans in the order of their start.
 */
export function recordingTracer(): {
  readonly tracer: Tracer;
  readonly spans: readonly RecordedSpan[];
} {
  const spans: RecordedSpan[] = [];
  const tracer: Tracer = {
    startSpan(name, options, context?: Context) {
      const parent = context === undefined ? undefined : trace.getSpanContext(context);
      const span = new Recording(name, {
        traceId: parent?.traceId ?? String(spans.length + 1).padStart(32, "a"),
        spanId: String(spans.length + 1).padStart(16, "b"),
        traceFlags: 1,
      }, parent);
      span.setAttributes(options?.attributes ?? {});
      spans.push(span);
      return span;
    },
    startActiveSpan() {
      throw new Error("an active span needs AsyncLocalStorage");
    },
  };
  return { tracer, spans };
}

/**
 * Writes spans down.
 *
 * @param spans In the order of their start.
 * @returns For each `parent > name attributes ends`, with `-` for the parent of a root.
 */
export function spanTree(spans: readonly RecordedSpan[]): string[] {
  return spans.map((span) => {
    const parent = spans.find((each) => each.spanContext().spanId === span.parent?.spanId);
    return `${parent?.name ?? "-"} > ${span.name} ${JSON.stringify(span.attributes)} ${span.ends}`;
  });
}
