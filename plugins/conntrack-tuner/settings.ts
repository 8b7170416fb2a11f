/**
 * Which settings a configuration means on a node: no effects, no kernel.
 *
 * @module
 */
import type { SysctlKey, TunerConfig, TunerNode } from "weir";

/** A setting and the value it is to have. */
export interface Setting {
  readonly key: SysctlKey;
  readonly value: number;
}

/**
 * Entries that processors alone can ask for: on machines with many of them a table in proportion
 * takes memory that nobody uses. Upstream has it since 1.36 (kubernetes/kubernetes#137002).
 */
export const MOST_SCALED_ENTRIES = 1_048_576;

/** Entries for each bucket of the hash table: upstream's factor, between 1 and the kernel's 8. */
const ENTRIES_PER_BUCKET = 4;

/**
 * How many connections may be tracked.
 *
 * @param node Its processors.
 * @param config What the operator wants for each of them, and at least. What is wanted at least
 * is not capped, unlike upstream, where it gives way to the cap once the processors reach that.
 * @returns Entries; 0 leaves the kernel's limit.
 */
export function trackedEntries(
  node: Pick<TunerNode, "cpus">,
  config: Pick<TunerConfig, "maxPerCore" | "min">,
): number {
  const { maxPerCore = 0, min = 0 } = config;
  if (maxPerCore === 0) return 0;
  return Math.max(min, Math.min(MOST_SCALED_ENTRIES, maxPerCore * node.cpus));
}

/**
 * The settings that a configuration means.
 *
 * @param node The node.
 * @param config What the operator wants; what is absent, 0 or false is left alone.
 * @returns The settings, in the order in which they are to be made.
 */
export function settingsOf(node: TunerNode, config: TunerConfig): readonly Setting[] {
  const entries = trackedEntries(node, config);
  const wanted: readonly (readonly [SysctlKey, number | undefined])[] = [
    ["net.netfilter.nf_conntrack_max", entries],
    ["net.netfilter.nf_conntrack_buckets", Math.floor(entries / ENTRIES_PER_BUCKET)],
    ["net.netfilter.nf_conntrack_tcp_timeout_established", config.tcpEstablishedTimeout],
    ["net.netfilter.nf_conntrack_tcp_timeout_close_wait", config.tcpCloseWaitTimeout],
    ["net.netfilter.nf_conntrack_tcp_be_liberal", config.tcpBeLiberal === true ? 1 : undefined],
    ["net.netfilter.nf_conntrack_udp_timeout", config.udpTimeout],
    ["net.netfilter.nf_conntrack_udp_timeout_stream", config.udpStreamTimeout],
  ];
  return wanted.flatMap(([key, value = 0]) => value === 0 ? [] : [{ key, value }]);
}
