/**
 * What a trace hears of one call to a plugin: the host's own measure of each step, and the spans
 * that the plugin tells of, which cannot be taken for the host's.
 *
 * @module
 */
import type { Limits, PluginMessage } from "../../schemas/wire.ts";
import type { TraceSpan } from "../telemetry/trace.ts";
import { printable } from "./admission.ts";

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
  readonly #wire: TraceSpan;
  readonly #writtenAt: number;
  #handler: TraceSpan | undefined;
  #handlerAt = 0;
  /** The identifiers of the plugin's spans by their number, given out when first heard of. */
  readonly #identifiers = new Map<number, string>();
  readonly #told = new Set<number>();
  #bytes = 0;
  #dropped = 0;

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
    const attributes = { "weir.bytes": bytes };
    span.past("weir.plugin.encode", { startedAt, endedAt: this.#writtenAt }, attributes);
    this.#wire = span.begin("weir.plugin.wire", {}, this.#writtenAt);
  }

  /** For events of metrics. */
  get traceparent(): string {
    return this.#options.span.traceparent;
  }

  /** The plugin has the call and begins its handler. */
  acknowledged(): void {
    this.#wire.end();
    this.#handlerAt = this.#options.now();
    this.#handler = this.#options.span.begin("weir.plugin.handler", {}, this.#handlerAt);
  }

  /** The call is over, whatever came of it. */
  ended(): void {
    this.#wire.end();
    if (this.#dropped > 0) this.#handler?.set({ "weir.plugin.dropped_spans": this.#dropped });
    this.#handler?.end();
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
    const { span } = this.#options;
    const parentId = number === undefined ? undefined : this.#identifier(number);
    const attributes = { "weir.method": `${capability}.${method}`, "weir.bytes": bytes };
    const parent = this.#handler ?? span;
    return parent.begin("weir.capability", attributes, undefined, parentId);
  }

  /**
   * Takes in what a plugin tells of its spans: within the call's own time, under names that none of
   * the host's has, and no more than the limits say.
   *
   * @param message What it tells.
   * @param bytes Of the message.
   */
  told({ elapsed, spans, dropped }: SpansMessage, bytes: number): void {
    const { limits, now } = this.#options;
    const handler = this.#handler;
    this.#bytes += bytes;
    if (handler === undefined || this.#bytes > limits.spanBytes) {
      this.#dropped += spans.length + dropped;
      return;
    }
    this.#dropped += dropped;
    const received = now();
    // The plugin's clock has another origin. It sent this `elapsed` after it had the call, which
    // was between the frame's write and the arrival of its acknowledgement.
    const origin = Math.min(Math.max(received - elapsed, this.#writtenAt), this.#handlerAt);
    const within = (offset: number) =>
      Math.min(Math.max(origin + offset, this.#writtenAt), received);
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
      handler.past(
        `plugin.${printable(name)}`,
        { startedAt: within(start), endedAt: within(end) },
        Object.fromEntries(
          Object.entries(attributes).map(([key, value]) => [
            `plugin.${printable(key)}`,
            typeof value === "string" ? printable(value) : value,
          ]),
        ),
        {
          spanId,
          ...(parentId === undefined ? {} : { parentId }),
          error: error === undefined ? undefined : printable(error),
        },
      );
    }
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
