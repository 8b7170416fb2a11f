/**
 * Traces: one for each sync, a span for each stage, plugin call and capability. They are recorded
 * always, which costs some microseconds; who keeps or exports a trace is told once it is over, so
 * that no exporter is ever in a sync's way, and it becomes plain data when somebody reads it.
 * Plugins tell of spans of their own only in a trace that is sampled: a frame more is a part of a
 * sync's time that can be measured.
 *
 * A parent is passed along explicitly: an active context would tie a sync to whatever event
 * happened to wake the scheduler.
 *
 * @module
 */
import { messageOf, WeirError } from "../../schemas/errors.ts";
import type { Identifiers } from "./identifiers.ts";
import type { SpanAttributes, SpanEvent, SpanLink, SpanRecord, TraceRecord } from "./span.ts";
import { formatTraceparent } from "./traceparent.ts";

/** The names of weir's own spans, in the order of the flow. */
export type SpanName =
  /** The root: from the first API event to the end of the sync. */
  | "weir.sync"
  /** One API event: from the control plane's trigger, or its arrival, to the tracker. */
  | "weir.event"
  /** From the first event to the start of the sync: what the scheduler made it wait. */
  | "weir.queue"
  /** The Services that changed, resolved. */
  | "weir.resolve"
  /** The comparison with the last revision. */
  | "weir.diff"
  /** A handler of a plugin, with all below. */
  | "weir.plugin.call"
  /** The call's parameters written as a frame. */
  | "weir.plugin.encode"
  /** From the frame's write to the plugin's acknowledgement of it. */
  | "weir.plugin.wire"
  /** From that acknowledgement to the handler's answer. */
  | "weir.plugin.handler"
  /** One method of a capability. */
  | "weir.capability"
  /** The request compared with the grant. */
  | "weir.capability.check"
  /** Behind other requests to the same part of the kernel. */
  | "weir.capability.queue"
  /** A netlink batch on its way: the kernel executes it before the send returns. */
  | "weir.netlink.send"
  /** The kernel's acknowledgement read. */
  | "weir.netlink.acknowledge"
  /** What follows on rules that are in the kernel. */
  | "weir.landed";

/** When something was, in milliseconds since the epoch. */
export interface SpanTimes {
  readonly startedAt: number;
  readonly endedAt: number;
}

/** A span under way. */
export interface TraceSpan {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  /** For the wire; its flag says whether the trace is sampled. */
  readonly traceparent: string;
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
   * Begins a child that is ended by hand.
   *
   * @param name The child's name.
   * @param attributes What is known of it.
   * @param startedAt When it began, if not now.
   * @param parentId A span below this one that it is a child of, if not of this one.
   * @returns The child.
   */
  begin(
    name: SpanName,
    attributes?: SpanAttributes,
    startedAt?: number,
    parentId?: string,
  ): TraceSpan;
  /**
   * Adds a child that is over.
   *
   * @param name Its name: any, since a plugin's spans come this way.
   * @param times When it was.
   * @param attributes What is known of it.
   * @param more What was given out as its identifier before, what happened in it, why it failed.
   * @returns Its identifier.
   */
  past(
    name: string,
    times: SpanTimes,
    attributes: SpanAttributes,
    more?: {
      readonly spanId?: string;
      readonly parentId?: string;
      readonly events?: readonly SpanEvent[];
      readonly error?: string | undefined;
    },
  ): string;
  /**
   * Makes an identifier for a child that will be told of when it is over.
   *
   * @returns 16 hexadecimal digits.
   */
  nextId(): string;
  /**
   * Adds what is known only now.
   *
   * @param attributes Attributes; one that is already there is replaced.
   */
  set(attributes: SpanAttributes): void;
  /**
   * Points to other spans.
   *
   * @param links The spans, and what they are to this one.
   * @param dropped How many there are besides.
   */
  link(links: readonly SpanLink[], dropped?: number): void;
  /**
   * Keeps the trace from being over, for what is told of it after its root has ended.
   *
   * @returns Lets go of it; to be called once.
   */
  hold(): () => void;
  /**
   * Ends it; only the first time counts.
   *
   * @param thrown What it failed with, if it failed.
   */
  end(thrown?: { readonly error: unknown }): void;
}

/** Where traces begin. */
export interface Tracing {
  /**
   * Runs a sync as the root of a trace.
   *
   * @param attributes What is known before it runs.
   * @param startedAt When its first event arrived, in milliseconds since the epoch.
   * @param body The sync.
   * @returns What the body returns. What it throws is recorded and thrown on.
   */
  sync<Result>(
    attributes: SpanAttributes,
    startedAt: number,
    body: (span: TraceSpan) => Result,
  ): Result;
}

/** What traces stand on. */
export interface TracingOptions {
  /** Milliseconds since the epoch, with a fraction. */
  readonly now: () => number;
  readonly identifiers: Identifiers;
  /**
   * Decides whether plugins tell of spans of their own; they always do if it is left out.
   *
   * @param traceId 32 hexadecimal digits.
   * @param attributes Of the root, as far as they are known.
   */
  readonly sampled?: (traceId: string, attributes: SpanAttributes) => boolean;
  /** Told when a trace begins; must not throw. */
  readonly begun?: () => void;
  /** Told of every trace that is over; must not throw. */
  readonly finished: (trace: TraceRecord) => void;
  /** Spans of one trace; further ones are counted only. */
  readonly mostSpans?: number;
}

/** A first sync has an event for each of ten thousand objects, of which some tell enough. */
const MOST_SPANS = 512;

const NO_LINKS: readonly SpanLink[] = [];
const NO_EVENTS: readonly SpanEvent[] = [];

/** The spans of a trace that is under way. */
class OpenTrace {
  readonly traceId: string;
  readonly sampled: boolean;
  readonly options: TracingOptions;
  readonly spans: OpenSpan[] = [];
  dropped = 0;
  over = false;
  #holds = 0;

  constructor(options: TracingOptions, attributes: SpanAttributes) {
    this.options = options;
    this.traceId = options.identifiers.trace();
    this.sampled = options.sampled?.(this.traceId, attributes) ?? true;
  }

  add(span: OpenSpan): void {
    if (this.over || this.spans.length >= (this.options.mostSpans ?? MOST_SPANS)) this.dropped++;
    else this.spans.push(span);
  }

  hold(): () => void {
    this.#holds++;
    return () => {
      this.#holds--;
      this.finish();
    };
  }

  /** Unless its root is under way or somebody has more to tell. */
  finish(): void {
    if (this.over || this.#holds > 0 || this.spans[0]?.endedAt === undefined) return;
    this.over = true;
    this.options.finished(new FinishedTrace(this));
  }
}

/** A trace that is over. Most are never read, so what a reader needs is made when one comes. */
class FinishedTrace implements TraceRecord {
  readonly traceId: string;
  readonly sampled: boolean;
  readonly dropped: number;
  #trace: OpenTrace | undefined;
  #spans: TraceRecord["spans"] | undefined;

  constructor(trace: OpenTrace) {
    this.traceId = trace.traceId;
    this.sampled = trace.sampled;
    this.dropped = trace.dropped;
    this.#trace = trace;
  }

  get spans(): TraceRecord["spans"] {
    if (this.#trace !== undefined) {
      this.#spans = recordsOf(this.#trace.spans);
      this.#trace = undefined;
    }
    if (this.#spans === undefined) throw new Error("a trace that is over has a root");
    return this.#spans;
  }
}

function recordsOf([root, ...rest]: readonly OpenSpan[]): TraceRecord["spans"] | undefined {
  if (root === undefined) return undefined;
  // What still ran, as a capability of a plugin that has died, is cut off here.
  for (const span of rest) span.endedAt ??= Math.max(span.startedAt, root.endedAt ?? 0);
  // A parent may have been dropped, or announced by a plugin and never told of.
  const known = new Set([root.spanId, ...rest.map(({ spanId }) => spanId)]);
  for (const span of rest) {
    if (span.parentId === undefined || !known.has(span.parentId)) span.parentId = root.spanId;
  }
  return [root.record(), ...rest.map((span) => span.record())];
}

/** The conventions' word for an error type that is not known. */
const OTHER_TYPE = "_OTHER";

function typeOf(error: unknown): string {
  if (error instanceof WeirError) return error.code;
  return error instanceof Error ? error.name : OTHER_TYPE;
}

class OpenSpan implements TraceSpan {
  readonly spanId: string;
  readonly name: string;
  readonly startedAt: number;
  parentId: string | undefined;
  endedAt: number | undefined;
  attributes: SpanAttributes;
  links = NO_LINKS;
  droppedLinks = 0;
  events = NO_EVENTS;
  error: string | undefined;
  readonly #trace: OpenTrace;

  constructor(
    trace: OpenTrace,
    spanId: string,
    parentId: string | undefined,
    name: string,
    attributes: SpanAttributes,
    startedAt: number,
  ) {
    this.#trace = trace;
    this.spanId = spanId;
    this.parentId = parentId;
    this.name = name;
    this.attributes = attributes;
    this.startedAt = startedAt;
    trace.add(this);
  }

  get traceId(): string {
    return this.#trace.traceId;
  }

  get traceparent(): string {
    return formatTraceparent(this.traceId, this.spanId, this.#trace.sampled);
  }

  run<Result>(
    name: SpanName,
    attributes: SpanAttributes,
    body: (span: TraceSpan) => Result,
  ): Result {
    return runIn(this.begin(name, attributes), body);
  }

  begin(
    name: SpanName,
    attributes: SpanAttributes = {},
    startedAt: number = this.#trace.options.now(),
    parentId: string = this.spanId,
  ): OpenSpan {
    return new OpenSpan(this.#trace, this.nextId(), parentId, name, attributes, startedAt);
  }

  past(
    name: string,
    { startedAt, endedAt }: SpanTimes,
    attributes: SpanAttributes,
    more: Parameters<TraceSpan["past"]>[3] = {},
  ): string {
    const { spanId = this.nextId(), parentId = this.spanId, events = NO_EVENTS, error } = more;
    const span = new OpenSpan(this.#trace, spanId, parentId, name, attributes, startedAt);
    span.endedAt = Math.max(startedAt, endedAt);
    span.events = events;
    if (error !== undefined) span.#fail(error, span.endedAt);
    return spanId;
  }

  nextId(): string {
    return this.#trace.options.identifiers.span();
  }

  set(attributes: SpanAttributes): void {
    if (this.#trace.over) return;
    this.attributes = { ...this.attributes, ...attributes };
  }

  link(links: readonly SpanLink[], dropped = 0): void {
    if (this.#trace.over) return;
    this.droppedLinks += dropped;
    this.links = [...this.links, ...links];
  }

  hold(): () => void {
    return this.#trace.hold();
  }

  end(thrown?: { readonly error: unknown }): void {
    if (this.endedAt !== undefined || this.#trace.over) return;
    const now = this.#trace.options.now();
    this.endedAt = Math.max(this.startedAt, now);
    if (thrown !== undefined) this.#fail(messageOf(thrown.error), now, typeOf(thrown.error));
    if (this.parentId === undefined) this.#trace.finish();
  }

  /** As the conventions for exceptions on spans have it; of a plugin's nobody tells the type. */
  #fail(message: string, at: number, type?: string): void {
    this.error = message;
    this.set({ "error.type": type ?? OTHER_TYPE });
    this.events = [...this.events, {
      name: "exception",
      at,
      attributes: {
        ...(type === undefined ? {} : { "exception.type": type }),
        "exception.message": message,
      },
    }];
  }

  record(): SpanRecord {
    const { spanId, parentId, name, startedAt, endedAt = startedAt } = this;
    const { attributes, links, droppedLinks, events, error } = this;
    const own = { spanId, parentId, name, startedAt, endedAt, attributes };
    return { ...own, links, droppedLinks, events, error };
  }
}

function runIn<Result>(span: TraceSpan, body: (span: TraceSpan) => Result): Result {
  let result: Result;
  try {
    result = body(span);
  } catch (error) {
    span.end({ error });
    throw error;
  }
  if (result instanceof Promise) {
    // Observed here and returned as it is: whoever awaits it sees the rejection.
    result.then(() => span.end(), (error) => span.end({ error }));
  } else span.end();
  return result;
}

/**
 * Makes the beginning of traces.
 *
 * @param options Clock, identifiers, and who is told of traces that are over.
 * @returns Where traces begin.
 */
export function createTracing(options: TracingOptions): Tracing {
  return {
    sync: (attributes, startedAt, body) => {
      options.begun?.();
      const trace = new OpenTrace(options, attributes);
      const id = options.identifiers.span();
      return runIn(new OpenSpan(trace, id, undefined, "weir.sync", attributes, startedAt), body);
    },
  };
}
