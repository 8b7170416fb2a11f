/**
 * Which plugins weir has: who looks at weir is told of all of them, whatever each is for.
 *
 * @module
 */
import type { Grants, PluginManifest } from "../schemas/manifest.ts";
import type { PluginState, SupervisedPlugin } from "./sandbox/supervisor.ts";

/** A plugin, as far as it is shown. */
export interface EnrolledPlugin {
  /** What it is called in logs and metrics. */
  readonly name: string;
  readonly kind: PluginManifest["kind"];
  /** `warm` is always running, `on-demand` only during calls. */
  readonly mode: "warm" | "on-demand";
  /** Of its bundled text, in hexadecimal digits. */
  readonly sha256: string;
  readonly state: PluginState;
  /** How often it was started again after a death. */
  readonly restarts: number;
  /** What it asked for and was given at its last start; undefined before the first. */
  readonly admitted: { readonly manifest: PluginManifest; readonly grants: Grants } | undefined;
}

/** What is known of a plugin from its start on. */
type Enrolment = Pick<EnrolledPlugin, "name" | "kind" | "mode" | "sha256">;

interface Entry {
  readonly enrolment: Enrolment;
  readonly plugin: Pick<SupervisedPlugin, "state" | "restarts">;
  admitted: EnrolledPlugin["admitted"];
}

/** Remembers who was started, until it is stopped for good. */
export class PluginRoster {
  readonly #entries = new Set<Entry>();

  /**
   * Enrols a plugin.
   *
   * @param enrolment What is known of it.
   * @param plugin Tells what it is doing.
   * @returns To be told what it is admitted with, at each of its starts.
   */
  enrol(
    enrolment: Enrolment,
    plugin: Entry["plugin"],
  ): (admitted: NonNullable<EnrolledPlugin["admitted"]>) => void {
    this.#forgetStopped();
    const entry: Entry = { enrolment, plugin, admitted: undefined };
    this.#entries.add(entry);
    return (admitted) => entry.admitted = admitted;
  }

  /**
   * Lists those that were not stopped for good. While one takes the place of another of its name,
   * both are there.
   *
   * @returns Them, sorted by name.
   */
  list(): readonly EnrolledPlugin[] {
    this.#forgetStopped();
    return [...this.#entries].map(({ enrolment, plugin, admitted }) => ({
      ...enrolment,
      state: plugin.state(),
      restarts: plugin.restarts(),
      admitted,
    })).sort((one, other) => one.name < other.name ? -1 : one.name > other.name ? 1 : 0);
  }

  #forgetStopped(): void {
    for (const entry of this.#entries) {
      if (entry.plugin.state().type === "stopped") this.#entries.delete(entry);
    }
  }
}
