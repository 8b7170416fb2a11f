/**
 * Which endpoints serve: the cluster set and the local set of one service port on one node.
 * Semantics are those of upstream's `CategorizeEndpoints` (pkg/proxy/topology.go), KEP-1669
 * (terminating endpoints), KEP-2433 (topology hints) and KEP-3015 (PreferSameNode).
 *
 * @module
 */
import type { SliceEndpoint } from "../../schemas/kube.ts";
import type { EndpointView } from "../../schemas/view.ts";
import type { ResolverNode } from "./node.ts";
import type { IgnoredHints, Membership, PortWitness, Topology } from "./witness.ts";

/** An endpoint that exists, before it is decided whether it serves. */
export interface Candidate {
  /** Canonical text. */
  readonly ip: string;
  /** 1–65535. */
  readonly port: number;
  /** Its conditions, node and hints. */
  readonly endpoint: SliceEndpoint;
}

/** Which sets the traffic policies of the service port call for. */
export interface SetsUsed {
  /** Some traffic goes to any endpoint of the cluster. */
  readonly cluster: boolean;
  /** Some traffic goes to endpoints of this node only. */
  readonly local: boolean;
}

/** The sets of one service port. */
export interface EndpointSets {
  /** The members of either set, in the order of the candidates. */
  readonly endpoints: readonly EndpointView[];
  /** The local set has a member. */
  readonly hasLocal: boolean;
  /** Some endpoint of the cluster is usable, be it from this node or not. */
  readonly hasAny: boolean;
}

/** What one walk over the candidates finds. */
interface Survey {
  readonly topology: Topology;
  /** Why hints of ready endpoints let everyone in; undefined when there are none, or they count. */
  readonly ignoredHints: IgnoredHints | undefined;
  readonly ready: boolean;
  readonly draining: boolean;
  readonly localReady: boolean;
  readonly localDraining: boolean;
}

/** Serving and terminating: the fallback when nothing is ready (KEP-1669). */
function isDraining(endpoint: SliceEndpoint): boolean {
  return endpoint.serving && endpoint.terminating;
}

/**
 * Tells whether an endpoint is a member of the local set, if its conditions let it.
 *
 * @param endpoint The endpoint.
 * @param node This node.
 * @returns False also for an endpoint of a node that nobody names.
 */
export function isLocalTo(endpoint: SliceEndpoint, node: ResolverNode): boolean {
  return node.name !== "" && endpoint.nodeName === node.name;
}

/**
 * Surveys the candidates. Hints count only if every ready endpoint has them and one of them names
 * this node or zone: a single endpoint without a hint means that the control plane is changing
 * its mind, and then nobody is kept out. Node hints go before zone hints.
 */
function survey(candidates: readonly Candidate[], node: ResolverNode): Survey {
  let ready = false;
  let draining = false;
  let localReady = false;
  let localDraining = false;
  let allNodeHints = true;
  let oneForNode = false;
  let allZoneHints = true;
  let oneForZone = false;
  let anyHint = false;
  for (const { endpoint } of candidates) {
    if (!endpoint.ready) {
      if (!isDraining(endpoint)) continue;
      draining = true;
      if (isLocalTo(endpoint, node)) localDraining = true;
      continue;
    }
    ready = true;
    if (isLocalTo(endpoint, node)) localReady = true;
    if (endpoint.hintNodes.length === 0) allNodeHints = false;
    else {
      anyHint = true;
      if (endpoint.hintNodes.includes(node.name)) oneForNode = true;
    }
    if (endpoint.hintZones.length === 0) allZoneHints = false;
    else {
      anyHint = true;
      if (endpoint.hintZones.includes(node.zone)) oneForZone = true;
    }
  }
  const topology = ready && allNodeHints && oneForNode
    ? "same-node"
    : ready && allZoneHints && oneForZone
    ? "same-zone"
    : "everyone";
  const ignoredHints = topology !== "everyone" || !anyHint
    ? undefined
    : allNodeHints || allZoneHints
    ? "elsewhere"
    : "incomplete";
  return { topology, ignoredHints, ready, draining, localReady, localDraining };
}

/** Whether topology lets a ready endpoint in. */
function admission(topology: Topology, endpoint: SliceEndpoint, node: ResolverNode): Membership {
  switch (topology) {
    case "everyone":
      return "member";
    case "same-node":
      return endpoint.hintNodes.includes(node.name) ? "member" : "other-node";
    case "same-zone":
      return endpoint.hintZones.includes(node.zone) ? "member" : "other-zone";
  }
}

/** What an endpoint that is not ready is in a set that may have ready ones. */
function standIn(endpoint: SliceEndpoint, hasReady: boolean): Membership {
  if (!isDraining(endpoint)) return endpoint.terminating ? "stopped" : "not-ready";
  return hasReady ? "terminating" : "fallback";
}

function clusterMembership(
  endpoint: SliceEndpoint,
  uses: SetsUsed,
  found: Survey,
  node: ResolverNode,
): Membership {
  if (!uses.cluster) return "unused";
  return endpoint.ready
    ? admission(found.topology, endpoint, node)
    : standIn(endpoint, found.ready);
}

/** Topology does not matter to who is here. */
function localMembership(
  endpoint: SliceEndpoint,
  uses: SetsUsed,
  found: Survey,
  local: boolean,
): Membership {
  if (!uses.local) return "unused";
  if (!local) return "not-local";
  return endpoint.ready ? "member" : standIn(endpoint, found.localReady);
}

/**
 * Tells whether a set has an endpoint.
 *
 * @param membership What became of the endpoint there.
 * @returns True when connections are sent to it.
 */
export function serves(membership: Membership): boolean {
  return membership === "member" || membership === "fallback";
}

/**
 * Chooses the endpoints of a service port. Either set falls back by itself to serving and
 * terminating endpoints when it would be empty without them; topology is then ignored.
 *
 * @param candidates The endpoints of the port, none twice, in any order.
 * @param uses The sets that are wanted; a set that nobody uses stays empty, as upstream's does.
 * @param node This node.
 * @param witness Hears why, if anybody wants to know.
 * @returns The members of the sets and what is known of those that are in neither.
 */
export function chooseEndpoints(
  candidates: readonly Candidate[],
  uses: SetsUsed,
  node: ResolverNode,
  witness?: PortWitness,
): EndpointSets {
  const found = survey(candidates, node);
  witness?.topology(found.topology, found.ignoredHints);
  const endpoints: EndpointView[] = [];
  for (const candidate of candidates) {
    const { ip, port, endpoint } = candidate;
    const local = isLocalTo(endpoint, node);
    const cluster = clusterMembership(endpoint, uses, found, node);
    const here = localMembership(endpoint, uses, found, local);
    witness?.decided(candidate, cluster, here);
    const [inCluster, inLocal] = [serves(cluster), serves(here)];
    if (!inCluster && !inLocal) continue;
    // Slices that people write often name no node: such an endpoint may be a pod of this one, and
    // upstream too masquerades whatever endpoint reaches itself.
    const mayBeHere = local || endpoint.nodeName === "";
    endpoints.push({ ip, port, local: mayBeHere, inCluster, inLocal });
  }
  return {
    endpoints,
    hasLocal: found.localReady || found.localDraining,
    hasAny: found.ready || found.draining,
  };
}
