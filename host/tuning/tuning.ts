/**
 * Connection tracking as the operator wants it: asked of a conntrack-tuner at the start and
 * whenever the configuration changes, again and again until it is so. Nothing waits for it.
 *
 * @module
 */
import type { TunerConfig } from "../../schemas/calls.ts";
import type { Log } from "../../schemas/capability.ts";
import type { WeirConfig } from "../../schemas/config.ts";
import { messageOf } from "../../schemas/errors.ts";
import type { Clock } from "../clock.ts";
import type { SupervisedPlugin } from "../sandbox/supervisor.ts";
import { tunerConfigOf } from "./tuner_config.ts";

/** The part of the configuration that is about tuning. */
export type TuningConfig = Pick<WeirConfig, "nodeName" | "conntrack" | "plugins" | "limits">;

/** What of a supervised plugin is needed. */
type Tuner = Pick<SupervisedPlugin, "call" | "stop">;

/** What tuning stands on. */
export interface TuningOptions {
  /** Counts the node's processors. */
  readonly cpus: () => number;
  /** Tells which tuner a configuration asks for: equal for one and the same. */
  readonly identify: (config: TuningConfig) => string;
  /** Loads the tuner of a configuration; not called before something is wanted. */
  readonly load: (config: TuningConfig) => Promise<Tuner>;
  readonly clock: Clock;
  readonly log: Log;
}

/** Milliseconds for the first sync to land before the tuner takes its share of the processor. */
const PATIENCE_MS = 5_000;
/**
 * Milliseconds before the first repetition; doubles up to the longest. Weir's own first sync loads
 * nf_conntrack, so that soon is worth it.
 */
const FIRST_RETRY_MS = 1_000;
/** A node that will never be writable costs a short process every ten minutes. */
const LONGEST_RETRY_MS = 600_000;

/** One wish: what is to be set, and by which tuner. */
interface Wish {
  readonly config: TuningConfig;
  readonly tunerConfig: TunerConfig;
  readonly tuner: string;
}

/** Keeps the node's connection tracking as it is configured. */
export class Tuning {
  readonly #options: TuningOptions;
  /** What is wanted; undefined before the first time and after the stop. */
  #wish: Wish | undefined;
  #tuner: Promise<Tuner> | undefined;
  #cancelStart: () => void = () => {};
  #cancelRetry: () => void = () => {};
  #failures = 0;
  #said = "";
  #stopped = false;

  /** @param options The tuner and the node. */
  constructor(options: TuningOptions) {
    this.#options = options;
  }

  /**
   * Takes notice of the configuration in a while, unless {@linkcode Tuning.apply} does before: where
   * there are few processors a tuner that starts beside the proxier makes the first sync wait.
   *
   * @param config Gives what is wanted then.
   */
  applySoon(config: () => TuningConfig): void {
    this.#cancelStart = this.#options.clock.after(PATIENCE_MS, () => this.apply(config()));
  }

  /**
   * Takes notice of the configuration; the same once more changes nothing.
   *
   * @param config What is wanted now.
   */
  apply(config: TuningConfig): void {
    if (this.#stopped) return;
    this.#cancelStart();
    const tunerConfig = tunerConfigOf(config.conntrack);
    const wish = { config, tunerConfig, tuner: this.#options.identify(config) };
    const former = this.#wish;
    const sameTuner = wish.tuner === former?.tuner;
    if (sameTuner && JSON.stringify(tunerConfig) === JSON.stringify(former.tunerConfig)) return;
    this.#wish = wish;
    this.#cancelRetry();
    this.#failures = 0;
    this.#said = "";
    if (!sameTuner) void this.#endTuner();
    // No process for nothing.
    if (Object.keys(tunerConfig).length > 0) void this.#ask(wish);
  }

  /**
   * Asks no more, and ends the tuner.
   *
   * @returns Settles when no process is left. Never rejects.
   */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wish = undefined;
    this.#cancelStart();
    this.#cancelRetry();
    await this.#endTuner();
  }

  async #endTuner(): Promise<void> {
    const tuner = this.#tuner;
    this.#tuner = undefined;
    await tuner?.then((tuner) => tuner.stop(), () => {});
  }

  async #ask(wish: Wish): Promise<void> {
    const { cpus, clock, log } = this.#options;
    // Something else may be wanted when the answer comes: only its answer counts then.
    const outdated = () => wish !== this.#wish;
    const { config: { nodeName }, tunerConfig: config } = wish;
    try {
      const tuner = await this.#load(wish);
      if (outdated()) return;
      await tuner.call("tune", { node: { name: nodeName, cpus: cpus() }, config });
      if (!outdated()) log.debug("Connection tracking is as configured", { ...config });
    } catch (thrown) {
      if (outdated()) return;
      const delay = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#failures++);
      this.#complain(messageOf(thrown), delay);
      this.#cancelRetry = clock.after(delay, () => void this.#ask(wish));
    }
  }

  #load({ config }: Wish): Promise<Tuner> {
    if (this.#tuner !== undefined) return this.#tuner;
    const loading = this.#options.load(config);
    this.#tuner = loading;
    // What could not be loaded is loaded again. Whoever waits for it sees the rejection.
    loading.catch(() => {
      if (this.#tuner === loading) this.#tuner = undefined;
    });
    return loading;
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
