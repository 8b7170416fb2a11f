/**
 * Where finished traces go: into the ring of the last ones and, if anybody asks for them, to a
 * collector.
 *
 * @module
 */
import { messageOf } from "../../../schemas/errors.ts";
import type { Log } from "../../../schemas/capability.ts";
import type { TraceRecord } from "../span.ts";
import type { TraceRing } from "../trace_ring.ts";
import type { TraceExport } from "./export.ts";

/** Takes traces that are over. */
export class TraceSink {
  readonly #ring: TraceRing;
  readonly #open: (() => Promise<TraceExport>) | undefined;
  readonly #log: Log;
  #opening: Promise<void> | undefined;
  #export: TraceExport | undefined;

  /**
   * @param ring Keeps the last traces.
   * @param open Loads the export; undefined when nobody asks for one.
   * @param log Told when it cannot be loaded.
   */
  constructor(ring: TraceRing, open: (() => Promise<TraceExport>) | undefined, log: Log) {
    this.#ring = ring;
    this.#open = open;
    this.#log = log;
  }

  /**
   * Takes a trace. The first one has the export loaded, so that no sync waits for that; what is
   * over before it is there comes out of the ring.
   *
   * @param trace The trace.
   */
  add(trace: TraceRecord): void {
    this.#ring.add(trace);
    if (this.#open === undefined) return;
    if (this.#export !== undefined) this.#export.add(trace);
    else this.#opening ??= this.#begin(this.#open);
  }

  /**
   * Sends what waits. An export that is still being loaded is let go: what a process of some
   * milliseconds did is not worth a wait.
   *
   * @param milliseconds How long that may take.
   * @returns Settles when it is done or the time is over; never rejects.
   */
  async stop(milliseconds: number): Promise<void> {
    await this.#export?.stop(milliseconds);
  }

  async #begin(open: () => Promise<TraceExport>): Promise<void> {
    try {
      const opened = await open();
      for (const trace of this.#ring.last(Infinity).toReversed()) opened.add(trace);
      this.#export = opened;
    } catch (thrown) {
      this.#log.error(`Cannot send traces: ${messageOf(thrown)}`, {
        until: "weir is started anew, none are sent",
      });
    }
  }
}
