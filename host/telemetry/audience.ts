/**
 * Whether anybody looks at traces. What weir itself knows of a sync it records always; what only
 * the plugin knows takes a frame more, which is asked for when somebody will see it.
 *
 * @module
 */
import type { SpanAttributes, TraceRecord } from "./span.ts";

/** What pages and routes read traces from. */
export interface TraceStore {
  /**
   * Lists the last traces.
   *
   * @param most How many at most.
   * @returns The newest first.
   */
  last(most: number): readonly TraceRecord[];
  /**
   * Finds a trace.
   *
   * @param traceId 32 hexadecimal digits.
   * @returns The trace, or undefined when it is not there.
   */
  find(traceId: string): TraceRecord | undefined;
}

/** How long a look counts: who reads a trace changes something and looks again. */
const LOOK_MS = 15 * 60_000;

/** Knows who looks. */
export class TraceAudience {
  /** The traces, for readers that count as somebody who looks. */
  readonly store: TraceStore;
  readonly #now: () => number;
  readonly #exported: (traceId: string) => boolean;
  #lookedAt = -Infinity;

  /**
   * @param traces The last traces.
   * @param exported Whether a collector takes a trace, by its id.
   * @param now Milliseconds from any beginning.
   */
  constructor(traces: TraceStore, exported: (traceId: string) => boolean, now: () => number) {
    this.#now = now;
    this.#exported = exported;
    this.store = {
      last: (most) => {
        this.#lookedAt = now();
        return traces.last(most);
      },
      find: (traceId) => {
        this.#lookedAt = now();
        return traces.find(traceId);
      },
    };
  }

  /**
   * Decides whether the plugin tells of spans of its own. Of a full sync it always does: they are
   * nothing beside its work, and it is over before anybody looks.
   *
   * @param traceId Of the sync that begins.
   * @param attributes Of its root.
   * @returns Whether it does.
   */
  samples(traceId: string, attributes: SpanAttributes): boolean {
    return attributes["weir.sync.kind"] === "full" || this.#now() - this.#lookedAt < LOOK_MS ||
      this.#exported(traceId);
  }
}
