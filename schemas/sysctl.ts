/**
 * The kernel's settings (sysctls) that a plugin can be granted: a fixed list, so that no plugin
 * can name a file. Apart from schemas/capability.ts, because a plugin's bundle need not carry
 * valibot for them.
 *
 * @module
 */

/** The name of a setting that can be granted, as sysctl(8) writes it. */
export type SysctlKey =
  | "net.netfilter.nf_conntrack_max"
  | "net.netfilter.nf_conntrack_buckets"
  | "net.netfilter.nf_conntrack_tcp_timeout_established"
  | "net.netfilter.nf_conntrack_tcp_timeout_close_wait"
  | "net.netfilter.nf_conntrack_tcp_be_liberal"
  | "net.netfilter.nf_conntrack_udp_timeout"
  | "net.netfilter.nf_conntrack_udp_timeout_stream"
  | "net.ipv4.ip_forward"
  | "net.ipv6.conf.all.forwarding"
  | "net.ipv4.conf.all.route_localnet"
  | "net.ipv4.conf.all.arp_ignore"
  | "net.ipv4.conf.all.arp_announce"
  | "net.ipv4.vs.conntrack"
  | "net.ipv4.vs.conn_reuse_mode"
  | "net.ipv4.vs.expire_nodest_conn"
  | "net.ipv4.vs.expire_quiescent_template"
  | "net.bridge.bridge-nf-call-iptables"
  | "net.bridge.bridge-nf-call-ip6tables";

/** What a setting is and how it may be changed. */
export interface SysctlRow {
  /** The smallest value that may be written. */
  readonly least: number;
  /** The largest value that may be written; the kernel may refuse less than that. */
  readonly most: number;
  /**
   * `raise`: a number of entries, never lowered by anyone; a value that is higher already stays,
   * and how far it may be raised depends on the machine's memory. `set`: as it is written.
   */
  readonly change: "raise" | "set";
  /** The kernel module that has it, or "" when every kernel has it. */
  readonly module: "nf_conntrack" | "ip_vs" | "br_netfilter" | "";
}

/** The kernel's `int`. */
const MOST = 2 ** 31 - 1;
/** Seconds. The kernel keeps jiffies in an `int`, so how many it takes depends on its HZ. */
const SECONDS = { least: 1, most: MOST, change: "set", module: "nf_conntrack" } as const;
/** A number of entries. Who lowers one makes the kernel drop connections that there are. */
const ENTRIES = { least: 1, most: MOST, change: "raise", module: "nf_conntrack" } as const;
const SWITCH = { least: 0, most: 1, change: "set" } as const;

/**
 * Settings of connection tracking. `nf_conntrack_buckets` is the number that
 * /sys/module/nf_conntrack/parameters/hashsize is too, which only root may even read.
 */
export const CONNTRACK_SYSCTLS = {
  "net.netfilter.nf_conntrack_max": ENTRIES,
  "net.netfilter.nf_conntrack_buckets": ENTRIES,
  "net.netfilter.nf_conntrack_tcp_timeout_established": SECONDS,
  "net.netfilter.nf_conntrack_tcp_timeout_close_wait": SECONDS,
  "net.netfilter.nf_conntrack_tcp_be_liberal": { ...SWITCH, module: "nf_conntrack" },
  "net.netfilter.nf_conntrack_udp_timeout": SECONDS,
  "net.netfilter.nf_conntrack_udp_timeout_stream": SECONDS,
} as const satisfies Partial<Readonly<Record<SysctlKey, SysctlRow>>>;

/** Settings that decide how packets to a Service reach this node and leave it again. */
export const FORWARDING_SYSCTLS = {
  "net.ipv4.ip_forward": { ...SWITCH, module: "" },
  "net.ipv6.conf.all.forwarding": { ...SWITCH, module: "" },
  "net.ipv4.conf.all.route_localnet": { ...SWITCH, module: "" },
  "net.ipv4.conf.all.arp_ignore": { ...SWITCH, most: 8, module: "" },
  "net.ipv4.conf.all.arp_announce": { ...SWITCH, most: 2, module: "" },
  "net.ipv4.vs.conntrack": { ...SWITCH, module: "ip_vs" },
  "net.ipv4.vs.conn_reuse_mode": { ...SWITCH, most: 3, module: "ip_vs" },
  "net.ipv4.vs.expire_nodest_conn": { ...SWITCH, module: "ip_vs" },
  "net.ipv4.vs.expire_quiescent_template": { ...SWITCH, module: "ip_vs" },
  "net.bridge.bridge-nf-call-iptables": { ...SWITCH, module: "br_netfilter" },
  "net.bridge.bridge-nf-call-ip6tables": { ...SWITCH, module: "br_netfilter" },
} as const satisfies Partial<Readonly<Record<SysctlKey, SysctlRow>>>;

/** All settings that can be granted, by name. */
export const SYSCTLS: Readonly<Record<SysctlKey, SysctlRow>> = {
  ...CONNTRACK_SYSCTLS,
  ...FORWARDING_SYSCTLS,
};

/** The names of all settings that can be granted. */
export const SYSCTL_KEYS = Object.keys(SYSCTLS) as readonly SysctlKey[];

/** What a write has changed. */
export interface SysctlChange {
  /** The value before, in the setting's own unit: entries, seconds, or 0 and 1. */
  readonly before: number;
  /**
   * The value now, in entries, seconds, or 0 and 1. It is not the one that was asked for where a
   * higher one stays, or where the kernel has rounded it.
   */
  readonly after: number;
}

/** What comes with an error WEIR_SYSCTL: which setting, and why the kernel refused. */
export interface SysctlFailure {
  /** Its name. */
  readonly key: SysctlKey;
  /** Positive errno of Linux, for example 30. */
  readonly errno: number;
  /** Its name, for example EROFS. */
  readonly name: string;
  /** What that means here, and what helps. */
  readonly reason: string;
}
