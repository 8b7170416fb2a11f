/**
 * The Node where there is none.
 *
 * @module
 */
import type { Node } from "../../schemas/kube.ts";

/**
 * Stands in for the Node where manifests name none: there is no control plane that could drain
 * or delete this node, so it is eligible.
 *
 * @param name The node's name.
 * @returns A Node of which nothing else is known.
 */
export function standaloneNode(name: string): Node {
  return {
    kind: "Node",
    name,
    resourceVersion: "",
    labels: {},
    podCIDRs: [],
    addresses: [],
    taints: [],
    deleting: false,
  };
}
