/**
 * weir's own metrics.
 *
 * @module
 */
import { exponential, type MetricRows } from "./metric_row.ts";

/** 0.1 ms to 52 s: a call of a plugin or a batch for the kernel. */
const CALL_BUCKETS = exponential(0.0001, 2, 20);

/** By the name the code knows them under. */
export const WEIR_ROWS = {
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
  modeInPlace: {
    type: "gauge",
    name: "weir_proxy_mode_in_place",
    help:
      "1 while a mode serves in place of one that weir does not have, with --proxy-mode-fallback",
    labels: ["mode", "in_place_of"],
  },
  takeoverLeftovers: {
    type: "gauge",
    name: "weir_takeover_leftovers",
    help: "How many leftovers of kube-proxy were on the node at the last complete look",
    labels: [],
  },
  serviceConnections: {
    type: "counter",
    name: "weir_service_connections_total",
    help: "Connections to a Service that were sent to an endpoint, with --per-service-metrics",
    labels: ["service_namespace", "service_name"],
  },
  servicePackets: {
    type: "counter",
    name: "weir_service_packets_total",
    help: "Packets of connections to a Service, both ways, with --per-service-metrics",
    labels: ["service_namespace", "service_name"],
  },
  serviceBytes: {
    type: "counter",
    name: "weir_service_bytes_total",
    help: "Bytes of packets of connections to a Service, both ways, with --per-service-metrics",
    labels: ["service_namespace", "service_name"],
  },
  servicesFolded: {
    type: "gauge",
    name: "weir_services_folded",
    help: "How many Services are above --per-service-metrics and summed as _other",
    labels: [],
  },
  traceSpans: {
    type: "counter",
    name: "weir_trace_spans_total",
    help: "Spans for a collector of traces, by what became of them",
    labels: ["result"],
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
} as const satisfies MetricRows;
