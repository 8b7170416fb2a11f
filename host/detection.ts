/**
 * How traffic of this node's pods is told: asked of a local-detector, again whenever the Node's
 * pod ranges change.
 *
 * @module
 */
import type { CallParams } from "../schemas/calls.ts";
import type { Log } from "../schemas/capability.ts";
import type { WeirConfig } from "../schemas/config.ts";
import { messageOf, WeirError } from "../schemas/errors.ts";
import type { Node } from "../schemas/kube.ts";
import type { LocalMatch } from "../schemas/view.ts";
import type { Clock } from "./clock.ts";

/** What detection stands on. */
export interface DetectionOptions {
  readonly config: Pick<
    WeirConfig,
    "nodeName" | "detectLocalMode" | "clusterCIDRs" | "detectLocal"
  >;
  /** Calls the detector's handler. */
  readonly detect: (params: CallParams["detect"]) => Promise<readonly LocalMatch[]>;
  /** Called when the answer is there for the first time, and when it has become another. */
  readonly changed: () => void;
  /** Called when the Node has had no pod ranges for too long: weir must not go on. */
  readonly fail: (fault: WeirError) => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** Milliseconds before the first repetition while the detector fails; doubles up to the longest. */
const FIRST_RETRY_MS = 1_000;
/** A detector that is parked for good costs a call every half minute. */
const LONGEST_RETRY_MS = 30_000;

/** Milliseconds in which the Node must get its pod ranges, as long as kube-proxy waits for them. */
const POD_CIDR_PATIENCE_MS = 300_000;

/** Keeps the answer of a local-detector true. */
export class Detection {
  readonly #options: DetectionOptions;
  #matches: readonly LocalMatch[] | undefined;
  /** What the answer depends on, as it was asked last; undefined before the first time. */
  #question: string | undefined;
  #podCIDRs: readonly string[] = [];
  #cancelRetry: () => void = () => {};
  #cancelPatience: () => void = () => {};
  #failures = 0;
  #state: "waiting" | "asking" | "stopped" = "asking";

  /** @param options The detector and whom to tell. */
  constructor(options: DetectionOptions) {
    this.#options = options;
  }

  /** How local traffic is told, or undefined while that is not known yet. */
  get matches(): readonly LocalMatch[] | undefined {
    return this.#matches;
  }

  /**
   * Takes notice of the Node. NodeCIDR waits until it has pod ranges; all other modes do not
   * depend on it and are asked at the first call.
   *
   * @param node This Node, or undefined while none has been seen.
   */
  observe(node: Node | undefined): void {
    const { config, log } = this.#options;
    const byNode = config.detectLocalMode === "NodeCIDR";
    // A Node that is gone for a moment keeps its pods: what is known stays.
    if (byNode && node !== undefined) this.#podCIDRs = node.podCIDRs;
    if (byNode && this.#podCIDRs.length === 0) {
      if (this.#state === "asking") {
        log.info("Waiting for the Node's podCIDRs before programming anything", {
          node: config.nodeName,
        });
        this.#state = "waiting";
        // A Node that has had some may lose them: how its pods are told is known then.
        if (this.#question === undefined) {
          const { clock } = this.#options;
          this.#cancelPatience = clock.after(POD_CIDR_PATIENCE_MS, () => this.#giveUp());
        }
      }
      return;
    }
    this.#cancelPatience();
    const question = byNode ? this.#podCIDRs.join(",") : config.detectLocalMode;
    if (this.#state === "stopped" || question === this.#question) return;
    this.#state = "asking";
    this.#question = question;
    this.#failures = 0;
    void this.#ask(question);
  }

  /** Asks no more. */
  stop(): void {
    this.#state = "stopped";
    this.#cancelRetry();
    this.#cancelPatience();
  }

  #giveUp(): void {
    const { config, fail } = this.#options;
    this.stop();
    fail(
      new WeirError(
        "WEIR_NODE",
        `Cannot tell local traffic by the podCIDRs of Node "${config.nodeName}": it has none after ` +
          "5 minutes; have the controller manager allocate them (--allocate-node-cidrs), or choose " +
          "another --detect-local-mode",
      ),
    );
  }

  async #ask(question: string): Promise<void> {
    this.#cancelRetry();
    const { config, detect, changed, clock, log } = this.#options;
    // A newer question may be under way when the answer comes: only its answer counts then.
    const outdated = () => this.#state === "stopped" || question !== this.#question;
    try {
      const matches = await detect({
        node: { name: config.nodeName, podCIDRs: this.#podCIDRs },
        config: { clusterCIDRs: config.clusterCIDRs, ...config.detectLocal },
      });
      if (outdated()) return;
      this.#failures = 0;
      if (JSON.stringify(matches) === JSON.stringify(this.#matches)) return;
      this.#matches = matches;
      log.info("Told local traffic by", { mode: config.detectLocalMode, matches });
      changed();
    } catch (thrown) {
      if (outdated()) return;
      const delay = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#failures++);
      log.error("Cannot tell local traffic; asking the detector again", {
        mode: config.detectLocalMode,
        delayMs: delay,
        err: messageOf(thrown),
      });
      this.#cancelRetry = clock.after(delay, () => void this.#ask(question));
    }
  }
}
