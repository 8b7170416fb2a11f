/**
 * How much of a span a collector gets, as OpenTelemetry's variables limit it. What weir itself
 * records is bounded anyway; who has less room at the collector can ask for less.
 *
 * @module
 */
import type { SpanAttributes } from "../span.ts";
import type { NumberRange, Variables } from "./variables.ts";

/** Limits for one kind of attributes. */
export interface AttributeLimits {
  /** Attributes; the first ones stay. */
  readonly count: number;
  /** Characters of a text; Infinity for any. */
  readonly length: number;
}

/** Limits for a span. */
export interface SpanLimits {
  /** Of the span itself. */
  readonly attributes: AttributeLimits;
  /** Of each of its events. */
  readonly eventAttributes: AttributeLimits;
  /** Of each of its links. */
  readonly linkAttributes: AttributeLimits;
  /** How many events. */
  readonly events: number;
  /** How many links. */
  readonly links: number;
}

/** Of the specification, for everything that is counted. */
const COUNT = 128;

const FROM_NOTHING: NumberRange = { least: 0 };

/**
 * Reads the limits.
 *
 * @param variables The environment.
 * @returns The limits; the specification's defaults where none is set.
 */
export function readLimits(variables: Variables): SpanLimits {
  const count = (...names: readonly string[]) => variables.whole(names, COUNT, FROM_NOTHING);
  const length = (...names: readonly string[]) => variables.whole(names, Infinity, FROM_NOTHING);
  const ofAll = "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT";
  // A limit of spans wins over that of all attributes, which is read once to be told of once.
  const any = length(ofAll);
  const ofSpans = variables.text("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT");
  return {
    attributes: {
      count: count("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT"),
      length: ofSpans === undefined ? any : length(ofSpans.name),
    },
    eventAttributes: { count: count("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT"), length: any },
    linkAttributes: { count: count("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT"), length: any },
    events: count("OTEL_SPAN_EVENT_COUNT_LIMIT"),
    links: count("OTEL_SPAN_LINK_COUNT_LIMIT"),
  };
}

/**
 * Keeps of attributes what a limit leaves.
 *
 * @param attributes The attributes.
 * @param limits Their limits.
 * @returns What stays.
 */
export function limited(
  attributes: SpanAttributes,
  { count, length }: AttributeLimits,
): SpanAttributes {
  const entries = Object.entries(attributes);
  const fits = entries.length <= count &&
    (length === Infinity ||
      entries.every(([, value]) => typeof value !== "string" || value.length <= length));
  if (fits) return attributes;
  return Object.fromEntries(
    entries.slice(0, count).map(([name, value]) => [
      name,
      typeof value === "string" ? value.slice(0, length) : value,
    ]),
  );
}
