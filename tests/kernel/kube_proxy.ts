/**
 * What kube-proxy puts into the kernel of a node for one Service, in each of its modes, written
 * down from what its versions 1.25 to 1.36 do and put there by the programs that it uses.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { RuleFamily } from "../../host/capabilities/leftovers/leftover.ts";

/** A Service of one TCP port, in one family. */
export interface ProxiedService {
  readonly family: RuleFamily;
  /** Its ClusterIP. */
  readonly vip: string;
  readonly port: number;
  /** Addresses of its endpoints, at least one. */
  readonly endpoints: readonly string[];
  readonly targetPort: number;
}

/** The modes that use iptables. */
export type IptablesMode = "iptables" | "ipvs" | "userspace";

const KEY = "default/web:tcp";
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/** The mark of what is to be masqueraded: bit 14. */
const MARK = "0x4000";
const NODE_PORT = 30080;

/** The hash in the names of chains: 16 characters of base32 (RFC 4648) of a SHA-256. */
function hash(text: string): string {
  const bits = [...createHash("sha256").update(text).digest()]
    .map((byte) => byte.toString(2).padStart(8, "0")).join("");
  return Array.from({ length: 16 }, (_, at) => {
    return ALPHABET[parseInt(bits.slice(5 * at, 5 * at + 5), 2)];
  }).join("");
}

function bracketed({ family }: ProxiedService, address: string): string {
  return family === "ip6" ? `[${address}]` : address;
}

function host({ family }: ProxiedService, address: string): string {
  return `${address}/${family === "ip6" ? 128 : 32}`;
}

/** One table of iptables-restore's input. */
function table(name: string, chains: readonly string[], rules: readonly string[]): string {
  return [`*${name}`, ...chains.map((chain) => `:${chain} - [0:0]`), ...rules, "COMMIT"].join("\n");
}

/** The chain in mangle, nat and filter whose loss tells that somebody flushed everything. */
const CANARY = "KUBE-PROXY-CANARY";

function iptablesMode(service: ProxiedService): readonly string[] {
  const { vip, port, endpoints, targetPort, family } = service;
  const SVC = `KUBE-SVC-${hash(`${KEY}tcp`)}`;
  const EXT = `KUBE-EXT-${hash(`${KEY}tcp`)}`;
  const FW = `KUBE-FW-${hash(`${KEY}tcp`)}`;
  const SVL = `KUBE-SVL-${hash(`${KEY}tcp`)}`;
  const seps = endpoints.map((address) => {
    const where = `${bracketed(service, address)}:${targetPort}`;
    return { address, where, chain: `KUBE-SEP-${hash(`${KEY}tcp${where}`)}` };
  });
  const comment = (text: string) => `-m comment --comment "${text}"`;
  const local = family === "ip6" ? "! -d ::1/128" : "! -d 127.0.0.0/8";
  const heads = (chain: string, ...rest: string[]) => `-I ${chain} 1 ${rest.join(" ")}`;
  const fresh = "-m conntrack --ctstate NEW";
  const filter = table("filter", [
    CANARY,
    "KUBE-EXTERNAL-SERVICES",
    "KUBE-FORWARD",
    "KUBE-NODEPORTS",
    "KUBE-PROXY-FIREWALL",
    "KUBE-SERVICES",
  ], [
    ...["INPUT", "FORWARD"].map((chain) =>
      heads(
        chain,
        fresh,
        comment("kubernetes externally-visible service portals"),
        "-j KUBE-EXTERNAL-SERVICES",
      )
    ),
    heads("INPUT", comment("kubernetes health check service ports"), "-j KUBE-NODEPORTS"),
    ...["FORWARD", "OUTPUT"].map((chain) =>
      heads(chain, fresh, comment("kubernetes service portals"), "-j KUBE-SERVICES")
    ),
    heads("FORWARD", comment("kubernetes forwarding rules"), "-j KUBE-FORWARD"),
    ...["INPUT", "OUTPUT", "FORWARD"].map((chain) =>
      heads(chain, fresh, comment("kubernetes load balancer firewall"), "-j KUBE-PROXY-FIREWALL")
    ),
    `-A KUBE-FORWARD -m conntrack --ctstate INVALID -m nfacct --nfacct-name ct_state_invalid_dropped_pkts -j DROP`,
    `-A KUBE-FORWARD ${
      comment("kubernetes forwarding rules")
    } -m mark --mark ${MARK}/${MARK} -j ACCEPT`,
    "-A KUBE-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    `-A KUBE-NODEPORTS ${
      comment(`${KEY} health check node port`)
    } -p tcp -m tcp --dport 31999 -j ACCEPT`,
  ]);
  const nat = table("nat", [
    CANARY,
    "KUBE-NODEPORTS",
    "KUBE-POSTROUTING",
    "KUBE-SERVICES",
    SVC,
    SVL,
    EXT,
    FW,
    ...seps.map(({ chain }) => chain),
  ], [
    ...["OUTPUT", "PREROUTING"].map((chain) =>
      heads(chain, comment("kubernetes service portals"), "-j KUBE-SERVICES")
    ),
    heads("POSTROUTING", comment("kubernetes postrouting rules"), "-j KUBE-POSTROUTING"),
    `-A KUBE-POSTROUTING -m mark ! --mark ${MARK}/${MARK} -j RETURN`,
    `-A KUBE-POSTROUTING -j MARK --xor-mark ${MARK}`,
    `-A KUBE-POSTROUTING ${
      comment("kubernetes service traffic requiring SNAT")
    } -j MASQUERADE --random-fully`,
    `-A KUBE-SERVICES ${
      comment(`${KEY} cluster IP`)
    } -m tcp -p tcp -d ${vip} --dport ${port} -j ${SVC}`,
    `-A KUBE-SERVICES ${
      comment("kubernetes service nodeports; NOTE: this must be the last rule in this chain")
    } -m addrtype --dst-type LOCAL ${local} -j KUBE-NODEPORTS`,
    `-A KUBE-NODEPORTS ${comment(KEY)} -m tcp -p tcp --dport ${NODE_PORT} -j ${EXT}`,
    `-A ${EXT} ${comment(`masquerade traffic for ${KEY} external destinations`)} -j KUBE-MARK-MASQ`,
    `-A ${EXT} -j ${SVC}`,
    `-A ${FW} ${comment(`${KEY} loadbalancer IP`)} -j ${EXT}`,
    `-A ${FW} ${comment(`other traffic to ${KEY} will be dropped by KUBE-PROXY-FIREWALL`)}`,
    `-A ${SVL} ${comment(KEY)} -j ${seps[0]?.chain}`,
    ...seps.map(({ chain }, index) => {
      const left = seps.length - index;
      const share = left === 1
        ? ""
        : `-m statistic --mode random --probability ${(1 / left).toFixed(10)} `;
      return `-A ${SVC} ${comment(KEY)} ${share}-j ${chain}`;
    }),
    ...seps.flatMap(({ chain, address, where }) => [
      `-A ${chain} ${comment(KEY)} -s ${address} -j KUBE-MARK-MASQ`,
      `-A ${chain} ${comment(KEY)} -m tcp -p tcp -j DNAT --to-destination ${where}`,
    ]),
  ]);
  return [filter, nat, table("mangle", [CANARY], [])];
}

/** The names of the sets of the IPVS mode with their types; IPv6's are cut at 31 characters. */
const SETS = [
  ["LOOP-BACK", "hash:ip,port,ip"],
  ["CLUSTER-IP", "hash:ip,port"],
  ["EXTERNAL-IP", "hash:ip,port"],
  ["EXTERNAL-IP-LOCAL", "hash:ip,port"],
  ["LOAD-BALANCER", "hash:ip,port"],
  ["LOAD-BALANCER-LOCAL", "hash:ip,port"],
  ["LOAD-BALANCER-FW", "hash:ip,port"],
  ["LOAD-BALANCER-SOURCE-CIDR", "hash:ip,port,net"],
  ["LOAD-BALANCER-SOURCE-IP", "hash:ip,port,ip"],
  ["NODE-PORT-TCP", "bitmap:port"],
  ["NODE-PORT-LOCAL-TCP", "bitmap:port"],
  ["NODE-PORT-UDP", "bitmap:port"],
  ["NODE-PORT-LOCAL-UDP", "bitmap:port"],
  ["NODE-PORT-SCTP-HASH", "hash:ip,port"],
  ["NODE-PORT-LOCAL-SCTP-HASH", "hash:ip,port"],
  ["HEALTH-CHECK-NODE-PORT", "bitmap:port"],
  ["IPVS-IPS", "hash:ip"],
] as const;

function setName(family: RuleFamily, name: string): string {
  return `KUBE-${family === "ip6" ? "6-" : ""}${name}`.slice(0, 31);
}

/**
 * The sets of the IPVS mode.
 *
 * @param service What is in them.
 * @returns Input for `ipset restore`.
 */
export function ipvsSets(service: ProxiedService): string {
  const { family, vip, port } = service;
  const lines = SETS.map(([name, type]) => {
    const kind = type.startsWith("bitmap")
      ? "range 0-65535"
      : `family ${family === "ip6" ? "inet6" : "inet"} hashsize 1024 maxelem 65536`;
    return `create ${setName(family, name)} ${type} ${kind}`;
  });
  return [
    ...lines,
    `add ${setName(family, "CLUSTER-IP")} ${vip},tcp:${port}`,
    `add ${setName(family, "NODE-PORT-TCP")} ${NODE_PORT}`,
    `add ${setName(family, "IPVS-IPS")} ${vip}`,
    "",
  ].join("\n");
}

function ipvsMode({ family }: ProxiedService): readonly string[] {
  const match = (name: string, direction: string) =>
    `-m comment --comment "Kubernetes ${name}" -m set --match-set ${
      setName(family, name)
    } ${direction}`;
  const filter = table("filter", [
    CANARY,
    "KUBE-FORWARD",
    "KUBE-IPVS-FILTER",
    "KUBE-IPVS-OUT-FILTER",
    "KUBE-NODE-PORT",
    "KUBE-PROXY-FIREWALL",
    "KUBE-SOURCE-RANGES-FIREWALL",
  ], [
    '-I FORWARD 1 -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD',
    '-I INPUT 1 -m comment --comment "kubernetes health check rules" -j KUBE-NODE-PORT',
    ...["INPUT", "FORWARD"].map((chain) =>
      `-I ${chain} 1 -m comment --comment "kube-proxy firewall rules" -j KUBE-PROXY-FIREWALL`
    ),
    '-I INPUT 1 -m comment --comment "kubernetes ipvs access filter" -j KUBE-IPVS-FILTER',
    '-I OUTPUT 1 -m comment --comment "kubernetes ipvs access filter" -j KUBE-IPVS-OUT-FILTER',
    `-A KUBE-PROXY-FIREWALL ${match("LOAD-BALANCER-FW", "dst,dst")} -j KUBE-SOURCE-RANGES-FIREWALL`,
    `-A KUBE-SOURCE-RANGES-FIREWALL ${match("LOAD-BALANCER-SOURCE-CIDR", "dst,dst,src")} -j RETURN`,
    "-A KUBE-SOURCE-RANGES-FIREWALL -j DROP",
    `-A KUBE-FORWARD -m mark --mark ${MARK}/${MARK} -j ACCEPT`,
    `-A KUBE-NODE-PORT ${match("HEALTH-CHECK-NODE-PORT", "dst")} -j ACCEPT`,
    ...["LOAD-BALANCER", "CLUSTER-IP", "EXTERNAL-IP", "EXTERNAL-IP-LOCAL"].map((name) =>
      `-A KUBE-IPVS-FILTER ${match(name, "dst,dst")} -j RETURN`
    ),
    `-A KUBE-IPVS-FILTER -m conntrack --ctstate NEW ${match("IPVS-IPS", "dst")} -j REJECT`,
  ]);
  const nat = table("nat", [
    CANARY,
    "KUBE-LOAD-BALANCER",
    "KUBE-NODE-PORT",
    "KUBE-POSTROUTING",
    "KUBE-SERVICES",
  ], [
    ...["OUTPUT", "PREROUTING"].map((chain) =>
      `-I ${chain} 1 -m comment --comment "kubernetes service portals" -j KUBE-SERVICES`
    ),
    '-I POSTROUTING 1 -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING',
    `-A KUBE-SERVICES ${match("LOAD-BALANCER", "dst,dst")} -j KUBE-LOAD-BALANCER`,
    `-A KUBE-SERVICES ${match("CLUSTER-IP", "src,dst")} -j KUBE-MARK-MASQ`,
    "-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODE-PORT",
    `-A KUBE-SERVICES ${match("CLUSTER-IP", "dst,dst")} -j ACCEPT`,
    `-A KUBE-LOAD-BALANCER ${match("LOAD-BALANCER-LOCAL", "dst,dst")} -j RETURN`,
    "-A KUBE-LOAD-BALANCER -j KUBE-MARK-MASQ",
    `-A KUBE-NODE-PORT -p tcp ${match("NODE-PORT-TCP", "dst")} -j KUBE-MARK-MASQ`,
    `-A KUBE-POSTROUTING ${match("LOOP-BACK", "dst,dst,src")} -j MASQUERADE`,
    `-A KUBE-POSTROUTING -m mark ! --mark ${MARK}/${MARK} -j RETURN`,
    `-A KUBE-POSTROUTING -j MARK --xor-mark ${MARK}`,
    "-A KUBE-POSTROUTING -j MASQUERADE --random-fully",
  ]);
  return [filter, nat, table("mangle", [CANARY], [])];
}

function userspaceMode(service: ProxiedService): readonly string[] {
  const { vip, port, endpoints } = service;
  const match = `-m comment --comment ${KEY} -p tcp -m tcp`;
  const clusterIps = "handle ClusterIPs; NOTE: this must be before the NodePort rules";
  const nodePorts = "handle service NodePorts; NOTE: this must be the last rule in the chain";
  const there = `${bracketed(service, endpoints[0] ?? "")}:40001`;
  const nat = table("nat", [
    "KUBE-PORTALS-CONTAINER",
    "KUBE-PORTALS-HOST",
    "KUBE-NODEPORT-CONTAINER",
    "KUBE-NODEPORT-HOST",
  ], [
    ...[["PREROUTING", "CONTAINER"], ["OUTPUT", "HOST"]].flatMap(([chain, side]) => [
      `-I ${chain} 1 -m comment --comment "${clusterIps}" -j KUBE-PORTALS-${side}`,
      `-A ${chain} -m addrtype --dst-type LOCAL -m comment --comment "${nodePorts}" -j KUBE-NODEPORT-${side}`,
    ]),
    `-A KUBE-PORTALS-CONTAINER ${match} -d ${
      host(service, vip)
    } --dport ${port} -j REDIRECT --to-ports 40001`,
    `-A KUBE-PORTALS-HOST ${match} -d ${
      host(service, vip)
    } --dport ${port} -j DNAT --to-destination ${there}`,
    `-A KUBE-NODEPORT-CONTAINER ${match} --dport ${NODE_PORT} -j REDIRECT --to-ports 40001`,
    `-A KUBE-NODEPORT-HOST ${match} --dport ${NODE_PORT} -j DNAT --to-destination ${there}`,
  ]);
  const filter = table("filter", ["KUBE-NODEPORT-NON-LOCAL"], [
    '-A INPUT -m comment --comment "Ensure that non-local NodePort traffic can flow" -j KUBE-NODEPORT-NON-LOCAL',
    `-A KUBE-NODEPORT-NON-LOCAL ${match} --dport 40001 -m conntrack --ctstate NEW -j ACCEPT`,
  ]);
  return [filter, nat];
}

/**
 * The rules of a mode that uses iptables.
 *
 * @param mode Which; `ipvs` needs {@linkcode ipvsSets}, `iptables` needs {@linkcode COUNTERS}, and
 * all need the kubelet's chain KUBE-MARK-MASQ.
 * @param service The Service.
 * @returns Input for `iptables-restore --noflush`.
 */
export function iptablesRules(mode: IptablesMode, service: ProxiedService): string {
  const tables = { iptables: iptablesMode, ipvs: ipvsMode, userspace: userspaceMode }[mode](
    service,
  );
  return `${tables.join("\n")}\n`;
}

/** The accounting objects of the iptables mode. */
export const COUNTERS = ["ct_state_invalid_dropped_pkts", "localhost_nps_accepted_pkts"] as const;

/**
 * The table of the nftables mode.
 *
 * @param service The Service.
 * @returns Input for `nft -f`.
 */
export function nftablesRules(service: ProxiedService): string {
  const { family, vip, port, endpoints, targetPort } = service;
  const type = family === "ip6" ? "ipv6_addr" : "ipv4_addr";
  const name = `${hash(`${KEY}tcp`).slice(0, 8)}-default/web/tcp/tcp`;
  const choice = endpoints.map((address, index) => `${index} : ${address} . ${targetPort}`);
  const loopback = family === "ip6" ? "::1" : "127.0.0.0/8";
  return `
add table ${family} kube-proxy { comment "rules for kube-proxy"; }
table ${family} kube-proxy {
  set cluster-ips { type ${type}; elements = { ${vip} } }
  map service-ips { type ${type} . inet_proto . inet_service : verdict;
    elements = { ${vip} . tcp . ${port} : goto service-${name} } }
  map service-nodeports { type inet_proto . inet_service : verdict;
    elements = { tcp . ${NODE_PORT} : goto external-${name} } }
  map firewall-ips { type ${type} . inet_proto . inet_service : verdict; }
  map no-endpoint-services { type ${type} . inet_proto . inet_service : verdict;
    elements = { ${vip} . tcp . 81 comment "default/web:none" : goto reject-chain } }
  map no-endpoint-nodeports { type inet_proto . inet_service : verdict; }
  set hairpin-connections { type ${type} . ${type} . inet_proto . inet_service; }

  chain filter-prerouting-pre-dnat {
    type filter hook prerouting priority -110; ct state new jump firewall-check
  }
  chain filter-output-pre-dnat {
    type filter hook output priority -110; ct state new jump firewall-check
  }
  chain nat-prerouting {
    type nat hook prerouting priority -100; jump services
  }
  chain nat-output {
    type nat hook output priority -100; jump services
  }
  chain filter-input {
    type filter hook input priority 0;
    ct state new jump nodeport-endpoints-check
    ct state new jump service-endpoints-check
  }
  chain filter-forward {
    type filter hook forward priority 0;
    ct state new jump service-endpoints-check
    ct state new jump cluster-ips-check
  }
  chain filter-output {
    type filter hook output priority 0;
    ct state new jump service-endpoints-check
    ct state new jump cluster-ips-check
  }
  chain nat-postrouting {
    type nat hook postrouting priority 100; jump masquerading
  }

  chain services {
    ${family} daddr . meta l4proto . th dport vmap @service-ips
    fib daddr type local ${family} daddr != ${loopback} meta l4proto . th dport vmap @service-nodeports
  }
  chain masquerading {
    meta mark & ${MARK} != 0 meta mark set mark & 0xffffbfff masquerade fully-random
    ct status dnat ${family} saddr . ${family} daddr . meta l4proto . th dport @hairpin-connections masquerade fully-random
  }
  chain cluster-ips-check {
    ${family} daddr @cluster-ips reject
  }
  chain firewall-check {
    ${family} daddr . meta l4proto . th dport vmap @firewall-ips
  }
  chain service-endpoints-check {
    ${family} daddr . meta l4proto . th dport vmap @no-endpoint-services
  }
  chain nodeport-endpoints-check {
    fib daddr type local ${family} daddr != ${loopback} meta l4proto . th dport vmap @no-endpoint-nodeports
  }
  chain mark-for-masquerade {
    meta mark set mark or ${MARK}
  }
  chain reject-chain {
    reject
  }
  chain external-${name} {
    jump mark-for-masquerade
    goto service-${name}
  }
  chain service-${name} {
    meta l4proto tcp dnat ${family} to numgen random mod ${endpoints.length} map { ${
    choice.join(", ")
  } }
  }
}
`;
}
