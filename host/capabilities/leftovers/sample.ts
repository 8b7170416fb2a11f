/**
 * Plain leftovers for tests.
 *
 * @module
 */
import type { OwnTableLeftover, ProxyTableLeftover } from "./leftover.ts";

/** What kube-proxy leaves of its nftables mode. */
export const TABLE_OF_KUBE_PROXY: ProxyTableLeftover = {
  place: "nftables",
  owner: "kube-proxy",
  family: "ip",
  table: "kube-proxy",
};

/** What weir's own proxier leaves. */
export const TABLE_OF_WEIR: OwnTableLeftover = {
  place: "nftables",
  owner: "weir",
  family: "ip",
  table: "weir",
  handle: 7n,
  madeFor: { role: "proxier", plugin: "proxier-nftables" },
};
