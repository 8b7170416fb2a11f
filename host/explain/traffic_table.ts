/**
 * Who gets most: tracked connections by Service, and what the proxier has counted where it does.
 *
 * @module
 */
import { messageOf } from "../../schemas/errors.ts";
import type { TopServices } from "../../schemas/insight.ts";
import { parseIp } from "../../schemas/ip.ts";
import type { IpFamily, Protocol } from "../../schemas/kube.ts";
import type { ServicePortView } from "../../schemas/view.ts";
import type { LocalAddresses } from "../capabilities/conntrack/local_addresses.ts";
import { ipOf, portOf, type SocketKey, socketKey } from "../capabilities/conntrack/socket_key.ts";
import type { ExplainFacts } from "./facts.ts";
import { Pace } from "./pace.ts";

/** Tracked flows of one family and protocol that are looked at. */
const MOST_SEEN = 200_000;

interface Row {
  readonly namespace: string;
  readonly name: string;
  tracked: number;
  connections: number;
  packets: number;
  bytes: number;
}

/** To which Service a flow of one family and protocol went, by its first destination. */
interface Destinations {
  readonly sockets: Map<SocketKey, Row>;
  readonly nodePorts: Map<number, Row>;
}

function note(into: Destinations, view: ServicePortView, row: Row): void {
  const { external, port } = view;
  // Who has a cluster IP goes before who names it as an external one.
  const own = parseIp(view.clusterIP);
  if (own !== undefined) into.sockets.set(socketKey(own, port), row);
  for (const ip of [...external?.loadBalancerIPs ?? [], ...external?.externalIPs ?? []]) {
    const bytes = parseIp(ip);
    if (bytes === undefined) continue;
    const key = socketKey(bytes, port);
    if (!into.sockets.has(key)) into.sockets.set(key, row);
  }
  if (external !== undefined && external.nodePort > 0) into.nodePorts.set(external.nodePort, row);
}

/**
 * Counts.
 *
 * @param facts The running proxy.
 * @returns Services that get anything.
 */
export async function topServices(facts: ExplainFacts): Promise<TopServices> {
  const pace = new Pace(facts);
  await pace.turn();
  const rows = new Map<string, Row>();
  const destinations = new Map<string, Destinations>();
  const views = [...facts.revisions.all()];
  for (const view of views) {
    const others = pace.due();
    if (others !== undefined) await others;
    const { namespace, name, family, protocol } = view;
    const key = `${namespace}/${name}`;
    const row = rows.get(key) ??
      { namespace, name, tracked: 0, connections: 0, packets: 0, bytes: 0 };
    rows.set(key, row);
    const group = `${family} ${protocol}`;
    const known = destinations.get(group) ?? { sockets: new Map(), nodePorts: new Map() };
    destinations.set(group, known);
    note(known, view, row);
  }
  const trackedMissing = await countTracked(facts, destinations);
  const traffic = await facts.traffic(views.map(({ id }) => id)).catch(() => undefined);
  for (const [index, counts] of (traffic ?? []).entries()) {
    const others = pace.due();
    if (others !== undefined) await others;
    const view = views[index];
    const row = view && rows.get(`${view.namespace}/${view.name}`);
    if (row === undefined) continue;
    row.connections += counts.connections;
    row.packets += counts.packets;
    row.bytes += counts.bytes;
  }
  const counted = traffic !== undefined;
  return {
    kind: "TopServices",
    at: facts.now(),
    counted,
    ...(trackedMissing === undefined ? {} : { trackedMissing }),
    services: [...rows.values()]
      .filter(({ tracked, connections, packets }) => tracked + connections + packets > 0)
      .map(({ namespace, name, tracked, ...counts }) =>
        counted ? { namespace, name, tracked, ...counts } : { namespace, name, tracked }
      ),
  };
}

async function countTracked(
  facts: ExplainFacts,
  destinations: ReadonlyMap<string, Destinations>,
): Promise<string | undefined> {
  try {
    const kernel = facts.conntrack();
    const local: LocalAddresses = await kernel.localAddresses();
    let stopped = false;
    for (const [group, { sockets, nodePorts }] of destinations) {
      const [family, protocol] = group.split(" ") as [IpFamily, Protocol];
      const outcome = await kernel.look(
        { family, protocol },
        (destination) => {
          const row = sockets.get(destination) ??
            (local.has(ipOf(destination)) ? nodePorts.get(portOf(destination)) : undefined);
          if (row !== undefined) row.tracked++;
          return false;
        },
        MOST_SEEN,
        () => {},
      );
      stopped ||= outcome === "stopped";
    }
    return stopped ? `only ${MOST_SEEN} flows of each protocol were looked at` : undefined;
  } catch (thrown) {
    return messageOf(thrown);
  }
}
