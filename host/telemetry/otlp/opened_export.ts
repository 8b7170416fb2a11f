/**
 * An export with all that stands before it, as the environment asks for it: for tests.
 *
 * @module
 */
import assert from "node:assert/strict";
import { systemClock } from "../../clock.ts";
import { randomIdentifiers } from "../identifiers.ts";
import { createLog } from "../log.ts";
import { createTracing, type Tracing } from "../trace.ts";
import { TraceRing } from "../trace_ring.ts";
import type { SpanFate } from "./deliveries.ts";
import { openExport } from "./export.ts";
import { readExportSettings } from "./settings.ts";
import { TraceSink } from "./trace_sink.ts";

/**
 * Sets variables until it is disposed of: the exporter reads some itself.
 *
 * @param variables Their values by name.
 * @returns To be disposed of.
 */
export function environment(variables: Readonly<Record<string, string>>): Disposable {
  for (const [name, value] of Object.entries(variables)) Deno.env.set(name, value);
  return {
    [Symbol.dispose]: () => Object.keys(variables).forEach((name) => Deno.env.delete(name)),
  };
}

/** Tracing that is sent. */
export interface OpenedExport {
  readonly tracing: Tracing;
  readonly sink: TraceSink;
  readonly ring: TraceRing;
  /** Of the log: severity, message and fields. */
  readonly lines: readonly string[];
  /** Waits until the log has such a line. */
  readonly said: (pattern: RegExp) => Promise<void>;
  /** What became of spans. */
  readonly fates: Readonly<Partial<Record<SpanFate, number>>>;
}

/**
 * Makes tracing with an export, as the environment or the configuration asks for it.
 *
 * @param configured The endpoint of the configuration, or "".
 * @returns All that a test looks at.
 */
export function open(configured = ""): OpenedExport {
  const lines: string[] = [];
  const log = createLog(
    {
      now: () => systemClock.now(),
      gate: () => ({ verbosity: 0 }),
      write: ({ severity, message, fields }) =>
        lines.push(`${severity} ${message} ${JSON.stringify(fields)}`),
    },
  );
  const fates: Partial<Record<SpanFate, number>> = {};
  const { settings } = readExportSettings((name) => Deno.env.get(name), configured);
  assert.ok(settings !== undefined);
  const resource = { "service.name": "weir", "k8s.node.name": "node-1", "process.pid": 7 };
  const ring = new TraceRing();
  const sink = new TraceSink(
    ring,
    () =>
      openExport({
        settings,
        version: "1.2.3",
        resource,
        readFile: (path) => Deno.readTextFile(path),
        whenQuiet: (work) => work(),
        count: (fate, spans) => void (fates[fate] = (fates[fate] ?? 0) + spans),
        clock: systemClock,
        log,
      }),
    log,
  );
  const tracing = createTracing({
    now: () => systemClock.now(),
    identifiers: randomIdentifiers((bytes) => crypto.getRandomValues(bytes)),
    finished: (trace) => sink.add(trace),
  });
  const said = async (pattern: RegExp) => {
    while (!lines.some((line) => pattern.test(line))) {
      await new Promise((resume) => setTimeout(resume, 1));
    }
  };
  return { tracing, sink, ring, lines, said, fates };
}

/**
 * Runs a sync of a handful of spans, of which one fails.
 *
 * @param opened Where it is traced.
 */
export function sync({ tracing }: Pick<OpenedExport, "tracing">): void {
  const now = systemClock.now();
  tracing.sync({ "weir.sync.kind": "partial", "weir.revision": 7 }, now - 2.5, (root) => {
    const spanId = root.past("weir.event", { startedAt: now - 2.5, endedAt: now - 2.25 }, {
      "k8s.namespace.name": "default",
    }, {
      events: [{ name: "received", at: now - 2.375, attributes: { ratio: 0.5, big: 2 ** 40 } }],
    });
    root.link([{ traceId: root.traceId, spanId, attributes: { "weir.object.name": "web" } }], 2);
    root.run("weir.diff", {}, (span) => span.set({ "weir.upserts": 3, ok: true }));
    try {
      root.run("weir.landed", {}, () => {
        throw new TypeError("no ☂");
      });
    } catch {
      // It is what the span tells.
    }
  });
}
