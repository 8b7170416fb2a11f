/**
 * The metrics that every component of Kubernetes has (k8s.io/component-base/metrics) and that
 * Prometheus' client has of its process (client_golang, collectors.NewProcessCollector), with their
 * names, types, labels, buckets and help. `go_*` is not among them: weir is not Go.
 *
 * @module
 */
import type { MetricRows } from "./metric_row.ts";

const REQUEST_SECONDS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60];

/** 64 bytes to 16 MiB. */
const REQUEST_BYTES = [
  ...[64, 256, 512, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216],
];

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Too often; as it should be; too seldom. */
const ROTATION_SECONDS = [
  ...[10 * MINUTE, 30 * MINUTE, HOUR],
  ...[4 * HOUR, DAY, 7 * DAY, 30 * DAY],
  ...[90 * DAY, 180 * DAY, 360 * DAY, 1440 * DAY],
];

/** By the name the code knows them under. */
export const COMPONENT_ROWS = {
  kubernetesBuildInfo: {
    type: "gauge",
    name: "kubernetes_build_info",
    stability: "ALPHA",
    help: "A metric with a constant '1' value labeled by major, minor, git version, git " +
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
    constant: "a build is what it is",
  },
  featureEnabled: {
    type: "gauge",
    name: "kubernetes_feature_enabled",
    stability: "BETA",
    help: "This metric records the data about the stage and enablement of a k8s feature.",
    labels: ["name", "stage"],
    constant: "gates are set when weir starts",
  },
  healthcheck: {
    type: "gauge",
    name: "kubernetes_healthcheck",
    stability: "BETA",
    help: "This metric records the result of a single healthcheck.",
    labels: ["name", "type"],
    page: "slis",
  },
  healthchecks: {
    type: "counter",
    name: "kubernetes_healthchecks_total",
    stability: "BETA",
    help: "This metric records the results of all healthcheck.",
    labels: ["name", "type", "status"],
    page: "slis",
  },
  registeredMetrics: {
    type: "counter",
    name: "registered_metrics_total",
    stability: "BETA",
    help: "The count of registered metrics broken by stability level and deprecation version.",
    labels: ["stability_level", "deprecated_version"],
    constant: "it counts the rows of this table",
  },
  hiddenMetrics: {
    type: "counter",
    name: "hidden_metrics_total",
    stability: "BETA",
    help: "The count of hidden metrics.",
    labels: [],
    constant: "it counts the rows of this table that are hidden",
  },
  disabledMetrics: {
    type: "counter",
    name: "disabled_metrics_total",
    stability: "BETA",
    help: "The count of disabled metrics.",
    labels: [],
    constant: "nothing can be disabled: kube-proxy has no flag for it",
  },
  requestDuration: {
    type: "histogram",
    name: "rest_client_request_duration_seconds",
    stability: "ALPHA",
    help: "Request latency in seconds. Broken down by verb, and host.",
    labels: ["verb", "host"],
    buckets: REQUEST_SECONDS,
  },
  dnsDuration: {
    type: "histogram",
    name: "rest_client_dns_resolution_duration_seconds",
    stability: "ALPHA",
    help: "DNS resolver latency in seconds. Broken down by host.",
    labels: ["host"],
    buckets: REQUEST_SECONDS.slice(0, -1),
  },
  requestSize: {
    type: "histogram",
    name: "rest_client_request_size_bytes",
    stability: "ALPHA",
    help: "Request size in bytes. Broken down by verb and host.",
    labels: ["verb", "host"],
    buckets: REQUEST_BYTES,
  },
  responseSize: {
    type: "histogram",
    name: "rest_client_response_size_bytes",
    stability: "ALPHA",
    help: "Response size in bytes. Broken down by verb and host.",
    labels: ["verb", "host"],
    buckets: REQUEST_BYTES,
  },
  rateLimiterDuration: {
    type: "histogram",
    name: "rest_client_rate_limiter_duration_seconds",
    stability: "ALPHA",
    help: "Client side rate limiter latency in seconds. Broken down by verb, and host.",
    labels: ["verb", "host"],
    buckets: REQUEST_SECONDS,
  },
  requests: {
    type: "counter",
    name: "rest_client_requests_total",
    stability: "ALPHA",
    help: "Number of HTTP requests, partitioned by status code, method, and host.",
    labels: ["code", "method", "host"],
  },
  requestRetries: {
    type: "counter",
    name: "rest_client_request_retries_total",
    stability: "ALPHA",
    help: "Number of request retries, partitioned by status code, verb, and host.",
    labels: ["code", "verb", "host"],
  },
  execPluginTtl: {
    type: "gauge",
    name: "rest_client_exec_plugin_ttl_seconds",
    stability: "ALPHA",
    help: "Gauge of the shortest TTL (time-to-live) of the client certificate(s) managed by the " +
      "auth exec plugin. The value is in seconds until certificate expiry (negative if already " +
      "expired). If auth exec plugins are unused or manage no TLS certificates, the value will be " +
      "+INF.",
    labels: [],
  },
  execPluginRotation: {
    type: "histogram",
    name: "rest_client_exec_plugin_certificate_rotation_age",
    stability: "ALPHA",
    help: "Histogram of the number of seconds the last auth exec plugin client certificate lived " +
      "before being rotated. If auth exec plugin client certificates are unused, histogram will " +
      "contain no data.",
    labels: [],
    buckets: ROTATION_SECONDS,
  },
  execPluginCalls: {
    type: "counter",
    name: "rest_client_exec_plugin_call_total",
    stability: "ALPHA",
    help: "Number of calls to an exec plugin, partitioned by the type of event encountered " +
      "(no_error, plugin_execution_error, plugin_not_found_error, client_internal_error) and an " +
      "optional exit code. The exit code will be set to 0 if and only if the plugin call was " +
      "successful.",
    labels: ["code", "call_status"],
  },
  transports: {
    type: "gauge",
    name: "rest_client_transport_cache_entries",
    stability: "ALPHA",
    help: "Number of transport entries in the internal cache.",
    labels: [],
  },
  transportCalls: {
    type: "counter",
    name: "rest_client_transport_create_calls_total",
    stability: "ALPHA",
    help:
      "Number of calls to get a new transport, partitioned by the result of the operation hit: " +
      "obtained from the cache, miss: created and added to the cache, uncacheable: created and " +
      "not cached",
    labels: ["result"],
  },
  processCpu: {
    type: "counter",
    name: "process_cpu_seconds_total",
    help: "Total user and system CPU time spent in seconds.",
    labels: [],
  },
  processOpenFds: {
    type: "gauge",
    name: "process_open_fds",
    help: "Number of open file descriptors.",
    labels: [],
  },
  processMaxFds: {
    type: "gauge",
    name: "process_max_fds",
    help: "Maximum number of open file descriptors.",
    labels: [],
    constant: "the limit is what weir was started with",
  },
  processVirtual: {
    type: "gauge",
    name: "process_virtual_memory_bytes",
    help: "Virtual memory size in bytes.",
    labels: [],
  },
  processVirtualMax: {
    type: "gauge",
    name: "process_virtual_memory_max_bytes",
    help: "Maximum amount of virtual memory available in bytes.",
    labels: [],
    constant: "the limit is what weir was started with",
  },
  processResident: {
    type: "gauge",
    name: "process_resident_memory_bytes",
    help: "Resident memory size in bytes.",
    labels: [],
  },
  processStart: {
    type: "gauge",
    name: "process_start_time_seconds",
    help: "Start time of the process since unix epoch in seconds.",
    labels: [],
    constant: "a process starts once",
  },
  processReceived: {
    type: "counter",
    name: "process_network_receive_bytes_total",
    help: "Number of bytes received by the process over the network.",
    labels: [],
  },
  processSent: {
    type: "counter",
    name: "process_network_transmit_bytes_total",
    help: "Number of bytes sent by the process over the network.",
    labels: [],
  },
} as const satisfies MetricRows;
