/**
 * The objects of the packet tests: one Service with both cluster IPs and every protocol, over
 * chosen backends of a topology.
 *
 * @module
 */
import { sampleEndpoint, sampleService, sampleSlice } from "../../host/samples.ts";
import type { EndpointSlice, Protocol, Service } from "../../schemas/kube.ts";
import type { ProxierSettings } from "../../schemas/view.ts";
import type { Exchange, Transport } from "../kit/packet/protocol.ts";
import {
  type Addresses,
  type Member,
  Topology,
  type TopologyOptions,
} from "../kit/packet/topology.ts";
import { startInProcess } from "./in_process.ts";
import { NODE_NAME, type NodeProgram, PLAIN, type StartProgram } from "./program.ts";

/** The Service's cluster IPs. */
export const VIP: Addresses = { 4: "10.96.0.1", 6: "fd00:10:96::1" };

/** Every way to reach the Service; the port is the same for all protocols. */
export const PATHS = ([4, 6] as const).flatMap((version) =>
  (["tcp", "udp", "sctp"] as const).map((transport) => ({ version, transport }))
);

/** The Service's port. */
export const PORT = 80;
/** The port the backends listen on. */
export const TARGET_PORT = 8080;

const PROTOCOL: Readonly<Record<Transport, Protocol>> = { tcp: "TCP", udp: "UDP", sctp: "SCTP" };

/**
 * The Service and its slices.
 *
 * @param backends Its ready endpoints; one that is no backend of the node counts as remote.
 * @param fields What else the Service says.
 * @param local Whether the endpoints are pods of this node; true when absent.
 * @returns One Service and a slice of each family.
 */
export function web(
  backends: readonly Member[],
  fields: Partial<Service> = {},
  local = true,
): readonly (Service | EndpointSlice)[] {
  const protocols = Object.values(PROTOCOL);
  const ports = protocols.map((protocol) => ({
    name: protocol.toLowerCase(),
    protocol,
    port: PORT,
    nodePort: 0,
  }));
  const nodeName = local ? NODE_NAME : "elsewhere";
  return [
    sampleService({ clusterIP: VIP[4], clusterIPs: [VIP[4], VIP[6]], ports, ...fields }),
    ...([4, 6] as const).map((version) =>
      sampleSlice(
        backends.map(({ addresses }) => sampleEndpoint(addresses[version], { nodeName })),
        {
          name: `web-${version}`,
          addressType: version === 4 ? "IPv4" : "IPv6",
          ports: ports.map(({ name, protocol }) => ({ name, protocol, port: TARGET_PORT })),
        },
      )
    ),
  ];
}

/** A topology whose node is programmed. */
export interface Cluster extends AsyncDisposable {
  /** The namespaces. */
  readonly topology: Topology;
  /** What programs its node. */
  readonly program: NodeProgram;
}

/**
 * Builds a topology and starts what programs its node.
 *
 * @param settings What the proxier must know besides.
 * @param options Of the topology.
 * @param start What programs the node.
 * @returns Both; to be disposed with `await using`.
 */
export async function startCluster(
  settings: ProxierSettings = PLAIN,
  options: TopologyOptions = {},
  start: StartProgram = startInProcess,
): Promise<Cluster> {
  await using stack = new AsyncDisposableStack();
  const topology = stack.use(await Topology.create({ port: TARGET_PORT, ...options }));
  const program = stack.use(await start(topology, settings));
  const running = stack.move();
  return { topology, program, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

/**
 * One connection from a member to the Service.
 *
 * @param member Who connects.
 * @param path By which protocol and version of IP.
 * @param more Another port, or another limit of time (milliseconds).
 * @returns How it went.
 */
export function reach(
  member: Member,
  path: { readonly version: 4 | 6; readonly transport: Transport },
  more: { readonly port?: number; readonly timeout?: number } = {},
): Promise<Exchange> {
  return member.agent.connectOnce({
    transport: path.transport,
    address: VIP[path.version],
    port: PORT,
    ...more,
  });
}

/**
 * An exchange in one word, so that a failed comparison says what happened instead.
 *
 * @param exchange How it went.
 * @returns The name of the server that answered, or the error's.
 */
export function outcomeOf(exchange: Exchange): string {
  return exchange.outcome === "answered" ? exchange.by : exchange.error;
}

/**
 * The address a server saw.
 *
 * @param exchange How it went.
 * @returns The source address, or the error's name.
 */
export function sourceOf(exchange: Exchange): string {
  return exchange.outcome === "answered" ? exchange.from : exchange.error;
}

/**
 * How often each server answered.
 *
 * @param exchanges Of many connections.
 * @returns Counts by the server's name, and those that failed by the error's.
 */
export function tally(exchanges: readonly Exchange[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const exchange of exchanges) {
    const key = outcomeOf(exchange);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}
