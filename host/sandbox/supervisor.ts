/**
 * Keeps one plugin running: starts it, starts it again when it dies, gives it up when it dies too
 * often, and says at every moment which of these it is.
 *
 * @module
 */
import type { CallMethod, CallParams, CallResult } from "../../schemas/calls.ts";
import { messageOf, WeirError } from "../../schemas/errors.ts";
import type { Grants, PluginManifest } from "../../schemas/manifest.ts";
import type { InspectorMethod, InspectorParams } from "../../schemas/inspection.ts";
import {
  type CallOptions,
  type CallUnderWay,
  Connection,
  type ConnectionOptions,
} from "./connection.ts";
import type { Sandbox } from "./process.ts";
import { afterDeath, PARKED_REMEDY } from "./restarts.ts";

/** What a plugin is doing. See `PluginStateName` for what each means. */
export type PluginState =
  | { readonly type: "idle" | "starting" | "stopped" }
  | {
    readonly type: "ready";
    readonly manifest: PluginManifest;
    readonly grants: Grants;
    /** The process id. */
    readonly pid: number;
  }
  | { readonly type: "waiting"; readonly delayMs: number; readonly reason: string }
  | { readonly type: "parked"; readonly reason: string };

/** What a supervised plugin stands on. */
export interface SupervisorOptions extends ConnectionOptions {
  /** Starts a fresh sandbox with the plugin's text. */
  readonly start: () => Sandbox;
  /**
   * `warm`: always running, told to the lead of the flow by `onReady`. `on-demand`: started for a
   * call and stopped when no call is left.
   */
  readonly mode: "warm" | "on-demand";
  /** A number from 0 up to 1, for jitter. */
  readonly random: () => number;
  /**
   * The plugin is ready and knows nothing: give it its whole state (`resync`). Called after every
   * start.
   */
  readonly onReady?: (manifest: PluginManifest) => void;
}

/** A plugin that is kept running. */
export interface SupervisedPlugin {
  /** What it is doing now. */
  readonly state: () => PluginState;
  /** How often it was started again after a death. */
  readonly restarts: () => number;
  /**
   * Calls a handler. A plugin that is not ready rejects at once: what the call would have said is
   * said by the resync after `onReady`.
   *
   * @param method The call.
   * @param params Its parameters.
   * @param options Deadline and trace context.
   * @returns The handler's result.
   * @throws {WeirError} See `Connection.call`; WEIR_PLUGIN_DIED while it is not running,
   * WEIR_PLUGIN_PARKED or WEIR_PLUGIN_REFUSED when it was given up.
   */
  readonly call: <Method extends CallMethod>(
    method: Method,
    params: CallParams[Method],
    options?: CallOptions,
  ) => Promise<CallResult<Method>>;
  /**
   * The calls that have not returned yet.
   *
   * @returns Handlers and when they were asked for.
   */
  readonly underWay: () => readonly CallUnderWay[];
  /**
   * Gives V8's profilers in the plugin's process a command.
   *
   * @param method The command.
   * @param params Its parameters.
   * @returns What V8 answers.
   * @throws {WeirError} See `Connection.inspect`; WEIR_PROFILE while it is not running.
   */
  readonly inspect: (method: InspectorMethod, params?: InspectorParams) => Promise<unknown>;
  /**
   * Ends the plugin for good.
   *
   * @returns Settles when its process is gone.
   */
  readonly stop: () => Promise<void>;
}

/**
 * Starts to supervise a plugin.
 *
 * @param options What it stands on.
 * @returns The plugin; a warm one is `starting`.
 */
export function supervisePlugin(options: SupervisorOptions): SupervisedPlugin {
  const supervisor = new Supervisor(options);
  return {
    state: () => supervisor.state,
    restarts: () => supervisor.restarts,
    call: (method, params, call) => supervisor.call(method, params, call),
    underWay: () => supervisor.underWay,
    inspect: (method, params) => supervisor.inspect(method, params),
    stop: () => supervisor.stop(),
  };
}

/** What is refused once, or cannot be run, is so again: starting anew cannot help. */
const LASTING: ReadonlySet<string> = new Set(["WEIR_PLUGIN_REFUSED", "WEIR_PLUGIN_LOAD"]);

class Supervisor {
  state: PluginState = { type: "idle" };
  restarts = 0;

  readonly #options: SupervisorOptions;
  readonly #deaths: number[] = [];
  readonly #series = new Set<string>();
  #sandbox: Sandbox | undefined;
  #connection: Promise<Connection> | undefined;
  /** The connection that became ready last; its process may be gone. */
  #ready: Connection | undefined;
  #cancelRestart: () => void = () => {};
  #calls = 0;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    if (options.mode === "warm") this.#begin();
  }

  async call<Method extends CallMethod>(
    method: Method,
    params: CallParams[Method],
    call: CallOptions = {},
  ): Promise<CallResult<Method>> {
    if (this.#options.mode === "on-demand" && this.state.type === "idle") this.#begin();
    const connection = this.#connection;
    const starting = this.state.type === "starting" && this.#options.mode === "on-demand";
    if (connection === undefined || !(starting || this.state.type === "ready")) {
      throw this.#unavailable(method);
    }
    this.#calls++;
    try {
      return await (await connection).call(method, params, call);
    } finally {
      this.#calls--;
      if (this.#options.mode === "on-demand" && this.#calls === 0) await this.#rest();
    }
  }

  get underWay(): readonly CallUnderWay[] {
    return this.#ready?.underWay ?? [];
  }

  async inspect(method: InspectorMethod, params: InspectorParams = {}): Promise<unknown> {
    const open = this.#ready;
    if (open === undefined || this.state.type !== "ready") {
      const { reference } = this.#options;
      const state = `it is ${this.state.type}, and profiles are taken of a running process`;
      throw new WeirError("WEIR_PROFILE", `Cannot profile "${reference}": ${state}`);
    }
    return await open.inspect(method, params);
  }

  async stop(): Promise<void> {
    const connection = this.#connection;
    // Nothing was granted to it yet, and it may be one that never says its welcome.
    if (this.state.type === "starting") this.#sandbox?.kill();
    this.#cancelRestart();
    this.#enter({ type: "stopped" });
    // A failed start has cleaned up after itself.
    await connection?.then((open) => open.stop(), () => {});
  }

  #enter(state: PluginState): void {
    this.state = state;
    this.#options.observe({ type: "state", state: state.type });
  }

  #unavailable(method: CallMethod): WeirError {
    const { state } = this;
    const plugin = this.#options.reference;
    const parked = state.type === "parked";
    const reason = state.type === "waiting" || parked ? `: ${state.reason}` : "";
    return new WeirError(
      parked ? "WEIR_PLUGIN_PARKED" : "WEIR_PLUGIN_DIED",
      `Cannot ${method} by plugin "${plugin}": it is ${state.type}${reason}`,
    );
  }

  #begin(): void {
    this.#enter({ type: "starting" });
    const connection = this.#open();
    this.#connection = connection;
    connection.then((open) => this.#opened(open, connection), (thrown) => this.#failed(thrown));
  }

  async #open(): Promise<Connection> {
    this.#sandbox = this.#options.start();
    return await Connection.open(this.#sandbox, { ...this.#options, series: this.#series });
  }

  #opened(open: Connection, connection: Promise<Connection>): void {
    if (this.state.type !== "starting") return;
    const { manifest, grants, pid } = open;
    this.#ready = open;
    this.#enter({ type: "ready", manifest, grants, pid });
    void open.ended.then(({ code, reason }) => {
      // Not the current one any more: it was stopped on purpose.
      if (this.state.type === "stopped" || this.#connection !== connection) return;
      this.#options.observe({ type: "death", code, reason });
      this.#died(reason);
    });
    this.#options.onReady?.(manifest);
  }

  #failed(thrown: unknown): void {
    if (this.state.type !== "starting") return;
    const code = thrown instanceof WeirError ? thrown.code : "WEIR_PLUGIN_DIED";
    const reason = messageOf(thrown);
    this.#options.observe({ type: "death", code, reason });
    if (LASTING.has(code)) this.#park(reason);
    else this.#died(reason);
  }

  #died(reason: string): void {
    const { clock, limits, random, log, reference, mode } = this.#options;
    this.#connection = undefined;
    const now = clock.now();
    this.#deaths.push(now);
    this.#deaths.splice(0, this.#deaths.length - limits.deaths);
    const next = afterDeath(this.#deaths, now, random(), limits);
    if (next.type === "park") {
      const often = `it died ${limits.deaths} times in ${limits.deathWindowMs / 1000} s`;
      this.#park(`${often}, last: ${reason}`);
      return;
    }
    const { delayMs } = next;
    log.error("plugin died and will be started again; the kernel keeps its last rules", {
      plugin: reference,
      reason,
      delayMs: Math.round(delayMs),
    });
    this.#enter({ type: "waiting", delayMs, reason });
    this.#cancelRestart = clock.after(delayMs, () => {
      if (mode === "on-demand") return this.#enter({ type: "idle" });
      this.restarts++;
      this.#begin();
    });
  }

  #park(reason: string): void {
    const { log, reference } = this.#options;
    this.#connection = undefined;
    log.error("plugin is parked; the kernel keeps its last rules", {
      plugin: reference,
      reason,
      remedy: PARKED_REMEDY,
    });
    this.#enter({ type: "parked", reason });
  }

  async #rest(): Promise<void> {
    const connection = this.#connection;
    if (this.state.type !== "ready" || connection === undefined) return;
    this.#connection = undefined;
    this.#enter({ type: "idle" });
    await (await connection).stop();
  }
}
