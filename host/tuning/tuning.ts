/**
 * Connection tracking as the operator wants it: asked of a conntrack-tuner at the start and
 * whenever the configuration changes, again and again until it is so. Nothing waits for it.
 *
 * @module
 */
import type { TunerConfig } from "../../schemas/calls.ts";
import type { Log } from "../../schemas/capability.ts";
import { messageOf } from "../../schemas/errors.ts";
import type { Clock } from "../clock.ts";
import type { SupervisedPlugin } from "../sandbox/supervisor.ts";
import { type ConntrackSettings, tunerConfigOf } from "./tuner_config.ts";

/** What tuning stands on. */
export interface TuningOptions {
  /** The name of the node. */
  readonly nodeName: () => string;
  /** Counts the node's processors. */
  readonly cpus: () => number;
  /** Loads the tuner; not called before something is wanted. */
  readonly load: () => Promise<Pick<SupervisedPlugin, "call" | "stop">>;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Milliseconds before the first repetition; doubles up to the longest. Weir's own first sync loads
 * nf_conntrack, so that soon is worth it.
 */
const FIRST_RETRY_MS = 1_000;
/** A node that will never be writable costs a short process every ten minutes. */
const LONGEST_RETRY_MS = 600_000;

/** Keeps the node's connection tracking as it is configured. */
export class Tuning {
  readonly #options: TuningOptions;
  /** What is wanted, as it was asked for last; undefined before the first time. */
  #wanted: string | undefined;
  #tuner: ReturnType<TuningOptions["load"]> | undefined;
  #cancelRetry: () => void = () => {};
  #failures = 0;
  #said = "";
  #stopped = false;

  /** @param options The tuner and the node. */
  constructor(options: TuningOptions) {
    this.#options = options;
  }

  /**
   * Takes notice of the configuration; the same once more changes nothing.
   *
   * @param settings What is wanted now.
   */
  apply(settings: ConntrackSettings): void {
    const config = tunerConfigOf(settings);
    const wanted = JSON.stringify(config);
    if (this.#stopped || wanted === this.#wanted) return;
    this.#wanted = wanted;
    this.#cancelRetry();
    this.#failures = 0;
    this.#said = "";
    // No process for nothing.
    if (Object.keys(config).length > 0) void this.#ask(config, wanted);
  }

  /**
   * Asks no more, and ends the tuner.
   *
   * @returns Settles when no process is left. Never rejects.
   */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelRetry();
    await this.#tuner?.then((tuner) => tuner.stop(), () => {});
  }

  async #ask(config: TunerConfig, wanted: string): Promise<void> {
    const { nodeName, cpus, load, clock, log } = this.#options;
    // Something else may be wanted when the answer comes: only its answer counts then.
    const outdated = () => this.#stopped || wanted !== this.#wanted;
    try {
      // What could not be loaded is loaded again.
      this.#tuner ??= load().catch((thrown) => {
        this.#tuner = undefined;
        throw thrown;
      });
      const tuner = await this.#tuner;
      if (outdated()) return;
      await tuner.call("tune", { node: { name: nodeName(), cpus: cpus() }, config });
      if (!outdated()) log.debug("Connection tracking is as configured", { ...config });
    } catch (thrown) {
      if (outdated()) return;
      const delay = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#failures++);
      this.#complain(messageOf(thrown), delay);
      this.#cancelRetry = clock.after(delay, () => void this.#ask(config, wanted));
    }
  }

  /** The same reason is a warning once: whoever does not act on it need not read it for ever. */
  #complain(err: string, delayMs: number): void {
    const { log } = this.#options;
    const message = "Connection tracking is not as configured; proxying goes on, trying again";
    if (err === this.#said) log.debug(message, { delayMs, err });
    else log.warn(message, { delayMs, err });
    this.#said = err;
  }
}
