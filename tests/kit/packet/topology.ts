/**
 * A small cluster of network namespaces: a node, pods on it, a client elsewhere.
 *
 *     client pod ─┐
 *     backend 0 ──┤
 *     backend 1 ──┼── node ── remote client
 *     …          ─┘    │   │
 *              internet    other node ── pods elsewhere
 *               (empty)
 *
 * Every pod has a link of its own to the node, a single address of each family and the node as its
 * router, as most network plugins do it. The remote client routes everything through the node, so
 * it can reach cluster IPs. The other node and its pods are there when asked for, and route everything
 * through the node as well.
 *
 * @module
 */
import { createVeth, Links } from "../../../host/capabilities/link.ts";
import { NetworkNamespace } from "../../../host/capabilities/namespace.ts";
import { Agent } from "./agent.ts";

/** The two addresses of a namespace. */
export interface Addresses {
  /** Text of the IPv4 address. */
  readonly 4: string;
  /** Text of the IPv6 address. */
  readonly 6: string;
}

/** The cluster's pods: this node's, and those elsewhere. */
export const POD_CIDR: Addresses = { 4: "10.244.0.0/16", 6: "fd00:10:244::/64" };

/** The node as the pods see it. */
export const GATEWAY: Addresses = { 4: "10.244.0.1", 6: "fd00:10:244::1" };
/** The node as the internet sees it. */
export const OUTSIDE: Addresses = { 4: "198.51.100.1", 6: "2001:db8:1::1" };
/** The node's own router, which takes everything and answers nothing. */
const VOID: Addresses = { 4: "198.51.100.2", 6: "2001:db8:1::2" };
/** The node as the remote client and other nodes see it: its primary address. */
export const NODE: Addresses = { 4: "192.0.2.1", 6: "2001:db8::1" };
/** Another address of the node, on the link to the remote client. */
export const NODE_SECOND: Addresses = { 4: "192.0.2.9", 6: "2001:db8::9" };
/** A machine outside the cluster. */
export const REMOTE: Addresses = { 4: "192.0.2.2", 6: "2001:db8::2" };
/** Another node of the cluster. */
export const OTHER_NODE: Addresses = { 4: "192.0.2.5", 6: "2001:db8::5" };
/** That node's pods, within {@linkcode POD_CIDR}. */
export const ELSEWHERE_CIDR: Addresses = { 4: "10.244.1.0/24", 6: "fd00:10:244::1:0/112" };
/** That node as its pods see it. */
const ELSEWHERE_GATEWAY: Addresses = { 4: "10.244.1.1", 6: "fd00:10:244::1:1" };

/** A namespace with an agent inside. */
export interface Member {
  /** `node`, `client`, `remote`, `backend-0`, `other-node`, `elsewhere-0`, … */
  readonly name: string;
  /** Its own addresses; the node's as the remote client sees it. */
  readonly addresses: Addresses;
  /** Where it is. */
  readonly namespace: NetworkNamespace;
  /** Listens and connects there. */
  readonly agent: Agent;
}

/** What a topology has. */
export interface TopologyOptions {
  /** How many backends; 3 when absent. */
  readonly backends?: number;
  /** The port on which every backend answers, by TCP, UDP and SCTP; 8080 when absent. */
  readonly port?: number;
  /** How many pods on another node, which answer on the port too; 0 when absent. */
  readonly elsewhere?: number;
}

/** Another node of the cluster. */
export interface OtherNode {
  /** The node itself. */
  readonly node: Member;
  /** Its pods, which answer by their names `elsewhere-0`, `elsewhere-1`, … */
  readonly pods: readonly Member[];
}

/**
 * The addresses of a pod of the node.
 *
 * @param index 0 is the client pod, 1 the first backend, and so on.
 * @returns Both addresses.
 */
export function podAddresses(index: number): Addresses {
  return { 4: `10.244.0.${10 + index}`, 6: `fd00:10:244::${(10 + index).toString(16)}` };
}

/**
 * The addresses of a pod of the other node.
 *
 * @param index From 0.
 * @returns Both addresses.
 */
export function elsewhereAddresses(index: number): Addresses {
  return { 4: `10.244.1.${10 + index}`, 6: `fd00:10:244::1:${(10 + index).toString(16)}` };
}

/**
 * A node, a client pod, backends and a remote client, in namespaces of their own. Needs
 * `--allow-ffi --allow-run=deno` and root, or a user namespace.
 *
 * @example A pod reaches another by its own address; to be called from a test with those rights
 * ```ts
 * import { Topology } from "weir/testing";
 * import assert from "node:assert/strict";
 *
 * export async function podsReachEachOther() {
 *   await using topology = await Topology.create({ backends: 1, port: 8080 });
 *   for (const { agent, addresses } of topology.backends) {
 *     await agent.listen({ transport: "tcp", address: addresses[4], port: 9000, name: "extra" });
 *     const exchange = await topology.client.agent.connectOnce({
 *       transport: "tcp",
 *       address: addresses[4],
 *       port: 9000,
 *     });
 *     assert.equal(exchange.outcome, "answered");
 *   }
 * }
 * ```
 */
export class Topology implements AsyncDisposable {
  /** What is to be programmed. Its agent stands for programs of the node itself. */
  readonly node: Member;
  /** A pod that is no backend. */
  readonly client: Member;
  /** Pods that answer on the port by their names `backend-0`, `backend-1`, … */
  readonly backends: readonly Member[];
  /** A machine outside the cluster. */
  readonly remote: Member;
  /** Another node with its pods; undefined unless pods elsewhere were asked for. */
  readonly elsewhere: OtherNode | undefined;
  readonly #stack: AsyncDisposableStack;

  private constructor(
    members: {
      readonly node: Member;
      readonly client: Member;
      readonly backends: readonly Member[];
      readonly remote: Member;
      readonly elsewhere: OtherNode | undefined;
    },
    stack: AsyncDisposableStack,
  ) {
    this.node = members.node;
    this.client = members.client;
    this.backends = members.backends;
    this.remote = members.remote;
    this.elsewhere = members.elsewhere;
    this.#stack = stack;
  }

  /**
   * Builds it and waits until every backend answers.
   *
   * @param options How many backends, on which port.
   * @returns The topology; to be disposed with `await using`.
   * @throws {WeirError} WEIR_NAMESPACE without the right to make namespaces.
   */
  static async create(options: TopologyOptions = {}): Promise<Topology> {
    const { backends: count = 3, port = 8080, elsewhere: others = 0 } = options;
    await using stack = new AsyncDisposableStack();
    const add = (name: string, addresses: Addresses): Member => {
      const namespace = stack.use(NetworkNamespace.create(name));
      trustAddresses(namespace);
      using links = new Links(namespace);
      links.up("lo");
      return { name, addresses, namespace, agent: stack.use(new Agent(name, namespace)) };
    };
    const node = add("node", NODE);
    route(node.namespace);
    const pods = [
      add("client", podAddresses(0)),
      ...Array.from(
        { length: count },
        (_, index) => add(`backend-${index}`, podAddresses(index + 1)),
      ),
    ];
    for (const [index, pod] of pods.entries()) join(node.namespace, `pod${index}`, GATEWAY, pod);
    const remote = add("remote", REMOTE);
    join(node.namespace, "uplink", NODE, remote);
    addSecond(node.namespace);
    const elsewhere = others === 0 ? undefined : joinOther(
      node.namespace,
      add("other-node", OTHER_NODE),
      Array.from({ length: others }, (_, at) => add(`elsewhere-${at}`, elsewhereAddresses(at))),
    );
    exit(node.namespace, stack.use(NetworkNamespace.create("internet")));
    const [client, ...backends] = pods;
    if (client === undefined) throw new TypeError("Cannot build topology: it has no client");
    using links = new Links(node.namespace);
    const peer = elsewhere === undefined ? [] : [PEER];
    for (const link of ["wan", "uplink", ...peer, ...pods.map((_, index) => `pod${index}`)]) {
      await links.running(link);
    }
    const servers = [...backends, ...elsewhere?.pods ?? []];
    await Promise.all(servers.map((server) => serve(server, port)));
    return new Topology({ node, client, backends, remote, elsewhere }, stack.move());
  }

  /** Ends the agents and lets go of the namespaces. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

/**
 * Turns duplicate address detection off for links to come. As long as a router's link-local
 * address is tentative it asks for no neighbour, and the first packets wait a second or two.
 */
function trustAddresses(namespace: NetworkNamespace): void {
  for (const which of ["all", "default"]) namespace.sysctl(`ipv6/conf/${which}/accept_dad`, "0");
}

/** Makes a namespace a router. */
function route(namespace: NetworkNamespace): void {
  namespace.sysctl("ipv4/ip_forward", "1");
  namespace.sysctl("ipv6/conf/all/forwarding", "1");
  // Kubernetes' nodes run with loose or no reverse path filter.
  for (const which of ["all", "default"]) namespace.sysctl(`ipv4/conf/${which}/rp_filter`, "0");
}

/** Connects a member to the node: one link, host routes, the node as its router. */
function join(node: NetworkNamespace, link: string, router: Addresses, member: Member): void {
  createVeth({ name: link, namespace: node }, { name: "eth0", namespace: member.namespace });
  using near = new Links(node);
  using far = new Links(member.namespace);
  near.up(link);
  // The end that is set up second has its carrier at once; the first is waited for.
  far.up("eth0");
  for (const [version, bits, all] of [[4, 32, "0.0.0.0/0"], [6, 128, "::/0"]] as const) {
    const own = member.addresses[version];
    near.addAddress(link, `${router[version]}/${bits}`);
    near.addRoute({ to: `${own}/${bits}`, link });
    far.addAddress("eth0", `${own}/${bits}`);
    far.addRoute({ to: `${router[version]}/${bits}`, link: "eth0" });
    far.addRoute({ to: all, link: "eth0", via: router[version] });
  }
}

/** The node's link to the other node. */
export const PEER = "peer";

/** A second address of the node, which the remote client reaches as it reaches everything. */
function addSecond(node: NetworkNamespace): void {
  using links = new Links(node);
  links.addAddress("uplink", `${NODE_SECOND[4]}/32`);
  links.addAddress("uplink", `${NODE_SECOND[6]}/128`);
}

/** Connects the other node to the node, and its pods to it. */
function joinOther(node: NetworkNamespace, other: Member, pods: readonly Member[]): OtherNode {
  route(other.namespace);
  join(node, PEER, NODE, other);
  for (const [index, pod] of pods.entries()) {
    join(other.namespace, `pod${index}`, ELSEWHERE_GATEWAY, pod);
  }
  using links = new Links(node);
  for (const version of [4, 6] as const) {
    links.addRoute({ to: ELSEWHERE_CIDR[version], link: PEER, via: OTHER_NODE[version] });
  }
  return { node: other, pods };
}

/**
 * Gives the node a way out. Without one an unknown address is unreachable before any rule sees the
 * packet; and if it led back to the remote client, the node's ICMP redirects would use up the
 * allowance of ICMP errors that refusals need.
 */
function exit(node: NetworkNamespace, internet: NetworkNamespace): void {
  createVeth({ name: "wan", namespace: node }, { name: "eth0", namespace: internet });
  using near = new Links(node);
  using far = new Links(internet);
  near.up("wan");
  far.up("eth0");
  for (const [version, bits, all] of [[4, 32, "0.0.0.0/0"], [6, 128, "::/0"]] as const) {
    near.addAddress("wan", `${OUTSIDE[version]}/${bits}`);
    far.addAddress("eth0", `${VOID[version]}/${bits}`);
    near.addRoute({ to: `${VOID[version]}/${bits}`, link: "wan" });
    near.addRoute({ to: all, link: "wan", via: VOID[version] });
  }
}

async function serve({ agent, name, addresses }: Member, port: number): Promise<void> {
  for (const version of [4, 6] as const) {
    for (const transport of ["tcp", "udp", "sctp"] as const) {
      await agent.listen({ transport, address: addresses[version], port, name });
    }
  }
}
