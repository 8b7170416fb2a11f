/**
 * The small cluster of the suite: who can send, who can answer, and at which addresses. The packet
 * runner builds it out of namespaces, the traced one describes it.
 *
 * @module
 */
import { sampleNode } from "../../host/samples.ts";
import type { IpFamily, Node } from "../../schemas/kube.ts";
import type { ProxierSettings } from "../../schemas/view.ts";
import {
  type Addresses,
  ELSEWHERE_CIDR,
  elsewhereAddresses,
  GATEWAY,
  NODE,
  NODE_SECOND,
  OTHER_NODE,
  OUTSIDE,
  PEER,
  POD_CIDR,
  podAddresses,
  REMOTE,
} from "../kit/packet/topology.ts";
import type { TracedNode } from "../kit/tracer/node.ts";

/** Pods of this node that serve. */
export const BACKENDS = ["backend-0", "backend-1"] as const;
/** Pods of another node that serve. */
export const ELSEWHERE = ["elsewhere-0", "elsewhere-1"] as const;
/** Who can be an endpoint: it answers on {@linkcode TARGET_PORT} and {@linkcode OTHER_PORT}. */
export type Server = (typeof BACKENDS)[number] | (typeof ELSEWHERE)[number];

/**
 * Who sends: a pod of this node that serves nothing, the node itself, a machine outside the
 * cluster, another node, or a pod that serves.
 */
export type Client = "client" | "node" | "outside" | "other-node" | Server;

/** The port on which endpoints listen. */
export const TARGET_PORT = 8080;
/** A second one; who answers there is called `backend-0:9090`. */
export const OTHER_PORT = 9090;

/** This node's name in the objects. */
export const NODE_NAME = "node";
/** The zone of this node and its pods. */
export const ZONE = "zone-a";
/** The zone of the other node and its pods. */
export const OTHER_ZONE = "zone-b";

/** A family's number, as the addresses have it. */
export const VERSION: Readonly<Record<IpFamily, 4 | 6>> = { IPv4: 4, IPv6: 6 };

/** The addresses of everyone; the node's is its primary one. */
export const ADDRESSES: Readonly<Record<Client, Addresses>> = {
  "client": podAddresses(0),
  "backend-0": podAddresses(1),
  "backend-1": podAddresses(2),
  "elsewhere-0": elsewhereAddresses(0),
  "elsewhere-1": elsewhereAddresses(1),
  "node": NODE,
  "outside": REMOTE,
  "other-node": OTHER_NODE,
};

/** The node's other addresses: a second one of the outside, one that only pods see. */
export const NODE_ADDRESSES = { second: NODE_SECOND, gateway: GATEWAY } as const;

/** The interfaces by which packets of everyone but the node itself come in. */
export const INTERFACES: Readonly<Record<Exclude<Client, "node">, string>> = {
  "client": "pod0",
  "backend-0": "pod1",
  "backend-1": "pod2",
  "elsewhere-0": PEER,
  "elsewhere-1": PEER,
  "outside": "uplink",
  "other-node": PEER,
};

const VERSIONS = [4, 6] as const;
const HOST_BITS = { 4: 32, 6: 128 } as const;
const EVERYWHERE: Addresses = { 4: "0.0.0.0/0", 6: "::/0" };

/** The node as the tracer sees it: what the topology gives it. */
export const TRACED_NODE: TracedNode = {
  addresses: VERSIONS.flatMap((version) => [
    { address: NODE[version], interface: "uplink" },
    { address: NODE_SECOND[version], interface: "uplink" },
    { address: NODE[version], interface: PEER },
    { address: OUTSIDE[version], interface: "wan" },
    ...["pod0", "pod1", "pod2"].map((name) => ({ address: GATEWAY[version], interface: name })),
  ]),
  routes: VERSIONS.flatMap((version) => [
    ...(["client", ...BACKENDS, "outside", "other-node"] as const).map((name) => ({
      to: `${ADDRESSES[name][version]}/${HOST_BITS[version]}`,
      interface: INTERFACES[name],
    })),
    { to: ELSEWHERE_CIDR[version], interface: PEER },
    { to: EVERYWHERE[version], interface: "wan" },
  ]),
};

/** The Node object of this node. */
export const THIS_NODE: Node = sampleNode(ZONE, {
  name: NODE_NAME,
  addresses: [NODE[4], NODE[6]],
  podCIDRs: ["10.244.0.0/24", "fd00:10:244::/112"],
});

/** What a proxier is told besides, unless a case says otherwise. */
export const SETTINGS: ProxierSettings = {
  families: ["IPv4", "IPv6"],
  masqueradeAll: false,
  masqueradeBit: 14,
  localMatches: [
    { type: "cidr", family: "IPv4", cidr: POD_CIDR[4] },
    { type: "cidr", family: "IPv6", cidr: POD_CIDR[6] },
  ],
  nodePorts: { type: "listed", addresses: [NODE[4], NODE[6]] },
  serviceCIDRs: [],
};

/**
 * The address of an endpoint's pod by its name.
 *
 * @param server Who.
 * @param family Wanted.
 * @returns Text of the address.
 */
export function addressOf(server: Client, family: IpFamily): string {
  return ADDRESSES[server][VERSION[family]];
}

/**
 * Who answers at an address and port.
 *
 * @param address Canonical text.
 * @param port 1–65535.
 * @returns The name, with the port unless it is {@linkcode TARGET_PORT}; undefined when nobody.
 */
export function serverAt(address: string, port: number): string | undefined {
  const name = [...BACKENDS, ...ELSEWHERE].find((server) =>
    VERSIONS.some((version) => ADDRESSES[server][version] === address)
  );
  if (name === undefined || (port !== TARGET_PORT && port !== OTHER_PORT)) return undefined;
  return port === TARGET_PORT ? name : `${name}:${port}`;
}

/**
 * Tells the node's own addresses.
 *
 * @param address Canonical text.
 * @returns Whether it is one, loopback included.
 */
export function isNodeAddress(address: string): boolean {
  return TRACED_NODE.addresses.some((own) => own.address === address) ||
    address === "::1" || address.startsWith("127.");
}
