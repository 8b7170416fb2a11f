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
import {
  checkConfiguration,
  type ConfigurationFacts,
  type ConfigurationVerdict,
} from "./configuration_check.ts";
import { type NodeIps, nodeIps } from "./node_ip.ts";

/** Milliseconds to wait for the Node's addresses, as long as kube-proxy does. */
const PATIENCE_MS = 30_000;

const FAMILIES: readonly IpFamily[] = ["IPv4", "IPv6"];
const LOOPBACK = { IPv4: "127.0.0.1", IPv6: "::1" } as const;

/** The part of the configuration that has to fit the node. */
export type NodeCheckConfig =
  & ConfigurationFacts["config"]
  & Pick<WeirConfig, "manifests" | "bindAddress">;

/** What the check stands on. */
export interface NodeCheckOptions {
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
  readonly #told = new Set<string>();
  #config: NodeCheckConfig;
  #addresses: readonly string[] = [];
  #podCIDRs: readonly string[] = [];
  /** What was taken for the node's last, so that only news is checked and said. */
  #known = "";
  /** Nobody will tell of the node any more, or not soon. */
  #assuming = false;
  #ended = false;

  /**
   * @param config The configuration.
   * @param options The node, as far as it is known at the start, and whom to tell.
   */
  constructor(config: NodeCheckConfig, options: NodeCheckOptions) {
    this.#config = config;
    this.#options = options;
    this.#cancelPatience = options.clock.after(PATIENCE_MS, () => {
      options.log.warn(
        "Cannot tell this node's IP, assuming loopback; if that is wrong, give --bind-address",
      );
      this.#assuming = true;
      this.#check();
    });
    this.#check();
  }

  /**
   * Takes notice of the Node. One that is gone for a moment keeps what it had.
   *
   * @param node This Node, or undefined while none has been seen.
   * @param listed Whether Nodes have been listed, so that there is none when none was seen.
   */
  observe(node: Node | undefined, listed: boolean): void {
    if (this.#ended) return;
    if (node !== undefined) {
      if (node.addresses.length > 0) this.#addresses = node.addresses;
      this.#podCIDRs = node.podCIDRs;
    } else if (listed && this.#config.manifests !== "") {
      // A folder without a Node may never have one: there is nobody whom that could surprise.
      this.#assuming = true;
    }
    this.#check();
  }

  /**
   * Why another configuration cannot come into force on this node.
   *
   * @param config The other configuration.
   * @returns The fault, or undefined when there is none or the node is not known yet.
   */
  faultOf(config: NodeCheckConfig): WeirError | undefined {
    const ips = this.#ips(config);
    return ips === undefined ? undefined : this.#verdict(config, ips).fault;
  }

  /**
   * Takes another configuration, and warns of what does not fit.
   *
   * @param config The other configuration.
   */
  reconfigure(config: NodeCheckConfig): void {
    this.#config = config;
    this.#known = "";
    if (!this.#ended) this.#check();
  }

  /** Checks no more. */
  stop(): void {
    this.#ended = true;
    this.#cancelPatience();
  }

  #ips(config: NodeCheckConfig): NodeIps | undefined {
    const ips = nodeIps(this.#addresses, config.bindAddress);
    if (ips !== undefined || !this.#assuming) return ips;
    // Without a word of the node, what is served cannot be wrong.
    const [primary = "IPv4"] = this.#options.served;
    return { primary, addresses: LOOPBACK };
  }

  #check(): void {
    const { served, log, fail } = this.#options;
    const ips = this.#ips(this.#config);
    if (ips === undefined) return;
    const known = JSON.stringify([ips, this.#podCIDRs]);
    if (known === this.#known) return;
    this.#known = known;
    this.#cancelPatience();
    const { warnings, fault } = this.#verdict(this.#config, ips);
    if (fault !== undefined) {
      this.stop();
      return fail(fault);
    }
    const { primary } = ips;
    const mode = `Running in ${served.length > 1 ? "dual" : "single"}-stack mode`;
    this.#once(
      `${mode} ${primary} ${ips.addresses[primary]}`,
      () => log.info(mode, { primary, address: ips.addresses[primary] }),
    );
    for (const warning of warnings) this.#once(warning, () => log.warn(warning));
  }

  #once(what: string, say: () => void): void {
    if (this.#told.has(what)) return;
    this.#told.add(what);
    say();
  }

  #verdict(config: NodeCheckConfig, { primary, addresses }: NodeIps): ConfigurationVerdict {
    const { served, lacking } = this.#options;
    if (!served.includes(primary)) {
      return {
        warnings: [],
        fault: new WeirError(
          "WEIR_KERNEL",
          `Cannot serve "${primary}", the primary family of this node: the kernel lacks it: ` +
            `${lacking[primary]}; or name an address of another family with --bind-address`,
        ),
      };
    }
    const present = FAMILIES.filter((family) => {
      const address = addresses[family];
      return address !== undefined && address !== LOOPBACK[family];
    });
    return checkConfiguration({ config, primary, served, present, podCIDRs: this.#podCIDRs });
  }
}
