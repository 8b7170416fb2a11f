/**
 * kube-proxy's own metrics, with its names, types, labels, buckets and help
 * (pkg/proxy/metrics/metrics.go, with the labels of 1.36). Those of iptables are registered by
 * kube-proxy in that mode only, and so there are none here.
 *
 * @module
 */
import { exponential, linear, type MetricRows } from "./metric_row.ts";

/** 1 ms to 16.384 s. */
const SYNC_BUCKETS = exponential(0.001, 2, 15);

/**
 * Upstream: 0.25, 0.5, then 1–59 s by 1, 60–115 s by 5, 2–5 min by 30 s; and a 0 before them, since
 * its `merge` begins with a slice of one element.
 */
const PROGRAMMING_BUCKETS = [
  0,
  ...linear(0.25, 0.25, 2),
  ...linear(1, 1, 59),
  ...linear(60, 5, 12),
  ...linear(120, 30, 7),
];

/** By the name the code knows them under. */
export const KUBE_PROXY_ROWS = {
  syncDuration: {
    type: "histogram",
    name: "kubeproxy_sync_proxy_rules_duration_seconds",
    stability: "ALPHA",
    help: "SyncProxyRules latency in seconds",
    labels: ["ip_family"],
    buckets: SYNC_BUCKETS,
  },
  fullSyncDuration: {
    type: "histogram",
    name: "kubeproxy_sync_full_proxy_rules_duration_seconds",
    stability: "ALPHA",
    help: "SyncProxyRules latency in seconds for full resyncs",
    labels: ["ip_family"],
    buckets: SYNC_BUCKETS,
  },
  partialSyncDuration: {
    type: "histogram",
    name: "kubeproxy_sync_partial_proxy_rules_duration_seconds",
    stability: "ALPHA",
    help: "SyncProxyRules latency in seconds for partial resyncs",
    labels: ["ip_family"],
    buckets: SYNC_BUCKETS,
  },
  syncLastTimestamp: {
    type: "gauge",
    name: "kubeproxy_sync_proxy_rules_last_timestamp_seconds",
    stability: "ALPHA",
    help: "The last time proxy rules were successfully synced",
    labels: ["ip_family"],
  },
  syncLastQueuedTimestamp: {
    type: "gauge",
    name: "kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds",
    stability: "ALPHA",
    help: "The last time a sync of proxy rules was queued",
    labels: ["ip_family"],
  },
  networkProgrammingDuration: {
    type: "histogram",
    name: "kubeproxy_network_programming_duration_seconds",
    stability: "ALPHA",
    help: "In Cluster Network Programming Latency in seconds",
    labels: ["ip_family"],
    buckets: PROGRAMMING_BUCKETS,
  },
  endpointChangesPending: {
    type: "gauge",
    name: "kubeproxy_sync_proxy_rules_endpoint_changes_pending",
    stability: "ALPHA",
    help: "Pending proxy rules Endpoint changes",
    labels: [],
  },
  endpointChanges: {
    type: "counter",
    name: "kubeproxy_sync_proxy_rules_endpoint_changes_total",
    stability: "ALPHA",
    help: "Cumulative proxy rules Endpoint changes",
    labels: [],
  },
  serviceChangesPending: {
    type: "gauge",
    name: "kubeproxy_sync_proxy_rules_service_changes_pending",
    stability: "ALPHA",
    help: "Pending proxy rules Service changes",
    labels: [],
  },
  serviceChanges: {
    type: "counter",
    name: "kubeproxy_sync_proxy_rules_service_changes_total",
    stability: "ALPHA",
    help: "Cumulative proxy rules Service changes",
    labels: [],
  },
  noLocalEndpoints: {
    type: "gauge",
    name: "kubeproxy_sync_proxy_rules_no_local_endpoints_total",
    stability: "ALPHA",
    help: "Number of services with a Local traffic policy and no endpoints",
    labels: ["ip_family", "traffic_policy"],
  },
  nftablesSyncFailures: {
    type: "counter",
    name: "kubeproxy_sync_proxy_rules_nftables_sync_failures_total",
    stability: "ALPHA",
    help: "Cumulative proxy nftables sync failures",
    labels: ["ip_family"],
  },
  nftablesCleanupFailures: {
    type: "counter",
    name: "kubeproxy_sync_proxy_rules_nftables_cleanup_failures_total",
    stability: "ALPHA",
    help: "Cumulative proxy nftables cleanup failures",
    labels: ["ip_family"],
    constant: "what is stale goes in a sync's own transaction, whose failure is the sync's",
  },
  localhostNodePortListeners: {
    type: "gauge",
    name: "kubeproxy_nftables_localhost_nodeport_listeners",
    stability: "ALPHA",
    help: "Number of active localhost NodePort listeners",
    labels: ["ip_family"],
  },
  localhostNodePortFailures: {
    type: "counter",
    name: "kubeproxy_nftables_localhost_nodeport_listener_creation_failures_total",
    stability: "ALPHA",
    help: "Cumulative failures to listen for a localhost NodePort",
    labels: ["ip_family"],
  },
  localhostNodePortRejected: {
    type: "counter",
    name: "kubeproxy_nftables_localhost_nodeport_rejected_packets_total",
    stability: "ALPHA",
    help:
      "Number of packets rejected on localhost NodePorts. UDP and SCTP are always rejected; TCP " +
      "is rejected when the localhost NodePort proxy is not running",
    labels: ["ip_family", "protocol"],
    constant: "weir has no rule that rejects them: nobody listens, and the kernel says so",
  },
  conntrackDuration: {
    type: "histogram",
    name: "kubeproxy_conntrack_reconciler_sync_duration_seconds",
    stability: "ALPHA",
    help: "ReconcileConntrackFlowsLatency latency in seconds",
    labels: ["ip_family"],
    buckets: SYNC_BUCKETS,
  },
  conntrackDeleted: {
    type: "counter",
    name: "kubeproxy_conntrack_reconciler_deleted_entries_total",
    stability: "ALPHA",
    help: "Cumulative conntrack flows deleted by conntrack reconciler",
    labels: ["ip_family"],
  },
  healthz: {
    type: "counter",
    name: "kubeproxy_proxy_healthz_total",
    stability: "ALPHA",
    help: "Cumulative proxy healthz HTTP status",
    labels: ["code"],
  },
  livez: {
    type: "counter",
    name: "kubeproxy_proxy_livez_total",
    stability: "ALPHA",
    help: "Cumulative proxy livez HTTP status",
    labels: ["code"],
  },
} as const satisfies MetricRows;
