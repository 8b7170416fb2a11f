/**
 * Tracked connections to the addresses that somebody asks for, within bounds.
 *
 * @module
 */
import { parseIp } from "../../schemas/ip.ts";
import type { ExplainedConnection, Explanation } from "../../schemas/explanation.ts";
import type { IpFamily, Protocol } from "../../schemas/kube.ts";
import type { ConntrackEntry, EntryEnd } from "../capabilities/conntrack/entry.ts";
import type { ConntrackKernel } from "../capabilities/conntrack/kernel.ts";
import { socketKey } from "../capabilities/conntrack/socket_key.ts";
import { type Socket, socketText } from "./question.ts";

/** Connections that are listed. */
const MOST_LISTED = 20;
/** Tracked flows that are looked at, of one port and protocol. */
const MOST_SEEN = 50_000;
/** Questions to the kernel: it looks through its whole table for each. */
const MOST_QUESTIONS = 16;

/** Connections to look for. */
export interface Destination {
  readonly family: IpFamily;
  readonly protocol: Protocol;
  readonly port: number;
  /** Canonical texts. */
  readonly ips: readonly string[];
}

/** Which of them. */
export interface ConnectionFilter {
  /** Only of this client. */
  readonly from: Socket | undefined;
  /** Only those that this endpoint answers. */
  readonly endpoint: Socket | undefined;
}

function textOf({ ip, port }: EntryEnd): string {
  return socketText(ip, port);
}

function described(entry: ConntrackEntry): ExplainedConnection {
  const { protocol, source, destination, responder, answeredTo, state, timeout } = entry;
  return {
    protocol,
    source: textOf(source),
    destination: textOf(destination),
    endpoint: textOf(responder),
    answeredTo: textOf(answeredTo),
    ...(state === undefined ? {} : { state }),
    ...(timeout === undefined ? {} : { timeout }),
    ...(entry.packets === undefined ? {} : { packets: entry.packets }),
    ...(entry.bytes === undefined ? {} : { bytes: entry.bytes }),
  };
}

function isOf(end: EntryEnd, wanted: Socket | undefined): boolean {
  return wanted === undefined ||
    (end.ip === wanted.ip && (wanted.port === undefined || end.port === wanted.port));
}

/** What the kernel is asked: of a few addresses one after the other, for it filters by one. */
interface Search extends Omit<Destination, "ips"> {
  readonly to: readonly Uint8Array[];
}

function searchesFor(destinations: readonly Destination[]): readonly Search[] {
  const together = destinations.map(({ ips, ...rest }): Search => ({
    ...rest,
    to: [...new Set(ips)].flatMap((ip) => parseIp(ip) ?? []),
  }));
  const single = together.flatMap(({ to, ...rest }) => to.map((ip) => ({ ...rest, to: [ip] })));
  return single.length <= MOST_QUESTIONS ? single : together;
}

/**
 * Looks for connections.
 *
 * @param kernel The kernel's connection tracking.
 * @param destinations Where they were sent to.
 * @param filter Which of them.
 * @returns How many, and some of them.
 * @throws {WeirError} WEIR_NETLINK, with the remedy, when the kernel refuses.
 */
export async function findConnections(
  kernel: Pick<ConntrackKernel, "look">,
  destinations: readonly Destination[],
  filter: ConnectionFilter,
): Promise<NonNullable<Explanation["connections"]>> {
  const listed: ExplainedConnection[] = [];
  let total = 0;
  const searches = searchesFor(destinations);
  let more = searches.length > MOST_QUESTIONS;
  const { from, endpoint } = filter;
  const filtered = from !== undefined || endpoint !== undefined;
  const client = from && parseIp(from.ip);
  for (const { family, protocol, port, to } of searches.slice(0, MOST_QUESTIONS)) {
    const keys = new Set(to.map((ip) => socketKey(ip, port)));
    const [only] = to;
    const outcome = await kernel.look(
      {
        family,
        protocol,
        port,
        ...(to.length === 1 && only !== undefined ? { to: only } : {}),
        ...(client?.length === (family === "IPv4" ? 4 : 16)
          ? { from: { ip: client, port: from?.port } }
          : {}),
      },
      (destination) => keys.has(destination),
      MOST_SEEN,
      (read) => {
        if (!filtered && total >= MOST_LISTED) {
          total++;
          return;
        }
        const entry = read();
        if (entry === undefined) return;
        if (!isOf(entry.source, from) || !isOf(entry.responder, endpoint)) return;
        total++;
        if (listed.length < MOST_LISTED) listed.push(described(entry));
      },
    );
    more ||= outcome === "stopped";
  }
  return { total, more, listed };
}
