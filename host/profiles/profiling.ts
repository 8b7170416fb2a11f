/**
 * Everything that can be profiled, made when weir is started with --profiling.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import type { PluginStateName } from "../sandbox/event.ts";
import type { Origins } from "../sandbox/origins.ts";
import type { SupervisedPlugin } from "../sandbox/supervisor.ts";
import { openInspector } from "./inspector.ts";
import type { Profile } from "./pprof.ts";
import { Profiler } from "./profiler.ts";
import { bundleNaming, hostNaming } from "./stack.ts";
import { Tasks } from "./tasks.ts";

/** A plugin, as far as profiles need it. */
export type ProfiledPlugin = Pick<SupervisedPlugin, "state" | "underWay" | "inspect">;

interface Known {
  readonly plugin: ProfiledPlugin;
  readonly profiler: Profiler;
}

/** The host and its plugins as subjects of profiles. */
export class Profiling {
  /** Profiles the host. */
  readonly host: Profiler;
  readonly #clock: Clock;
  readonly #tasks: Tasks;
  readonly #plugins = new Map<string, Known>();

  /**
   * @param home weir's own folder; ends in `/`.
   * @param clock Time.
   */
  constructor(home: URL, clock: Clock) {
    this.#clock = clock;
    this.#tasks = new Tasks({ home, clock });
    this.host = new Profiler({
      subject: "weir",
      open: openInspector,
      naming: () => Promise.resolve(hostNaming(home)),
      clock,
    });
  }

  /** The clock for the host: who waits for it is a task. */
  get clock(): Clock {
    return this.#tasks.clock;
  }

  /** Profilers of all plugins that were not stopped for good, by name. */
  get plugins(): ReadonlyMap<string, Profiler> {
    return new Map(this.#known().map(([name, { profiler }]) => [name, profiler]));
  }

  /**
   * What the host waits for now.
   *
   * @returns The profile.
   */
  tasks(): Profile {
    return this.#tasks.profile(
      this.#known().map(([name, { plugin }]) => ({
        name,
        state: plugin.state().type,
        calls: plugin.underWay(),
      })),
    );
  }

  /**
   * Makes a plugin known. Another of the same name takes its place.
   *
   * @param name Its name in logs and metrics.
   * @param origins Where its text comes from.
   * @param plugin The plugin.
   * @returns To be told each state that it comes into.
   */
  add(name: string, origins: Origins, plugin: ProfiledPlugin): (state: PluginStateName) => void {
    const profiler = new Profiler({
      subject: name,
      open: async () => ({ post: (method, params) => plugin.inspect(method, params) }),
      naming: async () => bundleNaming(await origins.read()),
      clock: this.#clock,
    });
    this.#plugins.set(name, { plugin, profiler });
    return (state) => {
      if (state === "ready") profiler.renew();
      else profiler.lose();
    };
  }

  #known(): (readonly [string, Known])[] {
    for (const [name, { plugin }] of this.#plugins) {
      if (plugin.state().type === "stopped") this.#plugins.delete(name);
    }
    return [...this.#plugins];
  }
}
