import assert from "node:assert/strict";
import type { ClientEvent } from "../source/kube/client_event.ts";
import { execPluginRecorder, recordClient } from "./client_metrics.ts";
import { createMetrics } from "./metrics.ts";

function registry() {
  return createMetrics({
    version: "0.1.0",
    platform: "linux/amd64",
    runtime: "deno",
    startedAt: 0,
    usage: () => ({ residentBytes: 0, cpuSeconds: 0 }),
  });
}

const host = "10.96.0.1:443";

const cases: readonly (readonly [ClientEvent, readonly string[]])[] = [
  [{ type: "limited", host, milliseconds: 500 }, [
    `rest_client_rate_limiter_duration_seconds_sum{verb="GET",host="${host}"} 0.5`,
    `rest_client_request_size_bytes_bucket{le="64",verb="GET",host="${host}"} 1`,
  ]],
  [{ type: "answer", host, code: "200" }, [
    `rest_client_requests_total{code="200",method="GET",host="${host}"} 1`,
  ]],
  [{ type: "answer", host, code: "<error>" }, [
    `rest_client_requests_total{code="<error>",method="GET",host="${host}"} 1`,
  ]],
  [{ type: "retry", host, code: "401" }, [
    `rest_client_request_retries_total{code="401",verb="GET",host="${host}"} 1`,
  ]],
  [{ type: "done", host, milliseconds: 20, bytes: 1000 }, [
    `rest_client_request_duration_seconds_bucket{le="0.025",verb="GET",host="${host}"} 1`,
    `rest_client_response_size_bytes_bucket{le="1024",verb="GET",host="${host}"} 1`,
  ]],
  [{ type: "lookup", host: "api", milliseconds: 5 }, [
    `rest_client_dns_resolution_duration_seconds_count{host="api"} 1`,
  ]],
  [{ type: "transport", result: "miss", entries: 1 }, [
    "rest_client_transport_cache_entries 1",
    `rest_client_transport_create_calls_total{result="miss"} 1`,
  ]],
];

for (const [event, lines] of cases) {
  Deno.test(`${JSON.stringify(event)} is recorded as client-go records it`, async () => {
    const { metrics, text } = registry();
    recordClient(metrics, event);
    const page = (await text()).split("\n");
    for (const line of lines) assert.ok(page.includes(line), line);
  });
}

Deno.test("an exec plugin's certificate tells how long it lasts, and when it is rotated how old it was", async () => {
  const own = registry();
  let now = 10_000;
  const record = execPluginRecorder(own, () => now);
  const line = async (name: string) =>
    (await own.text()).split("\n").find((line) => line.startsWith(`${name} `))?.split(" ")[1];
  const TTL = "rest_client_exec_plugin_ttl_seconds";
  assert.equal(await line(TTL), "+Inf");
  record({ code: 3, status: "plugin_execution_error" });
  record({ code: 0, status: "no_error", certificate: { beginsAt: 0, endsAt: 100_000 } });
  assert.equal(await line(TTL), "90");
  now = 110_000;
  assert.equal(await line(TTL), "-10");
  assert.equal(await line("rest_client_exec_plugin_certificate_rotation_age_count"), "0");
  record({ code: 0, status: "no_error", certificate: { beginsAt: 110_000, endsAt: 210_000 } });
  assert.equal(await line(TTL), "100");
  assert.equal(await line("rest_client_exec_plugin_certificate_rotation_age_sum"), "110");
  const page = await own.text();
  assert.match(page, /exec_plugin_call_total\{code="3",call_status="plugin_execution_error"\} 1$/m);
  assert.match(page, /exec_plugin_call_total\{code="0",call_status="no_error"\} 2$/m);
});
