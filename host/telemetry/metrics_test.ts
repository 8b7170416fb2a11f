import assert from "node:assert/strict";
import { METRICS } from "./metric_table.ts";
import { createMetrics, type MetricRegistry, type MetricsOptions } from "./metrics.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const FAMILY = { ip_family: "IPv4" };

function registry(options: Partial<MetricsOptions> = {}) {
  const made = createMetrics({
    version: "0.1.0",
    platform: "linux/amd64",
    runtime: "deno2.9.6",
    startedAt: 1_790_000_000,
    usage: () => ({
      residentBytes: 50_000_000,
      cpuSeconds: 1.5,
      virtualBytes: 2 ** 40,
      virtualBytesMax: Infinity,
      openFiles: 20,
      openFilesMax: 1024,
      receivedBytes: 1000,
      sentBytes: 2000,
    }),
    ...options,
  });
  const render = async (...of: Parameters<MetricRegistry["render"]>) =>
    [...await made.render(...of)].join("");
  return { ...made, render };
}

Deno.test("the page is the text format, with unlabelled counters from zero", async () => {
  const page = await registry().text();
  assert.match(page, /^# HELP kubeproxy_sync_proxy_rules_duration_seconds \[ALPHA\] Sync/m);
  assert.match(page, /^# TYPE kubeproxy_proxy_healthz_total counter$/m);
  assert.match(page, /^kubeproxy_sync_proxy_rules_service_changes_total 0$/m);
  assert.match(page, /^kubernetes_build_info\{major="0",minor="1",git_version="v0\.1\.0",/m);
  assert.match(page, /^rest_client_exec_plugin_ttl_seconds \+Inf$/m);
});

Deno.test("what was slow points to its trace, in the one format that has room for it", async () => {
  const { metrics, render } = registry();
  metrics.syncDuration.observe(FAMILY, 0.003, TRACE);
  metrics.syncDuration.observe(FAMILY, 0.3);
  const page = await render("openmetrics", "metrics");
  const exemplars = page.split("\n").filter((line) => line.includes(" # "));
  assert.equal(exemplars.length, 1);
  assert.match(
    exemplars[0] ?? "",
    new RegExp(
      `^kubeproxy_sync_proxy_rules_duration_seconds_bucket\\{le="0\\.004",ip_family="IPv4"\\} 1 ` +
        `# \\{trace_id="${TRACE}"\\} 0\\.003 \\d+(\\.\\d+)?$`,
    ),
  );
  assert.doesNotMatch(await render("text", "metrics"), new RegExp(TRACE));
});

Deno.test("series that somebody keeps himself stand under their metric, in pieces made when they are read", async () => {
  const made = createMetrics({
    version: "0.1.0",
    platform: "linux/amd64",
    runtime: "deno2.9.6",
    startedAt: 0,
    usage: () => ({ residentBytes: 0, cpuSeconds: 0 }),
  });
  let asked = 0;
  made.extend(METRICS.servicePackets, function* () {
    for (asked = 1; asked <= 3; asked++) yield `weir_service_packets_total{n="${asked}"} 1\n`;
  });
  const pieces: string[] = [];
  let last = 0;
  for (const piece of await made.render("openmetrics", "metrics")) {
    assert.ok(asked - last <= 1, "one piece at a time");
    last = asked;
    pieces.push(piece);
  }
  assert.match(
    pieces.join(""),
    /^# TYPE weir_service_packets counter\n(weir_service_packets_total\{n="\d"\} 1\n){3}# HELP /m,
  );
  assert.match(pieces.at(-1) ?? "", /# EOF\n$/);
});

Deno.test("OpenMetrics names a counter's family without _total, and both formats agree for ever", async () => {
  const { metrics, render } = registry();
  metrics.healthz.inc({ code: "200" });
  for (let round = 0; round < 2; round++) {
    const open = await render("openmetrics", "metrics");
    assert.match(
      open,
      /^# TYPE kubeproxy_proxy_healthz counter\nkubeproxy_proxy_healthz_total\{code="200"\} 1$/m,
    );
    assert.match(open, /\n# EOF\n$/);
    assert.doesNotMatch(open, /\n\n/);
    const text = await render("text", "metrics");
    assert.match(
      text,
      /^# TYPE kubeproxy_proxy_healthz_total counter\nkubeproxy_proxy_healthz_total\{code="200"\} 1$/m,
    );
    assert.doesNotMatch(text, /EOF/);
  }
});

Deno.test("health checks are told on the page of SLIs only, until they are forgotten", async () => {
  const { metrics, render, resetSlis } = registry();
  metrics.healthcheck.set({ name: "ping", type: "healthz" }, 1);
  const line = /^kubernetes_healthcheck\{name="ping",type="healthz"\} 1$/m;
  assert.match(await render("text", "slis"), line);
  assert.doesNotMatch(await render("text", "metrics"), /kubernetes_healthcheck/);
  resetSlis();
  assert.doesNotMatch(await render("text", "slis"), line);
});

Deno.test("what is asked on a scrape is asked each time, and a failure leaves the page whole", async () => {
  const { metrics, onScrape, render, text } = registry();
  let scrapes = 0;
  onScrape(async () => void metrics.serviceChangesPending.set(++scrapes));
  onScrape(() => Promise.reject(new Error("gone")));
  await text();
  assert.match(await text(), /^kubeproxy_sync_proxy_rules_service_changes_pending 2$/m);
  await render("text", "slis");
  assert.equal(scrapes, 2);
});

Deno.test("the registry counts its own metrics by stability", async () => {
  const page = await registry().text();
  assert.match(
    page,
    /^registered_metrics_total\{stability_level="ALPHA",deprecated_version=""\} [1-9]\d*$/m,
  );
  assert.match(
    page,
    /^registered_metrics_total\{stability_level="BETA",deprecated_version=""\} [1-9]\d*$/m,
  );
  assert.match(page, /^hidden_metrics_total 0$/m);
  assert.match(page, /^disabled_metrics_total 0$/m);
});

Deno.test("the process tells what it uses, anew at each scrape", async () => {
  const { text } = registry();
  for (const page of [await text(), await text()]) {
    assert.match(page, /^process_resident_memory_bytes 50000000$/m);
    assert.match(page, /^process_cpu_seconds_total 1\.5$/m);
    assert.match(page, /^process_start_time_seconds 1790000000$/m);
    assert.match(page, /^process_virtual_memory_max_bytes \+Inf$/m);
    assert.match(page, /^process_open_fds 20$/m);
    assert.match(page, /^process_network_receive_bytes_total 1000$/m);
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
