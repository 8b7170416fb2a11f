/**
 * Decides when to sync: the first change at once, one sync in flight, the rest coalesced.
 *
 * @module
 */
import { messageOf, WeirError } from "../schemas/errors.ts";
import type { Clock } from "./clock.ts";

/** What a sync has to do: tell the plugin what changed, or tell it everything. */
export type SyncKind = "apply" | "resync";

/** Told of the scheduler's doings, for health, metrics and logs; its methods must not throw. */
export interface SchedulerObserver {
  /** A change or a resync was asked for. `at`: milliseconds since the epoch. */
  queued(at: number, reason: string): void;
  /** A sync ended well. `duration` in milliseconds. */
  completed(at: number, kind: SyncKind, duration: number): void;
  /** A sync failed; the next starts in `delay` milliseconds at the earliest. */
  failed(at: number, kind: SyncKind, thrown: unknown, delay: number): void;
}

/** How a {@linkcode Scheduler} is made. */
export interface SchedulerOptions {
  /** Tells the time and rings. */
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /**
   * Does one sync. It rejects when the kernel may not hold what it should. `since` is when the
   * oldest of what it stands for was queued, in milliseconds since the epoch.
   */
  readonly sync: (kind: SyncKind, since: number) => Promise<void>;
  /**
   * minSyncPeriod: milliseconds from the start of a sync to the start of the next. 0 lets the
   * pause adapt to how long a sync takes. Read anew each time.
   */
  readonly minInterval: number;
  /**
   * syncPeriod in milliseconds: the longest wait after failures. Upstream's default is 30,000.
   * Read anew each time.
   */
  readonly syncPeriod: number;
  /** Told of what is queued and done. */
  readonly observer?: SchedulerObserver;
}

/** What /healthz wants to know; moments are in milliseconds since the epoch. */
export interface SchedulerStatus {
  /** When something was queued last, or undefined. */
  readonly lastQueued: number | undefined;
  /** When a sync ended well last, or undefined. */
  readonly lastCompleted: number | undefined;
  /**
   * Since when the oldest change waits that no completed sync has taken: unhealthy when that is
   * more than 2 × syncPeriod ago (KEP-3836). Undefined when nothing waits.
   */
  readonly waitingSince: number | undefined;
  /** How many syncs have failed since the last that ended well. */
  readonly failures: number;
}

/** Milliseconds before the first repetition of a failed sync; doubles with each further failure. */
const FIRST_RETRY = 100;

/**
 * Of a sync's duration, how long the host rests after it when no interval is configured. A lone
 * change never waits for it, and a storm leaves a third of the time to everything else.
 */
const REST = 0.5;

/** A sync that is asked for but not yet started. */
interface Wish {
  readonly kind: SyncKind;
  /** When the oldest of the changes it stands for was queued. */
  readonly since: number;
}

/** Runs syncs, never two at a time. */
export class Scheduler {
  readonly #options: SchedulerOptions;
  #wish: Wish | undefined;
  /** Set while a sync is in flight; settles after it, and never rejects. */
  #flight: { readonly since: number; readonly landed: Promise<void> } | undefined;
  /** Set while a timer runs before whose end nothing starts. */
  #cancelTimer: (() => void) | undefined;
  /** While it is above 0 nothing starts. */
  #alone = 0;
  #failures = 0;
  #lastQueued: number | undefined;
  #lastCompleted: number | undefined;
  #state: "running" | "paused" | "stopped" = "running";

  /**
   * Makes a scheduler that waits for its first change.
   *
   * @param options Clock, randomness, the sync and its limits.
   */
  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  /** Asks for a sync because an object has changed. Costs nothing when one is asked for already. */
  changed(): void {
    this.#queue("apply", "change");
  }

  /**
   * Asks for a full resync.
   *
   * @param reason Why, for the observer, as `"the table was changed by someone else"`.
   */
  requestResync(reason: string): void {
    this.#queue("resync", reason);
  }

  /** Starts no sync until {@linkcode Scheduler.resume}; the plugin is away. */
  pause(): void {
    if (this.#state === "running") this.#state = "paused";
  }

  /**
   * Goes on after {@linkcode Scheduler.pause}. What has failed before is retried at once, since
   * the plugin that failed is another now.
   */
  resume(): void {
    if (this.#state !== "paused") return;
    this.#state = "running";
    if (this.#failures > 0) this.#disarm();
    this.#arm(0);
  }

  /**
   * Does something else that no sync may meet: after the one in flight, before any other.
   *
   * @param work What.
   * @returns What it returned.
   * @throws Whatever it threw.
   */
  async alone<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#alone++;
    try {
      await this.#flight?.landed;
      return await work();
    } finally {
      this.#alone--;
      this.#arm(0);
    }
  }

  /**
   * Starts nothing any more.
   *
   * @returns Settles when the sync in flight, if any, has ended, well or not.
   */
  async stop(): Promise<void> {
    this.#state = "stopped";
    this.#disarm();
    await this.#flight?.landed;
  }

  /** What has been queued and done so far, for /healthz. */
  get status(): SchedulerStatus {
    return {
      lastQueued: this.#lastQueued,
      lastCompleted: this.#lastCompleted,
      waitingSince: this.#flight?.since ?? this.#wish?.since,
      failures: this.#failures,
    };
  }

  #queue(kind: SyncKind, reason: string): void {
    const now = this.#options.clock.now();
    this.#lastQueued = now;
    this.#want(kind, now);
    this.#options.observer?.queued(now, reason);
    this.#arm(0);
  }

  #want(kind: SyncKind, since: number): void {
    const resync = kind === "resync" || this.#wish?.kind === "resync";
    this.#wish = {
      kind: resync ? "resync" : "apply",
      since: Math.min(since, this.#wish?.since ?? since),
    };
  }

  #disarm(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  /**
   * Sees to it that a wish is granted, in `delay` milliseconds at the earliest, or when the timer
   * that is running already rings. Even the first change waits for the end of its macrotask: what
   * came with it goes with it. Only durations are used, so that a clock set back stalls nothing.
   */
  #arm(delay: number): void {
    if (this.#flight !== undefined || this.#cancelTimer !== undefined) return;
    if (this.#state === "stopped" || (this.#wish === undefined && delay === 0)) return;
    this.#cancelTimer = this.#options.clock.after(delay, () => {
      this.#cancelTimer = undefined;
      this.#start();
    });
  }

  #start(): void {
    const wish = this.#wish;
    if (wish === undefined || this.#state !== "running" || this.#alone > 0) return;
    this.#wish = undefined;
    const landed = Promise.resolve().then(() => this.#fly(wish));
    this.#flight = { since: wish.since, landed };
  }

  async #fly(wish: Wish): Promise<void> {
    const { clock, sync, minInterval, observer } = this.#options;
    const start = clock.now();
    let rest: number;
    try {
      await sync(wish.kind, wish.since);
      const end = clock.now();
      const duration = Math.max(0, end - start);
      rest = minInterval > 0 ? Math.max(0, minInterval - duration) : REST * duration;
      this.#failures = 0;
      this.#lastCompleted = end;
      observer?.completed(end, wish.kind, duration);
    } catch (thrown) {
      const end = clock.now();
      rest = Math.max(this.#retryDelay(), minInterval - Math.max(0, end - start));
      this.#failures++;
      // Nobody knows how much of it the plugin or the kernel took: only everything is safe.
      this.#want("resync", wish.since);
      observer?.failed(end, wish.kind, thrown, rest);
    }
    this.#flight = undefined;
    this.#arm(rest);
  }

  /** Half to whole of the doubling wait, so that a thousand nodes do not retry in step. */
  #retryDelay(): number {
    const full = Math.min(this.#options.syncPeriod, FIRST_RETRY * 2 ** this.#failures);
    return full * (0.5 + this.#options.random() / 2);
  }
}

/** A frame of a stack trace: the function, the file, the line and, of a bundle, the column. */
const FRAME = /^ {4}at (?:async )?(?:(.+?) \()?(\S.*?):(\d+)(:\d+)?\)?$/gm;

/** What a plugin is made with, and the engine: it is rather the caller that went wrong. */
const FOREIGN = /^(plugins\/sdk\/|schemas\/|ext:|node:)/;

/**
 * Finds the place in a plugin at which a failed sync failed: of its author's files, if some are in
 * the stack.
 *
 * @param thrown What it failed with.
 * @returns For example `programme, plugins/mine/rules.ts:33`, or `programme, 3359:11 of its bundle`
 * where the sources are not known; undefined when no plugin threw.
 */
export function failedAt(thrown: unknown): string | undefined {
  const cause: unknown = thrown instanceof WeirError && thrown.code === "WEIR_PLUGIN_FAILED"
    ? thrown.cause
    : undefined;
  if (typeof cause !== "object" || cause === null || !("stack" in cause)) return undefined;
  const frames = [...String(cause.stack).matchAll(FRAME)];
  const frame = frames.find(([, , file = ""]) => !FOREIGN.test(file)) ?? frames[0];
  if (frame === undefined) return undefined;
  const [, name, file = "", line = "", column = ""] = frame;
  const place = /^(data|blob):/.test(file)
    ? `${line}${column} of its bundle`
    : `${file}:${line}${column}`;
  return name === undefined ? place : `${name}, ${place}`;
}

/**
 * Words a failed sync for the log.
 *
 * @param kind What the sync was to do.
 * @param thrown What it failed with.
 * @param delay Milliseconds to the next attempt.
 * @returns One line.
 */
export function describeFailure(kind: SyncKind, thrown: unknown, delay: number): string {
  return `Cannot sync "${kind}": ${messageOf(thrown)}; full resync in ${Math.round(delay)} ms`;
}
