/**
 * The reasons in sentences.
 *
 * @module
 */
import type { SliceEndpoint } from "../../schemas/kube.ts";
import type { Verdict } from "../../schemas/view.ts";
import type { ResolverNode } from "../resolver/node.ts";
import type {
  AddressFate,
  CandidateFate,
  IgnoredHints,
  Membership,
  SlicePortFate,
  Topology,
  Unproxied,
} from "../resolver/witness.ts";

/** Why a Service is not served by any service proxy, as sentences go on after "it". */
export const UNPROXIED: Readonly<Record<Unproxied, string>> = {
  "external-name": "it is of type ExternalName: DNS answers with another name, and no packet of " +
    "it is a service proxy's",
  "headless": "it is headless (clusterIP None): DNS answers with the endpoints' own addresses",
  "no-cluster-ip": "it has no cluster IP yet: the API server allocates one",
  "another-proxy": "its label service.kubernetes.io/service-proxy-name gives it to another proxy",
  "headless-label": "its label service.kubernetes.io/headless keeps service proxies away",
};

/** Why an address is not one at which this node answers. */
export const ADDRESS_FATES: Readonly<Record<AddressFate, string>> = {
  "proxied-by-load-balancer": "its ipMode is Proxy: connections to it go to the load balancer",
  "no-load-balancer": "the Service is not of type LoadBalancer: the status is left over",
  "external-ips-off": "the gate AllowServiceExternalIPs is off",
  "load-balancers-too": "it is served as the load balancer's address, which it is too",
};

/** Why a slice, or a port of one, is not read. */
export const SLICE_FATES: Readonly<Record<Exclude<SlicePortFate, "read">, string>> = {
  "other-family": "its addresses are of another type",
  "other-name": "it has no port of this name (a targetPort that no pod has?)",
  "other-protocol": "its port of this name is of another protocol",
  "all-ports": 'its port is "all ports", which service proxies pass over',
  "malformed": "its port cannot be programmed, see the problems",
};

/**
 * Says why an endpoint is, or is not, in a set.
 *
 * @param membership What was decided.
 * @param endpoint Of whom.
 * @param node This node.
 * @returns A sentence without a full stop.
 */
export function membershipReason(
  membership: Membership,
  endpoint: SliceEndpoint,
  node: ResolverNode,
): string {
  switch (membership) {
    case "member":
      return "ready";
    case "fallback":
      return "terminating, but still serving, and no other is ready";
    case "unused":
      return "no traffic policy of the Service calls for this set";
    case "not-local":
      return endpoint.nodeName === ""
        ? "its slice does not say on which node it runs"
        : `runs on node ${endpoint.nodeName}, not on this one (${node.name})`;
    case "not-ready":
      return "not ready";
    case "terminating":
      return "terminating, and others are ready";
    case "stopped":
      return "terminating, and serves no more";
    case "other-node":
      return `its hints are for node ${endpoint.hintNodes.join(", ") || "none"}, not ${node.name}`;
    case "other-zone":
      return `its hints are for zone ${endpoint.hintZones.join(", ") || "none"}, not ${node.zone}`;
  }
}

/**
 * Says why an endpoint did not come as far as the choice.
 *
 * @param fate What became of it.
 * @returns A sentence without a full stop.
 */
export function candidateReason(fate: CandidateFate): string {
  return fate === "duplicate"
    ? "another endpoint has the same address and port, and goes before it"
    : "its address cannot be used, see the problems";
}

/**
 * Says whom topology lets in.
 *
 * @param topology Whom.
 * @param ignored Why hints let everyone in.
 * @param node This node.
 * @returns The stable word and the sentence.
 */
export function topologyReason(
  topology: Topology,
  ignored: IgnoredHints | undefined,
  node: ResolverNode,
): { readonly code: string; readonly reason: string } {
  if (topology === "same-node") {
    return { code: topology, reason: `endpoints whose hints name node ${node.name}` };
  }
  if (topology === "same-zone") {
    return { code: topology, reason: `endpoints whose hints name zone ${node.zone}` };
  }
  switch (ignored) {
    case undefined:
      return { code: "everyone", reason: "no endpoint has topology hints" };
    case "incomplete":
      return {
        code: "everyone",
        reason: "hints are ignored, because some ready endpoint has none: the control plane is " +
          "changing them",
      };
    case "elsewhere":
      return {
        code: "everyone",
        reason: node.zone === ""
          ? "hints are ignored, because this node has no zone " +
            "(label topology.kubernetes.io/zone) and none names the node"
          : `hints are ignored, because none names zone ${node.zone} or node ${node.name}`,
      };
  }
}

/** How many endpoints serve. */
export interface Served {
  readonly cluster: number;
  readonly local: number;
}

function counted(count: number, where: string): string {
  return `${count} ${count === 1 ? "endpoint" : "endpoints"}${where}`;
}

/**
 * Says why a verdict is what it is.
 *
 * @param verdict What happens to connections.
 * @param policy Name of the traffic policy that decides.
 * @param served How many endpoints each set has.
 * @returns A sentence without a full stop.
 */
export function verdictReason(
  verdict: Verdict,
  policy: "internalTrafficPolicy" | "externalTrafficPolicy",
  served: Served,
): string {
  const outside = policy === "externalTrafficPolicy" && served.cluster > 0
    ? `; those from pods of this node and from the node itself over ${
      counted(served.cluster, " of the cluster")
    }`
    : "";
  switch (verdict) {
    case "cluster":
      return `${policy} Cluster: balanced over ${counted(served.cluster, "")}`;
    case "local":
      return `${policy} Local: balanced over ${counted(served.local, " of this node")}${outside}`;
    case "drop":
      return `${policy} Local, and no endpoint of this node serves: dropped${outside}`;
    case "reject":
      return "no endpoint anywhere serves: rejected";
  }
}
