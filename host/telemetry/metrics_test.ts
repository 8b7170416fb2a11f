import assert from "node:assert/strict";
import { type MetricRow, METRICS } from "./metric_table.ts";
import { createMetrics } from "./metrics.ts";

const rows: readonly MetricRow[] = Object.values(METRICS);

function registry() {
  return createMetrics({
    version: "0.1.0",
    platform: "linux/amd64",
    runtime: "deno2.9.6",
    startedAt: 1_790_000_000,
    usage: () => ({ residentBytes: 50_000_000, cpuSeconds: 1.5 }),
  });
}

/** A gauge that upstream named like a counter; dashboards depend on it. */
const MISNAMED = ["kubeproxy_sync_proxy_rules_no_local_endpoints_total"];

for (const row of rows) {
  Deno.test(`${row.name} is named and described as Prometheus' conventions ask`, () => {
    assert.match(row.name, /^(kubeproxy|kubernetes|weir)_[a-z]+(_[a-z0-9]+)*$/);
    assert.equal(/_total$/.test(row.name), row.type === "counter" || MISNAMED.includes(row.name));
    assert.match(row.help, /^(\[ALPHA\] )?[A-Z1]/);
    assert.equal(row.name.startsWith("weir_"), !row.help.startsWith("[ALPHA]"));
    assert.deepEqual(row.labels.filter((label) => !/^[a-z]+(_[a-z]+)*$/.test(label)), []);
    assert.equal(row.buckets !== undefined, row.type === "histogram");
    if (row.type === "histogram") assert.match(row.name, /_(seconds|bytes)$/);
    if (/duration|timestamp/.test(row.name)) assert.match(row.name, /_seconds$/);
    const ascending = [...row.buckets ?? []].sort((a, b) => a - b);
    assert.deepEqual(row.buckets ?? [], ascending);
    assert.equal(new Set(ascending).size, ascending.length);
  });
}

Deno.test("no two metrics share a name", () => {
  assert.equal(new Set(rows.map((row) => row.name)).size, rows.length);
});

const upstream: readonly (readonly [string, MetricRow["type"], string])[] = [
  ["kubeproxy_sync_proxy_rules_duration_seconds", "histogram", "ip_family"],
  ["kubeproxy_sync_full_proxy_rules_duration_seconds", "histogram", "ip_family"],
  ["kubeproxy_sync_partial_proxy_rules_duration_seconds", "histogram", "ip_family"],
  ["kubeproxy_sync_proxy_rules_last_timestamp_seconds", "gauge", "ip_family"],
  ["kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds", "gauge", "ip_family"],
  ["kubeproxy_network_programming_duration_seconds", "histogram", "ip_family"],
  ["kubeproxy_sync_proxy_rules_endpoint_changes_pending", "gauge", ""],
  ["kubeproxy_sync_proxy_rules_endpoint_changes_total", "counter", ""],
  ["kubeproxy_sync_proxy_rules_service_changes_pending", "gauge", ""],
  ["kubeproxy_sync_proxy_rules_service_changes_total", "counter", ""],
  ["kubeproxy_sync_proxy_rules_no_local_endpoints_total", "gauge", "ip_family,traffic_policy"],
  ["kubeproxy_sync_proxy_rules_nftables_sync_failures_total", "counter", "ip_family"],
  ["kubeproxy_nftables_localhost_nodeport_listeners", "gauge", "ip_family"],
  [
    "kubeproxy_nftables_localhost_nodeport_listener_creation_failures_total",
    "counter",
    "ip_family",
  ],
  ["kubeproxy_conntrack_reconciler_sync_duration_seconds", "histogram", "ip_family"],
  ["kubeproxy_conntrack_reconciler_deleted_entries_total", "counter", "ip_family"],
  ["kubeproxy_proxy_healthz_total", "counter", "code"],
  ["kubeproxy_proxy_livez_total", "counter", "code"],
];

Deno.test("kube-proxy's metrics have kube-proxy's types and labels", () => {
  const ours = rows.filter((row) => row.name.startsWith("kubeproxy_"))
    .map((row) => [row.name, row.type, row.labels.join(",")]);
  assert.deepEqual(ours.sort(), upstream.map((row) => [...row]).sort());
});

/** The `le` of every bucket of a histogram, as Prometheus reads them. */
function bounds(text: string, name: string): number[] {
  return text.split("\n").filter((line) => line.startsWith(`${name}_bucket{`))
    .map((line) => Number((/le="([^"]+)"/.exec(line)?.[1] ?? "").replace("+Inf", "Infinity")));
}

Deno.test("kube-proxy's histograms have kube-proxy's buckets", async () => {
  const { metrics, text } = registry();
  metrics.syncDuration.observe({ ip_family: "IPv4" }, 0.004);
  metrics.networkProgrammingDuration.observe({ ip_family: "IPv6" }, 2);
  const page = await text();
  assert.deepEqual(bounds(page, METRICS.syncDuration.name), [
    ...[0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512],
    ...[1.024, 2.048, 4.096, 8.192, 16.384, Infinity],
  ]);
  const programming = bounds(page, METRICS.networkProgrammingDuration.name);
  assert.equal(programming.length, 1 + 2 + 59 + 12 + 7 + 1);
  assert.deepEqual(programming.slice(0, 5), [0, 0.25, 0.5, 1, 2]);
  assert.deepEqual(programming.slice(60, 65), [58, 59, 60, 65, 70]);
  assert.deepEqual(programming.slice(-4), [240, 270, 300, Infinity]);
  assert.match(
    page,
    /kubeproxy_sync_proxy_rules_duration_seconds_bucket\{le="0\.004",ip_family="IPv4"\} 1\n/,
  );
});

Deno.test("the page is the text format, with unlabelled counters from zero", async () => {
  const { contentType, text } = registry();
  assert.match(contentType, /^text\/plain; version=0\.0\.4; charset=utf-8$/);
  const page = await text();
  assert.match(page, /^# HELP kubeproxy_sync_proxy_rules_duration_seconds \[ALPHA\] Sync/m);
  assert.match(page, /^# TYPE kubeproxy_proxy_healthz_total counter$/m);
  assert.match(page, /^kubeproxy_sync_proxy_rules_service_changes_total 0$/m);
  assert.match(page, /^kubernetes_build_info\{major="0",minor="1",git_version="v0\.1\.0",/m);
});

Deno.test("the process tells its memory and time, anew at each scrape", async () => {
  const { text } = registry();
  for (const page of [await text(), await text()]) {
    assert.match(page, /^process_resident_memory_bytes 50000000$/m);
    assert.match(page, /^process_cpu_seconds_total 1\.5$/m);
    assert.match(page, /^process_start_time_seconds 1790000000$/m);
  }
});

Deno.test("how full the conntrack table is, is told anew at each scrape, and not while there is none", async () => {
  let usage: { entries: number; limit: number } | undefined;
  const { text } = createMetrics({
    version: "0.1.0",
    platform: "linux/amd64",
    runtime: "deno2.9.6",
    startedAt: 1_790_000_000,
    usage: () => ({ residentBytes: 50_000_000, cpuSeconds: 1.5 }),
    conntrack: () => usage,
  });
  assert.doesNotMatch(await text(), /^weir_conntrack_/m);
  for (const entries of [17, 18]) {
    usage = { entries, limit: 262_144 };
    const page = await text();
    assert.match(page, new RegExp(`^weir_conntrack_entries ${entries}$`, "m"));
    assert.match(page, /^weir_conntrack_limit 262144$/m);
  }
  usage = undefined;
  assert.doesNotMatch(await text(), /^weir_conntrack_/m);
});

Deno.test("two registries know nothing of each other", async () => {
  const first = registry();
  const second = registry();
  first.metrics.serviceChanges.inc(3);
  assert.match(await second.text(), /^kubeproxy_sync_proxy_rules_service_changes_total 0$/m);
});
