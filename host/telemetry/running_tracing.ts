/**
 * Tracing as a process has it: always recorded, the last syncs kept, and sent to a collector when
 * the environment asks for it; with the plugins' own spans while anybody looks.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import { TraceAudience, type TraceStore } from "./audience.ts";
import { randomIdentifiers } from "./identifiers.ts";
import type { Logger } from "./log.ts";
import { masked } from "./masked.ts";
import { SPAN_FATES, type SpanFate } from "./otlp/deliveries.ts";
import { Quiet } from "./otlp/quiet.ts";
import { isSampled } from "./otlp/sampling.ts";
import { readExportSettings } from "./otlp/settings.ts";
import { TraceSink } from "./otlp/trace_sink.ts";
import type { ReadVariable } from "./otlp/variables.ts";
import type { SpanAttributes } from "./span.ts";
import { createTracing, type Tracing } from "./trace.ts";
import { TraceRing } from "./trace_ring.ts";

/** What tracing stands on. */
export interface TracingEnvironment {
  /** Reads a variable of the environment. */
  readonly env: ReadVariable;
  /** URL of a collector, as configured, or ""; the environment wins. */
  readonly endpoint: string;
  /** weir's own, for example `0.1.0`. */
  readonly version: string;
  /** The Node's name. */
  readonly node: string;
  /** What the spans tell of besides: process and runtime. */
  readonly resource: SpanAttributes;
  /** Fills an array with random bytes. */
  readonly fill: (bytes: Uint8Array<ArrayBuffer>) => void;
  /** Told what becomes of spans that are for a collector; of none when no traces are sent. */
  readonly count: (fate: SpanFate, spans: number) => void;
  /** Reads a file as text: certificates. */
  readonly readFile: (path: string) => Promise<string>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Tracing that runs. */
export interface RunningTracing {
  readonly tracing: Tracing;
  /** The last syncs, for readers: while there are some, plugins tell of spans of their own. */
  readonly traces: TraceStore;
  /**
   * Sends what waits.
   *
   * @param milliseconds How long that may take.
   * @returns Settles when it is done or the time is over; never rejects.
   */
  readonly stop: (milliseconds: number) => Promise<void>;
}

/**
 * Begins to trace.
 *
 * @param environment What it stands on.
 * @returns What the flow and the pages need of it.
 */
export function openTracing(environment: TracingEnvironment): RunningTracing {
  const { env, endpoint, version, node, resource, fill, count, readFile, clock, log } = environment;
  const { settings, warnings, notes } = readExportSettings(env, endpoint);
  for (const warning of warnings) log.warn(masked(warning));
  for (const note of notes) log.info(note);
  // From zero, so that the first that is lost is an increase to rate().
  for (const fate of settings === undefined ? [] : SPAN_FATES) count(fate, 0);
  const traces = new TraceRing();
  const quiet = new Quiet(clock);
  const open = settings === undefined ? undefined : async () => {
    const { openExport } = await import("./otlp/export.ts");
    const described = {
      "service.name": "weir",
      "service.version": version,
      "k8s.node.name": node,
      ...resource,
    };
    return await openExport({
      settings,
      version,
      resource: described,
      readFile,
      count,
      whenQuiet: (work) => quiet.when(work),
      clock,
      log,
    });
  };
  const sink = new TraceSink(traces, open, log);
  const now = () => clock.now();
  const exported = (traceId: string) =>
    settings !== undefined && isSampled(settings.sampling, traceId);
  const audience = new TraceAudience(traces, exported, now);
  const tracing = createTracing({
    now,
    identifiers: randomIdentifiers(fill),
    sampled: (traceId, attributes) => audience.samples(traceId, attributes),
    begun: () => quiet.begin(),
    finished: (trace) => {
      quiet.end();
      sink.add(trace);
    },
  });
  return { tracing, traces: audience.store, stop: (milliseconds) => sink.stop(milliseconds) };
}
