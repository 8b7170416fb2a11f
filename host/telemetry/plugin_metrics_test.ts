import assert from "node:assert/strict";
import type { SandboxEvent } from "../sandbox/event.ts";
import { createMetrics } from "./metrics.ts";
import { PluginMetrics } from "./plugin_metrics.ts";

function plugins() {
  const registry = createMetrics({
    version: "0.1.0",
    platform: "linux/amd64",
    runtime: "deno",
    startedAt: 0,
    usage: () => ({ residentBytes: 0, cpuSeconds: 0 }),
  });
  return { plugins: new PluginMetrics(registry), text: registry.text };
}

/** The series of a metric as `labels value`, in the order of the page. */
function series(page: string, name: string): string[] {
  return page.split("\n").filter((line) => line.startsWith(`${name}{`))
    .map((line) => line.slice(name.length + 1).replace("} ", " "));
}

const state = (state: Extract<SandboxEvent, { type: "state" }>["state"]): SandboxEvent => ({
  type: "state",
  state,
});

function sample(
  kind: "counter" | "gauge",
  name: string,
  value: number,
  labels: Readonly<Record<string, string>> = {},
): SandboxEvent {
  return { type: "metric", kind, name, value, labels };
}

Deno.test("a plugin is in exactly one state, and parked is told apart", async () => {
  const { plugins: metrics, text } = plugins();
  for (const each of ["idle", "starting", "ready", "waiting", "parked"] as const) {
    metrics.event("p", state(each));
  }
  assert.deepEqual(series(await text(), "weir_plugin_state"), [
    'plugin="p",state="idle" 0',
    'plugin="p",state="starting" 0',
    'plugin="p",state="ready" 0',
    'plugin="p",state="waiting" 0',
    'plugin="p",state="parked" 1',
    'plugin="p",state="stopped" 0',
  ]);
  assert.deepEqual(series(await text(), "weir_plugin_parked"), ['plugin="p" 1']);
  metrics.event("p", state("ready"));
  assert.deepEqual(series(await text(), "weir_plugin_parked"), ['plugin="p" 0']);
});

Deno.test("a start counts as a restart only after a death", async () => {
  const { plugins: metrics, text } = plugins();
  const restarts = async () => series(await text(), "weir_plugin_restarts_total");
  metrics.event("p", state("starting"));
  metrics.event("p", state("idle"));
  metrics.event("p", state("starting"));
  assert.deepEqual(await restarts(), ['plugin="p" 0']);
  metrics.event("p", { type: "death", code: "WEIR_PLUGIN_DIED", reason: "exit 1" });
  metrics.event("p", state("waiting"));
  metrics.event("p", state("starting"));
  metrics.event("p", state("ready"));
  assert.deepEqual(await restarts(), ['plugin="p" 1']);
});

Deno.test("calls and frames are measured per plugin", async () => {
  const { plugins: metrics, text } = plugins();
  metrics.event("p", { type: "frame", direction: "sent", bytes: 100 });
  metrics.event("p", { type: "frame", direction: "sent", bytes: 20 });
  metrics.event("p", { type: "frame", direction: "received", bytes: 3 });
  metrics.event("p", {
    type: "call",
    method: "apply",
    startedAt: 1000,
    endedAt: 1250,
    outcome: "ok",
    traceparent: undefined,
  });
  const page = await text();
  assert.deepEqual(series(page, "weir_plugin_frame_bytes_total"), [
    'plugin="p",direction="sent" 120',
    'plugin="p",direction="received" 3',
  ]);
  assert.deepEqual(series(page, "weir_plugin_call_duration_seconds_sum"), [
    'plugin="p",method="apply" 0.25',
  ]);
});

Deno.test("batches for the kernel are counted, and refusals by errno", async () => {
  const { plugins: metrics, text } = plugins();
  metrics.commit("p", { messages: 10, bytes: 4096, milliseconds: 2, refused: "" });
  metrics.commit("p", { messages: 1, bytes: 100, milliseconds: 1, refused: "ENOENT" });
  const page = await text();
  assert.deepEqual(series(page, "weir_netlink_batches_total"), ['plugin="p" 2']);
  assert.deepEqual(series(page, "weir_netlink_messages_total"), ['plugin="p" 11']);
  assert.deepEqual(series(page, "weir_netlink_bytes_total"), ['plugin="p" 4196']);
  assert.deepEqual(series(page, "weir_netlink_errors_total"), ['plugin="p",errno="ENOENT" 1']);
  assert.deepEqual(series(page, "weir_netlink_batch_duration_seconds_sum"), ['plugin="p" 0.003']);
});

Deno.test("a plugin's own samples show with its name, counters added and gauges set", async () => {
  const { plugins: metrics, text } = plugins();
  metrics.event("p", sample("counter", "moved_total", 2, { family: "IPv4" }));
  metrics.event("p", sample("counter", "moved_total", 3, { family: "IPv4" }));
  metrics.event("q", sample("counter", "moved_total", 1, { family: "IPv6" }));
  metrics.event("p", sample("gauge", "elements", 7));
  metrics.event("p", sample("gauge", "elements", -1));
  const page = await text();
  assert.deepEqual(series(page, "weir_plugin_custom_moved_total"), [
    'family="IPv4",plugin="p" 5',
    'family="IPv6",plugin="q" 1',
  ]);
  assert.deepEqual(series(page, "weir_plugin_custom_elements"), ['plugin="p" -1']);
});

const contradictions: readonly (readonly [string, SandboxEvent])[] = [
  ["another kind", sample("gauge", "moved_total", 1, { family: "IPv4" })],
  ["another label", sample("counter", "moved_total", 1, { zone: "a" })],
  ["no labels", sample("counter", "moved_total", 1)],
  ["a counter that falls", sample("counter", "moved_total", -1, { family: "IPv4" })],
  ["another plugin's name", sample("gauge", "fresh", 1, { plugin: "q" })],
];

for (const [what, event] of contradictions) {
  Deno.test(`a sample with ${what} is dropped and counted, and breaks no page`, async () => {
    const { plugins: metrics, text } = plugins();
    metrics.event("p", sample("counter", "moved_total", 1, { family: "IPv4" }));
    metrics.event("p", event);
    const page = await text();
    assert.deepEqual(series(page, "weir_plugin_custom_moved_total"), [
      'family="IPv4",plugin="p" 1',
    ]);
    assert.deepEqual(series(page, "weir_plugin_samples_dropped_total"), ['plugin="p" 1']);
    assert.doesNotMatch(page, /plugin="q"/);
  });
}
