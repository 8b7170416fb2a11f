/**
 * Who programs the kernel: one proxier at a time, and another can take its place while traffic
 * flows.
 *
 * Why no connection is lost meanwhile: the new one's rules are in the kernel before the old one's
 * go. For a moment both are there, as when weir takes over from kube-proxy (see takeover.ts): a
 * connection is translated once, by whoever was there first, and conntrack keeps that. Where both
 * own the same table, as a copy of the built-in proxier does, they cannot stand side by side: the
 * old one's hands are taken off, and the new one's first commit replaces the table in one step, as
 * it does after a restart.
 *
 * When the new one fails, whatever it has written goes, and the old one goes on.
 *
 * @module
 */
import type { CallMethod, CallParams, CallResult } from "../schemas/calls.ts";
import { messageOf, WeirError } from "../schemas/errors.ts";
import type { Clock } from "./clock.ts";
import type { Proxier, ProxierOptions } from "./proxier.ts";
import type { CallOptions } from "./sandbox/connection.ts";
import type { SandboxEvent } from "./sandbox/event.ts";
import type { PluginState } from "./sandbox/supervisor.ts";
import type { Logger } from "./telemetry/log.ts";

/** A proxier that is kept running. */
export type RunningProxier = Pick<
  Proxier,
  "name" | "state" | "tables" | "loaded" | "ready" | "call" | "silence" | "stop"
>;

/** Starts to load one. */
export type StartProxier = (
  hooks: Pick<ProxierOptions, "onReady" | "observe">,
) => RunningProxier;

/** What proxiers stand on. */
export interface ProxiersOptions {
  /**
   * Finds the tables that weir has made for plugins of an earlier life: they would come first, and
   * nobody keeps them up to date. Those of the one in force may be among them.
   */
  readonly formerTables: () => Promise<readonly string[]>;
  /**
   * Deletes a table that nobody owns any more, in every family; tells whether there was one. To be
   * asked anew before each step: whoever is granted it meanwhile keeps it.
   */
  readonly deleteTable: (table: string, isOwned: () => boolean) => Promise<boolean>;
  /** The one in force has started and knows nothing. */
  readonly onReady: () => void;
  /** The one in force cannot be called for now. */
  readonly onAway: () => void;
  readonly observe: (proxier: string, event: SandboxEvent) => void;
  /** Does something that no sync may meet. */
  readonly alone: (work: () => Promise<void>) => Promise<void>;
  /** Whether it is known what there is to program; less than all must not take the place of it. */
  readonly canTell: () => boolean;
  /** Tells everything to whomever {@linkcode Proxiers.call} leads to. */
  readonly resync: () => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Milliseconds for a successor's first sync, in which no change of a Service is programmed: ten
 * times what 10,000 Services take.
 */
const TRIAL_MS = 10_000;

/** The proxier in force and, for a while, its successor. */
export class Proxiers {
  readonly #options: ProxiersOptions;
  #inForce: RunningProxier;
  /** Who is called instead, while it is tried. */
  #tried: RunningProxier | undefined;
  #lookedForFormer = false;
  /** All that have a process, or may have. */
  readonly #running = new Set<RunningProxier>();

  /**
   * Starts to load the first.
   *
   * @param start The first.
   * @param options What they stand on.
   */
  constructor(start: StartProxier, options: ProxiersOptions) {
    this.#options = options;
    this.#inForce = this.#start(start);
  }

  /** What the one in force is called in logs and metrics. */
  get name(): string {
    return this.#inForce.name;
  }

  /** What the one in force is doing; undefined while its code is being loaded. */
  get state(): PluginState | undefined {
    return this.#inForce.state;
  }

  /**
   * Waits for the code of the one in force.
   *
   * @returns Settles when it has been loaded.
   * @throws {WeirError} WEIR_PLUGIN_LOAD when its code cannot be had.
   */
  loaded(): Promise<void> {
    return this.#inForce.loaded();
  }

  /**
   * Calls a handler of the one in force.
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
    options?: CallOptions,
  ): Promise<CallResult<Method>> {
    return await (this.#tried ?? this.#inForce).call(method, params, options);
  }

  /**
   * Puts another proxier in force: its rules first, then the former one's go.
   *
   * @param start The other one.
   * @returns Settles when it is in force and nothing of the former one is left.
   * @throws {WeirError} When it cannot be loaded or started, or does not program the kernel in
   * time. The former one is in force then.
   */
  async switchTo(start: StartProxier): Promise<void> {
    const { alone, log } = this.#options;
    const former = this.#inForce;
    const next = this.#start(start);
    try {
      await next.ready();
      await alone(() => this.#try(next, former));
    } catch (thrown) {
      await this.#end(next);
      throw thrown;
    }
    log.info("Another proxier programs the kernel", { proxier: next.name, former: former.name });
    if (!shareTable(next, former)) await this.#cleanUp(former);
    await this.#end(former);
  }

  /**
   * To be called once the one in force has programmed everything; from the second call on it does
   * nothing.
   */
  programmed(): void {
    if (this.#lookedForFormer) return;
    this.#lookedForFormer = true;
    void this.#deleteFormer();
  }

  /**
   * Ends whoever runs; the rules stay.
   *
   * @returns Settles when no process is left. Never rejects.
   */
  async stop(): Promise<void> {
    await Promise.all([...this.#running].map((proxier) => proxier.stop()));
  }

  #start(start: StartProxier): RunningProxier {
    const proxier: RunningProxier = start({
      onReady: () => {
        if (proxier === this.#inForce) this.#options.onReady();
      },
      observe: (event) => this.#observe(proxier, event),
    });
    this.#running.add(proxier);
    return proxier;
  }

  #observe(proxier: RunningProxier, event: SandboxEvent): void {
    const { observe, onAway } = this.#options;
    const inForce = proxier === this.#inForce;
    // Of two with one name, as when only the pin has changed, the metrics show who is in force.
    const hidden = !inForce && event.type === "state" && proxier.name === this.name;
    if (!hidden) observe(proxier.name, event);
    if (inForce && event.type === "state" && event.state !== "ready") onAway();
  }

  /** Lets a proxier program the kernel for the first time, while no sync is under way. */
  async #try(next: RunningProxier, former: RunningProxier): Promise<void> {
    if (!this.#options.canTell()) {
      throw new WeirError(
        "WEIR_PLUGIN_FAILED",
        `Cannot program by proxier "${next.name}": it is not known yet what there is to program`,
      );
    }
    const shared = shareTable(next, former);
    former.silence(shared);
    this.#tried = next;
    let late = false;
    const cancel = this.#options.clock.after(TRIAL_MS, () => {
      late = true;
      void next.stop();
    });
    try {
      await this.#options.resync();
      this.#inForce = next;
    } catch (thrown) {
      former.silence(false);
      if (!shared) await this.#cleanUp(next);
      if (!late) throw thrown;
      throw new WeirError(
        "WEIR_PLUGIN_TIMEOUT",
        `Cannot program by proxier "${next.name}": it was not done after ${TRIAL_MS / 1000} s`,
        { cause: thrown },
      );
    } finally {
      cancel();
      this.#tried = undefined;
    }
  }

  /** Removes what a proxier has written: by itself, and in any case the tables it was granted. */
  async #cleanUp(proxier: RunningProxier): Promise<void> {
    const { log } = this.#options;
    try {
      if (proxier.state?.type === "ready") await proxier.call("cleanup", null);
    } catch (thrown) {
      log.warn("A proxier did not clean up; deleting its tables", {
        plugin: proxier.name,
        err: messageOf(thrown),
      });
    }
    // It could write again.
    await this.#end(proxier);
    await this.#deleteTables(proxier.tables);
  }

  async #deleteFormer(): Promise<void> {
    const { formerTables, log } = this.#options;
    try {
      await this.#deleteTables(await formerTables());
    } catch (thrown) {
      log.error("Cannot look for tables of former plugins; run `weir cleanup` with weir stopped", {
        err: messageOf(thrown),
      });
    }
  }

  async #deleteTables(tables: Iterable<string>): Promise<void> {
    const { deleteTable, log } = this.#options;
    for (const table of tables) {
      // Also by a successor, which is only tried so far.
      const isOwned = () => [...this.#running].some((proxier) => proxier.tables.has(table));
      if (isOwned()) continue;
      try {
        if (await deleteTable(table, isOwned)) {
          log.info("Deleted a table of a former plugin", { table });
        }
      } catch (thrown) {
        log.error("Cannot delete a table of a former plugin; delete it with nft", {
          table,
          err: messageOf(thrown),
        });
      }
    }
  }

  async #end(proxier: RunningProxier): Promise<void> {
    await proxier.stop();
    this.#running.delete(proxier);
  }
}

function shareTable(one: RunningProxier, other: RunningProxier): boolean {
  return [...one.tables].some((table) => other.tables.has(table));
}
