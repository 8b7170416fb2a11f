/**
 * What the resolver decides about a Service, with its reasons: the resolver itself, run once more
 * with a witness.
 *
 * @module
 */
import type {
  ExplainedAddress,
  ExplainedEndpoint,
  ExplainedPort,
  Explanation,
} from "../../schemas/explanation.ts";
import type { EndpointSlice, IpFamily, Service, SliceEndpoint } from "../../schemas/kube.ts";
import type { NodePortAddresses, ServicePortView } from "../../schemas/view.ts";
import type { ResolverNode } from "../resolver/node.ts";
import type { Problem } from "../resolver/problem.ts";
import { resolveService } from "../resolver/resolve.ts";
import { serves } from "../resolver/sets.ts";
import type {
  Membership,
  PortWitness,
  SlicePortFate,
  Witness,
  WitnessedEndpoint,
} from "../resolver/witness.ts";
import { socketText } from "./question.ts";
import {
  ADDRESS_FATES,
  candidateReason,
  membershipReason,
  SLICE_FATES,
  topologyReason,
  verdictReason,
} from "./words.ts";

/** Endpoints of one service port that are listed. */
const MOST_ENDPOINTS = 1_000;

/** What was decided about one service port, but for what the kernel tells. */
export interface DecidedPort extends Omit<ExplainedPort, "programmed" | "traffic"> {
  /** As a proxier gets it. */
  readonly view: ServicePortView;
}

/** What was decided about a Service. */
export interface Decisions {
  readonly ports: readonly DecidedPort[];
  readonly problems: readonly Problem[];
  readonly addressesLeftOut: Explanation["addressesLeftOut"];
}

/** What a witness heard about one service port. */
class Notes implements PortWitness {
  readonly #node: ResolverNode;
  readonly #sliceOf: ReadonlyMap<SliceEndpoint, string>;
  readonly endpoints: ExplainedEndpoint[] = [];
  /** What was made of each slice; one that is read by any of its ports is read. */
  readonly #slices = new Map<string, SlicePortFate>();
  topologyReason: ExplainedPort["topology"] = { code: "everyone", reason: "" };

  constructor(node: ResolverNode, sliceOf: ReadonlyMap<SliceEndpoint, string>) {
    this.#node = node;
    this.#sliceOf = sliceOf;
  }

  slice({ name }: EndpointSlice, fate: SlicePortFate): void {
    const before = this.#slices.get(name);
    // What was nearest to being read says most: another name says least.
    if (before !== "read" && (before === undefined || fate !== "other-name")) {
      this.#slices.set(name, fate);
    }
  }

  /** Slices that are not read; a slice without any port was not heard of. */
  passedOver(slices: readonly EndpointSlice[]): ExplainedPort["slicesPassedOver"] {
    return slices.flatMap(({ name }) => {
      const fate = this.#slices.get(name) ?? "other-name";
      return fate === "read" ? [] : [{ slice: name, code: fate, reason: SLICE_FATES[fate] }];
    });
  }

  leftOut(endpoint: SliceEndpoint, port: number, fate: "malformed-address" | "duplicate"): void {
    const membership = { serves: false, code: fate, reason: candidateReason(fate) };
    const address = socketText(endpoint.addresses[0] ?? "", port);
    this.endpoints.push(this.#described(endpoint, address, membership, membership));
  }

  topology(...[topology, ignored]: Parameters<PortWitness["topology"]>): void {
    this.topologyReason = topologyReason(topology, ignored, this.#node);
  }

  decided(candidate: WitnessedEndpoint, cluster: Membership, local: Membership): void {
    const { ip, port, endpoint } = candidate;
    const told = (membership: Membership) => ({
      serves: serves(membership),
      code: membership,
      reason: membershipReason(membership, endpoint, this.#node),
    });
    this.endpoints.push(
      this.#described(endpoint, socketText(ip, port), told(cluster), told(local)),
    );
  }

  #described(
    endpoint: SliceEndpoint,
    address: string,
    cluster: ExplainedEndpoint["cluster"],
    local: ExplainedEndpoint["local"],
  ): ExplainedEndpoint {
    const { nodeName, zone, ready, serving, terminating, hintZones, hintNodes } = endpoint;
    return {
      address,
      slice: this.#sliceOf.get(endpoint) ?? "",
      node: nodeName,
      zone,
      ready,
      serving,
      terminating,
      hintZones,
      hintNodes,
      cluster,
      local,
    };
  }
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

function addressesOf(view: ServicePortView, nodePorts: NodePortAddresses): ExplainedAddress[] {
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
  if (external === undefined) return [inside];
  const { verdict } = external;
  const reason = verdictReason(verdict, "externalTrafficPolicy", served);
  const sources = external.loadBalancerSources;
  const nodePortTexts = external.nodePort === 0
    ? []
    : nodePortAddresses(view.family, external.nodePort, nodePorts);
  return [
    inside,
    ...external.loadBalancerIPs.map((ip): ExplainedAddress => ({
      kind: "loadBalancerIP",
      address: socketText(ip, view.port),
      verdict,
      reason,
      ...(sources === undefined ? {} : { sources }),
    })),
    ...external.externalIPs.map((ip): ExplainedAddress => (
      { kind: "externalIP", address: socketText(ip, view.port), verdict, reason }
    )),
    ...nodePortTexts.map((address): ExplainedAddress => (
      { kind: "nodePort", address, verdict, reason }
    )),
  ];
}

function serving({ cluster, local }: ExplainedEndpoint): boolean {
  return cluster.serves || local.serves;
}

/**
 * Decides about a Service and says why.
 *
 * @param service The Service.
 * @param slices All its slices, sorted by name.
 * @param node The node to resolve for.
 * @param place `nodePorts`: where NodePorts answer; `families`: those that are served.
 * @returns The ports, sorted by id, with every endpoint and the reason for each.
 */
export function decide(
  service: Service,
  slices: readonly EndpointSlice[],
  node: ResolverNode,
  place: { readonly nodePorts: NodePortAddresses; readonly families: readonly IpFamily[] },
): Decisions {
  const sliceOf = new Map(
    slices.flatMap(({ name, endpoints }) => endpoints.map((endpoint) => [endpoint, name] as const)),
  );
  const heard = new Map<string, Notes>();
  const addresses = new Map<string, Explanation["addressesLeftOut"][number]>();
  const witness: Witness = {
    port(id) {
      const notes = new Notes(node, sliceOf);
      heard.set(id, notes);
      return notes;
    },
    // Once for each family.
    address(address, path, code) {
      addresses.set(`${path} ${address}`, { address, path, code, reason: ADDRESS_FATES[code] });
    },
  };
  const { views, problems } = resolveService(service, slices, node, witness);
  const ports = views.filter(({ family }) => place.families.includes(family)).map((view) => {
    const notes = heard.get(view.id) ?? new Notes(node, sliceOf);
    const all = [
      ...notes.endpoints.filter(serving),
      ...notes.endpoints.filter((endpoint) => !serving(endpoint)),
    ];
    const { id, portName, protocol, family, port, affinitySeconds } = view;
    return {
      id,
      portName,
      protocol,
      family,
      port,
      addresses: addressesOf(view, place.nodePorts),
      topology: notes.topologyReason,
      affinitySeconds,
      slicesPassedOver: notes.passedOver(slices),
      endpoints: all.slice(0, MOST_ENDPOINTS),
      endpointsMore: Math.max(0, all.length - MOST_ENDPOINTS),
      view,
    };
  });
  return { ports, problems, addressesLeftOut: [...addresses.values()] };
}
