/**
 * Decides everything Kubernetes says about a Service, once and as a pure function.
 *
 * @module
 */
import type { ServiceHealth } from "../../schemas/health.ts";
import type { EndpointSlice, Service } from "../../schemas/kube.ts";
import type { ServicePortView, Verdict } from "../../schemas/view.ts";
import { type Address, readAddress } from "./address.ts";
import { gatherCandidates, gatheringCandidates } from "./candidates.ts";
import type { ResolverNode } from "./node.ts";
import { isPort, type UsablePort, usablePorts } from "./ports.ts";
import type { Problem } from "./problem.ts";
import { type Reach, reachOf } from "./reach.ts";
import {
  type Candidate,
  chooseEndpoints,
  type EndpointSets,
  isLocalTo,
  type SetsUsed,
} from "./sets.ts";
import { sorting } from "./sorting.ts";
import { type PortWitness, whyUnproxied, type Witness } from "./witness.ts";

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

/** A port of a Service in one family, before anybody has looked at endpoints. */
interface Begun {
  readonly port: UsablePort;
  readonly id: string;
  readonly nodePort: number;
  readonly isReached: boolean;
  readonly witness: PortWitness | undefined;
}

function beginPort({ service, address, reach, witness }: Stack, port: UsablePort): Begun {
  const nodePort = service.type === "NodePort" || service.type === "LoadBalancer"
    ? port.nodePort
    : 0;
  const isReached = nodePort !== 0 || reach.externalIPs.length > 0 ||
    reach.loadBalancerIPs.length > 0;
  const name = port.name === "" ? service.name : `${service.name}:${port.name}`;
  const id = `${service.namespace}/${name}/${port.protocol}/${address.family}`;
  return { port, id, nodePort, isReached, witness: witness?.port(id, port) };
}

function resolvePort(stack: Stack, port: UsablePort): ServicePortView {
  const { slices, address, problems } = stack;
  const begun = beginPort(stack, port);
  const { witness } = begun;
  return finishPort(
    stack,
    begun,
    gatherCandidates(slices, port, address.family, problems, witness),
  );
}

function finishPort(
  { service, address, reach, node, localReady }: Stack,
  { port, id, nodePort, isReached, witness }: Begun,
  candidates: readonly Candidate[],
): ServicePortView {
  const isLocal = service.internalTrafficPolicy === "Local";
  const uses: SetsUsed = {
    // Also under externalTrafficPolicy Local: pods and the node itself are not outside.
    cluster: !isLocal || isReached,
    local: isLocal || (isReached && service.externalTrafficPolicy === "Local"),
  };
  const sets = chooseEndpoints(candidates, uses, node, witness);
  for (const { ip, endpoint } of candidates) {
    if (endpoint.ready && isLocalTo(endpoint, node)) localReady.add(ip);
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

function problemKey({ object, path, message }: Problem): string {
  return `${object} ${path} ${message}`;
}

/** One and the same fault is met once for each port of the Service that reads the slice. */
function distinct(problems: readonly Problem[]): readonly Problem[] {
  if (problems.length < 2) return problems;
  const seen = new Map<string, Problem>();
  for (const problem of problems) {
    const key = problemKey(problem);
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
  const { ports, stacks } = stacksOf(service, slices, node, problems, witness);
  const views = ports.flatMap((port) => stacks.map((stack) => resolvePort(stack, port)));
  if (views.length > 1) views.sort((one, other) => one.id < other.id ? -1 : 1);
  const health = healthOf(service, stacks, problems);
  const answer = { views, problems: distinct(problems) };
  return health === undefined ? answer : { ...answer, health };
}

function stacksOf(
  service: Service,
  slices: readonly EndpointSlice[],
  node: ResolverNode,
  problems: Problem[],
  witness: Witness | undefined,
): { readonly ports: readonly UsablePort[]; readonly stacks: readonly Stack[] } {
  const addresses = clusterAddresses(service, problems);
  const ports = usablePorts(service, problems);
  const stacks = addresses.map((address): Stack => {
    const reach = reachOf(service, address.family, address.ip, node, problems, witness);
    return { service, slices, node, address, reach, problems, localReady: new Set(), witness };
  });
  return { ports, stacks };
}

/**
 * Does what {@linkcode resolveService} does, in steps: for who asks while syncs are to go on. A
 * Service may have a thousand ports with a hundred endpoints each.
 *
 * @param args The same.
 * @yields After each step, which takes milliseconds at most.
 * @returns The same.
 */
export function* resolvingService(
  ...[service, slices, node, witness]: Parameters<typeof resolveService>
): Generator<void, Resolution> {
  if (service === undefined || !isProxied(service)) return NOTHING;
  const problems: Problem[] = [];
  // Those of each port are taken out before the next adds its own, mostly the same.
  const seen = new Map<string, Problem>();
  const note = () => {
    for (const problem of problems.splice(0)) {
      const key = problemKey(problem);
      if (!seen.has(key)) seen.set(key, problem);
    }
  };
  const { ports, stacks } = stacksOf(service, slices, node, problems, witness);
  const views: ServicePortView[] = [];
  for (const port of ports) {
    for (const stack of stacks) {
      const begun = beginPort(stack, port);
      const { family } = stack.address;
      const gathering = gatheringCandidates(slices, port, family, problems, begun.witness);
      let step = gathering.next();
      for (; !step.done; step = gathering.next()) {
        note();
        yield;
      }
      views.push(finishPort(stack, begun, step.value));
      yield;
    }
  }
  const health = healthOf(service, stacks, problems);
  note();
  const answer = {
    views: yield* sorting(views, (one, other) => one.id < other.id ? -1 : 1),
    problems: [...seen.values()],
  };
  return health === undefined ? answer : { ...answer, health };
}
