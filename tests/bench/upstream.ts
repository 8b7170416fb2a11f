/**
 * kube-proxy 1.36's nftables lay-out for the bench's cluster, as text for `nft -f -`: a chain and
 * an anonymous map for each Service. Written from its description, to compare against.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { BenchService } from "./cluster.ts";

const BASE_CHAINS: readonly (readonly [name: string, type: string, hook: string, at: number])[] = [
  ["filter-prerouting-pre-dnat", "filter", "prerouting", -110],
  ["filter-output-pre-dnat", "filter", "output", -110],
  ["nat-prerouting", "nat", "prerouting", -100],
  ["nat-output", "nat", "output", -100],
  ["filter-input", "filter", "input", 0],
  ["filter-forward", "filter", "forward", 0],
  ["filter-output", "filter", "output", 0],
  ["nat-postrouting", "nat", "postrouting", 100],
];

/** The chains that every Service shares, after kube-proxy's nftables proxier. */
const SHARED = `
add chain ip kube-proxy services
add chain ip kube-proxy masquerading
add chain ip kube-proxy cluster-ips-check
add chain ip kube-proxy firewall-check
add chain ip kube-proxy service-endpoints-check
add chain ip kube-proxy nodeport-endpoints-check
add chain ip kube-proxy reject-chain
add set ip kube-proxy cluster-ips { type ipv4_addr ; comment "Active ClusterIPs" ; }
add set ip kube-proxy nodeport-ips { type ipv4_addr ; }
add set ip kube-proxy hairpin-connections { type ipv4_addr . ipv4_addr . inet_proto . inet_service ; }
add map ip kube-proxy no-endpoint-services { type ipv4_addr . inet_proto . inet_service : verdict ; }
add map ip kube-proxy no-endpoint-nodeports { type inet_proto . inet_service : verdict ; }
add map ip kube-proxy firewall-ips { type ipv4_addr . inet_proto . inet_service : verdict ; }
add map ip kube-proxy service-ips { type ipv4_addr . inet_proto . inet_service : verdict ; }
add map ip kube-proxy service-nodeports { type inet_proto . inet_service : verdict ; }
add rule ip kube-proxy reject-chain reject
add rule ip kube-proxy filter-prerouting-pre-dnat ct state new jump firewall-check
add rule ip kube-proxy filter-output-pre-dnat ct state new jump firewall-check
add rule ip kube-proxy nat-prerouting jump services
add rule ip kube-proxy nat-output jump services
add rule ip kube-proxy filter-input ct state new jump nodeport-endpoints-check
add rule ip kube-proxy filter-input ct state new jump service-endpoints-check
add rule ip kube-proxy filter-forward ct state new jump service-endpoints-check
add rule ip kube-proxy filter-forward ct state new jump cluster-ips-check
add rule ip kube-proxy filter-output ct state new jump service-endpoints-check
add rule ip kube-proxy filter-output ct state new jump cluster-ips-check
add rule ip kube-proxy nat-postrouting jump masquerading
add rule ip kube-proxy masquerading meta mark & 0x4000 != 0 meta mark set meta mark ^ 0x4000 masquerade fully-random
add rule ip kube-proxy masquerading ct status dnat ip saddr . ip daddr . meta l4proto . th dport @hairpin-connections masquerade fully-random
add rule ip kube-proxy cluster-ips-check ip daddr @cluster-ips reject
add rule ip kube-proxy firewall-check ip daddr . meta l4proto . th dport vmap @firewall-ips
add rule ip kube-proxy service-endpoints-check ip daddr . meta l4proto . th dport vmap @no-endpoint-services
add rule ip kube-proxy nodeport-endpoints-check ip daddr @nodeport-ips meta l4proto . th dport vmap @no-endpoint-nodeports
add rule ip kube-proxy services ip saddr != 10.0.0.0/9 ip daddr @cluster-ips meta mark set meta mark | 0x4000
add rule ip kube-proxy services ip daddr . meta l4proto . th dport vmap @service-ips
add rule ip kube-proxy services ip daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports
`;

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** The first characters of the RFC 4648 base32 of a SHA-256, as upstream's chain names have. */
function hashOf(text: string, length: number): string {
  const digest = createHash("sha256").update(text).digest();
  let bits = 0n;
  for (const byte of digest.subarray(0, 10)) bits = bits << 8n | BigInt(byte);
  return Array.from(
    { length },
    (_, index) => BASE32[Number(bits >> BigInt(75 - 5 * index) & 31n)] ?? "",
  ).join("");
}

/**
 * Writes the whole lay-out. Chains come first, then rules, then elements: of the orders tried the
 * one that the kernel takes fastest (element by element beside its rule costs half as much again),
 * so that the comparison does not flatter weir.
 *
 * @param cluster From {@linkcode benchCluster}.
 * @returns Text for `nft -f -`; one transaction.
 */
export function upstreamLayout(cluster: readonly BenchService[]): string {
  const chains: string[] = [];
  const rules: string[] = [];
  const addresses: string[] = [];
  const verdicts: string[] = [];
  for (const { namespace, name, portName, clusterIP, port, endpoints } of cluster) {
    const key = `${namespace}/${name}:${portName}`;
    const chain = `service-${hashOf(`${key}tcp`, 8)}-${namespace}/${name}/tcp/${portName}`;
    const choices = endpoints.map((endpoint, slot) =>
      `${slot} : ${endpoint.ip} . ${endpoint.port}`
    );
    chains.push(`add chain ip kube-proxy ${chain}`);
    rules.push(
      `add rule ip kube-proxy ${chain} meta l4proto tcp dnat ip addr . port to ` +
        `numgen random mod ${endpoints.length} map { ${choices.join(" , ")} }`,
    );
    addresses.push(clusterIP);
    verdicts.push(`${clusterIP} . tcp . ${port} : goto ${chain}`);
  }
  return [
    "add table ip kube-proxy",
    "delete table ip kube-proxy",
    "add table ip kube-proxy",
    ...BASE_CHAINS.map(([name, type, hook, at]) =>
      `add chain ip kube-proxy ${name} { type ${type} hook ${hook} priority ${at} ; }`
    ),
    SHARED.trim(),
    ...chains,
    ...rules,
    `add element ip kube-proxy cluster-ips { ${addresses.join(" , ")} }`,
    `add element ip kube-proxy service-ips { ${verdicts.join(" , ")} }`,
    "",
  ].join("\n");
}
