/**
 * One proxier with its hands on the kernel: which tables it was granted, and whether it may write
 * them just now.
 *
 * @module
 */
import type { CallMethod, CallParams, CallResult } from "../schemas/calls.ts";
import { type ErrorCode, WeirError } from "../schemas/errors.ts";
import type { GrantedCapability } from "./capabilities/capability.ts";
import { type PluginGround, type PluginSource, startPlugin } from "./plugins.ts";
import type { CallOptions } from "./sandbox/connection.ts";
import type { SandboxEvent } from "./sandbox/event.ts";
import type { Jail } from "./sandbox/jail.ts";
import type { PluginState, SupervisedPlugin } from "./sandbox/supervisor.ts";

/** What a proxier stands on. */
export interface ProxierOptions {
  readonly source: PluginSource;
  readonly ground: PluginGround;
  readonly jail: Promise<Jail>;
  /** It has started and knows nothing. */
  readonly onReady: () => void;
  readonly observe: (event: SandboxEvent) => void;
}

/** A proxier that is kept running. */
export class Proxier {
  /** What it is called in logs and metrics. */
  readonly name: string;
  readonly #loading: Promise<SupervisedPlugin>;
  readonly #tables = new Set<string>();
  #plugin: SupervisedPlugin | undefined;
  #silenced = false;
  #news = Promise.withResolvers<void>();

  /**
   * Starts to load it.
   *
   * @param options Its source, and what it stands on.
   */
  constructor(options: ProxierOptions) {
    const { source, ground, jail, onReady } = options;
    this.name = source.name;
    const capabilities: PluginGround["capabilities"] = (owner) => {
      const factories = ground.capabilities(owner);
      const nft: typeof factories.nft = async (grant) => {
        const capability = await factories.nft(grant);
        this.#tables.add(grant.table);
        return this.#gated(capability);
      };
      return { ...factories, nft };
    };
    const observe = (event: SandboxEvent) => {
      options.observe(event);
      if (event.type !== "state") return;
      this.#news.resolve();
      this.#news = Promise.withResolvers();
    };
    const role = { kind: "proxier", mode: "warm", onReady, observe } as const;
    this.#loading = startPlugin(source, role, { ...ground, capabilities }, jail).then((plugin) =>
      this.#plugin = plugin
    );
    // Whoever waits for it sees the rejection.
    this.#loading.catch(() => {});
  }

  /** What it is doing now; undefined while its code is being loaded. */
  get state(): PluginState | undefined {
    return this.#plugin?.state();
  }

  /** The names of the nftables tables that it was granted since it was loaded. */
  get tables(): ReadonlySet<string> {
    return this.#tables;
  }

  /**
   * Waits for its code.
   *
   * @returns Settles when it has been loaded and is being started.
   * @throws {WeirError} WEIR_PLUGIN_LOAD when its code cannot be had.
   */
  async loaded(): Promise<void> {
    await this.#loading;
  }

  /**
   * Waits until it takes calls.
   *
   * @returns Settles once it is ready.
   * @throws {WeirError} When it cannot be loaded, or its first start fails.
   */
  async ready(): Promise<void> {
    const plugin = await this.#loading;
    for (;;) {
      const state = plugin.state();
      if (state.type === "ready") return;
      if (state.type === "parked") throw this.#cannotStart("WEIR_PLUGIN_REFUSED", state.reason);
      if (state.type === "waiting") throw this.#cannotStart("WEIR_PLUGIN_DIED", state.reason);
      if (state.type === "stopped") throw this.#cannotStart("WEIR_PLUGIN_DIED", "it was stopped");
      await this.#news.promise;
    }
  }

  /**
   * Calls a handler.
   *
   * @param method The call.
   * @param params Its parameters.
   * @param options Deadline, and the span that it belongs to.
   * @returns The handler's result.
   * @throws {WeirError} See `SupervisedPlugin.call`.
   */
  async call<Method extends CallMethod>(
    method: Method,
    params: CallParams[Method],
    options: CallOptions = {},
  ): Promise<CallResult<Method>> {
    return await (await this.#loading).call(method, params, options);
  }

  /**
   * Takes its hands off the kernel, or gives them back. What is under way is done before whatever
   * is committed afterwards: the kernel's end takes commits in order.
   *
   * @param silenced Whether it may do nothing.
   */
  silence(silenced: boolean): void {
    this.#silenced = silenced;
  }

  /**
   * Ends it for good; its rules stay.
   *
   * @returns Settles when its process is gone. Never rejects.
   */
  async stop(): Promise<void> {
    await this.#loading.then((plugin) => plugin.stop(), () => {});
  }

  #cannotStart(code: ErrorCode, reason: string): WeirError {
    return new WeirError(code, `Cannot start proxier "${this.name}": ${reason}`);
  }

  #gated(capability: GrantedCapability): GrantedCapability {
    return {
      invoke: async (method, params, attachment, span) => {
        if (this.#silenced) {
          throw new WeirError(
            "WEIR_PLUGIN_FAILED",
            `Cannot ${method} by plugin "${this.name}": another proxier has its tables`,
          );
        }
        return await capability.invoke(method, params, attachment, span);
      },
      close: () => capability.close(),
    };
  }
}
