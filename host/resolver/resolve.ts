/**
 * Decides everything Kubernetes says about a Service, once and as a pure function.
 *
 * @module
 */
import type { ServiceHealth } from "../../schemas/health.ts";
import type { EndpointSlice, Service } from "../../schemas/kube.ts";
import type { ServicePortView, Verdict } from "../../schemas/view.ts";
import { type Address, readAddress } from "./address.ts";
import { gatherCandidates } from "./candidates.ts";
import type { ResolverNode } from "./node.ts";
import { isPort, type UsablePort, usablePorts } from "./ports.ts";
import type { Problem } from "./problem.ts";
import { type Reach, reachOf } from "./reach.ts";
import { chooseEndpoints, type EndpointSets, isLocalTo, type SetsUsed } from "./sets.ts";
import { whyUnproxied, type Witness } from "./witness.ts";

/** What a Service comes to on this node. */
export interface Resolution {
  /** Its ports in each family, sorted by id; empty when the Service is not proxied. */
  readonly views: readonly ServicePortView[];
  /** What cannot be programmed, in the order it was met. */
  readonly problems: readonly Problem[];
  /** Its health-check node port, for externalTrafficPolicy Local behind a load balancer. */
  readonly health?: ServiceHealth;
}

/** The one answer for all Services that are not proxied. */
const NOTHING: Resolution = { views: [], problems: [] };

/**
 * Tells whether a service proxy serves this Service at all.
 *
 * @param service Any Service.
 * @returns False for headless ones, for ExternalName, for those without a cluster IP, and for
 * those that name another proxy.
 */
export function isProxied(service: Service): boolean {
  return whyUnproxied(service) === undefined;
}

function clusterAddresses(service: Service, problems: Problem[]): Address[] {
  const listed = service.clusterIPs.length > 0;
  const texts = listed ? service.clusterIPs : [service.clusterIP];
  const addresses: Address[] = [];
  for (const [index, text] of texts.entries()) {
    const address = readAddress(text);
    let fault: string | undefined;
    if (address === undefined) fault = "it is no IP address";
    else if (addresses.some(({ family }) => family === address.family)) {
      fault = `the Service has another ${address.family} cluster IP before it`;
    } else addresses.push(address);
    if (fault === undefined) continue;
    problems.push({
      object: `Service ${service.namespace}/${service.name}`,
      path: listed ? `spec.clusterIPs[${index}]` : "spec.clusterIP",
      message: `Cannot program "${text}": ${fault}`,
    });
  }
  return addresses;
}

/** KEP-2086: Local without a local endpoint drops, unless there is no endpoint anywhere. */
function verdictOf(policy: "Cluster" | "Local", sets: EndpointSets): Verdict {
  if (!sets.hasAny) return "reject";
  if (policy === "Cluster") return "cluster";
  return sets.hasLocal ? "local" : "drop";
}

/** A Service in one of its families: what all its ports there have in common. */
interface Stack {
  readonly service: Service;
  readonly slices: readonly EndpointSlice[];
  readonly node: ResolverNode;
  readonly address: Address;
  readonly reach: Reach;
  readonly problems: Problem[];
  /** Receives the addresses of the local endpoints that are ready. */
  readonly localReady: Set<string>;
  readonly witness: Witness | undefined;
}

function resolvePort(stack: Stack, port: UsablePort): ServicePortView {
  const { service, address, reach, node } = stack;
  const nodePort = service.type === "NodePort" || service.type === "LoadBalancer"
    ? port.nodePort
    : 0;
  const isReached = nodePort !== 0 || reach.externalIPs.length > 0 ||
    reach.loadBalancerIPs.length > 0;
  const isLocal = service.internalTrafficPolicy === "Local";
  const uses: SetsUsed = {
    // Also under externalTrafficPolicy Local: pods and the node itself are not outside.
    cluster: !isLocal || isReached,
    local: isLocal || (isReached && service.externalTrafficPolicy === "Local"),
  };
  const name = port.name === "" ? service.name : `${service.name}:${port.name}`;
  const id = `${service.namespace}/${name}/${port.protocol}/${address.family}`;
  const witness = stack.witness?.port(id);
  const candidates = gatherCandidates(stack.slices, port, address.family, stack.problems, witness);
  const sets = chooseEndpoints(candidates, uses, node, witness);
  for (const { ip, endpoint } of candidates) {
    if (endpoint.ready && isLocalTo(endpoint, node)) stack.localReady.add(ip);
  }
  return {
    id,
    namespace: service.namespace,
    name: service.name,
    portName: port.name,
    protocol: port.protocol,
    family: address.family,
    clusterIP: address.ip,
    port: port.port,
    internal: verdictOf(service.internalTrafficPolicy, sets),
    ...(isReached
      ? {
        external: { verdict: verdictOf(service.externalTrafficPolicy, sets), ...reach, nodePort },
      }
      : {}),
    affinitySeconds: service.affinityTimeoutSeconds,
    endpoints: sets.endpoints,
  };
}

/** What the load balancer is told; a pod of two families has an address of each and is one. */
function healthOf(
  service: Service,
  stacks: readonly Stack[],
  problems: Problem[],
): ServiceHealth | undefined {
  const { namespace, name, healthCheckNodePort: port } = service;
  if (service.type !== "LoadBalancer" || service.externalTrafficPolicy !== "Local") {
    return undefined;
  }
  if (!isPort(port)) {
    problems.push({
      object: `Service ${namespace}/${name}`,
      path: "spec.healthCheckNodePort",
      message: `Cannot program "${port}": a port is 1–65535, and the load balancer needs one ` +
        "to tell which nodes have endpoints",
    });
    return undefined;
  }
  const localEndpoints = Math.max(0, ...stacks.map(({ localReady }) => localReady.size));
  return { namespace, name, port, localEndpoints };
}

/** One and the same fault is met once for each port of the Service that reads the slice. */
function distinct(problems: readonly Problem[]): readonly Problem[] {
  if (problems.length < 2) return problems;
  const seen = new Map<string, Problem>();
  for (const problem of problems) {
    const key = `${problem.object} ${problem.path} ${problem.message}`;
    if (!seen.has(key)) seen.set(key, problem);
  }
  return [...seen.values()];
}

/**
 * Resolves a Service for a node: which addresses and ports it has, for each of them which endpoints
 * serve and what happens to a new connection, and what its load balancer is told of the node. Nothing is thrown for a malformed object:
 * what cannot be programmed becomes a problem and the rest is programmed.
 *
 * @param service The Service, or undefined when only its slices exist.
 * @param slices All its slices, sorted by name.
 * @param node The node to resolve for.
 * @param witness Hears why, if anybody wants to know; what is decided does not depend on it.
 * @returns The ports as a plugin sees them, and what was left out. The same objects always give
 * an equal answer.
 */
export function resolveService(
  service: Service | undefined,
  slices: readonly EndpointSlice[],
  node: ResolverNode,
  witness?: Witness,
): Resolution {
  if (service === undefined || !isProxied(service)) return NOTHING;
  const problems: Problem[] = [];
  const addresses = clusterAddresses(service, problems);
  const ports = usablePorts(service, problems);
  const stacks = addresses.map((address): Stack => {
    const reach = reachOf(service, address.family, address.ip, node, problems, witness);
    return { service, slices, node, address, reach, problems, localReady: new Set(), witness };
  });
  const views = ports.flatMap((port) => stacks.map((stack) => resolvePort(stack, port)));
  if (views.length > 1) views.sort((one, other) => one.id < other.id ? -1 : 1);
  const health = healthOf(service, stacks, problems);
  const answer = { views, problems: distinct(problems) };
  return health === undefined ? answer : { ...answer, health };
}
