/**
 * An explanation, put together: whose address it is, what was decided, what the proxier does, what
 * the kernel has counted and tracks.
 *
 * @module
 */
import { nearest } from "../../schemas/config/nearest.ts";
import { messageOf, WeirError } from "../../schemas/errors.ts";
import type { ExplainedPort, ExplainedWay, Explanation } from "../../schemas/explanation.ts";
import { formatIp, parseIp } from "../../schemas/ip.ts";
import type { EndpointSlice, Protocol, Service } from "../../schemas/kube.ts";
import type { ServicePortView } from "../../schemas/view.ts";
import type { LocalAddresses } from "../capabilities/conntrack/local_addresses.ts";
import { ipKey, ipOfKey } from "../capabilities/conntrack/socket_key.ts";
import { sameView } from "../diff.ts";
import { resolveService } from "../resolver/resolve.ts";
import { whyUnproxied } from "../resolver/witness.ts";
import { type Destination, findConnections } from "./connections.ts";
import { decide, type DecidedPort, type Decisions } from "./decisions.ts";
import type { ExplainFacts } from "./facts.ts";
import { findAddress, type Hit } from "./find.ts";
import { type Question, readSocket, type Socket, socketText } from "./question.ts";
import { summarize } from "./summary.ts";
import { UNPROXIED } from "./words.ts";

/** Ways that the proxier is asked for: of a Service with many ports and addresses, the first. */
const MOST_WAYS = 24;

/** What is explained: a Service, or a part of it. */
interface Subject {
  readonly namespace: string;
  readonly name: string;
  /** Whether a service port belongs to it. */
  readonly takes: (view: ServicePortView) => boolean;
  /** The address that was asked for; undefined for all that the service ports have. */
  readonly to: Socket | undefined;
  readonly hit: Hit | undefined;
}

function serviceFacts(service: Service): NonNullable<Explanation["service"]> {
  const { clusterIP, clusterIPs } = service;
  return {
    namespace: service.namespace,
    name: service.name,
    resourceVersion: service.resourceVersion,
    type: service.type,
    clusterIPs: clusterIPs.length > 0 ? clusterIPs : clusterIP === "" ? [] : [clusterIP],
    externalIPs: service.externalIPs,
    loadBalancer: service.loadBalancerIngress.map(({ ip, ipMode }) =>
      ipMode === "VIP" ? ip : `${ip} (${ipMode})`
    ),
    loadBalancerSourceRanges: service.loadBalancerSourceRanges,
    ports: service.ports.map(({ name, protocol, port, nodePort }) =>
      `${name === "" ? "" : `${name} `}${protocol} ${port}${
        nodePort === 0 ? "" : `, node port ${nodePort}`
      }`
    ),
    internalTrafficPolicy: service.internalTrafficPolicy,
    externalTrafficPolicy: service.externalTrafficPolicy,
    sessionAffinity: service.sessionAffinity === "None"
      ? "None"
      : `${service.sessionAffinity}, ${service.affinityTimeoutSeconds} s`,
    trafficDistribution: service.trafficDistribution,
    publishNotReadyAddresses: service.publishNotReadyAddresses,
    healthCheckNodePort: service.healthCheckNodePort,
  };
}

function sliceFacts(slice: EndpointSlice): Explanation["slices"][number] {
  return {
    name: slice.name,
    resourceVersion: slice.resourceVersion,
    addressType: slice.addressType,
    ports: slice.ports.map(({ name, protocol, port }) =>
      `${name === "" ? "" : `${name} `}${protocol} ${port}`
    ),
    endpoints: slice.endpoints.length,
    lastChangeTriggerTime: slice.lastChangeTriggerTime,
  };
}

/** Every service port as the objects say it now, programmed or not yet. */
function currentViews({ tracker, revisions, node }: ExplainFacts): readonly ServicePortView[] {
  const { waiting } = tracker;
  const programmed = [...revisions.all()];
  if (waiting.size === 0) return programmed;
  const here = node();
  const resolved = [...waiting].flatMap((key) => {
    const [namespace = "", name = ""] = key.split("/");
    const { service, slices } = tracker.lookUp(namespace, name);
    return resolveService(service, slices, here).views;
  });
  return [
    ...programmed.filter(({ namespace, name }) => !waiting.has(`${namespace}/${name}`)),
    ...resolved,
  ];
}

/** The node's own addresses; none when the kernel does not tell. */
async function localAddresses(facts: ExplainFacts): Promise<LocalAddresses> {
  try {
    return await facts.conntrack().localAddresses();
  } catch {
    return new Set();
  }
}

function isLocal(ip: string, facts: ExplainFacts, local: LocalAddresses): boolean {
  const bytes = parseIp(ip);
  return bytes !== undefined && (local.has(ipKey(bytes)) || facts.node().addresses.includes(ip));
}

/** An address of this node on which a node port answers, to ask the proxier with. */
function nodePortAddress(view: ServicePortView, facts: ExplainFacts, local: LocalAddresses) {
  const { nodePorts } = facts.settings();
  const six = view.family === "IPv6";
  const all = nodePorts.type === "listed" ? nodePorts.addresses : [
    ...facts.node().addresses,
    ...[...local].map((key) => formatIp(ipOfKey(key))),
  ];
  return all.find((ip) => ip.includes(":") === six);
}

/** The destinations of a service port, or the one that was asked for. */
function destinationsOf(
  port: DecidedPort,
  { to, hit }: Subject,
  facts: ExplainFacts,
  local: LocalAddresses,
): readonly Socket[] {
  if (to !== undefined && hit?.kind !== "endpoint") {
    return [{ ip: to.ip, port: to.port ?? port.port }];
  }
  return port.addresses.flatMap(({ kind, address }) => {
    const socket = readSocket(address);
    if (kind !== "nodePort") return socket === undefined ? [] : [socket];
    if (socket !== undefined) return [socket];
    const ip = nodePortAddress(port.view, facts, local);
    return ip === undefined ? [] : [{ ip, port: port.view.external?.nodePort ?? 0 }];
  });
}

async function waysOf(
  wanted: readonly { readonly to: Socket; readonly protocol: Protocol }[],
  from: Socket | undefined,
  local: LocalAddresses,
  facts: ExplainFacts,
): Promise<Pick<Explanation, "ways" | "waysMissing">> {
  try {
    const ways = await Promise.all(
      wanted.slice(0, MOST_WAYS).map(async ({ to, protocol }): Promise<ExplainedWay> => {
        const { ip, port = 0 } = to;
        const source = from === undefined || (from.ip.includes(":") !== ip.includes(":"))
          ? {}
          : { source: { ip: from.ip, ofNode: isLocal(from.ip, facts, local) } };
        const steps = await facts.explain({ ip, port, protocol, ...source });
        return { to: socketText(ip, port), protocol, steps };
      }),
    );
    const more = wanted.length - ways.length;
    return more > 0 ? { ways, waysMissing: `${more} more addresses are not followed` } : { ways };
  } catch (thrown) {
    return { ways: [], waysMissing: messageOf(thrown) };
  }
}

async function connectionsOf(
  ports: readonly DecidedPort[],
  subject: Subject,
  from: Socket | undefined,
  local: LocalAddresses,
  facts: ExplainFacts,
): Promise<Pick<Explanation, "connections" | "connectionsMissing">> {
  const wanted = new Map<string, Destination>();
  const localTexts = [...local].map((key) => formatIp(ipOfKey(key)));
  for (const port of ports) {
    const { family, protocol } = port;
    const add = (number: number, ips: readonly string[]) => {
      const key = `${family} ${protocol} ${number}`;
      const known = wanted.get(key);
      wanted.set(key, { family, protocol, port: number, ips: [...known?.ips ?? [], ...ips] });
    };
    for (const { ip, port: number = 0 } of destinationsOf(port, subject, facts, local)) {
      // A node port is one, whatever address of the node a client uses.
      const everywhere = subject.to === undefined && number === port.view.external?.nodePort;
      add(number, everywhere ? [ip, ...localTexts] : [ip]);
    }
  }
  const endpoint = subject.hit?.kind === "endpoint" ? subject.to : undefined;
  try {
    const kernel = facts.conntrack();
    return { connections: await findConnections(kernel, [...wanted.values()], { from, endpoint }) };
  } catch (thrown) {
    return { connectionsMissing: messageOf(thrown) };
  }
}

async function portsOf(
  ports: readonly DecidedPort[],
  facts: ExplainFacts,
): Promise<readonly ExplainedPort[]> {
  let traffic: Awaited<ReturnType<ExplainFacts["traffic"]>>;
  try {
    traffic = ports.length === 0 ? undefined : await facts.traffic(ports.map(({ id }) => id));
  } catch {
    // Whoever asks why nothing works is not helped by an error about counters.
    traffic = undefined;
  }
  return ports.map(({ view, ...port }, index): ExplainedPort => {
    const counted = traffic?.[index];
    const told = facts.revisions.of(`${view.namespace}/${view.name}`)
      .find(({ id }) => id === view.id);
    return {
      ...port,
      programmed: told !== undefined && sameView(told, view),
      ...(counted === undefined ? {} : { traffic: counted }),
    };
  });
}

function unknownService(question: Extract<Question, { type: "service" }>, facts: ExplainFacts) {
  const { namespace, name } = question;
  const keys = [...facts.tracker.keys()];
  const elsewhere = keys.filter((key) => key.endsWith(`/${name}`)).slice(0, 3);
  const guess = nearest(`${namespace}/${name}`, keys);
  const hint = elsewhere.length > 0
    ? `There is ${elsewhere.join(", ")}.`
    : guess === undefined
    ? "Those that another proxy serves, by their label service.kubernetes.io/service-proxy-name, are " +
      "not even listed."
    : `Did you mean ${guess}?`;
  return [`There is no Service ${namespace}/${name}. ${hint}`];
}

/** What a question is about, or what can be said when it is about nothing that is known. */
function subjectOf(
  question: Question,
  facts: ExplainFacts,
  local: LocalAddresses,
): { readonly subject: Subject | undefined; readonly known: readonly string[] } {
  if (question.type === "service") {
    const { namespace, name, port, protocol } = question;
    const { service, slices } = facts.tracker.lookUp(namespace, name);
    if (service === undefined) {
      const known = slices.length === 0
        ? unknownService(question, facts)
        : [`There is no Service ${namespace}/${name}, only ${slices.length} EndpointSlices of it.`];
      return { subject: undefined, known };
    }
    const takes = (view: ServicePortView) =>
      (port === undefined || view.portName === port || String(view.port) === port) &&
      (protocol === undefined || view.protocol === protocol);
    return { subject: { namespace, name, takes, to: undefined, hit: undefined }, known: [] };
  }
  const { to, protocol } = question;
  const { hits, facts: known } = findAddress(to, protocol, {
    views: currentViews(facts),
    settings: facts.settings(),
    isLocal: (ip) => isLocal(ip, facts, local),
  });
  const [hit] = hits;
  if (hit === undefined) return { subject: undefined, known };
  const { namespace, name } = hit.view;
  // Without a port it is the Service that has the address; else the one port of it.
  const ids = new Set(hits.filter(({ kind }) => kind === hit.kind).map(({ view }) => view.id));
  const takes = ({ id }: ServicePortView) => ids.has(id);
  const others = new Set(
    hits.filter(({ view }) => view.namespace !== namespace || view.name !== name)
      .map(({ view }) => `${view.namespace}/${view.name}`),
  );
  const shared = hit.kind === "endpoint" || others.size === 0
    ? []
    : [`${[...others].join(", ")} claims the same address and port; ${hit.view.id} has it.`];
  return { subject: { namespace, name, takes, to, hit }, known: [...known, ...shared] };
}

const NO_DECISIONS: Decisions = { ports: [], problems: [], addressesLeftOut: [] };

/**
 * Explains.
 *
 * @param question What.
 * @param facts The running proxy.
 * @returns The explanation; of something that nobody knows it says what comes nearest.
 * @throws {WeirError} WEIR_QUESTION_INVALID when the Service has no such port.
 */
export async function explain(question: Question, facts: ExplainFacts): Promise<Explanation> {
  const startedAt = facts.now();
  const local = await localAddresses(facts);
  const { subject, known } = subjectOf(question, facts, local);
  const settings = facts.settings();
  const node = facts.node();
  const unlanded = facts.unlanded?.();
  const silent = facts.silent?.();
  const key = subject === undefined ? "" : `${subject.namespace}/${subject.name}`;
  const { service, slices } = subject === undefined
    ? { service: undefined, slices: [] }
    : facts.tracker.lookUp(subject.namespace, subject.name);
  const unproxied = service === undefined ? undefined : whyUnproxied(service);
  const decisions = service === undefined ? NO_DECISIONS : decide(service, slices, node, settings);
  const ports = decisions.ports.filter(({ view }) => subject?.takes(view) ?? false);
  if (question.type === "service" && ports.length === 0 && decisions.ports.length > 0) {
    const all = service === undefined ? [] : serviceFacts(service).ports;
    throw new WeirError(
      "WEIR_QUESTION_INVALID",
      `Cannot explain port "${question.port ?? question.protocol}" of Service "${key}": it has ${
        all.join("; ")
      }`,
    );
  }
  const { from } = question;
  const asked = question.type === "address" && subject === undefined &&
      question.to.port !== undefined
    ? [{ to: question.to, protocol: question.protocol ?? "TCP" } as const]
    : subject === undefined
    ? []
    : ports.flatMap((port) =>
      destinationsOf(port, subject, facts, local).map((to) => ({ to, protocol: port.protocol }))
    );
  const [ways, connections, explained] = await Promise.all([
    waysOf(asked, from, local, facts),
    subject === undefined ? {} : connectionsOf(ports, subject, from, local, facts),
    portsOf(ports, facts),
  ]);
  const told = {
    kind: "Explanation",
    asked: askedWords(question),
    node: { name: node.name, zone: node.zone, addresses: node.addresses },
    revision: facts.revisions.revision,
    ...(unlanded === undefined ? {} : { unlanded }),
    ...(silent === undefined ? {} : { silent }),
    proxier: facts.proxier(),
    ...(service === undefined ? {} : { service: serviceFacts(service) }),
    slices: slices.map(sliceFacts),
    pending: facts.tracker.waiting.has(key),
    ...(unproxied === undefined
      ? {}
      : { notProxied: { code: unproxied, reason: UNPROXIED[unproxied] } }),
    problems: decisions.problems,
    addressesLeftOut: decisions.addressesLeftOut,
    ports: explained,
    ...ways,
    ...connections,
  } as const;
  return {
    ...told,
    summary: [...known, ...summarize(told)],
    milliseconds: Math.round((facts.now() - startedAt) * 100) / 100,
  };
}

function askedWords(question: Question): Explanation["asked"] {
  const { protocol, from } = question;
  const words = {
    ...(protocol === undefined ? {} : { protocol }),
    ...(from === undefined ? {} : { from: socketText(from.ip, from.port) }),
  };
  if (question.type === "address") {
    return { to: socketText(question.to.ip, question.to.port), ...words };
  }
  const { namespace, name, port } = question;
  return { service: `${namespace}/${name}${port === undefined ? "" : `:${port}`}`, ...words };
}
