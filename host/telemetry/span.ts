/**
 * A finished trace as plain data: what the ring of the last syncs keeps, what pages draw and what
 * an exporter sends.
 *
 * @module
 */

/** What an attribute can be; numbers are finite. */
export type AttributeValue = string | number | boolean;

/** Attributes by name, after OpenTelemetry's conventions; weir's own begin with `weir.`. */
export type SpanAttributes = Readonly<Record<string, AttributeValue | undefined>>;

/** Points to a span of this trace or of an earlier one. */
export interface SpanLink {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  readonly attributes: SpanAttributes;
}

/** Something that happened at one moment of a span. */
export interface SpanEvent {
  readonly name: string;
  /** Milliseconds since the epoch, with a fraction. */
  readonly at: number;
  readonly attributes: SpanAttributes;
}

/** A span that is over. */
export interface SpanRecord {
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  /** The span it is a child of; undefined for the root. */
  readonly parentId: string | undefined;
  readonly name: string;
  /** Milliseconds since the epoch, with a fraction. */
  readonly startedAt: number;
  /** Milliseconds since the epoch, with a fraction; not before `startedAt`. */
  readonly endedAt: number;
  readonly attributes: SpanAttributes;
  readonly links: readonly SpanLink[];
  /** Links beyond what a span has. */
  readonly droppedLinks: number;
  readonly events: readonly SpanEvent[];
  /** Why it failed, for people; undefined when it did not. */
  readonly error: string | undefined;
}

/** A trace that is over: one sync. */
export interface TraceRecord {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** The root first, the others in no particular order. */
  readonly spans: readonly [SpanRecord, ...SpanRecord[]];
  /** Whether plugins were asked for spans of their own. */
  readonly sampled: boolean;
  /** Spans beyond the limit, of which nothing is known. */
  readonly dropped: number;
}
