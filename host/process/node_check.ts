/**
 * What weir finds out about its node after the start: which family comes first, and whether the
 * configuration fits. Nothing waits for it: rules of both families are right whichever is first.
 *
 * @module
 */
import type { Log } from "../../schemas/capability.ts";
import type { WeirConfig } from "../../schemas/config.ts";
import { WeirError } from "../../schemas/errors.ts";
import type { IpFamily, Node } from "../../schemas/kube.ts";
import type { Clock } from "../clock.ts";
import { checkConfiguration, type ConfigurationFacts } from "./configuration_check.ts";
import { boundAddress, type NodeIps, nodeIps } from "./node_ip.ts";

/** Milliseconds to wait for the Node's addresses, as long as kube-proxy does. */
const PATIENCE_MS = 30_000;

const FAMILIES: readonly IpFamily[] = ["IPv4", "IPv6"];
const LOOPBACK = { IPv4: "127.0.0.1", IPv6: "::1" } as const;

/** What the check stands on. */
export interface NodeCheckOptions {
  readonly config:
    & ConfigurationFacts["config"]
    & Pick<WeirConfig, "manifests">
    & { readonly bindAddress: string };
  /** The families that are served; at least one. */
  readonly served: readonly IpFamily[];
  /** Why the others are not. */
  readonly lacking: Readonly<Partial<Record<IpFamily, string>>>;
  /** Called once when weir must not go on. */
  readonly fail: (fault: WeirError) => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** Holds the configuration against the node, once the node is known. */
export class NodeCheck {
  readonly #options: NodeCheckOptions;
  readonly #cancelPatience: () => void;
  #ips: NodeIps | undefined;
  #podCIDRs: readonly string[] = [];
  readonly #told = new Set<string>();
  #ended = false;

  /** @param options The configuration and the node, as far as it is known at the start. */
  constructor(options: NodeCheckOptions) {
    this.#options = options;
    this.#cancelPatience = options.clock.after(PATIENCE_MS, () => {
      options.log.warn(
        "Cannot tell this node's IP, assuming loopback; if that is wrong, give --bind-address",
      );
      this.#assumeLoopback();
    });
    const bound = boundAddress(options.config.bindAddress);
    if (bound !== undefined) this.#decide(nodeIps([], options.config.bindAddress));
  }

  /**
   * Takes notice of the Node.
   *
   * @param node This Node, or undefined while none has been seen.
   * @param listed Whether Nodes have been listed, so that there is none when none was seen.
   */
  observe(node: Node | undefined, listed: boolean): void {
    const { config } = this.#options;
    if (this.#ended) return;
    const fresh = node !== undefined && node.podCIDRs.join() !== this.#podCIDRs.join();
    if (node !== undefined) this.#podCIDRs = node.podCIDRs;
    const ips = nodeIps(node?.addresses ?? [], config.bindAddress);
    if (ips !== undefined && Object.keys(ips.addresses).length > this.#known) this.#decide(ips);
    else if (fresh && this.#ips !== undefined) this.#check(this.#ips);
    // A folder without a Node never will have one: there is nobody whom that could surprise.
    else if (this.#ips === undefined && node === undefined && listed && config.manifests !== "") {
      this.#assumeLoopback();
    }
  }

  /** Checks no more. */
  stop(): void {
    this.#ended = true;
    this.#cancelPatience();
  }

  get #known(): number {
    return this.#ips === undefined ? 0 : Object.keys(this.#ips.addresses).length;
  }

  /** Without a word of the node, what is served cannot be wrong. */
  #assumeLoopback(): void {
    const [primary = "IPv4"] = this.#options.served;
    this.#decide({ primary, addresses: LOOPBACK });
  }

  #decide(ips: NodeIps | undefined): void {
    const { served, lacking, log } = this.#options;
    if (ips === undefined || this.#ended) return;
    this.#cancelPatience();
    const first = this.#ips === undefined;
    this.#ips = ips;
    const { primary } = ips;
    if (!served.includes(primary)) {
      const reason = lacking[primary] ?? "nothing serves it";
      return this.#fail(
        new WeirError(
          "WEIR_KERNEL",
          `Cannot serve "${primary}", the primary family of this node: the kernel lacks it: ` +
            `${reason}; or name an address of another family with --bind-address`,
        ),
      );
    }
    if (first) {
      log.info(served.length > 1 ? "Running in dual-stack mode" : "Running in single-stack mode", {
        primary,
        address: ips.addresses[primary],
      });
    }
    this.#check(ips);
  }

  #check({ primary, addresses }: NodeIps): void {
    const { config, served, log } = this.#options;
    const { warnings, fault } = checkConfiguration({
      config,
      primary,
      served,
      present: FAMILIES.filter((family) => {
        const address = addresses[family];
        return address !== undefined && address !== LOOPBACK[family];
      }),
      podCIDRs: this.#podCIDRs,
    });
    for (const warning of warnings) {
      if (this.#told.has(warning)) continue;
      this.#told.add(warning);
      log.warn(warning);
    }
    if (fault !== undefined) this.#fail(fault);
  }

  #fail(fault: WeirError): void {
    this.stop();
    this.#options.fail(fault);
  }
}
