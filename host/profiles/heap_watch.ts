/**
 * Who may look at the heap of a process, and when: reading it stops the process, and V8 samples it
 * for one at a time.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import { Turns } from "../turns.ts";
import type { Profile } from "./pprof.ts";
import type { Profiler } from "./profiler.ts";

/** Those who may wait for the one that reads the heap. */
const WAITING = 2;
/** Reading the heap stops the process, so it does not happen more often than each fifth second. */
const REST = 4;

/** The heap cannot be looked at now. */
export class HeapBusy {
  /** What it is busy with, in Go's manner. */
  readonly state: string;
  /** Seconds until it is worth asking again; may be below 1. */
  readonly seconds: number;

  /**
   * @param state What it is busy with.
   * @param seconds Until it is worth asking again.
   */
  constructor(state: string, seconds: number) {
    this.state = state;
    this.seconds = seconds;
  }
}

/** Makes something of a profile; others have the heap only once it is made. */
export type UseProfile<Made> = (profile: Profile) => Promise<Made>;

/** The looks at one process' heap. */
export class HeapWatch {
  readonly #profiler: Pick<Profiler, "heap" | "heapChange" | "allocations">;
  readonly #clock: Clock;
  readonly #turns: Turns;
  /** When the one who watches it for some time has done, in milliseconds. */
  #until: number | undefined;
  /** Whether what is allocated is told, and not what lives. */
  #sampling = false;
  /** Settles when the last one who read it has done. */
  #reading: Promise<void> | undefined;

  /**
   * @param profiler Of the process.
   * @param clock Time.
   */
  constructor(profiler: Pick<Profiler, "heap" | "heapChange" | "allocations">, clock: Clock) {
    this.#profiler = profiler;
    this.#clock = clock;
    this.#turns = new Turns({ most: 1, waiting: WAITING, rest: REST, clock });
  }

  /**
   * Reads where live objects come from.
   *
   * @param collect Collects garbage before.
   * @param signal Ends the wait for one's turn.
   * @param use What is made of it.
   * @returns That, or why there is none.
   * @throws {WeirError} WEIR_PROFILE when the process cannot be inspected.
   */
  async read<Made>(
    collect: boolean,
    signal: AbortSignal,
    use: UseProfile<Made>,
  ): Promise<Made | HeapBusy> {
    if (this.#sampling) return this.#sampled();
    const giveBack = await this.#turns.take(signal);
    if (giveBack === undefined) {
      const state = "Could not read the heap: it is being read for others, ask again";
      return new HeapBusy(state, REST);
    }
    try {
      if (this.#sampling) return this.#sampled();
      const read = this.#profiler.heap(collect);
      this.#reading = read.then(() => {}, () => {});
      return await use(await read);
    } finally {
      giveBack();
    }
  }

  /**
   * Watches how the live objects change.
   *
   * @param seconds How long.
   * @param signal Ends it early; then nobody wants it.
   * @param use What is made of it.
   * @returns That, or why there is none.
   * @throws {WeirError} WEIR_PROFILE when the process cannot be inspected.
   */
  change<Made>(
    seconds: number,
    signal: AbortSignal,
    use: UseProfile<Made>,
  ): Promise<Made | HeapBusy> {
    return this.#watch(
      seconds,
      async () => await use(await this.#profiler.heapChange(seconds, signal)),
    );
  }

  /**
   * Watches where objects are allocated.
   *
   * @param seconds How long.
   * @param signal Ends it early; then nobody wants it.
   * @param use What is made of it.
   * @returns That, or why there is none.
   * @throws {WeirError} WEIR_PROFILE when the process cannot be inspected.
   */
  allocations<Made>(
    seconds: number,
    signal: AbortSignal,
    use: UseProfile<Made>,
  ): Promise<Made | HeapBusy> {
    return this.#watch(seconds, async () => {
      this.#sampling = true;
      try {
        // V8 begins anew, but not under who reads at this moment.
        await this.#reading;
        return await use(await this.#profiler.allocations(seconds, signal));
      } finally {
        this.#sampling = false;
      }
    });
  }

  /** While V8 samples what is allocated, live objects cannot be told from dead ones. */
  #sampled(): HeapBusy {
    const state = "Could not read the heap: allocations are being sampled";
    return new HeapBusy(state, this.#secondsLeft());
  }

  #secondsLeft(): number {
    const now = this.#clock.now();
    return ((this.#until ?? now) - now) / 1000;
  }

  /** For one at a time. */
  async #watch<Made>(seconds: number, work: () => Promise<Made>): Promise<Made | HeapBusy> {
    if (this.#until !== undefined) {
      const state = "Could not watch the heap: it is being watched for another request";
      return new HeapBusy(state, this.#secondsLeft());
    }
    this.#until = this.#clock.now() + seconds * 1000;
    try {
      return await work();
    } finally {
      this.#until = undefined;
    }
  }
}
