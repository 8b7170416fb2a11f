/**
 * The local-detector in force and its answer, and how another takes its place.
 *
 * @module
 */
import type { Log } from "../schemas/capability.ts";
import type { WeirConfig } from "../schemas/config.ts";
import { WeirError } from "../schemas/errors.ts";
import type { Node } from "../schemas/kube.ts";
import type { LocalMatch } from "../schemas/view.ts";
import type { Clock } from "./clock.ts";
import { Detection, type DetectionOptions } from "./detection.ts";
import type { Prepared } from "./prepared.ts";
import type { PluginState, SupervisedPlugin } from "./sandbox/supervisor.ts";

/** The part of the configuration that is about local traffic, and about plugins. */
export type LocalTrafficConfig =
  & DetectionOptions["config"]
  & Pick<WeirConfig, "plugins" | "limits">;

/** What it stands on. */
export interface LocalTrafficOptions {
  /** Tells which detector a configuration asks for: equal for one and the same. */
  readonly identify: (config: LocalTrafficConfig) => string;
  /** Loads the detector of a configuration. */
  readonly load: (config: LocalTrafficConfig) => Promise<SupervisedPlugin>;
  /** Called when the answer is there for the first time, and when it has become another. */
  readonly changed: () => void;
  /** Called when the configuration to begin with can have no answer: weir must not go on. */
  readonly fail: (fault: WeirError) => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** Milliseconds until a new configuration's detector must have answered. */
const PATIENCE_MS = 15_000;

/** A detector and what it says. */
interface Detector {
  readonly identity: string;
  readonly loading: Promise<SupervisedPlugin>;
  readonly detection: Detection;
  plugin: SupervisedPlugin | undefined;
}

/**
 * Whom an answer is told to, for the time being. Made outside of {@linkcode LocalTraffic.prepare}:
 * all functions of one call share what any of them needs, so that one that a detector keeps there
 * would keep its former, and that one its own.
 */
class Listener {
  to: () => void;
  readonly hear = (): void => this.to();

  constructor(to: () => void) {
    this.to = to;
  }
}

/** Knows how local traffic is told. */
export class LocalTraffic {
  readonly #options: LocalTrafficOptions;
  #inForce: Detector;
  readonly #running = new Set<Promise<SupervisedPlugin>>();

  /**
   * Starts to load the detector.
   *
   * @param config The configuration.
   * @param options What it stands on.
   */
  constructor(config: LocalTrafficConfig, options: LocalTrafficOptions) {
    this.#options = options;
    this.#inForce = this.#detector(config, undefined, options.changed);
  }

  /** How local traffic is told, or undefined while that is not known yet. */
  get matches(): readonly LocalMatch[] | undefined {
    return this.#inForce.detection.matches;
  }

  /** What the detector in force is doing; undefined while its code is being loaded. */
  get state(): PluginState | undefined {
    return this.#inForce.plugin?.state();
  }

  /**
   * Waits for the code of the detector in force.
   *
   * @returns Settles when it has been loaded.
   * @throws {WeirError} WEIR_PLUGIN_LOAD when its code cannot be had.
   */
  async loaded(): Promise<void> {
    await this.#inForce.loading;
  }

  /**
   * Takes notice of the Node.
   *
   * @param node This Node, or undefined while none has been seen.
   */
  observe(node: Node | undefined): void {
    this.#inForce.detection.observe(node);
  }

  /**
   * Asks how another configuration tells local traffic.
   *
   * @param config The other configuration.
   * @param node This Node, as far as it is known.
   * @returns Ready to answer.
   * @throws {WeirError} When the detector cannot be loaded, or has no answer in time.
   */
  async prepare(config: LocalTrafficConfig, node: Node | undefined): Promise<Prepared> {
    const { clock, changed } = this.#options;
    const former = this.#inForce;
    const reused = former.identity === this.#options.identify(config) ? former : undefined;
    const answered = Promise.withResolvers<void>();
    const listener = new Listener(answered.resolve);
    const next = this.#detector(config, reused, listener.hear);
    const discard = (detector: Detector, other: Detector) => {
      detector.detection.stop();
      if (detector.loading !== other.loading) this.#stop(detector.loading);
    };
    const cancel = clock.after(PATIENCE_MS, () =>
      answered.reject(
        new WeirError(
          "WEIR_PLUGIN_TIMEOUT",
          `Cannot tell local traffic by "${config.detectLocalMode}": there is no answer after ` +
            `${PATIENCE_MS / 1000} s`,
        ),
      ));
    next.detection.observe(node);
    try {
      await Promise.all([next.loading, answered.promise]);
    } catch (thrown) {
      discard(next, former);
      throw thrown;
    } finally {
      cancel();
    }
    listener.to = changed;
    return {
      commit: () => {
        this.#inForce = next;
        discard(former, next);
        if (JSON.stringify(former.detection.matches) !== JSON.stringify(this.matches)) changed();
      },
      abort: () => discard(next, former),
    };
  }

  /**
   * Asks no more, and ends the detector.
   *
   * @returns Settles when no process is left. Never rejects.
   */
  async stop(): Promise<void> {
    this.#inForce.detection.stop();
    await Promise.all([...this.#running].map((loading) => this.#stop(loading)));
  }

  #detector(
    config: LocalTrafficConfig,
    reused: Detector | undefined,
    changed: () => void,
  ): Detector {
    const { identify, load, fail, clock, log } = this.#options;
    const loading = reused?.loading ?? load(config);
    this.#running.add(loading);
    const detector: Detector = {
      identity: identify(config),
      loading,
      plugin: reused?.plugin,
      detection: new Detection({
        config,
        detect: async (params) => await (await loading).call("detect", params),
        changed,
        // Another configuration has to answer sooner, and is given up before.
        fail,
        clock,
        log,
      }),
    };
    // Whoever waits for it sees the rejection.
    loading.then((plugin) => detector.plugin = plugin, () => {});
    return detector;
  }

  async #stop(loading: Promise<SupervisedPlugin>): Promise<void> {
    await loading.then((plugin) => plugin.stop(), () => {});
    this.#running.delete(loading);
  }
}
