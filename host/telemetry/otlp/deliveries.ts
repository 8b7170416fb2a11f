/**
 * What becomes of spans that are for a collector: each is counted, and trouble is told of once when
 * it begins and once when it is over, however long it lasts and however often it comes.
 *
 * @module
 */
import { messageOf } from "../../../schemas/errors.ts";
import type { Logger } from "../log.ts";

/** What became of a span. */
export type SpanFate =
  /** The collector took it. */
  | "sent"
  /** The collector could not be reached, or did not take the request. */
  | "failed"
  /** The collector took the request and not this span of it. */
  | "rejected"
  /** So many waited that there was no room for it. */
  | "dropped";

/** All there are. */
export const SPAN_FATES: readonly SpanFate[] = ["sent", "failed", "rejected", "dropped"];

/** What a collector says of a request that it took. */
export interface Remark {
  /** Spans of it that it did not keep. */
  readonly rejected: number;
  /** Why, or what it has to say besides. */
  readonly message: string;
}

/** Characters of a collector's own words that are quoted. */
const QUOTED = 200;

/** What an answer's status asks the operator to look at. */
const REMEDIES: Readonly<Record<number, string>> = {
  401: "; OTEL_EXPORTER_OTLP_HEADERS is for what it asks of who sends",
  403: "; OTEL_EXPORTER_OTLP_HEADERS is for what it asks of who sends",
  404: "; a path belongs into OTEL_EXPORTER_OTLP_ENDPOINT without its /v1/traces, or into " +
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT with it",
};

/** What OTLPExporterError has besides an Error. */
interface AnswerError extends Error {
  readonly code?: number;
  /** The answer's body. */
  readonly data?: string;
}

function isAnswer(error: unknown): error is AnswerError {
  return error instanceof Error && error.name === "OTLPExporterError";
}

/**
 * Says why spans were not sent.
 *
 * @param error What the exporter gives as the reason.
 * @returns It in words.
 */
export function reasonOf(error: unknown): string {
  if (error === undefined) return "it does not say why";
  if (!isAnswer(error)) {
    const message = messageOf(error);
    // Rustls' name for an answer that is no TLS.
    return /InvalidContentType|wrong version number/.test(message)
      ? `what answers there speaks no TLS: give its URL with http: (${message})`
      : message;
  }
  if (error.code === undefined) {
    return "it answers 429, 502, 503 or 504 for longer than OTEL_EXPORTER_OTLP_TIMEOUT";
  }
  const body = error.data?.trim() ?? "";
  // Of http/protobuf the body is a message of protobuf, which is nothing to read.
  const said = /^[\x20-\x7e\s]+$/.test(body) ? `: ${body.slice(0, QUOTED)}` : "";
  return `it answers ${error.code} ${error.message}${said}${REMEDIES[error.code] ?? ""}`;
}

/** Milliseconds in which a collector that comes and goes is told of once. */
const TELL_EVERY = 600_000;

/** Counts what becomes of spans, and tells of trouble. */
export class Deliveries {
  readonly #log: Logger;
  readonly #endpoint: string;
  readonly #count: (fate: SpanFate, spans: number) => void;
  readonly #now: () => number;
  #lost = 0;
  #isTold = false;
  #tellFrom = -Infinity;
  #isRemarkTold = false;
  /** Since a request was last taken. */
  #dropped = 0;
  #isRoomTold = false;

  /**
   * @param log Told of trouble.
   * @param endpoint The collector, as it may be shown.
   * @param count Told of every span.
   * @param now Milliseconds from any beginning.
   */
  constructor(
    log: Logger,
    endpoint: string,
    count: (fate: SpanFate, spans: number) => void,
    now: () => number,
  ) {
    this.#log = log;
    this.#endpoint = endpoint;
    this.#count = count;
    this.#now = now;
  }

  /**
   * A request was not taken.
   *
   * @param spans How many it had.
   * @param error Why, as far as it is known.
   */
  failed(spans: number, error: unknown): void {
    this.#lost += spans;
    this.#count("failed", spans);
    const now = this.#now();
    if (this.#isTold || now < this.#tellFrom) return;
    this.#isTold = true;
    this.#tellFrom = now + TELL_EVERY;
    this.#log.warn(`Cannot send traces to "${this.#endpoint}": ${reasonOf(error)}`, {
      until: "it answers, spans are dropped; nothing else waits for it",
    });
  }

  /**
   * A request was taken.
   *
   * @param spans How many it had.
   * @param remark What the collector said to that, if anything.
   */
  sent(spans: number, remark: Remark | undefined): void {
    const rejected = Math.min(spans, remark?.rejected ?? 0);
    this.#count("sent", spans - rejected);
    if (rejected > 0) this.#count("rejected", rejected);
    this.#tellOfLosses();
    if (remark === undefined || this.#isRemarkTold) return;
    this.#isRemarkTold = true;
    const said = remark.message === "" ? "it does not say why" : remark.message;
    this.#log.warn(`Cannot be sure that "${this.#endpoint}" keeps all spans: ${said}`, {
      rejected,
      toldOnce: "weir_trace_spans_total counts all",
    });
  }

  /**
   * There was no room.
   *
   * @param spans For how many.
   */
  dropped(spans: number): void {
    this.#count("dropped", spans);
    this.#dropped += spans;
  }

  /**
   * Only now is it known why spans were dropped: a queue is full while the collector is away, too,
   * and that is told of when it fails.
   */
  #tellOfLosses(): void {
    const dropped = this.#dropped;
    this.#dropped = 0;
    if (this.#isTold) {
      const lostSpans = this.#lost + dropped;
      this.#log.info("Sending traces again", { endpoint: this.#endpoint, lostSpans });
      this.#isTold = false;
    } else if (dropped > 0 && this.#lost === 0 && !this.#isRoomTold) {
      this.#isRoomTold = true;
      this.#log.warn(
        `Cannot keep spans for "${this.#endpoint}": too many wait; OTEL_BSP_MAX_QUEUE_SIZE gives ` +
          "room, OTEL_TRACES_SAMPLER makes fewer",
        { dropped, toldOnce: "weir_trace_spans_total counts all" },
      );
    }
    this.#lost = 0;
  }
}
