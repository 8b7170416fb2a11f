/**
 * A small cluster of network namespaces: a node, pods on it, a client elsewhere.
 *
 *     client pod ─┐
 *     backend 0 ──┤
 *     backend 1 ──┼── node ── remote client
 *     …          ─┘      │
 *                    internet (empty)
 *
 * Every pod has a link of its own to the node, a single address of each family and the node as its
 * router, as most network plugins do it. The remote client routes everything through the node, so
 * it can reach cluster IPs.
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

/** The pods' networks of this node. */
export const POD_CIDR: Addresses = { 4: "10.244.0.0/16", 6: "fd00:10:244::/64" };

/** The node as the pods see it. */
const GATEWAY: Addresses = { 4: "10.244.0.1", 6: "fd00:10:244::1" };
/** The node as the internet sees it. */
const OUTSIDE: Addresses = { 4: "198.51.100.1", 6: "2001:db8:1::1" };
/** The node's own router, which takes everything and answers nothing. */
const VOID: Addresses = { 4: "198.51.100.2", 6: "2001:db8:1::2" };
/** The node as the remote client sees it. */
const NODE: Addresses = { 4: "192.0.2.1", 6: "2001:db8::1" };
const REMOTE: Addresses = { 4: "192.0.2.2", 6: "2001:db8::2" };

/** A namespace with an agent inside. */
export interface Member {
  /** `node`, `client`, `remote`, `backend-0`, … */
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
}

/** Pod number `index` of the node. */
function podAddresses(index: number): Addresses {
  return { 4: `10.244.0.${10 + index}`, 6: `fd00:10:244::${(10 + index).toString(16)}` };
}

/**
 * A node, a client pod, backends and a remote client, in namespaces of their own. Needs
 * `--allow-ffi --allow-run=nsenter` and root, or a user namespace.
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
  readonly #stack: AsyncDisposableStack;

  private constructor(
    members: {
      readonly node: Member;
      readonly client: Member;
      readonly backends: readonly Member[];
      readonly remote: Member;
    },
    stack: AsyncDisposableStack,
  ) {
    this.node = members.node;
    this.client = members.client;
    this.backends = members.backends;
    this.remote = members.remote;
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
    const { backends: count = 3, port = 8080 } = options;
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
    exit(node.namespace, stack.use(NetworkNamespace.create("internet")));
    const [client, ...backends] = pods;
    if (client === undefined) throw new TypeError("Cannot build topology: it has no client");
    using links = new Links(node.namespace);
    for (const link of ["wan", "uplink", ...pods.map((_, index) => `pod${index}`)]) {
      await links.running(link);
    }
    for (const backend of backends) await serve(backend, port);
    return new Topology({ node, client, backends, remote }, stack.move());
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
