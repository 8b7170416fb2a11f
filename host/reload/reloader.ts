/**
 * Brings what the configuration file says into force: whole or not at all.
 *
 * A file that cannot be used is told of, and the configuration in force stays; so it does when a
 * part of a good one cannot be made ready (a port is taken, a plugin does not start, the new API
 * server is silent), which is tried again, ever more seldom, because it may pass.
 *
 * @module
 */
import type { WeirConfig } from "../../schemas/config.ts";
import { messageOf, WeirError } from "../../schemas/errors.ts";
import type { Clock } from "../clock.ts";
import { sleep } from "../sleep.ts";
import type { Logger } from "../telemetry/log.ts";
import { maskedWhole } from "../telemetry/masked.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { compareConfigs, type ConfigChange } from "./parts.ts";

/** What the command line and the file come to. */
export type Resolution =
  | {
    readonly type: "usable";
    readonly config: WeirConfig;
    /** Uses of deprecated fields and the like. */
    readonly warnings: readonly string[];
  }
  | {
    readonly type: "faulty";
    /** Every fault; at least one. */
    readonly problems: readonly WeirError[];
  };

/** What a reloader stands on. */
export interface ReloaderOptions {
  /** The file, for the log. */
  readonly path: string;
  /** Reads the file and resolves the command line with it, as at the start. */
  readonly resolve: () => Promise<Resolution>;
  /** The configuration in force. */
  readonly inForce: () => WeirConfig;
  /** Puts another in force; rejects when that cannot be, and the one in force stays. */
  readonly apply: (next: WeirConfig) => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Pick<
    Metrics,
    "configReloads" | "configReloadSuccessful" | "configReloadTimestamp"
  >;
  readonly signal: AbortSignal;
}

/** Why what the file says is not in force. */
export interface ReloadFailure {
  /** `invalid`: the file cannot be used; `failed`: what it says could not be put in force. */
  readonly state: "invalid" | "failed";
  /** Since when, in milliseconds since the epoch. */
  readonly since: number;
  /** One line each; at least one. */
  readonly problems: readonly string[];
}

/** Milliseconds to the second look at a file that cannot be used: it may be half written. */
const SECOND_LOOK_MS = 250;
/** Milliseconds to the second attempt to put a configuration in force; doubles. */
const FIRST_RETRY_MS = 5_000;
/** The longest delay in milliseconds between attempts. */
const LONGEST_RETRY_MS = 300_000;
/** And so many times as long as the attempt took, because it may have held up syncs. */
const REST_FACTOR = 10;

/** Faults and warnings of one file that are told of, each in a line of its own. */
const MOST_TOLD = 50;

const RESULTS = ["applied", "unchanged", "invalid", "failed"] as const;

/** Takes changes of the configuration file. */
export class Reloader {
  readonly #options: ReloaderOptions;
  #failure: ReloadFailure | undefined;
  /** The first look sees what weir was started with, unless it has changed since. */
  #looked = false;
  /** The changes that were told of last, while they are not in force. */
  #told = "";
  /** Why the last attempt failed, since the file changed last. */
  #complaint = "";
  #attempts = 0;
  #retryAt = Infinity;
  /** Warnings that have been given; they are not repeated at every change. */
  #warned: ReadonlySet<string> = new Set();

  /**
   * Makes one for what is in force since the start.
   *
   * @param options The file and whom to tell.
   */
  constructor(options: ReloaderOptions) {
    this.#options = options;
    const { metrics } = options;
    // Zero from the start, so that the first failure is an increase to rate().
    for (const result of RESULTS) metrics.configReloads.inc({ result }, 0);
    this.#succeeded();
  }

  /** Why what the file says is not in force; undefined when it is. */
  get failure(): ReloadFailure | undefined {
    return this.#failure;
  }

  /**
   * Takes notice of a look at the file.
   *
   * @param changed Whether the content is another than at the last look; a first look counts.
   * @throws {WeirError} WEIR_CONFIG_CHANGED when weir is to end at a change.
   */
  async look(changed: boolean): Promise<void> {
    const { clock, signal } = this.#options;
    if (!changed && clock.now() < this.#retryAt) return;
    if (changed) {
      this.#attempts = 0;
      this.#complaint = "";
    }
    this.#retryAt = Infinity;
    let resolution = await this.#options.resolve();
    if (resolution.type === "faulty" && changed) {
      await sleep(clock, SECOND_LOOK_MS, signal);
      resolution = await this.#options.resolve();
    }
    if (signal.aborted) return;
    this.#mayHaveToEnd(resolution);
    if (resolution.type === "faulty") this.#refuse(resolution.problems);
    else await this.#take(resolution);
  }

  /** What kube-proxy does: its supervisor starts it anew, with what the file says then. */
  #mayHaveToEnd(resolution: Resolution): void {
    const { path, inForce } = this.#options;
    if (inForce().configReload === "live") return;
    const same = resolution.type === "usable" &&
      compareConfigs(inForce(), resolution.config).length === 0;
    if (same) return;
    throw new WeirError(
      "WEIR_CONFIG_CHANGED",
      `Cannot go on with "${path}": its content has changed, and --config-reload=exit asks for ` +
        "a new start",
    );
  }

  #refuse(problems: readonly WeirError[]): void {
    const { path, log } = this.#options;
    const told = problems.slice(0, MOST_TOLD);
    for (const { message, code } of told) log.error(message, { code });
    log.error(
      `Cannot use configuration "${path}": ${problems.length} faults; the one in force stays`,
    );
    this.#failed("invalid", [
      ...told.map(({ message }) => message),
      ...this.#more(problems.length, "faults"),
    ]);
  }

  /** A file may have thousands, and whoever wrote them may not be who reads the log. */
  #more(count: number, what: string): string[] {
    const more = count - MOST_TOLD;
    return more > 0 ? [`${more} more ${what}: weir config check ${this.#options.path}`] : [];
  }

  async #take({ config, warnings }: Extract<Resolution, { type: "usable" }>): Promise<void> {
    const { path, inForce, apply, clock, log, metrics, signal } = this.#options;
    const changes = compareConfigs(inForce(), config);
    const known = !this.#looked && changes.length === 0;
    this.#looked = true;
    const fresh = warnings.filter((warning) => !this.#warned.has(warning));
    this.#warned = new Set(warnings);
    if (known) return;
    for (const warning of fresh.slice(0, MOST_TOLD)) log.warn(warning);
    for (const more of this.#more(fresh.length, "warnings")) log.warn(more);
    if (changes.length === 0) {
      // Fields that nothing reads are shown all the same.
      if (JSON.stringify(config) !== JSON.stringify(inForce())) await apply(config);
      if (this.#failure !== undefined) log.info("Configuration file says again what is in force");
      metrics.configReloads.inc({ result: "unchanged" });
      return this.#succeeded();
    }
    this.#tell(changes);
    const startedAt = clock.now();
    try {
      await apply(config);
    } catch (thrown) {
      if (signal.aborted) return;
      const rest = REST_FACTOR * Math.max(0, clock.now() - startedAt);
      const delay = Math.min(
        LONGEST_RETRY_MS,
        Math.max(rest, FIRST_RETRY_MS * 2 ** this.#attempts++),
      );
      this.#retryAt = clock.now() + delay;
      const reason = messageOf(thrown);
      // What goes on failing in the same way is told once.
      if (reason !== this.#complaint) {
        log.error(`Cannot put configuration "${path}" in force: ${reason}; the former one stays`, {
          retrySeconds: Math.round(delay / 1000),
        });
      }
      this.#complaint = reason;
      return this.#failed("failed", [reason]);
    }
    this.#attempts = 0;
    log.info("Configuration is in force", {
      changes: changes.length,
      milliseconds: clock.now() - startedAt,
    });
    metrics.configReloads.inc({ result: "applied" });
    this.#succeeded();
  }

  /** Says what is different, and not again at each attempt. */
  #tell(changes: readonly ConfigChange[]): void {
    const { log } = this.#options;
    const told = JSON.stringify(changes);
    if (told === this.#told) return;
    this.#told = told;
    for (const { field, part, before, after } of changes) {
      const values = { before: maskedWhole(before), after: maskedWhole(after) };
      log.info("Configuration changed", { field, ...values });
      if (part === "start") log.warn("Restart weir for a change to take effect", { field });
    }
  }

  #succeeded(): void {
    const { metrics, clock } = this.#options;
    this.#failure = undefined;
    this.#told = "";
    metrics.configReloadSuccessful.set(1);
    metrics.configReloadTimestamp.set(clock.now() / 1000);
  }

  #failed(state: ReloadFailure["state"], problems: readonly string[]): void {
    const { metrics, clock } = this.#options;
    const since = this.#failure?.since ?? clock.now();
    this.#failure = { state, since, problems };
    metrics.configReloads.inc({ result: state });
    metrics.configReloadSuccessful.set(0);
  }
}
