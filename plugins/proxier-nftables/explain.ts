/**
 * What a new connection to a destination meets, in order, told from the mirror.
 *
 * @module
 */
import {
  cidrContains,
  type ExplainQuery,
  type ExplainStep,
  formatIp,
  ipFamily,
  type LocalMatch,
  parseCidr,
  parseIp,
} from "weir";
import {
  addressBytes,
  addressLength,
  binary,
  portAt,
  PROTOCOL_NUMBERS,
  pushAddress,
} from "./bytes.ts";
import type { Mirror } from "./mirror.ts";
import { OBJECTS } from "./objects.ts";
import {
  type Claim,
  countOf,
  nodePortKey,
  recordLength,
  serviceKey,
  type ServiceState,
  type SetName,
} from "./service_state.ts";

/** The most endpoints that are listed; the host takes no longer explanation. */
const MOST_ENDPOINTS = 2000;

function endpointText(state: ServiceState, records: string, slot: number): string {
  const at = slot * recordLength(state.family);
  const address = formatIp(addressBytes(records, at, state.family));
  const port = portAt(records, at + addressLength(state.family));
  return state.family === "IPv4" ? `${address}:${port}` : `[${address}]:${port}`;
}

/** What the chain reject-chain answers. */
function rejection(query: ExplainQuery): string {
  return `reject with ${query.protocol === "TCP" ? "tcp reset" : "port unreachable"}`;
}

function condition(match: LocalMatch, operator: "not " | ""): string {
  switch (match.type) {
    case "cidr":
      return `source ${operator}in ${match.cidr}`;
    case "interface":
      return `interface ${operator}${match.name}`;
    case "interfacePrefix":
      return `interface ${operator}${match.prefix}*`;
  }
}

type Source = ExplainQuery["source"];

/** Whether something holds for a source: `maybe` when its address alone does not tell. */
type Answer = "yes" | "no" | "maybe";

function inRanges(source: NonNullable<Source>, ranges: readonly string[]): boolean {
  const bytes = parseIp(source.ip);
  return bytes !== undefined && ranges.some((range) => {
    const cidr = parseCidr(range);
    return cidr !== undefined && cidr.network.length === bytes.length && cidrContains(cidr, bytes);
  });
}

/** Whether a source is a pod of this node, as the local-detector tells them. */
function isPod(source: Source, matches: readonly LocalMatch[]): Answer {
  if (source === undefined) return "maybe";
  const cidrs = matches.flatMap((match) => match.type === "cidr" ? [match.cidr] : []);
  if (inRanges(source, cidrs)) return "yes";
  // Packets of the node itself come in by no interface.
  return cidrs.length === matches.length || source.ofNode ? "no" : "maybe";
}

/** What is being explained: a destination, and who serves it. */
interface Explained {
  readonly mirror: Mirror;
  readonly query: ExplainQuery;
  readonly state: ServiceState;
  readonly claim: Claim;
  /** The key as nft prints it. */
  readonly key: string;
  /** The local-detector's matches of this family. */
  readonly matches: readonly LocalMatch[];
}

function markText(mirror: Mirror): string {
  const mark = `0x${(1 << mirror.settings.masqueradeBit >>> 0).toString(16)}`;
  return `mark ${mark}: masquerade in chain nat-postrouting`;
}

/** The step that marks a connection to a cluster IP for masquerading, if any. */
function clusterIpMark(
  mirror: Mirror,
  { ip, source }: ExplainQuery,
  matches: readonly LocalMatch[],
): ExplainStep[] {
  const { masqueradeAll } = mirror.settings;
  if (!masqueradeAll && (matches.length === 0 || isPod(source, matches) === "yes")) return [];
  const conditions = matches.map((match) => condition(match, "not "));
  return [{
    at: "chain nat",
    match: `${ip} in set cluster-ips${masqueradeAll ? "" : `, ${conditions.join(", ")}`}`,
    outcome: markText(mirror),
  }];
}

function balanceSteps({ state, claim, key }: Explained, name: SetName, node: boolean) {
  const { space } = claim;
  const { sets, nodeSets } = OBJECTS[state.family].spaces[space];
  const map = node ? nodeSets : sets;
  const records = state.slots[name];
  const count = countOf(records, state.family);
  const listed = Math.min(count, MOST_ENDPOINTS);
  const affinity = state.affinitySeconds === 0 ? [] : [{
    at: "map affinity",
    match: "the client came within the time of affinity, and its endpoint is there",
    outcome: `the same endpoint for ${state.affinitySeconds} s more`,
  }];
  const chain = `${map.name}-${count}` +
    (state.affinitySeconds === 0 ? "" : `-${state.affinitySeconds}s`);
  const steps: ExplainStep[] = [
    { at: `map ${map.name}`, match: key, outcome: `${name} endpoints, ${count} of them` },
    ...affinity,
    { at: `chain ${chain}`, match: key, outcome: `slot by numgen random mod ${count}` },
    ...Array.from({ length: listed }, (_, slot): ExplainStep => ({
      at: "map endpoints",
      match: `slot ${slot}`,
      outcome: `dnat to ${endpointText(state, records, slot)}`,
    })),
  ];
  if (listed < count) {
    steps.push({ at: "map endpoints", match: key, outcome: `and ${count - listed} more slots` });
  }
  return steps;
}

/** What is known of a way, and whether it ends there. */
interface Way {
  readonly steps: readonly ExplainStep[];
  readonly ends: boolean;
}

/** Who may connect to a load balancer's address, which is asked before anything is translated. */
function firewallWay({ query: { source }, claim: { sources } }: Explained): Way {
  if (sources === undefined) return { steps: [], ends: false };
  const admitted = source !== undefined && inRanges(source, sources.split(","));
  const step = {
    at: "chain firewall-check",
    match: `source ${admitted ? "" : "not "}in ${sources === "" ? "any range" : sources}`
      .slice(0, 1000),
    outcome: admitted ? "goes on" : "drop",
  };
  return { steps: [step], ends: source !== undefined && !admitted };
}

/** What is special about addresses and ports that are for clients outside of the cluster. */
function outsideWay(explained: Explained): Way {
  const { mirror, query: { source }, claim, key, matches } = explained;
  const { space } = claim;
  const steps: ExplainStep[] = [];
  if (claim.outcome === "cluster") {
    const at = `set ${space}-masquerade`;
    steps.push({ at, match: key, outcome: markText(mirror) });
  }
  if (!claim.nodeServed) return { steps, ends: false };
  const pod = isPod(source, matches);
  const node: Answer = source === undefined ? "maybe" : source.ofNode ? "yes" : "no";
  if (pod === "no" && node === "no") return { steps, ends: false };
  const at = `chain ${space}-from-node`;
  const outcome = `goto ${space}-node-choice`;
  if (pod !== "no") {
    for (const match of matches) {
      if (isPod(source, [match]) !== "no") steps.push({ at, match: condition(match, ""), outcome });
    }
  }
  if (node !== "no" && pod !== "yes") {
    steps.push({ at, match: "source is this node", outcome: `${markText(mirror)}, ${outcome}` });
  }
  steps.push(...balanceSteps(explained, "cluster", true));
  return { steps, ends: pod === "yes" || node === "yes" };
}

function claimSteps(explained: Explained): ExplainStep[] {
  const { mirror, query, claim, key, matches } = explained;
  const { steps, ends } = claim.from === "outside"
    ? outsideWay(explained)
    : { steps: clusterIpMark(mirror, query, matches), ends: false };
  if (ends) return [...steps];
  switch (claim.outcome) {
    case "cluster":
    case "local":
      return [...steps, ...balanceSteps(explained, claim.outcome, false)];
    case "drop":
    case "reject":
      return [...steps, {
        at: `chain ${claim.space}s-check`,
        match: `${key} in set ${claim.space}-${claim.outcome}`,
        outcome: claim.outcome === "drop" ? "drop" : rejection(query),
      }];
  }
}

/**
 * Says, in order, what matches a new connection.
 *
 * @param mirror What is in the kernel.
 * @param query The destination. One that is no Service's address is taken for this node's if its
 * port is a node port.
 * @returns Steps; none when nothing of the proxier matches.
 */
export function explain(mirror: Mirror, query: ExplainQuery): readonly ExplainStep[] {
  const family = ipFamily(query.ip);
  if (family === undefined) return [];
  const protocol = PROTOCOL_NUMBERS[query.protocol];
  const bytes: number[] = [];
  pushAddress(bytes, query.ip);
  const address = binary(bytes);
  const matches = mirror.settings.localMatches
    .filter((match) => match.type !== "cidr" || match.family === family);
  const portText = `${query.protocol.toLowerCase()} . ${query.port}`;
  const start: ExplainStep = {
    at: "chain nat-prerouting or nat-output",
    match: "first packet of a connection",
    outcome: "jump nat",
  };
  const service = mirror.find(family, "service", serviceKey(address, protocol, query.port));
  if (service !== undefined) {
    const key = `${query.ip} . ${portText}`;
    const explained = { mirror, query, ...service, key, matches };
    const guard = firewallWay(explained);
    return guard.ends ? guard.steps : [...guard.steps, start, ...claimSteps(explained)];
  }
  if (mirror.hasClusterIp(family, address)) {
    return [start, ...clusterIpMark(mirror, query, matches), {
      at: "chain cluster-ips-check",
      match: `${query.ip} in set cluster-ips, no service port ${query.ip} . ${portText}`,
      outcome: rejection(query),
    }];
  }
  const nodePort = mirror.find(family, "nodeport", nodePortKey(protocol, query.port));
  if (nodePort === undefined) return [];
  const { nodePorts } = mirror.settings;
  if (nodePorts.type === "listed" && !nodePorts.addresses.includes(query.ip)) return [];
  const where = nodePorts.type === "listed"
    ? `${query.ip} in set nodeport-ips`
    : `${query.ip} is an address of this node, not of loopback`;
  return [
    start,
    { at: "chain nat", match: where, outcome: "jump nodeports" },
    ...claimSteps({ mirror, query, ...nodePort, key: portText, matches }),
  ];
}
