/**
 * The metrics: one row is one metric. What kube-proxy has keeps its name, type, labels, buckets and
 * help (pkg/proxy/metrics/metrics.go, with the labels of 1.36); weir's own begin with `weir_`.
 *
 * @module
 */

/** One row: one metric. */
export interface MetricRow {
  readonly type: "counter" | "gauge" | "histogram";
  readonly name: string;
  /** One line; component-base puts the stability level of kube-proxy's before it. */
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds of a histogram, ascending, without infinity; absent for the other types. */
  readonly buckets?: readonly number[];
}

function linear(start: number, width: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => start + width * index);
}

function exponential(start: number, factor: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => start * factor ** index);
}

/** 1 ms to 16.384 s. */
const SYNC_BUCKETS = exponential(0.001, 2, 15);

/** 0.1 ms to 52 s: a call of a plugin or a batch for the kernel. */
const CALL_BUCKETS = exponential(0.0001, 2, 20);

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

/** All metrics, by the name the code knows them under. */
export const METRICS = {
  syncDuration: {
    type: "histogram",
    name: "kubeproxy_sync_proxy_rules_duration_seconds",
    help: "[ALPHA] SyncProxyRules latency in seconds",
    labels: ["ip_family"],
    buckets: SYNC_BUCKETS,
  },
  fullSyncDuration: {
    type: "histogram",
    name: "kubeproxy_sync_full_proxy_rules_duration_seconds",
    help: "[ALPHA] SyncProxyRules latency in seconds for full resyncs",
    labels: ["ip_family"],
    buckets: SYNC_BUCKETS,
  },
  partialSyncDuration: {
    type: "histogram",
    name: "kubeproxy_sync_partial_proxy_rules_duration_seconds",
    help: "[ALPHA] SyncProxyRules latency in seconds for partial resyncs",
    labels: ["ip_family"],
    buckets: SYNC_BUCKETS,
  },
  syncLastTimestamp: {
    type: "gauge",
    name: "kubeproxy_sync_proxy_rules_last_timestamp_seconds",
    help: "[ALPHA] The last time proxy rules were successfully synced",
    labels: ["ip_family"],
  },
  syncLastQueuedTimestamp: {
    type: "gauge",
    name: "kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds",
    help: "[ALPHA] The last time a sync of proxy rules was queued",
    labels: ["ip_family"],
  },
  networkProgrammingDuration: {
    type: "histogram",
    name: "kubeproxy_network_programming_duration_seconds",
    help: "[ALPHA] In Cluster Network Programming Latency in seconds",
    labels: ["ip_family"],
    buckets: PROGRAMMING_BUCKETS,
  },
  endpointChangesPending: {
    type: "gauge",
    name: "kubeproxy_sync_proxy_rules_endpoint_changes_pending",
    help: "[ALPHA] Pending proxy rules Endpoint changes",
    labels: [],
  },
  endpointChanges: {
    type: "counter",
    name: "kubeproxy_sync_proxy_rules_endpoint_changes_total",
    help: "[ALPHA] Cumulative proxy rules Endpoint changes",
    labels: [],
  },
  serviceChangesPending: {
    type: "gauge",
    name: "kubeproxy_sync_proxy_rules_service_changes_pending",
    help: "[ALPHA] Pending proxy rules Service changes",
    labels: [],
  },
  serviceChanges: {
    type: "counter",
    name: "kubeproxy_sync_proxy_rules_service_changes_total",
    help: "[ALPHA] Cumulative proxy rules Service changes",
    labels: [],
  },
  noLocalEndpoints: {
    type: "gauge",
    name: "kubeproxy_sync_proxy_rules_no_local_endpoints_total",
    help: "[ALPHA] Number of services with a Local traffic policy and no endpoints",
    labels: ["ip_family", "traffic_policy"],
  },
  nftablesSyncFailures: {
    type: "counter",
    name: "kubeproxy_sync_proxy_rules_nftables_sync_failures_total",
    help: "[ALPHA] Cumulative proxy nftables sync failures",
    labels: ["ip_family"],
  },
  localhostNodePortListeners: {
    type: "gauge",
    name: "kubeproxy_nftables_localhost_nodeport_listeners",
    help: "[ALPHA] Number of active localhost NodePort listeners",
    labels: ["ip_family"],
  },
  localhostNodePortFailures: {
    type: "counter",
    name: "kubeproxy_nftables_localhost_nodeport_listener_creation_failures_total",
    help: "[ALPHA] Cumulative failures to listen for a localhost NodePort",
    labels: ["ip_family"],
  },
  conntrackDuration: {
    type: "histogram",
    name: "kubeproxy_conntrack_reconciler_sync_duration_seconds",
    help: "[ALPHA] ReconcileConntrackFlowsLatency latency in seconds",
    labels: ["ip_family"],
    buckets: SYNC_BUCKETS,
  },
  conntrackDeleted: {
    type: "counter",
    name: "kubeproxy_conntrack_reconciler_deleted_entries_total",
    help: "[ALPHA] Cumulative conntrack flows deleted by conntrack reconciler",
    labels: ["ip_family"],
  },
  healthz: {
    type: "counter",
    name: "kubeproxy_proxy_healthz_total",
    help: "[ALPHA] Cumulative proxy healthz HTTP status",
    labels: ["code"],
  },
  livez: {
    type: "counter",
    name: "kubeproxy_proxy_livez_total",
    help: "[ALPHA] Cumulative proxy livez HTTP status",
    labels: ["code"],
  },
  kubernetesBuildInfo: {
    type: "gauge",
    name: "kubernetes_build_info",
    help: "[ALPHA] A metric with a constant '1' value labeled by major, minor, git version, git " +
      "commit, git tree state, build date, Go version, and compiler from which Kubernetes was " +
      "built, and platform on which it is running.",
    labels: [
      "major",
      "minor",
      "git_version",
      "git_commit",
      "git_tree_state",
      "build_date",
      "go_version",
      "compiler",
      "platform",
    ],
  },
  pluginState: {
    type: "gauge",
    name: "weir_plugin_state",
    help: "The state of each plugin: 1 for the state it is in, 0 for the others",
    labels: ["plugin", "state"],
  },
  pluginParked: {
    type: "gauge",
    name: "weir_plugin_parked",
    help: "1 while a plugin is not started any more because it died too often, else 0",
    labels: ["plugin"],
  },
  pluginRestarts: {
    type: "counter",
    name: "weir_plugin_restarts_total",
    help: "Cumulative starts of a plugin because it had died",
    labels: ["plugin"],
  },
  pluginCallDuration: {
    type: "histogram",
    name: "weir_plugin_call_duration_seconds",
    help: "Time from sending a call to a plugin to its return, in seconds",
    labels: ["plugin", "method"],
    buckets: CALL_BUCKETS,
  },
  pluginFrameBytes: {
    type: "counter",
    name: "weir_plugin_frame_bytes_total",
    help: "Cumulative bytes of frames sent to a plugin and received from it",
    labels: ["plugin", "direction"],
  },
  pluginSamplesDropped: {
    type: "counter",
    name: "weir_plugin_samples_dropped_total",
    help: "Cumulative samples of a plugin's own metrics that contradict an earlier one",
    labels: ["plugin"],
  },
  netlinkBatches: {
    type: "counter",
    name: "weir_netlink_batches_total",
    help: "Cumulative nf_tables batches sent to the kernel",
    labels: ["plugin"],
  },
  netlinkMessages: {
    type: "counter",
    name: "weir_netlink_messages_total",
    help: "Cumulative nf_tables messages in the batches sent to the kernel",
    labels: ["plugin"],
  },
  netlinkBytes: {
    type: "counter",
    name: "weir_netlink_bytes_total",
    help: "Cumulative bytes of the batches sent to the kernel",
    labels: ["plugin"],
  },
  netlinkErrors: {
    type: "counter",
    name: "weir_netlink_errors_total",
    help: "Cumulative batches that the kernel refused, by the name of its errno",
    labels: ["plugin", "errno"],
  },
  netlinkBatchDuration: {
    type: "histogram",
    name: "weir_netlink_batch_duration_seconds",
    help: "Time from sending a batch to the kernel to its answer, in seconds",
    labels: ["plugin"],
    buckets: CALL_BUCKETS,
  },
  repairs: {
    type: "counter",
    name: "weir_repairs_total",
    help: "Cumulative resyncs because someone else had changed a table of a plugin's",
    labels: ["plugin"],
  },
  configReloads: {
    type: "counter",
    name: "weir_config_reloads_total",
    help: "Changes of the configuration file, by what came of them",
    labels: ["result"],
  },
  configReloadSuccessful: {
    type: "gauge",
    name: "weir_config_last_reload_successful",
    help: "Whether what the configuration file says is in force",
    labels: [],
  },
  configReloadTimestamp: {
    type: "gauge",
    name: "weir_config_last_reload_success_timestamp_seconds",
    help: "When what the configuration file says last came into force",
    labels: [],
  },
  takeoverLeftovers: {
    type: "gauge",
    name: "weir_takeover_leftovers",
    help: "How many leftovers of kube-proxy were on the node at the last complete look",
    labels: [],
  },
  conntrackEntries: {
    type: "gauge",
    name: "weir_conntrack_entries",
    help: "Connections that the kernel tracks in the node's network namespace",
    labels: [],
  },
  conntrackLimit: {
    type: "gauge",
    name: "weir_conntrack_limit",
    help: "How many tracked connections there may be before the kernel drops new ones, 0 for any",
    labels: [],
  },
} as const satisfies Readonly<Record<string, MetricRow>>;
