/**
 * What programs a topology's node is a parameter of the packet tests: the proxier's handlers in
 * this process, or the whole of weir in a process of its own.
 *
 * @module
 */
import type { EndpointSlice, Service } from "../../schemas/kube.ts";
import type { ProxierSettings } from "../../schemas/view.ts";
import type { Topology } from "../kit/packet/topology.ts";

/** The name of the topology's node in the objects. */
export const NODE_NAME = "node";

/** Settings under which nothing is masqueraded for its source. */
export const PLAIN: ProxierSettings = {
  families: ["IPv4", "IPv6"],
  masqueradeAll: false,
  masqueradeBit: 14,
  localMatches: [],
  nodePorts: { type: "listed", addresses: [] },
  serviceCIDRs: [],
};

/** A node's proxy, whatever it is made of. */
export interface NodeProgram extends AsyncDisposable {
  /**
   * Makes these objects the cluster's.
   *
   * @param objects All Services and slices there are.
   * @returns When the kernel has them.
   */
  serve(objects: readonly (Service | EndpointSlice)[]): Promise<void>;
}

/**
 * Starts a node's proxy.
 *
 * @param topology Whose node.
 * @param settings What the proxier must know besides.
 * @returns The running proxy.
 */
export type StartProgram = (
  topology: Topology,
  settings: ProxierSettings,
) => Promise<NodeProgram>;
