/**
 * What NodePorts have beside their rules: where they answer, the relay on loopback, and the health
 * checks of Services, which answer at the same addresses.
 *
 * @module
 */
import type { WeirConfig } from "../../schemas/config.ts";
import { messageOf } from "../../schemas/errors.ts";
import type { ServiceHealth } from "../../schemas/health.ts";
import type { IpFamily, Node } from "../../schemas/kube.ts";
import type { Diff, NodePortAddresses, ServicePortView, Snapshot } from "../../schemas/view.ts";
import { AddressWatch } from "../capabilities/address.ts";
import type { Clock } from "../clock.ts";
import { boundAddress } from "../process/node_ip.ts";
import { LocalhostNodePorts } from "../relay/localhost_node_ports.ts";
import { ServiceHealthServers } from "../routes/service_health_servers.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { type NodePortSelection, selectNodePortAddresses } from "./addresses.ts";
import { NodePortWatch } from "./watch.ts";

/** The part of the configuration that is about NodePorts. */
export type NodePortsConfig = Pick<
  WeirConfig,
  "nodePortAddresses" | "manifests" | "bindAddress" | "featureGates"
>;

/**
 * What a configuration asks for. The gate of KEP-6032 can take the relay on loopback away again.
 *
 * @param config The configuration.
 * @returns By family.
 */
export function selectionOf(
  config: Pick<NodePortsConfig, "nodePortAddresses" | "featureGates">,
): NodePortSelection {
  const { nodePortAddresses, featureGates } = config;
  const relays = featureGates["KubeProxyNFTablesLocalhostNodePorts"] !== false;
  return selectNodePortAddresses(nodePortAddresses, relays);
}

/** What they stand on. */
export interface NodePortsOptions {
  readonly config: NodePortsConfig;
  readonly families: readonly IpFamily[];
  /** Whether the proxy keeps up, for load balancers. */
  readonly proxyHealthy: () => boolean;
  /** Called when it has become known where NodePorts answer, or another place. */
  readonly changed: () => void;
  readonly clock: Clock;
  /** A number from 0 up to 1. */
  readonly random: () => number;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** Everything of NodePorts that is not in the kernel's rules. */
export class NodePorts {
  readonly #options: NodePortsOptions;
  readonly #watch: NodePortWatch;
  readonly #relay: LocalhostNodePorts;
  readonly #health: ServiceHealthServers;
  #standalone: boolean;
  #kernel: AddressWatch;

  /**
   * Starts watching the node's addresses.
   *
   * @param options What they stand on.
   * @throws {WeirError} WEIR_NETLINK when the kernel refuses to tell.
   */
  constructor(options: NodePortsOptions) {
    const { config, clock, log, metrics } = options;
    const selection = selectionOf(config);
    this.#options = options;
    this.#standalone = config.manifests !== "";
    this.#health = new ServiceHealthServers({ proxyHealthy: options.proxyHealthy, log, clock });
    this.#relay = new LocalhostNodePorts({
      families: this.#loopbacks(selection),
      clock,
      random: options.random,
      log,
      onListeners: (ip_family, count) =>
        metrics.localhostNodePortListeners.set({ ip_family }, count),
      onFailure: (ip_family) => metrics.localhostNodePortFailures.inc({ ip_family }),
    });
    this.#watch = new NodePortWatch({
      bound: boundAddress(config.bindAddress),
      selection,
      standalone: this.#standalone,
      changed: () => {
        this.#health.listenOn(this.#watch.listen);
        options.changed();
      },
      clock,
      log,
    });
    this.#kernel = this.#watchKernel();
  }

  /** The former watch does nearly as well, should the kernel refuse another. */
  #renewKernelWatch(): void {
    const former = this.#kernel;
    try {
      this.#kernel = this.#watchKernel();
      void former.close();
    } catch (thrown) {
      this.#options.log.warn("Cannot watch this node's addresses anew", { err: messageOf(thrown) });
    }
  }

  #loopbacks(selection: NodePortSelection): readonly IpFamily[] {
    return this.#options.families.filter((family) => selection[family].loopback);
  }

  #watchKernel(): AddressWatch {
    return new AddressWatch({
      // Routes tell the node's own addresses only where no Node does; a pod is a route, too.
      routes: this.#standalone,
      onAddresses: (news) => {
        this.#watch.observeKernel(news);
        // Whether IPv6 is there decides how every address is bound.
        this.#health.listenOn(this.#watch.listen);
      },
      onEnd: (reason) => this.#options.log.error("Cannot watch this node's addresses", { reason }),
    });
  }

  /** Where NodePorts answer, or undefined while that is not known yet. */
  get addresses(): NodePortAddresses | undefined {
    return this.#watch.addresses;
  }

  /**
   * Goes by another configuration.
   *
   * @param config The other configuration.
   * @param ports All service ports, for the relay.
   */
  reconfigure(config: NodePortsConfig, ports: Iterable<ServicePortView>): void {
    const standalone = config.manifests !== "";
    if (standalone !== this.#standalone) {
      this.#standalone = standalone;
      this.#renewKernelWatch();
    }
    const selection = selectionOf(config);
    this.#relay.serve(this.#loopbacks(selection), ports);
    this.#watch.reselect({ selection, standalone, bound: boundAddress(config.bindAddress) });
  }

  /**
   * Takes notice of the Node.
   *
   * @param node As it is; undefined when there is none.
   * @param listed Whether all Nodes have been listed, so that none is none.
   */
  observeNode(node: Node | undefined, listed: boolean): void {
    this.#watch.observeNode(node, listed);
  }

  /**
   * Takes in what the kernel has now.
   *
   * @param order A sync that has landed.
   */
  landed(
    order:
      | { readonly method: "resync"; readonly params: Snapshot }
      | { readonly method: "apply"; readonly params: Diff },
  ): void {
    if (order.method === "resync") this.#relay.replace(order.params.ports);
    else this.#relay.apply(order.params.upserts, order.params.removes);
  }

  /**
   * Tells load balancers.
   *
   * @param news By `namespace/name`; undefined for a Service that has no health check any more.
   */
  tellHealth(news: ReadonlyMap<string, ServiceHealth | undefined>): void {
    this.#health.update(news);
  }

  /**
   * Ends all of it.
   *
   * @returns When everything is closed.
   */
  async stop(): Promise<void> {
    this.#watch.stop();
    await Promise.all([this.#kernel.close(), this.#health.stop(), this.#relay.stop()]);
  }
}
