/**
 * The last few hundred syncs with all their spans, for who looks at weir without a collector. It
 * is bounded in traces, spans and bytes: the oldest trace makes room.
 *
 * @module
 */
import type { SpanAttributes, SpanRecord, TraceRecord } from "./span.ts";

/** How much is kept. */
export interface RingLimits {
  readonly traces: number;
  readonly spans: number;
  /** Of memory, as it is estimated. */
  readonly bytes: number;
}

/** What the host keeps. */
const RING_LIMITS: RingLimits = { traces: 256, spans: 8192, bytes: 3 << 20 };

interface Kept {
  readonly trace: TraceRecord;
  readonly bytes: number;
}

/** Of V8, for an object with its entry in a list and what of its values are numbers. */
const OBJECT_BYTES = 160;
/** Of a text besides its characters. */
const TEXT_BYTES = 32;

/** In a hurry: it runs for each span of each sync. */
function bytesOf(attributes: SpanAttributes): number {
  let bytes = OBJECT_BYTES;
  for (const name in attributes) {
    if (typeof attributes[name] === "string") bytes += TEXT_BYTES + attributes[name].length;
  }
  return bytes;
}

function bytesOfSpan({ attributes, links, events, error }: SpanRecord): number {
  let bytes = OBJECT_BYTES + bytesOf(attributes) + (error?.length ?? 0);
  for (const link of links) bytes += OBJECT_BYTES + bytesOf(link.attributes);
  for (const event of events) bytes += OBJECT_BYTES + bytesOf(event.attributes);
  return bytes;
}

/**
 * Traces that wait to be counted. Doing it to some at once costs a fraction of doing it to each as
 * it comes, when it comes rarely: the code is warm and what is pushed out at once is not looked at.
 */
const MOST_UNCOUNTED = 32;

/** Keeps the last traces. */
export class TraceRing {
  readonly #limits: RingLimits;
  /** By trace id, oldest first: a map keeps the order in which entries were made. */
  readonly #kept = new Map<string, Kept>();
  /** The newest, oldest first. */
  #uncounted: TraceRecord[] = [];
  #spans = 0;
  #bytes = 0;

  /**
   * @param limits How much is kept.
   */
  constructor(limits: RingLimits = RING_LIMITS) {
    this.#limits = limits;
  }

  /**
   * Keeps a trace, and forgets the oldest ones that it has no room beside. One that is larger than
   * all the room is not kept.
   *
   * @param trace The trace.
   */
  add(trace: TraceRecord): void {
    this.#uncounted.push(trace);
    if (this.#uncounted.length >= MOST_UNCOUNTED) this.#count();
  }

  #count(): void {
    for (const trace of this.#uncounted) this.#keep(trace);
    this.#uncounted = [];
  }

  #keep(trace: TraceRecord): void {
    const { traces, spans, bytes: most } = this.#limits;
    let bytes = 0;
    for (const span of trace.spans) bytes += bytesOfSpan(span);
    if (trace.spans.length > spans || bytes > most) return;
    this.#kept.set(trace.traceId, { trace, bytes });
    this.#spans += trace.spans.length;
    this.#bytes += bytes;
    for (const [id, oldest] of this.#kept) {
      if (this.#kept.size <= traces && this.#spans <= spans && this.#bytes <= most) break;
      this.#kept.delete(id);
      this.#spans -= oldest.trace.spans.length;
      this.#bytes -= oldest.bytes;
    }
  }

  /**
   * Finds a trace.
   *
   * @param traceId 32 hexadecimal digits.
   * @returns The trace, or undefined when it is not there any more.
   */
  find(traceId: string): TraceRecord | undefined {
    this.#count();
    return this.#kept.get(traceId)?.trace;
  }

  /**
   * Lists the last traces.
   *
   * @param most How many at most.
   * @returns The newest first.
   */
  last(most: number): readonly TraceRecord[] {
    this.#count();
    return [...this.#kept.values()].slice(-Math.max(1, most)).reverse().map(({ trace }) => trace);
  }

  /** How much is kept now. */
  get size(): RingLimits {
    this.#count();
    return { traces: this.#kept.size, spans: this.#spans, bytes: this.#bytes };
  }
}
