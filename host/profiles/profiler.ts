/**
 * Takes profiles of one process, the host's own or a plugin's: one CPU profile at a time, each
 * bounded in time, none longer than somebody waits for it.
 *
 * @module
 */
import * as v from "valibot";
import { WeirError } from "../../schemas/errors.ts";
import type { Clock } from "../clock.ts";
import { sleep } from "../sleep.ts";
import { cpuSamples } from "./cpu.ts";
import { heapDelta, heapSamples } from "./heap.ts";
import type { Inspector } from "./inspector.ts";
import type { Profile, ValueType } from "./pprof.ts";
import type { Naming, StackSample } from "./stack.ts";
import { timeline } from "./timeline.ts";
import { type CpuProfile, CpuProfileSchema, HeapProfileSchema } from "./v8.ts";

/** What a profiler stands on. */
export interface ProfilerOptions {
  /** Whose process: `weir`, or the plugin's name. */
  readonly subject: string;
  /** Opens the process' inspector; asked again after it has failed. */
  readonly open: () => Promise<Inspector>;
  /** Finds words for its functions, once for each profile: what that takes is kept by nobody. */
  readonly naming: () => Promise<Naming>;
  readonly clock: Clock;
}

/** Microseconds between two samples of a CPU profile: Go's 100 Hz. */
const SAMPLE_MICROS = 10_000;
/** And of a timeline, whose point is what happened when. */
const TIMELINE_MICROS = 1_000;
/**
 * Bytes between two samples of the heap: a plugin's is small beside those that Go has 512 KiB for.
 * Most sizes of small objects divide it, so that they are told apart by what a sample stands for
 * (object_size.ts): in a heap of weir's the size is found from one sample for 79 % of the bytes,
 * with 64 KiB for 73 %.
 */
const HEAP_BYTES = 60_480;

const CPU_TYPES: readonly ValueType[] = [
  { type: "samples", unit: "count" },
  { type: "cpu", unit: "nanoseconds" },
];

function heapTypes(which: "inuse" | "alloc"): readonly ValueType[] {
  return [
    { type: `${which}_objects`, unit: "count" },
    { type: `${which}_space`, unit: "bytes" },
  ];
}

/** Takes profiles of one process. */
export class Profiler {
  /** Whose process. */
  readonly subject: string;
  readonly #options: ProfilerOptions;
  #opened: Promise<Inspector> | undefined;
  #recording = false;
  #sampling = false;
  #sampledSince: number | undefined;
  #lost = new AbortController();
  #last: Profile | undefined;

  /** @param options What it stands on. */
  constructor(options: ProfilerOptions) {
    this.#options = options;
    this.subject = options.subject;
  }

  /** The last CPU profile that was taken, for who draws it. */
  get last(): Profile | undefined {
    return this.#last;
  }

  /** Whether a CPU profile or a timeline is being taken: V8 takes one at a time. */
  get recording(): boolean {
    return this.#recording;
  }

  /** Whether the heap is being watched for somebody: V8 samples it in one way at a time. */
  get sampling(): boolean {
    return this.#sampling;
  }

  /**
   * Samples what the heap's live objects are from now on, so that a heap profile knows of them.
   *
   * @returns Settles when it does.
   * @throws {WeirError} WEIR_PROFILE when the process cannot be inspected.
   */
  async watchHeap(): Promise<void> {
    if (this.#sampledSince !== undefined) return;
    this.#sampledSince = this.#options.clock.now();
    try {
      await this.#post("HeapProfiler.enable");
      await this.#post("HeapProfiler.startSampling", { samplingInterval: HEAP_BYTES });
    } catch (thrown) {
      this.#sampledSince = undefined;
      throw thrown;
    }
  }

  /** The process is gone, and with it what was being measured. */
  lose(): void {
    this.#lost.abort();
    this.#lost = new AbortController();
    this.#sampledSince = undefined;
  }

  /** The process is another one now: watches its heap, if it can be inspected. */
  renew(): void {
    this.lose();
    // Who asks for a profile is told why it cannot be had.
    this.watchHeap().catch(() => {});
  }

  /**
   * Where the process computes.
   *
   * @param seconds How long to look.
   * @param signal Ends it early; then nobody wants the profile.
   * @returns The profile.
   * @throws {WeirError} WEIR_PROFILE when the process cannot be inspected.
   */
  async cpu(seconds: number, signal: AbortSignal): Promise<Profile> {
    const { naming, clock } = this.#options;
    const startedAt = clock.now();
    const recorded = await this.#record(seconds, SAMPLE_MICROS, signal);
    return this.#last = {
      types: CPU_TYPES,
      samples: cpuSamples(recorded, await naming()),
      period: { type: "cpu", unit: "nanoseconds", value: SAMPLE_MICROS * 1000 },
      program: this.subject,
      startedAt,
      duration: (recorded.endTime - recorded.startTime) / 1000,
      comments: [],
    };
  }

  /**
   * What the process computes when.
   *
   * @param seconds How long to look.
   * @param signal Ends it early; then nobody wants it.
   * @returns JSON in the Trace Event Format, which Perfetto and chrome://tracing open.
   * @throws {WeirError} WEIR_PROFILE when the process cannot be inspected.
   */
  async timeline(seconds: number, signal: AbortSignal): Promise<string> {
    const recorded = await this.#record(seconds, TIMELINE_MICROS, signal);
    return timeline(recorded, await this.#options.naming(), this.subject);
  }

  /**
   * Where the live objects come from that were allocated since {@linkcode watchHeap}.
   *
   * @param collect Collects garbage before.
   * @returns The profile.
   * @throws {WeirError} WEIR_PROFILE when the process cannot be inspected.
   */
  async heap(collect: boolean): Promise<Profile> {
    await this.watchHeap();
    if (collect) await this.#post("HeapProfiler.collectGarbage");
    return this.#heapProfile("inuse", await this.#heapSamples());
  }

  /**
   * How the live objects change.
   *
   * @param seconds How long to wait.
   * @param signal Ends it early; then nobody wants it.
   * @returns A profile; what was given back is below 0.
   * @throws {WeirError} WEIR_PROFILE when the process cannot be inspected.
   */
  async heapChange(seconds: number, signal: AbortSignal): Promise<Profile> {
    const { clock } = this.#options;
    await this.watchHeap();
    const startedAt = clock.now();
    const before = await this.#heapSamples();
    await this.#wait(seconds, signal);
    return this.#heapProfile("inuse", heapDelta(before, await this.#heapSamples()), startedAt);
  }

  /**
   * Where objects are allocated, those included that do not live for long. V8 then begins anew to
   * watch for live ones.
   *
   * @param seconds How long to look.
   * @param signal Ends it early; then nobody wants the profile.
   * @returns The profile.
   * @throws {WeirError} WEIR_PROFILE when the process cannot be inspected.
   */
  async allocations(seconds: number, signal: AbortSignal): Promise<Profile> {
    const { clock } = this.#options;
    this.#sampling = true;
    try {
      await this.#post("HeapProfiler.enable");
      await this.#post("HeapProfiler.stopSampling").catch(() => {});
      const startedAt = clock.now();
      await this.#post("HeapProfiler.startSampling", {
        samplingInterval: HEAP_BYTES,
        includeObjectsCollectedByMajorGC: true,
        includeObjectsCollectedByMinorGC: true,
      });
      await this.#wait(seconds, signal);
      return this.#heapProfile("alloc", await this.#heapSamples(), startedAt);
    } finally {
      // Sampling of everything ever allocated must not go on: what it keeps only grows.
      await this.#post("HeapProfiler.stopSampling").catch(() => {});
      this.#sampledSince = undefined;
      await this.watchHeap().catch(() => {});
      this.#sampling = false;
    }
  }

  async #record(seconds: number, micros: number, signal: AbortSignal): Promise<CpuProfile> {
    this.#recording = true;
    try {
      await this.#post("Profiler.enable");
      await this.#post("Profiler.setSamplingInterval", { interval: micros });
      await this.#post("Profiler.start");
      await this.#wait(seconds, signal);
      return this.#read(CpuProfileSchema, await this.#post("Profiler.stop"));
    } finally {
      // While it is enabled, V8 keeps notes on every function; it also ends what was not stopped.
      await this.#post("Profiler.disable").catch(() => {});
      this.#recording = false;
    }
  }

  async #wait(seconds: number, signal: AbortSignal): Promise<void> {
    const lost = this.#lost.signal;
    await sleep(this.#options.clock, seconds * 1000, AbortSignal.any([signal, lost]));
    if (lost.aborted) throw this.#failure("its process has ended meanwhile");
    if (signal.aborted) throw this.#failure("nobody waits for it any more");
  }

  async #heapSamples(): Promise<StackSample[]> {
    const answer = await this.#post("HeapProfiler.getSamplingProfile");
    const profile = this.#read(HeapProfileSchema, answer);
    return heapSamples(profile, await this.#options.naming(), HEAP_BYTES);
  }

  #heapProfile(
    which: "inuse" | "alloc",
    samples: readonly StackSample[],
    startedAt = this.#sampledSince ?? 0,
  ): Profile {
    return {
      types: heapTypes(which),
      samples,
      period: { type: "space", unit: "bytes", value: HEAP_BYTES },
      program: this.subject,
      startedAt,
      duration: this.#options.clock.now() - startedAt,
      comments: [`sampled since ${new Date(startedAt).toISOString()}`],
    };
  }

  async #post(...command: Parameters<Inspector["post"]>): Promise<unknown> {
    this.#opened ??= this.#options.open();
    try {
      return await (await this.#opened).post(...command);
    } catch (thrown) {
      // It may be permitted, or another process, next time.
      if (await this.#opened.then(() => false, () => true)) this.#opened = undefined;
      throw thrown;
    }
  }

  #read<Value>(schema: v.GenericSchema<unknown, Value>, answer: unknown): Value {
    const result = v.safeParse(v.object({ profile: schema }), answer, { abortEarly: true });
    if (result.success) return result.output.profile;
    const [issue] = result.issues;
    const path = v.getDotPath(issue) ?? "the answer";
    throw this.#failure(`${path} of its profile cannot be read: ${issue.message}`);
  }

  #failure(state: string): WeirError {
    return new WeirError("WEIR_PROFILE", `Cannot profile "${this.subject}": ${state}`);
  }
}
