/**
 * Decides everything Kubernetes says about a Service, once and as a pure function.
 *
 * @module
 */
import type { EndpointSlice, Service, ServicePort } from "../../schemas/kube.ts";
import type { ServicePortView, Verdict } from "../../schemas/view.ts";
import { type Address, readAddress } from "./address.ts";
import { gatherCandidates } from "./candidates.ts";
import type { ResolverNode } from "./node.ts";
import type { Problem } from "./problem.ts";
import { chooseEndpoints, type EndpointSets, type SetsUsed } from "./sets.ts";

/** Another proxy serves the Service (KEP-2447): upstream's informers exclude any value. */
const LABEL_PROXY_NAME = "service.kubernetes.io/service-proxy-name";
/** Upstream's informers exclude Services and slices with this label, whatever its value. */
const LABEL_HEADLESS = "service.kubernetes.io/headless";

/** What a Service comes to on this node. */
export interface Resolution {
  /** Its ports in each family, sorted by id; empty when the Service is not proxied. */
  readonly views: readonly ServicePortView[];
  /** What cannot be programmed, in the order it was met. */
  readonly problems: readonly Problem[];
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
  return service.type !== "ExternalName" && service.clusterIP !== "None" &&
    (service.clusterIP !== "" || service.clusterIPs.length > 0) &&
    !Object.hasOwn(service.labels, LABEL_PROXY_NAME) &&
    !Object.hasOwn(service.labels, LABEL_HEADLESS);
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

/** The fault of a port that cannot be programmed. */
function portFault(
  port: ServicePort,
  before: readonly ServicePort[],
): Pick<Problem, "path" | "message"> | undefined {
  if (!Number.isInteger(port.port) || port.port < 1 || port.port > 65535) {
    return { path: "port", message: `Cannot program "${port.port}": a port is 1–65535` };
  }
  // The types promise this, the API server of another version does not.
  if (!["TCP", "UDP", "SCTP"].includes(port.protocol)) {
    return {
      path: "protocol",
      message: `Cannot program "${port.protocol}": it is none of TCP, UDP and SCTP`,
    };
  }
  // (port, protocol) is the API server's own key of the list, (name, protocol) is ours.
  const twin = before.find((other) =>
    other.protocol === port.protocol && (other.name === port.name || other.port === port.port)
  );
  if (twin === undefined) return undefined;
  return {
    path: twin.name === port.name ? "name" : "port",
    message: `Cannot program "${twin.name === port.name ? port.name : port.port}": ` +
      `another ${port.protocol} port of the Service has it already`,
  };
}

function usablePorts(service: Service, problems: Problem[]): ServicePort[] {
  const usable: ServicePort[] = [];
  for (const [index, port] of service.ports.entries()) {
    const fault = portFault(port, usable);
    if (fault === undefined) usable.push(port);
    else {
      problems.push({
        object: `Service ${service.namespace}/${service.name}`,
        path: `spec.ports[${index}].${fault.path}`,
        message: fault.message,
      });
    }
  }
  return usable;
}

/** KEP-2086: Local without a local endpoint drops, unless there is no endpoint anywhere. */
function internalVerdict(service: Service, sets: EndpointSets): Verdict {
  if (!sets.hasAny) return "reject";
  if (service.internalTrafficPolicy === "Cluster") return "cluster";
  return sets.hasLocal ? "local" : "drop";
}

function resolvePort(
  service: Service,
  port: ServicePort,
  address: Address,
  slices: readonly EndpointSlice[],
  node: ResolverNode,
  problems: Problem[],
): ServicePortView {
  const local = service.internalTrafficPolicy === "Local";
  const uses: SetsUsed = { cluster: !local, local };
  const candidates = gatherCandidates(slices, port, address.family, problems);
  const sets = chooseEndpoints(candidates, uses, node);
  const name = port.name === "" ? service.name : `${service.name}:${port.name}`;
  return {
    id: `${service.namespace}/${name}/${port.protocol}/${address.family}`,
    namespace: service.namespace,
    name: service.name,
    portName: port.name,
    protocol: port.protocol,
    family: address.family,
    clusterIP: address.ip,
    port: port.port,
    internal: internalVerdict(service, sets),
    affinitySeconds: service.affinityTimeoutSeconds,
    endpoints: sets.endpoints,
  };
}

/** One and the same fault is met once for each port of the Service that reads the slice. */
function distinct(problems: readonly Problem[]): readonly Problem[] {
  if (problems.length < 2) return problems;
  const seen = new Map<string, Problem>();
  for (const problem of problems) {
    const key = `${problem.object} ${problem.path}`;
    if (!seen.has(key)) seen.set(key, problem);
  }
  return [...seen.values()];
}

/**
 * Resolves a Service for a node: which addresses and ports it has, and for each of them which
 * endpoints serve and what happens to a new connection. Nothing is thrown for a malformed object:
 * what cannot be programmed becomes a problem and the rest is programmed.
 *
 * @param service The Service, or undefined when only its slices exist.
 * @param slices All its slices, sorted by name.
 * @param node The node to resolve for.
 * @returns The ports as a plugin sees them, and what was left out. The same objects always give
 * an equal answer.
 */
export function resolveService(
  service: Service | undefined,
  slices: readonly EndpointSlice[],
  node: ResolverNode,
): Resolution {
  if (service === undefined || !isProxied(service)) return NOTHING;
  const problems: Problem[] = [];
  const addresses = clusterAddresses(service, problems);
  const views = usablePorts(service, problems).flatMap((port) =>
    addresses.map((address) => resolvePort(service, port, address, slices, node, problems))
  );
  if (views.length > 1) views.sort((one, other) => one.id < other.id ? -1 : 1);
  return { views, problems: distinct(problems) };
}
