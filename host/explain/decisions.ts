/**
 * What the resolver decides about a Service, with its reasons: the resolver itself, run once more
 * with a witness.
 *
 * @module
 */
import type { ExplainedAddress, ExplainedPort, Explanation } from "../../schemas/explanation.ts";
import type { EndpointSlice, IpFamily, Service, SliceEndpoint } from "../../schemas/kube.ts";
import type { NodePortAddresses, ServicePortView } from "../../schemas/view.ts";
import type { ResolverNode } from "../resolver/node.ts";
import type { Problem } from "../resolver/problem.ts";
import { resolvingService } from "../resolver/resolve.ts";
import type { Witness } from "../resolver/witness.ts";
import { ADDRESSES, ENDPOINTS, firstOf, MOST_PORTS, shareOf, SLICES, SOURCES } from "./limits.ts";
import { Notes } from "./notes.ts";
import { atOnce } from "./pace.ts";
import { socketText } from "./question.ts";
import { ADDRESS_FATES, verdictReason } from "./words.ts";

/** What was decided about one service port, but for what the kernel tells. */
export interface DecidedPort extends Omit<ExplainedPort, "programmed" | "traffic"> {
  /** As a proxier gets it. */
  readonly view: ServicePortView;
}

/** What was decided about a Service. */
export interface Decisions {
  /** Those in scope; see {@linkcode MOST_PORTS}. */
  readonly ports: readonly DecidedPort[];
  /** Those in scope that are not among them. */
  readonly portsMore: number;
  /** How many service ports the Service has, in scope or not. */
  readonly portsInAll: number;
  readonly problems: readonly Problem[];
  readonly addressesLeftOut: Explanation["addressesLeftOut"];
}

/** Which service ports are asked for. */
export interface Scope {
  /** Whether a service port is. */
  readonly takes: (
    port: Pick<ServicePortView, "id" | "portName" | "protocol" | "port">,
  ) => boolean;
  /** About how many are, to share out what is told. */
  readonly ports: number;
}

/** On which addresses a node port answers, as texts. */
function nodePortAddresses(
  family: IpFamily,
  port: number,
  nodePorts: NodePortAddresses,
): readonly string[] {
  if (nodePorts.type === "every") return [`*:${port}`];
  return nodePorts.addresses.filter((ip) => ip.includes(":") === (family === "IPv6"))
    .map((ip) => socketText(ip, port));
}

function addressesOf(
  view: ServicePortView,
  nodePorts: NodePortAddresses,
  ports: number,
): Pick<ExplainedPort, "addresses" | "addressesMore"> {
  const { endpoints, external } = view;
  const served = {
    cluster: endpoints.filter(({ inCluster }) => inCluster).length,
    local: endpoints.filter(({ inLocal }) => inLocal).length,
  };
  const inside: ExplainedAddress = {
    kind: "clusterIP",
    address: socketText(view.clusterIP, view.port),
    verdict: view.internal,
    reason: verdictReason(view.internal, "internalTrafficPolicy", served),
  };
  if (external === undefined) return { addresses: [inside] };
  const { verdict } = external;
  const reason = verdictReason(verdict, "externalTrafficPolicy", served);
  const most = shareOf(ADDRESSES, ports);
  const kinds = external.loadBalancerIPs.length;
  const sources = external.loadBalancerSources &&
    firstOf(external.loadBalancerSources, shareOf(SOURCES, ports * Math.min(most, kinds)));
  const restricted = sources === undefined ? {} : {
    sources: sources.listed,
    ...(sources.more === 0 ? {} : { sourcesMore: sources.more }),
  };
  const nodePortTexts = external.nodePort === 0
    ? []
    : nodePortAddresses(view.family, external.nodePort, nodePorts);
  const { listed, more } = firstOf([
    ...external.loadBalancerIPs.map((ip) => ["loadBalancerIP", ip] as const),
    ...external.externalIPs.map((ip) => ["externalIP", ip] as const),
    ...nodePortTexts.map((text) => ["nodePort", text] as const),
  ], most);
  return {
    addresses: [
      inside,
      ...listed.map(([kind, text]): ExplainedAddress => ({
        kind,
        address: kind === "nodePort" ? text : socketText(text, view.port),
        verdict,
        reason,
        ...(kind === "loadBalancerIP" ? restricted : {}),
      })),
    ],
    ...(more === 0 ? {} : { addressesMore: more }),
  };
}

/** Where, and what is asked for. */
export interface Place {
  /** Where NodePorts answer. */
  readonly nodePorts: NodePortAddresses;
  /** The families that are served. */
  readonly families: readonly IpFamily[];
  /** Left out, every service port is. */
  readonly scope?: Scope;
}

/**
 * Decides about a Service and says why, in steps.
 *
 * @param service The Service.
 * @param slices All its slices, sorted by name.
 * @param node The node to resolve for.
 * @param place Where, and what is asked for.
 * @yields After each step, which takes milliseconds at most.
 * @returns The ports, sorted by id, with endpoints and the reason for each.
 */
export function* deciding(
  service: Service,
  slices: readonly EndpointSlice[],
  node: ResolverNode,
  place: Place,
): Generator<void, Decisions> {
  const { families } = place;
  const scope = place.scope ??
    { takes: () => true, ports: service.ports.length * families.length };
  const among = Math.min(MOST_PORTS, scope.ports);
  const heard = new Map<string, Notes>();
  const addresses = new Map<string, Explanation["addressesLeftOut"][number]>();
  const witness: Witness = {
    port(id, { name, ...port }) {
      if (heard.size >= MOST_PORTS || !scope.takes({ id, portName: name, ...port })) {
        return undefined;
      }
      if (!families.some((family) => id.endsWith(`/${family}`))) return undefined;
      const notes = new Notes(node, shareOf(ENDPOINTS, among), shareOf(SLICES, among));
      heard.set(id, notes);
      return notes;
    },
    // Once for each family.
    address(address, path, code) {
      addresses.set(`${path} ${address}`, { address, path, code, reason: ADDRESS_FATES[code] });
    },
  };
  const { views, problems } = yield* resolvingService(service, slices, node, witness);
  const served = views.filter(({ family }) => families.includes(family));
  const told = new Set<SliceEndpoint>();
  for (const notes of heard.values()) notes.gather(told);
  const sliceOf = new Map<SliceEndpoint, string>();
  for (const { name, endpoints } of slices) {
    for (const endpoint of endpoints) if (told.has(endpoint)) sliceOf.set(endpoint, name);
    yield;
  }
  const ports: DecidedPort[] = [];
  let inScope = 0;
  for (const view of served) {
    if (scope.takes(view)) inScope++;
    const notes = heard.get(view.id);
    if (notes === undefined) continue;
    const { id, portName, protocol, family, port, affinitySeconds } = view;
    ports.push({
      id,
      portName,
      protocol,
      family,
      port,
      ...addressesOf(view, place.nodePorts, among),
      affinitySeconds,
      ...notes.described(sliceOf),
      view,
    });
    yield;
  }
  return {
    ports,
    portsMore: inScope - ports.length,
    portsInAll: served.length,
    problems,
    addressesLeftOut: [...addresses.values()],
  };
}

/**
 * Decides without a pause, for a Service that is known to be small.
 *
 * @param args As for {@linkcode deciding}.
 * @returns The same.
 */
export function decide(...args: Parameters<typeof deciding>): Decisions {
  return atOnce(deciding(...args));
}
