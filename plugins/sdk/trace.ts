/**
 * The `trace` a handler is given: spans of the plugin's own in the trace of the sync.
 *
 * @module
 */
import { messageOf } from "../../schemas/errors.ts";
import type { PluginMessage } from "../../schemas/wire.ts";

type SpansMessage = Extract<PluginMessage, { type: "spans" }>;
type ToldSpan = SpansMessage["spans"][number];

/** What a span says of itself: at most 16; names of 64 characters and texts of 256 are kept. */
export type SpanDetails = Readonly<Record<string, string | number | boolean>>;

/** A part of a handler's work under way. */
export interface PluginSpan {
  /**
   * Adds what is known only now.
   *
   * @param details One that is already there is replaced.
   */
  set(details: SpanDetails): void;
  /**
   * Measures a part of this part. It says whose part it is, for work that runs side by side; work
   * in a row may use `trace.span` all the way down.
   *
   * @param name What is done, the same at every run: `encode`, not `encode 7 ports`.
   * @param details What is known before.
   * @param body The work; the span ends when it returns or, if it is asynchronous, settles.
   * @returns What the body returns; what it throws is noted and thrown on.
   */
  span<Result>(name: string, details: SpanDetails, body: (span: PluginSpan) => Result): Result;
}

/**
 * Measures parts of a handler's work. Each shows as `plugin.<name>` below the handler in the trace
 * of the sync, on /debug/traces and at a collector; what is asked of a capability during it shows
 * below it. The host keeps 128 spans of one call. It asks for them while somebody looks: at a
 * resync, while a collector takes the trace, and while /debug/traces or the page is read. At other
 * times `span` runs its body and nothing more.
 *
 * @example A proxier that shows how long it computes
 * ```ts
 * import { defineProxier } from "weir";
 * import assert from "node:assert/strict";
 *
 * const addresses: string[] = [];
 * const plugin = defineProxier({
 *   name: "counter", version: "0.1.0", api: 1,
 *   resync: (snapshot, { trace }) =>
 *     trace.span("count", { ports: snapshot.ports.length }, (span) => {
 *       for (const { endpoints } of snapshot.ports) addresses.push(...endpoints.map(({ ip }) => ip));
 *       span.set({ endpoints: addresses.length });
 *     }),
 *   apply: (_diff, { trace }) => trace.span("nothing", {}, () => {}),
 *   explain: () => [],
 *   cleanup: () => {},
 * });
 * assert.equal(plugin.manifest.name, "counter");
 * ```
 */
export interface Trace {
  /**
   * The W3C trace context of the call, to be logged or compared; "" when nothing is traced. Its
   * flag is 01 when the host asks for spans, else 00.
   */
  readonly traceparent: string;
  /**
   * Measures a part of the handler's work: of the handler, or of the span that was begun last and
   * is still under way.
   *
   * @param name What is done, the same at every run: `encode`, not `encode 7 ports`.
   * @param details What is known before.
   * @param body The work; the span ends when it returns or, if it is asynchronous, settles.
   * @returns What the body returns; what it throws is noted and thrown on.
   */
  span<Result>(name: string, details: SpanDetails, body: (span: PluginSpan) => Result): Result;
}

/** The limits of schemas/wire.ts: what breaks one would end the plugin. */
const SPANS = 128;
const NAME_LENGTH = 64;
const TEXT_LENGTH = 256;
const DETAILS = 16;
/** Spans that are told of together: a frame for each would cost more than what it measures. */
const TOLD_AT_ONCE = 32;

function shortened(details: SpanDetails): ToldSpan["attributes"] {
  const entries = Object.entries(details).filter(([name, value]) =>
    // JSON has no NaN and no infinity.
    name !== "" && (typeof value !== "number" || Number.isFinite(value))
  );
  return Object.fromEntries(
    entries.slice(0, DETAILS).map(([name, value]) => [
      name.slice(0, NAME_LENGTH),
      typeof value === "string" ? value.slice(0, TEXT_LENGTH) : value,
    ]),
  );
}

/** Whether spans are asked for or not, so that who forgets something hears of it at once. */
function refuseMistakes(name: unknown, details: unknown, body: unknown): void {
  if (
    typeof name === "string" && typeof details === "object" && details !== null &&
    typeof body === "function"
  ) return;
  throw new TypeError(
    `Cannot trace "${name}": it takes a name, details and the work, as in ` +
      'span("encode", {}, () => encode())',
  );
}

/** Trace Context §3.2.2.5: the flags are one byte, of which the lowest bit says it. */
function isSampled(traceparent: string | undefined): boolean {
  return traceparent !== undefined && (parseInt(traceparent.slice(-2), 16) & 1) === 1;
}

/** The spans of one call, and the end of the wire to tell of them. */
export class CallSpans {
  /** What the handler is given. */
  readonly trace: Trace;
  readonly #call: number;
  readonly #send: (message: SpansMessage) => void;
  readonly #now: () => number;
  readonly #startedAt: number;
  /** Numbers of the spans under way, in the order of their begin. */
  readonly #open: number[] = [];
  #finished: ToldSpan[] = [];
  #count = 0;
  #dropped = 0;

  /**
   * Begins when the plugin has the call.
   *
   * @param call Its id.
   * @param traceparent Of the host's span, with the flag that says whether it asks for spans;
   * undefined when nothing is traced.
   * @param send Sends one message.
   * @param now Milliseconds from any beginning.
   */
  constructor(
    call: number,
    traceparent: string | undefined,
    send: (message: SpansMessage) => void,
    now: () => number,
  ) {
    this.#call = call;
    this.#send = send;
    this.#now = now;
    this.#startedAt = now();
    const idle: PluginSpan = { set: () => {}, span: (_name, _details, body) => body(idle) };
    const sampled = isSampled(traceparent);
    this.trace = {
      traceparent: traceparent ?? "",
      span: (name, details, body) => {
        refuseMistakes(name, details, body);
        return sampled ? this.#run(this.#open.at(-1), name, details, body) : body(idle);
      },
    };
  }

  /** The number of the span that was begun last and is still under way. */
  get current(): number | undefined {
    return this.#open.at(-1);
  }

  /** What the call's answer says of spans that follow it. */
  get announced(): { readonly spans?: true } {
    return this.#finished.length === 0 && this.#dropped === 0 ? {} : { spans: true };
  }

  /** Tells of what is over. */
  flush(): void {
    if (this.announced.spans === undefined) return;
    this.#send({
      type: "spans",
      call: this.#call,
      elapsed: this.#elapsed(),
      dropped: this.#dropped,
      spans: this.#finished,
    });
    this.#finished = [];
    this.#dropped = 0;
  }

  #elapsed(): number {
    return Math.max(0, this.#now() - this.#startedAt);
  }

  #run<Result>(
    parent: number | undefined,
    name: string,
    details: SpanDetails,
    body: (span: PluginSpan) => Result,
  ): Result {
    const number = this.#count + 1;
    if (number > SPANS) {
      this.#dropped++;
      const idle: PluginSpan = {
        set: () => {},
        span: (inner, more, innerBody) => this.#run(parent, inner, more, innerBody),
      };
      return body(idle);
    }
    this.#count = number;
    this.#open.push(number);
    const start = this.#elapsed();
    let known = details;
    const end = (error?: string) => {
      this.#open.splice(this.#open.lastIndexOf(number), 1);
      this.#finished.push({
        number,
        ...(parent === undefined ? {} : { parent }),
        name: name.slice(0, NAME_LENGTH) || "unnamed",
        start,
        end: this.#elapsed(),
        attributes: shortened(known),
        ...(error === undefined ? {} : { error: error.slice(0, TEXT_LENGTH) }),
      });
      if (this.#finished.length >= TOLD_AT_ONCE) this.flush();
    };
    const span: PluginSpan = {
      set: (more) => void (known = { ...known, ...more }),
      span: (inner, more, innerBody) => {
        refuseMistakes(inner, more, innerBody);
        return this.#run(number, inner, more, innerBody);
      },
    };
    let result: Result;
    try {
      result = body(span);
    } catch (thrown) {
      end(messageOf(thrown));
      throw thrown;
    }
    if (result instanceof Promise) result.then(() => end(), (thrown) => end(messageOf(thrown)));
    else end();
    return result;
  }
}
