/**
 * All rules, sets, counters and links of a node as text, and the rules of others than kube-proxy
 * that every node has.
 *
 * @module
 */
import type { RuleFamily } from "../../host/capabilities/leftovers/leftover.ts";
import type { NetworkNamespace } from "../../host/capabilities/namespace.ts";
import {
  COUNTERS,
  type IptablesMode,
  iptablesRules,
  ipvsSets,
  nftablesRules,
  type ProxiedService,
} from "./kube_proxy.ts";
import { succeed } from "./namespace_program.ts";

/** Which kernel interface iptables speaks. */
export type Backend = "nft" | "legacy";

type Place = { readonly namespace: NetworkNamespace };

function program(backend: Backend, family: RuleFamily, action: "restore" | "save"): string {
  return `${family === "ip6" ? "ip6tables" : "iptables"}-${backend}-${action}`;
}

/**
 * Writes down all that a node has, with what the rules of the older iptables have counted.
 *
 * @param place The node.
 * @returns Text that is equal when the node is.
 */
export async function stateOf(place: Place): Promise<string> {
  const saved: string[] = [];
  for (const family of ["ip", "ip6"] as const) {
    const text = await succeed(place, [program("legacy", family, "save"), "-c"]);
    saved.push(text.replaceAll(/^#.*\n/gm, ""));
  }
  return [
    await succeed(place, ["nft", "--stateless", "list", "ruleset"]),
    ...saved,
    await succeed(place, ["ipset", "save"]),
    await succeed(place, ["nfacct", "list"]),
    (await succeed(place, ["ip", "-brief", "link"])).replaceAll(/^lo .*\n/gm, ""),
  ].join("\n");
}

/**
 * The lock of the older iptables is a file of root's, which nobody else may open, and which all
 * namespaces of a machine share. A file of everybody's can be locked as well.
 */
const LOCK = "XTABLES_LOCKFILE=/dev/null";

async function restore(
  place: Place,
  backend: Backend,
  family: RuleFamily,
  input: string,
): Promise<void> {
  const wait = backend === "legacy" ? ["--wait"] : [];
  const command = [program(backend, family, "restore"), "--noflush", "--counters", ...wait];
  await succeed(place, ["env", LOCK, ...command], input);
}

/**
 * What is nobody's business: the kubelet's, a network plugin's, an administrator's. The counters
 * of policies are zero: iptables-restore, with which kube-proxy writes, sets them so.
 */
function foreignRules(family: RuleFamily): string {
  const pods = family === "ip6" ? "fd00:10:244::/64" : "10.244.0.0/16";
  return `*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:KUBE-FIREWALL - [0:0]
:KUBE-KUBELET-CANARY - [0:0]
:KUBE-ROUTER-FORWARD - [0:0]
:allowed - [0:0]
[2:120] -A INPUT -j KUBE-FIREWALL
[7:420] -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
[0:0] -A FORWARD -m comment --comment "not -j KUBE-SERVICES" -j KUBE-ROUTER-FORWARD
[9:540] -A FORWARD -g allowed
[0:0] -A OUTPUT -j KUBE-FIREWALL
[0:0] -A KUBE-FIREWALL -m comment --comment "kubernetes firewall" -m mark --mark 0x8000/0x8000 -j DROP
[0:0] -A KUBE-ROUTER-FORWARD -m set --match-set foreign-${family} src -j ACCEPT
[0:0] -A allowed -m comment --comment "counts and goes on"
[0:0] -A allowed -s ${pods} -j RETURN
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:CNI-HOSTPORT-DNAT - [0:0]
:KUBE-KUBELET-CANARY - [0:0]
:KUBE-MARK-DROP - [0:0]
:KUBE-MARK-MASQ - [0:0]
[4:240] -A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
[0:0] -A OUTPUT -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
[8:480] -A POSTROUTING -s ${pods} ! -d ${pods} -j MASQUERADE
[0:0] -A CNI-HOSTPORT-DNAT -p tcp -m tcp --dport 8443 -j REDIRECT --to-ports 443
[0:0] -A KUBE-MARK-DROP -j MARK --or-mark 0x8000
[0:0] -A KUBE-MARK-MASQ -j MARK --or-mark 0x4000
COMMIT
*mangle
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:KUBE-KUBELET-CANARY - [0:0]
[6:360] -A FORWARD -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
COMMIT
`;
}

/**
 * Gives a node what others than kube-proxy have there.
 *
 * @param place The node.
 * @param backend What they and the kubelet use.
 */
export async function putForeign(place: Place, backend: Backend): Promise<void> {
  await succeed(
    place,
    ["ipset", "restore"],
    "create foreign-ip hash:net\nadd foreign-ip 192.0.2.0/24\n" +
      "create foreign-ip6 hash:net family inet6\ncreate KUBE-ROUTER-PODS hash:ip\n",
  );
  await succeed(place, ["nfacct", "add", "http-traffic"]);
  await succeed(
    place,
    ["nft", "-f", "-"],
    "table inet admin { chain in { type filter hook input priority 5; tcp dport 23 drop; }; }",
  );
  for (const family of ["ip", "ip6"] as const) {
    await restore(place, backend, family, foreignRules(family));
  }
}

/**
 * Gives a node the kubelet's chain that kube-proxy's rules lead to, and iptables' tables.
 *
 * @param place The node.
 * @param backend What the kubelet uses.
 */
export async function putKubelet(place: Place, backend: Backend): Promise<void> {
  const chains = `*filter
COMMIT
*mangle
COMMIT
*nat
:KUBE-MARK-MASQ - [0:0]
-A KUBE-MARK-MASQ -j MARK --or-mark 0x4000
COMMIT
`;
  for (const family of ["ip", "ip6"] as const) await restore(place, backend, family, chains);
}

/** A mode of kube-proxy, and what it writes with. */
export type ProxyMode =
  | { readonly mode: "nftables" }
  | { readonly mode: IptablesMode; readonly backend: Backend };

/**
 * Gives a node what kube-proxy puts there.
 *
 * @param place The node; but for the mode nftables it must have the kubelet's chains.
 * @param proxy The mode.
 * @param services A Service of each family.
 */
export async function putKubeProxy(
  place: Place,
  proxy: ProxyMode,
  services: readonly ProxiedService[],
): Promise<void> {
  if (proxy.mode === "iptables") {
    for (const name of COUNTERS) await succeed(place, ["nfacct", "add", name]);
  }
  for (const service of services) {
    if (proxy.mode === "nftables") {
      await succeed(place, ["nft", "-f", "-"], nftablesRules(service));
      continue;
    }
    if (proxy.mode === "ipvs") await succeed(place, ["ipset", "restore"], ipvsSets(service));
    await restore(place, proxy.backend, service.family, iptablesRules(proxy.mode, service));
  }
}
