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
import type { Protocol, Service } from "../../schemas/kube.ts";
import type { ServicePortView } from "../../schemas/view.ts";
import type { LocalAddresses } from "../capabilities/conntrack/local_addresses.ts";
import { ipKey, ipOfKey } from "../capabilities/conntrack/socket_key.ts";
import { sameView } from "../diff.ts";
import { resolvingService } from "../resolver/resolve.ts";
import { whyUnproxied } from "../resolver/witness.ts";
import { type Destination, findConnections } from "./connections.ts";
import { type DecidedPort, deciding, type Decisions, type Scope } from "./decisions.ts";
import type { ExplainFacts } from "./facts.ts";
import { findingAddress, type Hit } from "./find.ts";
import { firstOf, shareOf, STEPS } from "./limits.ts";
import { Lists, portTexts, serviceFacts, sliceFacts } from "./objects.ts";
import { Pace } from "./pace.ts";
import { type Question, readSocket, type Socket, socketText } from "./question.ts";
import { summarize } from "./summary.ts";
import { UNPROXIED } from "./words.ts";

/** Ways that the proxier is asked for: of a Service with many ports and addresses, the first. */
const MOST_WAYS = 24;
/** Ports that are named to who asks for one that there is not. */
const MOST_PORTS_REFUSED = 20;
/** Services that a sentence names. */
const MOST_NAMED = 5;

/** What is explained: a Service, or a part of it. */
interface Subject {
  readonly namespace: string;
  readonly name: string;
  /** Which service ports belong to it. */
  readonly scope: Scope;
  /** The address that was asked for; undefined for all that the service ports have. */
  readonly to: Socket | undefined;
  readonly hit: Hit | undefined;
}

/** Every service port as the objects say it now, programmed or not yet. */
function* currentViews({ tracker, revisions, node }: ExplainFacts): Generator<
  void,
  readonly ServicePortView[]
> {
  // All of one moment: there may be a sync at each step.
  const programmed = [...revisions.all()];
  const waiting = new Set(tracker.waiting);
  if (waiting.size === 0) return programmed;
  const here = node();
  const changed = [...waiting].map((key) => {
    const [namespace = "", name = ""] = key.split("/");
    return tracker.lookUp(namespace, name);
  });
  yield;
  const views = programmed.filter(({ namespace, name }) => !waiting.has(`${namespace}/${name}`));
  for (const { service, slices } of changed) {
    for (const view of (yield* resolvingService(service, slices, here)).views) views.push(view);
    yield;
  }
  return views;
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
  const most = shareOf(STEPS, Math.min(wanted.length, MOST_WAYS));
  try {
    const ways = await Promise.all(
      wanted.slice(0, MOST_WAYS).map(async ({ to, protocol }): Promise<ExplainedWay> => {
        const { ip, port = 0 } = to;
        const source = from === undefined || (from.ip.includes(":") !== ip.includes(":"))
          ? {}
          : { source: { ip: from.ip, ofNode: isLocal(from.ip, facts, local) } };
        const steps = await facts.explain({ ip, port, protocol, ...source });
        const { listed, more } = firstOf(steps, most);
        const way = { to: socketText(ip, port), protocol, steps: listed };
        return more === 0 ? way : { ...way, stepsMore: more };
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
  pace: Pace,
): Promise<Pick<Explanation, "connections" | "connectionsMissing">> {
  const wanted = new Map<string, Destination & { readonly ips: string[] }>();
  const localTexts = [...local].map((key) => formatIp(ipOfKey(key)));
  for (const port of ports) {
    const others = pace.due();
    if (others !== undefined) await others;
    const { family, protocol } = port;
    const add = (number: number, ips: readonly string[]) => {
      const key = `${family} ${protocol} ${number}`;
      const known = wanted.get(key);
      if (known === undefined) wanted.set(key, { family, protocol, port: number, ips: [...ips] });
      else known.ips.push(...ips);
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
  programmed: readonly ServicePortView[],
  facts: ExplainFacts,
  pace: Pace,
): Promise<readonly ExplainedPort[]> {
  let traffic: Awaited<ReturnType<ExplainFacts["traffic"]>>;
  try {
    traffic = ports.length === 0 ? undefined : await facts.traffic(ports.map(({ id }) => id));
  } catch {
    // Whoever asks why nothing works is not helped by an error about counters.
    traffic = undefined;
  }
  const toldOf = new Map(programmed.map((view) => [view.id, view]));
  const explained: ExplainedPort[] = [];
  for (const [index, { view, ...port }] of ports.entries()) {
    const others = pace.due();
    if (others !== undefined) await others;
    const counted = traffic?.[index];
    const told = toldOf.get(view.id);
    explained.push({
      ...port,
      programmed: told !== undefined && sameView(told, view),
      ...(counted === undefined ? {} : { traffic: counted }),
    });
  }
  return explained;
}

/** Names that are compared in a step; each takes as long as both names have letters, multiplied. */
const NAMES_STEP = 50;

/** The nearest of each part, and of these the nearest. */
function* nearestOf(name: string, names: readonly string[]): Generator<void, string | undefined> {
  const best: string[] = [];
  for (let from = 0; from < names.length; from += NAMES_STEP) {
    best.push(
      ...[nearest(name, names.slice(from, from + NAMES_STEP))].filter((one) => one !== undefined),
    );
    yield;
  }
  return best.length <= NAMES_STEP ? nearest(name, best) : yield* nearestOf(name, best);
}

async function unknownService(
  question: Extract<Question, { type: "service" }>,
  facts: ExplainFacts,
  pace: Pace,
): Promise<readonly string[]> {
  const { namespace, name } = question;
  const keys = [...facts.tracker.keys()];
  const elsewhere = keys.filter((key) => key.endsWith(`/${name}`)).slice(0, 3);
  const guess = elsewhere.length > 0
    ? undefined
    : await pace.through(nearestOf(`${namespace}/${name}`, keys));
  const hint = elsewhere.length > 0
    ? `There is ${elsewhere.join(", ")}.`
    : guess === undefined
    ? "Those that another proxy serves, by their label service.kubernetes.io/service-proxy-name, are " +
      "not even listed."
    : `Did you mean ${guess}?`;
  return [`There is no Service ${namespace}/${name}. ${hint}`];
}

/** What a question is about, or what can be said when it is about nothing that is known. */
async function subjectOf(
  question: Question,
  facts: ExplainFacts,
  local: LocalAddresses,
  pace: Pace,
): Promise<{ readonly subject: Subject | undefined; readonly known: readonly string[] }> {
  if (question.type === "service") {
    const { namespace, name, port, protocol } = question;
    const { service, slices } = facts.tracker.lookUp(namespace, name);
    if (service === undefined) {
      const known = slices.length === 0
        ? await unknownService(question, facts, pace)
        : [`There is no Service ${namespace}/${name}, only ${slices.length} EndpointSlices of it.`];
      return { subject: undefined, known };
    }
    const takes: Scope["takes"] = (view) =>
      (port === undefined || view.portName === port || String(view.port) === port) &&
      (protocol === undefined || view.protocol === protocol);
    const families = facts.settings().families.length;
    // A name or a number has a port of each protocol at most.
    const ports = port === undefined ? service.ports.length * families : 3 * families;
    return {
      subject: { namespace, name, scope: { takes, ports }, to: undefined, hit: undefined },
      known: [],
    };
  }
  const { to, protocol } = question;
  const views = await pace.through(currentViews(facts));
  const { hits, facts: known } = await pace.through(findingAddress(to, protocol, {
    views,
    settings: facts.settings(),
    isLocal: (ip) => isLocal(ip, facts, local),
  }));
  const [hit] = hits;
  if (hit === undefined) return { subject: undefined, known };
  const { namespace, name } = hit.view;
  // Without a port it is the Service that has the address; else the one port of it.
  const ids = new Set(
    hits.filter(({ kind, view }) =>
      kind === hit.kind && view.namespace === namespace && view.name === name
    ).map(({ view }) => view.id),
  );
  const scope: Scope = { takes: ({ id }) => ids.has(id), ports: ids.size };
  const others = new Set(
    hits.filter(({ view }) => view.namespace !== namespace || view.name !== name)
      .map(({ view }) => `${view.namespace}/${view.name}`),
  );
  const { listed, more } = firstOf([...others], MOST_NAMED);
  const shared = hit.kind === "endpoint" || others.size === 0 ? [] : [
    `${listed.join(", ")}${more > 0 ? ` and ${more} more Services` : ""} claims the same address ` +
    `and port; ${hit.view.id} has it.`,
  ];
  return { subject: { namespace, name, scope, to, hit }, known: [...known, ...shared] };
}

/** What is not known yet is no reason to say that it is not there. */
const UNLISTED = "weir has not heard yet which Services and EndpointSlices there are.";

const NO_DECISIONS: Decisions = {
  ports: [],
  portsMore: 0,
  portsInAll: 0,
  problems: [],
  addressesLeftOut: [],
};

function refusePort(question: Question, key: string, service: Service | undefined): never {
  const { listed, more } = firstOf(portTexts(service?.ports ?? []), MOST_PORTS_REFUSED);
  const asked = (question.type === "service" ? question.port : undefined) ?? question.protocol;
  throw new WeirError(
    "WEIR_QUESTION_INVALID",
    `Cannot explain port "${asked}" of Service "${key}": it has ${listed.join("; ")}${
      more > 0 ? ` and ${more} more` : ""
    }`,
  );
}

/** All destinations that the proxier is asked for, and no more of them than is asked and counted. */
function waysWanted(
  question: Question,
  subject: Subject | undefined,
  ports: readonly DecidedPort[],
  facts: ExplainFacts,
  local: LocalAddresses,
): readonly { readonly to: Socket; readonly protocol: Protocol }[] {
  if (subject !== undefined) {
    return ports.flatMap((port) =>
      destinationsOf(port, subject, facts, local).map((to) => ({ to, protocol: port.protocol }))
    );
  }
  return question.type === "address" && question.to.port !== undefined
    ? [{ to: question.to, protocol: question.protocol ?? "TCP" }]
    : [];
}

/**
 * Explains. Others have their turn every few milliseconds; what is told is of the moment at which
 * the Service was looked up.
 *
 * @param question What.
 * @param facts The running proxy.
 * @returns The explanation; of something that nobody knows it says what comes nearest.
 * @throws {WeirError} WEIR_QUESTION_INVALID when the Service has no such port.
 */
export async function explain(question: Question, facts: ExplainFacts): Promise<Explanation> {
  const startedAt = facts.now();
  const pace = new Pace(facts);
  const local = await localAddresses(facts);
  await pace.turn();
  const { subject, known: comesNearest } = await subjectOf(question, facts, local, pace);
  const known = subject === undefined && !facts.tracker.ready ? [UNLISTED] : comesNearest;
  const settings = facts.settings();
  const node = facts.node();
  const unlanded = facts.unlanded?.();
  const silent = facts.silent?.();
  const key = subject === undefined ? "" : `${subject.namespace}/${subject.name}`;
  const { service, slices } = subject === undefined
    ? { service: undefined, slices: [] }
    : facts.tracker.lookUp(subject.namespace, subject.name);
  const pending = facts.tracker.waiting.has(key);
  const { revision } = facts.revisions;
  const programmed = facts.revisions.of(key);
  const unproxied = service === undefined ? undefined : whyUnproxied(service);
  const place = { ...settings, ...(subject === undefined ? {} : { scope: subject.scope }) };
  const decisions = service === undefined
    ? NO_DECISIONS
    : await pace.through(deciding(service, slices, node, place));
  const { ports } = decisions;
  if (question.type === "service" && ports.length === 0 && decisions.portsInAll > 0) {
    refusePort(question, key, service);
  }
  const { from } = question;
  const asked = waysWanted(question, subject, ports, facts, local);
  const [ways, connections, explained] = await Promise.all([
    waysOf(asked, from, local, facts),
    subject === undefined ? {} : connectionsOf(ports, subject, from, local, facts, pace),
    portsOf(ports, programmed, facts, pace),
  ]);
  const lists = new Lists();
  lists.note("ports", decisions.portsMore);
  const told = {
    kind: "Explanation",
    asked: askedWords(question),
    node: { name: node.name, zone: node.zone, addresses: node.addresses },
    revision,
    ...(unlanded === undefined ? {} : { unlanded }),
    ...(silent === undefined ? {} : { silent }),
    proxier: facts.proxier(),
    ...(service === undefined ? {} : { service: serviceFacts(service, lists) }),
    slices: lists.first("slices", slices).map(sliceFacts),
    pending,
    ...(unproxied === undefined
      ? {}
      : { notProxied: { code: unproxied, reason: UNPROXIED[unproxied] } }),
    problems: lists.first("problems", decisions.problems),
    addressesLeftOut: lists.first("addressesLeftOut", decisions.addressesLeftOut),
    ports: explained,
    ...ways,
    ...connections,
    ...lists.notListed,
  } as const;
  const others = pace.due();
  if (others !== undefined) await others;
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
