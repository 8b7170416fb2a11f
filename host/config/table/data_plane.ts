/**
 * The flags for how the node is programmed.
 *
 * @module
 */
import { field, type Flag, weir } from "../flag.ts";

/** The rows, in the order of the help. */
export const DATA_PLANE_FLAGS: readonly Flag[] = [
  {
    name: "proxy-mode",
    type: "string",
    placeholder: "mode",
    section: "Data plane",
    target: field("mode"),
    help: "Proxier that programs the node: nftables, a plugin by ./x.ts, /x.ts, file: or https: " +
      "with #sha256=<hex> behind it (a must for https), or a plugin that the WeirConfiguration " +
      "names.",
    byDefault: "nftables",
    since: "1.24",
  },
  {
    name: "proxy-mode-fallback",
    type: "bool",
    placeholder: "",
    section: "Data plane",
    target: weir("proxyModeFallback"),
    help: "Let nftables serve when --proxy-mode is one that weir does not have: iptables, ipvs, " +
      "userspace or kernelspace.",
    since: "weir",
  },
  {
    name: "masquerade-all",
    type: "bool",
    placeholder: "",
    section: "Data plane",
    target: field("nftables.masqueradeAll", "iptables.masqueradeAll"),
    help: "Masquerade all traffic to ClusterIPs, whatever its source.",
    since: "1.24",
  },
  {
    name: "iptables-masquerade-bit",
    type: "int32",
    placeholder: "bit",
    section: "Data plane",
    target: field("nftables.masqueradeBit", "iptables.masqueradeBit"),
    help: "Bit of the packet mark, 0 to 31, that means that a packet is to be masqueraded. " +
      "Its name is older than nftables mode, which it is for too.",
    since: "1.24",
  },
  {
    name: "iptables-sync-period",
    type: "duration",
    placeholder: "duration",
    section: "Data plane",
    target: field("nftables.syncPeriod", "iptables.syncPeriod"),
    help: "How often a failed sync is tried again. Its name is older than nftables mode, which " +
      "it is for too.",
    since: "1.24",
  },
  {
    name: "iptables-min-sync-period",
    type: "duration",
    placeholder: "duration",
    section: "Data plane",
    target: field("nftables.minSyncPeriod", "iptables.minSyncPeriod"),
    help: "The shortest time between two syncs, also in nftables mode. 0 or nothing lets it " +
      "adapt to what a sync costs, where kube-proxy takes 1s.",
    since: "1.24",
    byDefault: "",
  },
  {
    name: "iptables-localhost-nodeports",
    type: "bool",
    placeholder: "",
    section: "Data plane",
    target: field("iptables.localhostNodePorts"),
    help: "Let NodePorts answer on 127.0.0.1 while nftables serves in place of iptables mode. In " +
      "nftables mode --nodeport-addresses decides that.",
    since: "1.26",
  },
];
