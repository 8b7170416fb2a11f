/**
 * A cluster of one node on this machine: network namespaces for the node, its pods and the world
 * outside, joined by veth pairs, each with IPv4 and IPv6.
 *
 *     outside ── eth0 [node] ── pod-… eth0 [pod], for every pod and the client
 *
 * @module
 */
import { createVeth, Links } from "../capabilities/link.ts";
import { NetworkNamespace } from "../capabilities/namespace.ts";

/** The ranges of the demo's pods, as `--cluster-cidr` wants them. */
export const CLUSTER_CIDRS = ["10.244.0.0/16", "fd00:10:244::/56"] as const;

/** The node's name, as in examples/demo/node.yaml. */
export const NODE_NAME = "demo-node";

/** What a member of the cluster is made from. */
export interface Member {
  /** At most 11 bytes, because `pod-` goes before it in a link's name (IFNAMSIZ is 16). */
  readonly name: string;
  /** One for each family, without a prefix length. */
  readonly addresses: readonly string[];
}

/** The pod that connects. */
export const CLIENT: Member = { name: "client", addresses: ["10.244.0.2", "fd00:10:244::2"] };

/** The node's end of every pod's link; as usual with point-to-point links it is the same on all. */
const GATEWAYS = ["10.244.0.1", "fd00:10:244::1"] as const;

/** RFC 5737 and RFC 3849: addresses for documentation, which no network uses. */
const NODE_UPLINK = ["192.0.2.10/24", "2001:db8::10/64"] as const;
const OUTSIDE = ["192.0.2.1/24", "2001:db8::1/64"] as const;

const DEFAULT_ROUTES = { 4: "0.0.0.0/0", 6: "::/0" } as const;

function isIpv6(address: string): boolean {
  return address.includes(":");
}

function hostRoute(address: string): string {
  return `${address}/${isIpv6(address) ? 128 : 32}`;
}

function defaultVia(link: string, gateway: string) {
  return { to: DEFAULT_ROUTES[isIpv6(gateway) ? 6 : 4], link, via: gateway };
}

function withoutPrefix(address: string): string {
  return address.slice(0, address.indexOf("/"));
}

function openNamespace(name: string): NetworkNamespace {
  const namespace = NetworkNamespace.create(name);
  // No duplicate address detection: until it ends, a second or two, a link-local address cannot
  // ask for neighbours (RFC 4862, section 5.4). Each link copies `default` when it is made.
  namespace.sysctl("ipv6/conf/default/accept_dad", "0");
  namespace.sysctl("ipv6/conf/default/dad_transmits", "0");
  using links = new Links(namespace);
  links.up("lo");
  return namespace;
}

function joinOutside(node: NetworkNamespace, outside: NetworkNamespace): void {
  createVeth({ name: "eth0", namespace: node }, { name: "eth0", namespace: outside });
  using near = new Links(node);
  using far = new Links(outside);
  for (const address of NODE_UPLINK) near.addAddress("eth0", address);
  for (const address of OUTSIDE) far.addAddress("eth0", address);
  near.up("eth0");
  far.up("eth0");
  // A packet to a ClusterIP is routed before it is translated: without a default route the
  // node's own connections would end there with ENETUNREACH.
  for (const address of OUTSIDE) near.addRoute(defaultVia("eth0", withoutPrefix(address)));
}

function joinPod(node: NetworkNamespace, pod: NetworkNamespace, member: Member): void {
  const link = `pod-${member.name}`;
  createVeth({ name: link, namespace: node }, { name: "eth0", namespace: pod });
  using near = new Links(node);
  using far = new Links(pod);
  for (const gateway of GATEWAYS) near.addAddress(link, hostRoute(gateway));
  for (const address of member.addresses) far.addAddress("eth0", hostRoute(address));
  near.up(link);
  far.up("eth0");
  for (const address of member.addresses) near.addRoute({ to: hostRoute(address), link });
  for (const gateway of GATEWAYS) far.addRoute(defaultVia("eth0", gateway));
}

/** The namespaces, held open until they are disposed of. */
export class Cluster implements Disposable {
  readonly #stack = new DisposableStack();
  readonly #pods = new Map<string, NetworkNamespace>();
  /** The node's, where weir runs. */
  readonly node: NetworkNamespace;

  /**
   * Builds the cluster.
   *
   * @param members The pods, the client among them.
   * @throws {WeirError} WEIR_NAMESPACE or WEIR_NETLINK when the kernel refuses.
   */
  constructor(members: readonly Member[]) {
    try {
      this.node = this.#stack.use(openNamespace("node"));
      this.node.sysctl("ipv4/ip_forward", "1");
      this.node.sysctl("ipv6/conf/all/forwarding", "1");
      joinOutside(this.node, this.#stack.use(openNamespace("outside")));
      for (const member of members) {
        const pod = this.#stack.use(openNamespace(member.name));
        this.#pods.set(member.name, pod);
        joinPod(this.node, pod, member);
      }
    } catch (fault) {
      this.#stack.dispose();
      throw fault;
    }
  }

  /**
   * A pod's namespace.
   *
   * @param name The member's name.
   * @returns The namespace.
   * @throws {Error} When there is no such member.
   */
  pod(name: string): NetworkNamespace {
    const pod = this.#pods.get(name);
    if (pod === undefined) throw new Error(`Cannot find pod "${name}": it is not in the cluster`);
    return pod;
  }

  /** Lets go of the namespaces; each ends with its last process. */
  [Symbol.dispose](): void {
    this.#stack.dispose();
  }
}
