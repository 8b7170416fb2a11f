/**
 * What a new connection to a destination meets, in order, told from the mirror.
 *
 * @module
 */
import { type ExplainQuery, type ExplainStep, formatIp, type IpFamily, ipFamily } from "weir";
import type { Mirror } from "./mirror.ts";
import {
  addressBytes,
  liveSlots,
  portAt,
  recordLength,
  serviceKey,
  type ServiceState,
} from "./service_state.ts";

/** The most endpoints that are listed; the host takes no longer explanation. */
const MOST_ENDPOINTS = 4000;

function endpointText(state: ServiceState, slot: number): string {
  const size = recordLength(state.family);
  const at = slot * size;
  const address = formatIp(addressBytes(state.slots, at, state.family));
  const port = portAt(state.slots, at + size - 3);
  return state.family === "IPv4" ? `${address}:${port}` : `[${address}]:${port}`;
}

/** What the chain reject-chain answers. */
function rejection(query: ExplainQuery): string {
  return `reject with ${query.protocol === "TCP" ? "tcp reset" : "port unreachable"}`;
}

/** The step that marks a connection for masquerading, if any. */
function markStep(mirror: Mirror, family: IpFamily, ip: string): ExplainStep[] {
  const { masqueradeAll, masqueradeBit, localMatches } = mirror.settings;
  const sources = localMatches.filter((match) => match.type !== "cidr" || match.family === family);
  if (!masqueradeAll && sources.length === 0) return [];
  const conditions = sources.map((match) =>
    match.type === "cidr"
      ? `source not in ${match.cidr}`
      : match.type === "interface"
      ? `interface not ${match.name}`
      : `interface not ${match.prefix}*`
  );
  const mark = `0x${(1 << masqueradeBit >>> 0).toString(16)}`;
  return [{
    at: "chain services",
    match: `${ip} in set cluster-ips${masqueradeAll ? "" : `, ${conditions.join(", ")}`}`,
    outcome: `mark ${mark}: masquerade in chain nat-postrouting`,
  }];
}

function balanceSteps(state: ServiceState, key: string): ExplainStep[] {
  const count = liveSlots(state);
  const listed = Math.min(count, MOST_ENDPOINTS);
  return [
    { at: "map service-endpoints", match: key, outcome: `${count} endpoints` },
    { at: "map endpoint-counts", match: String(count), outcome: `goto endpoints-${count}` },
    {
      at: `chain endpoints-${count}`,
      match: key,
      outcome: `slot by numgen random mod ${count}`,
    },
    ...Array.from({ length: listed }, (_, slot): ExplainStep => ({
      at: "map endpoints",
      match: `${key} . ${slot}`,
      outcome: `dnat to ${endpointText(state, slot)}`,
    })),
    ...(listed < count
      ? [{ at: "map endpoints", match: key, outcome: `and ${count - listed} more slots` }]
      : []),
  ];
}

/**
 * Says, in order, what matches a new connection.
 *
 * @param mirror What is in the kernel.
 * @param query The destination.
 * @returns Steps; none when nothing of the proxier matches.
 */
export function explain(mirror: Mirror, query: ExplainQuery): readonly ExplainStep[] {
  const family = ipFamily(query.ip);
  if (family === undefined) return [];
  const key = serviceKey(family, query.ip, query.protocol, query.port);
  const text = `${query.ip} . ${query.protocol.toLowerCase()} . ${query.port}`;
  if (!mirror.hasClusterIp(family, key.slice(0, -3))) return [];
  const steps: ExplainStep[] = [
    {
      at: "chain nat-prerouting or nat-output",
      match: "first packet of a connection",
      outcome: "jump services",
    },
    ...markStep(mirror, family, query.ip),
  ];
  const found = mirror.find(key);
  if (found === undefined) {
    steps.push({
      at: "chain cluster-ips-check",
      match: `${query.ip} in set cluster-ips, no service port ${text}`,
      outcome: rejection(query),
    });
    return steps;
  }
  const { state } = found;
  if (state.outcome === "balance") return [...steps, ...balanceSteps(state, text)];
  steps.push({
    at: "chain service-endpoints-check",
    match: `${text} in set ${state.outcome}-services`,
    outcome: state.outcome === "drop" ? "drop" : rejection(query),
  });
  return steps;
}
