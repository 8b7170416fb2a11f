/**
 * The commands of V8's inspector protocol that weir uses, in the host and, by the wire, in the
 * process of a plugin.
 *
 * @module
 */

/** Every command that may be asked for: V8's profilers, and nothing that evaluates or pauses. */
export const INSPECTOR_METHODS = [
  "Profiler.enable",
  "Profiler.setSamplingInterval",
  "Profiler.start",
  "Profiler.stop",
  "Profiler.disable",
  "HeapProfiler.enable",
  "HeapProfiler.collectGarbage",
  "HeapProfiler.startSampling",
  "HeapProfiler.getSamplingProfile",
  "HeapProfiler.stopSampling",
] as const;

/** One of {@linkcode INSPECTOR_METHODS}. */
export type InspectorMethod = typeof INSPECTOR_METHODS[number];

/** Parameters of a command: flat. */
export type InspectorParams = Readonly<Record<string, number | boolean>>;

/**
 * Asks the bootstrap of a sandbox for one command. It travels as the attachment of a frame whose
 * header is empty, which is how the bootstrap tells its own frames from the plugin's: it need not
 * read any of those.
 */
export interface InspectMessage {
  /** Counts from 1. */
  readonly id: number;
  readonly method: InspectorMethod;
  readonly params: InspectorParams;
  /** Bytes that the answer may have. */
  readonly most: number;
}
