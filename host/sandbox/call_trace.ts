/**
 * What a trace hears of one call to a plugin: the host's own measure of each step, and the spans
 * that the plugin tells of, which cannot be taken for the host's.
 *
 * @module
 */
import type { Limits, PluginMessage } from "../../schemas/wire.ts";
import type { TraceSpan } from "../telemetry/trace.ts";
import { printable } from "../printable.ts";

type SpansMessage = Extract<PluginMessage, { type: "spans" }>;

/** What a call's trace stands on. */
export interface CallTraceOptions {
  /** The span of the call. */
  readonly span: TraceSpan;
  readonly limits: Limits;
  /** Milliseconds since the epoch, with a fraction. */
  readonly now: () => number;
}

/** Follows one call. */
export class CallTrace {
  readonly #options: CallTraceOptions;
  readonly #writtenAt: number;
  /** Given out to its children before it is over. */
  readonly #handlerId: string;
  /** When the plugin's acknowledgement was read; undefined before. */
  #acknowledgedAt: number | undefined;
  /** When the plugin had the call, as far as its own words tell more. */
  #origin: number | undefined;
  /** The identifiers of the plugin's spans by their number, given out when first heard of. */
  readonly #identifiers = new Map<number, string>();
  readonly #told = new Set<number>();
  /** When the plugin first invoked during each of its spans. */
  readonly #invokedAt = new Map<number, number>();
  #bytes = 0;
  #dropped = 0;
  /** When the answer was read, if spans follow it. */
  #endedAt: number | undefined;
  #release: (() => void) | undefined;

  /**
   * Begins when the frame is written.
   *
   * @param options The call's span, limits and clock.
   * @param encoding When the encoding began, and what it made.
   */
  constructor(
    options: CallTraceOptions,
    encoding: { readonly startedAt: number; readonly bytes: number },
  ) {
    this.#options = options;
    const { span, now } = options;
    const { startedAt, bytes } = encoding;
    this.#writtenAt = now();
    this.#handlerId = span.nextId();
    const attributes = { "weir.bytes": bytes };
    span.past("weir.plugin.encode", { startedAt, endedAt: this.#writtenAt }, attributes);
  }

  /** For events of metrics. */
  get traceparent(): string {
    return this.#options.span.traceparent;
  }

  /** The plugin has the call and begins its handler. */
  acknowledged(): void {
    this.#acknowledgedAt = this.#options.now();
  }

  /** Spans of the call follow its answer: the trace waits for them, the sync does not. */
  answered(): void {
    this.#endedAt = this.#options.now();
    this.#release = this.#options.span.hold();
  }

  /** The call is over, whatever came of it, and so is what there is to tell of it. */
  ended(): void {
    const { span, now } = this.#options;
    const endedAt = this.#endedAt ?? now();
    const begun = this.#origin ?? this.#acknowledgedAt;
    const wire = { startedAt: this.#writtenAt, endedAt: begun ?? endedAt };
    span.past("weir.plugin.wire", wire, {});
    if (begun !== undefined) {
      const attributes = this.#dropped > 0 ? { "weir.plugin.dropped_spans": this.#dropped } : {};
      const handler = { startedAt: begun, endedAt };
      span.past("weir.plugin.handler", handler, attributes, { spanId: this.#handlerId });
    }
    this.#release?.();
  }

  /**
   * Begins the span of an invocation.
   *
   * @param capability For example `nft`.
   * @param method For example `commit`.
   * @param bytes Of its attachment.
   * @param number The plugin's span during which it invoked, as the plugin counts.
   * @returns The span.
   */
  invoked(
    capability: string,
    method: string,
    bytes: number,
    number: number | undefined,
  ): TraceSpan {
    const { span, now } = this.#options;
    const parentId = number === undefined ? undefined : this.#identifier(number);
    if (number !== undefined && parentId !== undefined && !this.#invokedAt.has(number)) {
      this.#invokedAt.set(number, now());
    }
    const attributes = { "weir.method": `${capability}.${method}`, "weir.bytes": bytes };
    return span.begin("weir.capability", attributes, undefined, parentId ?? this.#handlerId);
  }

  /**
   * Takes in what a plugin tells of its spans: within the call's own time, under names that none of
   * the host's has, and no more than the limits say.
   *
   * @param message What it tells.
   * @param bytes Of the message.
   */
  told({ elapsed, spans, dropped }: SpansMessage, bytes: number): void {
    const { span, limits, now } = this.#options;
    const latest = this.#acknowledgedAt;
    this.#bytes += bytes;
    if (latest === undefined || this.#bytes > limits.spanBytes) {
      this.#dropped += spans.length + dropped;
      return;
    }
    this.#dropped += dropped;
    const received = now();
    const latestEnd = this.#endedAt ?? received;
    // The plugin's clock has another origin: when it had the call. That was after the frame's write
    // and before whatever it sent arrived, of which each tells how much before; the first word holds.
    const origin = this.#origin ??= Math.max(
      this.#writtenAt,
      Math.min(latest, received - elapsed, ...this.#latestOrigins(spans)),
    );
    const within = (offset: number) => Math.min(origin + offset, latestEnd);
    for (const { number, parent, name, start, end, attributes, error } of spans) {
      const spanId = this.#identifier(number);
      // A number that comes twice would be one identifier for two spans.
      if (spanId === undefined || this.#told.has(number)) {
        this.#dropped++;
        continue;
      }
      this.#told.add(number);
      const parentId = parent === undefined || parent >= number
        ? undefined
        : this.#identifier(parent);
      const told = Object.entries(attributes).map(([key, value]) => [
        `plugin.${printable(key)}`,
        typeof value === "string" ? printable(value) : value,
      ]);
      span.past(
        `plugin.${printable(name)}`,
        { startedAt: within(start), endedAt: within(end) },
        Object.fromEntries(told),
        {
          spanId,
          parentId: parentId ?? this.#handlerId,
          error: error === undefined ? undefined : printable(error),
        },
      );
    }
  }

  /** A span had begun when something that was asked for during it arrived. */
  #latestOrigins(spans: SpansMessage["spans"]): number[] {
    return spans.flatMap(({ number, start }) => {
      const invokedAt = this.#invokedAt.get(number);
      return invokedAt === undefined ? [] : [invokedAt - start];
    });
  }

  #identifier(number: number): string | undefined {
    const known = this.#identifiers.get(number);
    if (known !== undefined) return known;
    if (this.#identifiers.size >= this.#options.limits.spans) return undefined;
    const fresh = this.#options.span.nextId();
    this.#identifiers.set(number, fresh);
    return fresh;
  }
}
