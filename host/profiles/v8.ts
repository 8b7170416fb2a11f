/**
 * What V8's profilers answer through the inspector protocol, as far as weir reads it. A plugin's
 * process is hostile until its answer has passed.
 *
 * @module
 */
import * as v from "valibot";

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const CallFrameSchema = v.object({
  /** "" for an anonymous function; in parentheses when it is none of JavaScript. */
  functionName: v.string(),
  url: v.string(),
  /** Counts from 0; -1 where there is no line. */
  lineNumber: v.pipe(v.number(), v.safeInteger()),
  /** Counts from 0; -1 where there is no line. */
  columnNumber: v.pipe(v.number(), v.safeInteger()),
});

/** Where a function of a stack is. */
export type CallFrame = v.InferOutput<typeof CallFrameSchema>;

/** The schema of {@linkcode CpuProfile}. */
export const CpuProfileSchema = v.object({
  /** Each is a stack: itself and the nodes whose child it is. */
  nodes: v.array(v.object({
    id: count,
    callFrame: CallFrameSchema,
    children: v.optional(v.array(count), []),
  })),
  /** Microseconds of V8's own clock. */
  startTime: v.pipe(v.number(), v.finite()),
  /** Microseconds of V8's own clock. */
  endTime: v.pipe(v.number(), v.finite()),
  /** Ids of nodes. */
  samples: v.array(count),
  /** Microseconds before each sample, since the one before it; may be below 0. */
  timeDeltas: v.array(v.pipe(v.number(), v.finite())),
});

/** What `Profiler.stop` answers under `profile`. */
export type CpuProfile = v.InferOutput<typeof CpuProfileSchema>;

/** A stack of a heap profile, and those that begin with it. */
export interface HeapNode {
  readonly callFrame: CallFrame;
  /** Bytes allocated there, estimated from the samples. */
  readonly selfSize: number;
  readonly id: number;
  readonly children: readonly HeapNode[];
}

const HeapNodeSchema: v.GenericSchema<unknown, HeapNode> = v.object({
  callFrame: CallFrameSchema,
  selfSize: v.pipe(v.number(), v.finite(), v.minValue(0)),
  id: count,
  children: v.array(v.lazy(() => HeapNodeSchema)),
});

/** The schema of {@linkcode HeapProfile}. */
export const HeapProfileSchema = v.object({
  head: HeapNodeSchema,
  /** Each is one object that was sampled; `size` is the bytes that it stands for. */
  samples: v.array(v.object({ nodeId: count, size: v.pipe(count, v.minValue(1)) })),
});

/** What `HeapProfiler.getSamplingProfile` answers under `profile`. */
export type HeapProfile = v.InferOutput<typeof HeapProfileSchema>;
