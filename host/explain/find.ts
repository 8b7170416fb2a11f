/**
 * Whose address an address is; and when it is nobody's, what comes nearest to it.
 *
 * @module
 */
import { cidrContains, parseCidr, parseIp } from "../../schemas/ip.ts";
import type { IpFamily, Protocol } from "../../schemas/kube.ts";
import type { ProxierSettings, ServicePortView } from "../../schemas/view.ts";
import { atOnce } from "./pace.ts";
import { type Socket, socketText } from "./question.ts";

/** As what a service port has an address. */
export type HitKind = "clusterIP" | "externalIP" | "loadBalancerIP" | "nodePort" | "endpoint";

/** A service port that has something to do with an address. */
export interface Hit {
  readonly kind: HitKind;
  readonly view: ServicePortView;
}

/** What was found. */
export interface Found {
  /** The service ports that are reached at exactly this address, best first. */
  readonly hits: readonly Hit[];
  /** What is known besides, in sentences. */
  readonly facts: readonly string[];
}

/** What is searched. */
export interface FindOptions {
  readonly views: readonly ServicePortView[];
  readonly settings: Pick<ProxierSettings, "serviceCIDRs" | "nodePorts" | "families">;
  /** Whether an address is one of this node, not of loopback. */
  readonly isLocal: (ip: string) => boolean;
}

const RANKS: Readonly<Record<HitKind, number>> = {
  clusterIP: 0,
  loadBalancerIP: 1,
  externalIP: 2,
  nodePort: 3,
  endpoint: 4,
};

/** The most service ports that a sentence names. */
const MOST_NAMED = 5;

function isLoopback(ip: string): boolean {
  return ip === "::1" || ip.startsWith("127.");
}

function kindOfAddress(
  view: ServicePortView,
  ip: string,
): Exclude<HitKind, "nodePort"> | undefined {
  if (view.clusterIP === ip) return "clusterIP";
  if (view.external?.loadBalancerIPs.includes(ip)) return "loadBalancerIP";
  return view.external?.externalIPs.includes(ip) ? "externalIP" : undefined;
}

const NAMES: Readonly<Record<HitKind, string>> = {
  clusterIP: "cluster IP",
  externalIP: "external IP",
  loadBalancerIP: "load balancer's address",
  nodePort: "node port",
  endpoint: "endpoint",
};

function listed(texts: ReadonlySet<string>): string {
  const all = [...texts].sort();
  const more = all.length - MOST_NAMED;
  return all.slice(0, MOST_NAMED).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

function inRange(ip: string, ranges: readonly string[]): string | undefined {
  const bytes = parseIp(ip);
  if (bytes === undefined) return undefined;
  return ranges.find((range) => {
    const cidr = parseCidr(range);
    return cidr !== undefined && cidr.network.length === bytes.length && cidrContains(cidr, bytes);
  });
}

/** What is near to an address, gathered in one walk. */
class Near {
  /** By `Service … as …`: the ports of those that have the address. */
  readonly owners = new Map<string, Set<string>>();
  /** Service ports of which it is an endpoint's address, with the endpoint's ports. */
  readonly endpoints = new Map<string, Set<string>>();

  note(into: Map<string, Set<string>>, name: string, what: string): void {
    const known = into.get(name);
    if (known === undefined) into.set(name, new Set([what]));
    else known.add(what);
  }
}

/** Service ports that are looked at in a step. */
const STEP = 200;
/** Endpoints that are looked at in a step. */
const ENDPOINTS_STEP = 10_000;

/**
 * Finds out whose an address is, without a pause.
 *
 * @param args As for {@linkcode findingAddress}.
 * @returns The same.
 */
export function findAddress(...args: Parameters<typeof findingAddress>): Found {
  return atOnce(findingAddress(...args));
}

/**
 * Finds out whose an address is, in steps.
 *
 * @param to The address; without a port every service port that has the address is a hit.
 * @param protocol The protocol; any when it is undefined.
 * @param options Where to look.
 * @yields After each step, which takes milliseconds at most.
 * @returns The hits, and sentences that help when there is none.
 */
export function* findingAddress(
  to: Socket,
  protocol: Protocol | undefined,
  options: FindOptions,
): Generator<void, Found> {
  const { ip, port } = to;
  const { views, settings, isLocal } = options;
  const hits: Hit[] = [];
  const near = new Near();
  const family = ip.includes(":") ? "IPv6" : "IPv4";
  const local = isLocal(ip);
  const { nodePorts } = settings;
  const takesNodePorts = nodePorts.type === "every" ? local : nodePorts.addresses.includes(ip);
  let otherNodePort: string | undefined;
  for (const [index, view] of views.entries()) {
    if (index % STEP === STEP - 1) yield;
    if (view.family !== family) continue;
    const spoken = protocol === undefined || view.protocol === protocol;
    const kind = kindOfAddress(view, ip);
    if (kind !== undefined) {
      if (spoken && (port === undefined || port === view.port)) hits.push({ kind, view });
      const service = `Service ${view.namespace}/${view.name} as its ${NAMES[kind]}`;
      near.note(near.owners, service, `${view.protocol} ${view.port}`);
    }
    if (port !== undefined && view.external?.nodePort === port && spoken) {
      if (takesNodePorts && kind === undefined) hits.push({ kind: "nodePort", view });
      else otherNodePort = view.id;
    }
  }
  // There are ten times as many endpoints, and an address of a Service is that, whose endpoint it
  // may be besides.
  if (hits.length === 0) yield* findEndpoints();
  hits.sort((one, other) =>
    RANKS[one.kind] - RANKS[other.kind] || (one.view.id < other.view.id ? -1 : 1)
  );
  if (hits.length > 0) return { hits, facts: factsOfHits(hits, to) };
  const missed = { to, protocol, family, local, near, otherNodePort } as const;
  return { hits, facts: nearestFacts(missed, settings) };

  function* findEndpoints(): Generator<void> {
    let seen = 0;
    for (const view of views) {
      seen += 1 + view.endpoints.length;
      if (seen > ENDPOINTS_STEP) {
        seen = 0;
        yield;
      }
      if (view.family !== family) continue;
      for (const endpoint of view.endpoints) {
        if (endpoint.ip !== ip) continue;
        const spoken = protocol === undefined || view.protocol === protocol;
        if (spoken && (port === undefined || endpoint.port === port)) {
          hits.push({ kind: "endpoint", view });
        }
        near.note(near.endpoints, view.id, `${view.protocol} ${endpoint.port}`);
      }
    }
  }
}

/** What was asked for, and what comes nearest to it. */
interface Missed {
  readonly to: Socket;
  readonly protocol: Protocol | undefined;
  readonly family: IpFamily;
  /** Whether it is an address of this node. */
  readonly local: boolean;
  readonly near: Near;
  /** A service port with the port as its node port, which does not answer on the address. */
  readonly otherNodePort: string | undefined;
}

/** Sentences that help when nobody has an address. */
function nearestFacts(
  { to: { ip, port }, protocol, family, local, near, otherNodePort }: Missed,
  { families, serviceCIDRs, nodePorts }: FindOptions["settings"],
): string[] {
  const facts: string[] = [];
  const asked = `${protocol === undefined ? "" : `${protocol} `}${socketText(ip, port)}`;
  if (!families.includes(family)) {
    return [`${family} is not served on this node, and ${ip} is ${family}.`];
  }
  for (const [owner, ports] of near.owners) {
    facts.push(
      `${ip} belongs to ${owner}, but it has no port ${asked}: it has ${listed(ports)}. ` +
        "Connections to other ports of a cluster IP are rejected.",
    );
  }
  for (const [id, ports] of near.endpoints) {
    facts.push(
      `${ip} is an endpoint of ${id}, on ${listed(ports)}: connections straight to it are ` +
        "not translated.",
    );
    if (facts.length > MOST_NAMED) break;
  }
  const range = inRange(ip, serviceCIDRs);
  if (near.owners.size === 0 && range !== undefined) {
    facts.push(
      `${ip} is in the ServiceCIDR ${range}, but no Service that is proxied has it: ` +
        "connections to it are dropped.",
    );
  }
  if (local || isLoopback(ip)) {
    if (otherNodePort !== undefined) {
      facts.push(
        `${port} is the node port of ${otherNodePort}, but node ports do not answer on ${ip}` +
          `${
            nodePorts.type === "listed"
              ? ` (--nodeport-addresses: ${listed(new Set(nodePorts.addresses))})`
              : ""
          }.`,
      );
    } else {
      facts.push(`${ip} is this node's own, and no Service has the node port ${port ?? ""}.`);
    }
  } else if (otherNodePort !== undefined) {
    facts.push(
      `${port} is the node port of ${otherNodePort}, but ${ip} is no address of this node.`,
    );
  }
  if (facts.length === 0) {
    facts.push(
      `No Service that is proxied, no endpoint and no address of this node is ${asked}: ` +
        "weir has no rule for it.",
    );
  }
  return facts;
}

function factsOfHits(hits: readonly Hit[], { ip, port }: Socket): string[] {
  const [first] = hits;
  if (first?.kind !== "endpoint") return [];
  return [
    `${socketText(ip, port)} is an endpoint of ${
      listed(new Set(hits.map(({ view }) => view.id)))
    }: connections straight to it are not translated, those to the Service may come to it.`,
  ];
}
