/**
 * The plugins that a configuration asks for: which they are, and how each is started under its
 * limits.
 *
 * @module
 */
import type { WeirConfig } from "../schemas/config.ts";
import {
  detectorOf,
  type PluginGround,
  type PluginRole,
  type PluginSource,
  prepareJail,
  proxierOf,
  startPlugin,
  tunerOf,
} from "./plugins.ts";
import { Proxier } from "./proxier.ts";
import type { StartProxier } from "./proxiers.ts";
import type { SandboxEvent } from "./sandbox/event.ts";
import type { Jail } from "./sandbox/jail.ts";
import type { SupervisedPlugin } from "./sandbox/supervisor.ts";

/** The part of the configuration that is about every plugin. */
type PluginsConfig = Pick<WeirConfig, "plugins" | "limits">;
type ProxierConfig = PluginsConfig & Pick<WeirConfig, "mode">;
type DetectorConfig = PluginsConfig & Pick<WeirConfig, "detectLocalMode">;

/** What they stand on. */
export interface ConfiguredPluginsOptions {
  readonly ground: Omit<PluginGround, "limits">;
  /** Told of everything that happens to any of them. */
  readonly observe: (plugin: string, event: SandboxEvent) => void;
}

/** Starts what a configuration asks for. */
export class ConfiguredPlugins {
  readonly #options: ConfiguredPluginsOptions;
  /** What was found out of the node, by limits. */
  readonly #jails = new Map<string, Promise<Jail>>();

  /** @param options What they stand on. */
  constructor(options: ConfiguredPluginsOptions) {
    this.#options = options;
  }

  /**
   * Tells which proxier a configuration asks for.
   *
   * @param config The configuration.
   * @returns Equal for one and the same proxier under the same limits.
   */
  proxierIdentity(config: ProxierConfig): string {
    return JSON.stringify([proxierOf(config, this.#options.ground.home), config.limits]);
  }

  /**
   * Tells which local-detector a configuration asks for.
   *
   * @param config The configuration.
   * @returns Equal for one and the same detector under the same limits.
   */
  detectorIdentity(config: DetectorConfig): string {
    return JSON.stringify([this.#detectorOf(config), config.limits]);
  }

  /**
   * Names the local-detector of a configuration.
   *
   * @param config The configuration.
   * @returns What it is called in logs and metrics.
   */
  detectorName(config: DetectorConfig): string {
    return this.#detectorOf(config).name;
  }

  /**
   * Names all plugins of a configuration besides the proxier.
   *
   * @param config The configuration.
   * @returns What they are called in logs, metrics and the marks of tables.
   */
  assistantNames(config: DetectorConfig): readonly string[] {
    return [this.#detectorOf(config), tunerOf(config, this.#options.ground.home)]
      .map(({ name }) => name);
  }

  /**
   * Starts the proxier of a configuration.
   *
   * @param config The configuration.
   * @returns Starts to load it.
   */
  startProxier(config: ProxierConfig): StartProxier {
    const source = proxierOf(config, this.#options.ground.home);
    return (hooks) => new Proxier({ source, ...this.#under(config), ...hooks });
  }

  /**
   * Starts the local-detector of a configuration.
   *
   * @param config The configuration.
   * @returns The detector, which runs while it is asked.
   * @throws {WeirError} WEIR_PLUGIN_LOAD when its code cannot be had.
   */
  async startDetector(config: DetectorConfig): Promise<SupervisedPlugin> {
    return await this.#startOnDemand(this.#detectorOf(config), "local-detector", config);
  }

  /**
   * Tells which conntrack-tuner a configuration asks for.
   *
   * @param config The configuration.
   * @returns Equal for one and the same tuner under the same limits.
   */
  tunerIdentity(config: PluginsConfig): string {
    return JSON.stringify([tunerOf(config, this.#options.ground.home), config.limits]);
  }

  /**
   * Starts the conntrack-tuner of a configuration.
   *
   * @param config The configuration.
   * @returns The tuner, which runs while it is asked.
   * @throws {WeirError} WEIR_PLUGIN_LOAD when its code cannot be had.
   */
  async startTuner(config: PluginsConfig): Promise<SupervisedPlugin> {
    return await this.#startOnDemand(
      tunerOf(config, this.#options.ground.home),
      "conntrack-tuner",
      config,
    );
  }

  async #startOnDemand(
    source: PluginSource,
    kind: PluginRole["kind"],
    config: PluginsConfig,
  ): Promise<SupervisedPlugin> {
    const { ground, jail } = this.#under(config);
    const observe = (event: SandboxEvent) => this.#options.observe(source.name, event);
    return await startPlugin(source, { kind, mode: "on-demand", observe }, ground, jail);
  }

  #detectorOf(config: DetectorConfig): PluginSource {
    return detectorOf(config, this.#options.ground.home);
  }

  #under(
    { limits }: PluginsConfig,
  ): { readonly ground: PluginGround; readonly jail: Promise<Jail> } {
    const ground = { ...this.#options.ground, limits };
    const key = JSON.stringify(limits);
    const jail = this.#jails.get(key) ?? prepareJail(ground);
    this.#jails.set(key, jail);
    return { ground, jail };
  }
}
