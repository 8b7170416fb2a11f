import assert from "node:assert/strict";
import { helpOf, type MetricRow } from "./metric_row.ts";
import { METRICS } from "./metric_table.ts";

const rows: readonly MetricRow[] = Object.values(METRICS);

/** Gauges, and ages without a unit, that upstream named so; dashboards depend on them. */
const MISNAMED = [
  "kubeproxy_sync_proxy_rules_no_local_endpoints_total",
  "rest_client_exec_plugin_certificate_rotation_age",
];

/** The base units of Prometheus' conventions that occur here, and what counts things. */
const UNITS = /_(seconds|bytes|info|total|fds|ratio|entries)$/;

for (const row of rows) {
  Deno.test(`${row.name} is named and described as Prometheus' conventions ask`, () => {
    const misnamed = MISNAMED.includes(row.name);
    assert.match(
      row.name,
      /^(kubeproxy|kubernetes|weir|process|rest_client|(registered|hidden|disabled)_metrics)_[a-z]+(_[a-z0-9]+)*$/,
    );
    if (!misnamed) assert.equal(/_total$/.test(row.name), row.type === "counter");
    assert.doesNotMatch(
      row.name,
      /_(milliseconds|microseconds|ms|us|kb|mb|kib|mib|count|sum|bucket)(_|$)/,
    );
    assert.match(row.help, /^[A-Z1][^\n]*$/);
    assert.doesNotMatch(row.help, /^\[/);
    assert.equal(/^(weir|process)_/.test(row.name), row.stability === undefined);
    assert.deepEqual(row.labels.filter((label) => !/^[a-z]+(_[a-z]+)*$/.test(label)), []);
    assert.ok(!row.labels.includes("le"));
    assert.equal(row.buckets !== undefined, row.type === "histogram");
    if (row.type === "histogram" && !misnamed) assert.match(row.name, /_(seconds|bytes)$/);
    if (/duration|timestamp|latency/.test(row.name)) assert.match(row.name, /_seconds$/);
    if (row.type !== "gauge" && !misnamed) assert.match(row.name, UNITS);
    if (/\b(bytes)\b/i.test(row.help)) assert.match(row.name, /_bytes(_total)?$/);
    const ascending = [...row.buckets ?? []].sort((a, b) => a - b);
    assert.deepEqual(row.buckets ?? [], ascending);
    assert.equal(new Set(ascending).size, ascending.length);
  });
}

Deno.test("no two metrics share a name, whatever is written behind it", () => {
  const names = rows.flatMap(({ name, type }) =>
    type === "histogram" ? [name, `${name}_bucket`, `${name}_sum`, `${name}_count`] : [name]
  );
  assert.equal(new Set(names).size, names.length);
});

const SYNC = [
  ...[0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512],
  ...[1.024, 2.048, 4.096, 8.192, 16.384],
];
const REQUEST_SECONDS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60];
const REQUEST_BYTES = [
  ...[64, 256, 512, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216],
];

/** As upstream's `merge` makes it: it begins with a zero of its own. */
const PROGRAMMING = [0, 0.25, 0.5];
for (let seconds = 1; seconds < 60; seconds++) PROGRAMMING.push(seconds);
for (let seconds = 60; seconds < 120; seconds += 5) PROGRAMMING.push(seconds);
for (let seconds = 120; seconds <= 300; seconds += 30) PROGRAMMING.push(seconds);

type Upstream = readonly [
  name: string,
  type: MetricRow["type"],
  labels: string,
  stability: "ALPHA" | "BETA" | "",
  buckets?: readonly number[],
];

/**
 * What kube-proxy 1.36 serves in nftables mode, and 1.37 of localhost NodePorts, but for `go_*`.
 */
const upstream: readonly Upstream[] = [
  ["kubeproxy_sync_proxy_rules_duration_seconds", "histogram", "ip_family", "ALPHA", SYNC],
  ["kubeproxy_sync_full_proxy_rules_duration_seconds", "histogram", "ip_family", "ALPHA", SYNC],
  ["kubeproxy_sync_partial_proxy_rules_duration_seconds", "histogram", "ip_family", "ALPHA", SYNC],
  ["kubeproxy_sync_proxy_rules_last_timestamp_seconds", "gauge", "ip_family", "ALPHA"],
  ["kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds", "gauge", "ip_family", "ALPHA"],
  [
    "kubeproxy_network_programming_duration_seconds",
    "histogram",
    "ip_family",
    "ALPHA",
    PROGRAMMING,
  ],
  ["kubeproxy_sync_proxy_rules_endpoint_changes_pending", "gauge", "", "ALPHA"],
  ["kubeproxy_sync_proxy_rules_endpoint_changes_total", "counter", "", "ALPHA"],
  ["kubeproxy_sync_proxy_rules_service_changes_pending", "gauge", "", "ALPHA"],
  ["kubeproxy_sync_proxy_rules_service_changes_total", "counter", "", "ALPHA"],
  [
    "kubeproxy_sync_proxy_rules_no_local_endpoints_total",
    "gauge",
    "ip_family,traffic_policy",
    "ALPHA",
  ],
  ["kubeproxy_sync_proxy_rules_nftables_sync_failures_total", "counter", "ip_family", "ALPHA"],
  ["kubeproxy_sync_proxy_rules_nftables_cleanup_failures_total", "counter", "ip_family", "ALPHA"],
  ["kubeproxy_nftables_localhost_nodeport_listeners", "gauge", "ip_family", "ALPHA"],
  [
    "kubeproxy_nftables_localhost_nodeport_listener_creation_failures_total",
    "counter",
    "ip_family",
    "ALPHA",
  ],
  [
    "kubeproxy_nftables_localhost_nodeport_rejected_packets_total",
    "counter",
    "ip_family,protocol",
    "ALPHA",
  ],
  ["kubeproxy_conntrack_reconciler_sync_duration_seconds", "histogram", "ip_family", "ALPHA", SYNC],
  ["kubeproxy_conntrack_reconciler_deleted_entries_total", "counter", "ip_family", "ALPHA"],
  ["kubeproxy_proxy_healthz_total", "counter", "code", "ALPHA"],
  ["kubeproxy_proxy_livez_total", "counter", "code", "ALPHA"],
  [
    "kubernetes_build_info",
    "gauge",
    "major,minor,git_version,git_commit,git_tree_state,build_date,go_version,compiler,platform",
    "ALPHA",
  ],
  ["kubernetes_feature_enabled", "gauge", "name,stage", "BETA"],
  ["kubernetes_healthcheck", "gauge", "name,type", "BETA"],
  ["kubernetes_healthchecks_total", "counter", "name,type,status", "BETA"],
  ["registered_metrics_total", "counter", "stability_level,deprecated_version", "BETA"],
  ["hidden_metrics_total", "counter", "", "BETA"],
  ["disabled_metrics_total", "counter", "", "BETA"],
  ["rest_client_request_duration_seconds", "histogram", "verb,host", "ALPHA", REQUEST_SECONDS],
  [
    "rest_client_dns_resolution_duration_seconds",
    "histogram",
    "host",
    "ALPHA",
    REQUEST_SECONDS.slice(0, -1),
  ],
  ["rest_client_request_size_bytes", "histogram", "verb,host", "ALPHA", REQUEST_BYTES],
  ["rest_client_response_size_bytes", "histogram", "verb,host", "ALPHA", REQUEST_BYTES],
  ["rest_client_rate_limiter_duration_seconds", "histogram", "verb,host", "ALPHA", REQUEST_SECONDS],
  ["rest_client_requests_total", "counter", "code,method,host", "ALPHA"],
  ["rest_client_request_retries_total", "counter", "code,verb,host", "ALPHA"],
  ["rest_client_exec_plugin_ttl_seconds", "gauge", "", "ALPHA"],
  [
    "rest_client_exec_plugin_certificate_rotation_age",
    "histogram",
    "",
    "ALPHA",
    [600, 1800, 3600, 14400, 86400, 604800, 2592000, 7776000, 15552000, 31104000, 124416000],
  ],
  ["rest_client_exec_plugin_call_total", "counter", "code,call_status", "ALPHA"],
  ["rest_client_transport_cache_entries", "gauge", "", "ALPHA"],
  ["rest_client_transport_create_calls_total", "counter", "result", "ALPHA"],
  ["process_cpu_seconds_total", "counter", "", ""],
  ["process_open_fds", "gauge", "", ""],
  ["process_max_fds", "gauge", "", ""],
  ["process_virtual_memory_bytes", "gauge", "", ""],
  ["process_virtual_memory_max_bytes", "gauge", "", ""],
  ["process_resident_memory_bytes", "gauge", "", ""],
  ["process_start_time_seconds", "gauge", "", ""],
  ["process_network_receive_bytes_total", "counter", "", ""],
  ["process_network_transmit_bytes_total", "counter", "", ""],
];

Deno.test("the list of kube-proxy's metrics and the table have the same names", () => {
  const ours = rows.map(({ name }) => name).filter((name) => !name.startsWith("weir_"));
  assert.deepEqual(ours.sort(), upstream.map(([name]) => name).sort());
});

for (const [name, type, labels, stability, buckets] of upstream) {
  Deno.test(`${name} has kube-proxy's type, labels, stability and buckets`, () => {
    const row = rows.find((each) => each.name === name);
    assert.ok(row !== undefined);
    assert.equal(row.type, type);
    assert.deepEqual(row.labels, labels === "" ? [] : labels.split(","));
    assert.equal(row.stability ?? "", stability);
    assert.deepEqual(row.buckets, buckets);
    assert.equal(helpOf(row).startsWith(`[${stability}] `), stability !== "");
  });
}
