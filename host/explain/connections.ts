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
/** Ports and protocols that are asked for. */
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

function keyOf(ip: string, port: number) {
  const bytes = parseIp(ip);
  return bytes === undefined ? [] : [socketKey(bytes, port)];
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
  let more = destinations.length > MOST_QUESTIONS;
  const { from, endpoint } = filter;
  const filtered = from !== undefined || endpoint !== undefined;
  for (const { family, protocol, port, ips } of destinations.slice(0, MOST_QUESTIONS)) {
    const keys = new Set(ips.flatMap((ip) => keyOf(ip, port)));
    const outcome = await kernel.look(
      { family, protocol, port },
      (flow) => keys.has(flow.destination),
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
