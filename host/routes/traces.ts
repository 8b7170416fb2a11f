/**
 * The last syncs as JSON: /debug/traces lists them, /debug/traces/<trace id> has all spans of one.
 *
 * @module
 */
import { Hono } from "hono";
import type { TraceStore } from "../telemetry/audience.ts";
import type { SpanRecord, TraceRecord } from "../telemetry/span.ts";

/** How many traces a list has, unless it is asked for fewer or more. */
const LISTED = 50;
/** How many it has at most; the store has hardly more. */
const MOST_LISTED = 256;

function iso(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

function microseconds(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000;
}

/** One line of a list: the root's own words. */
function summary({ traceId, sampled, spans, dropped }: TraceRecord) {
  const [root] = spans;
  return {
    traceId,
    start: iso(root.startedAt),
    milliseconds: microseconds(root.endedAt - root.startedAt),
    spans: spans.length,
    sampled,
    dropped,
    attributes: root.attributes,
    ...(root.error === undefined ? {} : { error: root.error }),
  };
}

/** Times from the root's beginning, so that a picture needs no arithmetic. */
function described(span: SpanRecord, origin: number) {
  const { spanId, parentId, name, startedAt, endedAt, attributes, events, error } = span;
  const { links, droppedLinks } = span;
  return {
    spanId,
    ...(parentId === undefined ? {} : { parentId }),
    name,
    start: microseconds(startedAt - origin),
    milliseconds: microseconds(endedAt - startedAt),
    attributes,
    ...(links.length === 0 ? {} : { links }),
    ...(droppedLinks === 0 ? {} : { droppedLinks }),
    ...(events.length === 0 ? {} : {
      events: events.map((event) => ({ ...event, at: microseconds(event.at - origin) })),
    }),
    ...(error === undefined ? {} : { error }),
  };
}

/**
 * Makes the routes, to be mounted at /debug/traces. `?limit=` bounds the list.
 *
 * @param traces Where traces are kept.
 * @returns A Hono application.
 */
export function traceRoutes(traces: TraceStore): Hono {
  return new Hono()
    .get("/", (context) => {
      const asked = Number(context.req.query("limit") ?? LISTED);
      if (!Number.isInteger(asked) || asked < 1) {
        return context.text("limit must be a whole number from 1 on\n", 400);
      }
      const listed = traces.last(Math.min(asked, MOST_LISTED)).map(summary);
      return context.json({ traces: listed });
    })
    .get("/:id", (context) => {
      const id = context.req.param("id");
      const trace = traces.find(id);
      if (trace === undefined) {
        return context.text("There is no such trace (any more); /debug/traces lists them\n", 404);
      }
      const origin = trace.spans[0].startedAt;
      return context.json({
        ...summary(trace),
        spans: trace.spans.toSorted((one, other) => one.startedAt - other.startedAt)
          .map((span) => described(span, origin)),
      });
    });
}
