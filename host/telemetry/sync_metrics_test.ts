import assert from "node:assert/strict";
import { createMetrics } from "./metrics.ts";
import { recordSync, type SyncReport } from "./sync_metrics.ts";

async function pageAfter(...reports: SyncReport[]): Promise<string> {
  const { metrics, text } = createMetrics({
    version: "0.1.0",
    platform: "linux/amd64",
    runtime: "deno",
    startedAt: 0,
    usage: () => ({ residentBytes: 0, cpuSeconds: 0 }),
  });
  for (const report of reports) recordSync(metrics, report);
  return await text();
}

Deno.test("a full sync of both families counts once in each, with its latencies", async () => {
  const page = await pageAfter({
    kind: "full",
    families: ["IPv4", "IPv6"],
    startedAt: 100_000,
    endedAt: 100_250,
    outcome: { type: "done", changedAt: [99_750, 98_250] },
  });
  for (const family of ["IPv4", "IPv6"]) {
    for (const name of ["sync_proxy_rules", "sync_full_proxy_rules"]) {
      assert.match(
        page,
        new RegExp(
          `^kubeproxy_${name}_duration_seconds_sum\\{ip_family="${family}"\\} 0\\.25$`,
          "m",
        ),
      );
    }
    assert.match(
      page,
      new RegExp(
        `^kubeproxy_sync_proxy_rules_last_timestamp_seconds\\{ip_family="${family}"\\} 100\\.25$`,
        "m",
      ),
    );
    assert.match(
      page,
      new RegExp(
        `^kubeproxy_network_programming_duration_seconds_sum\\{ip_family="${family}"\\} 2\\.5$`,
        "m",
      ),
    );
    assert.match(
      page,
      new RegExp(
        `^kubeproxy_network_programming_duration_seconds_count\\{ip_family="${family}"\\} 2$`,
        "m",
      ),
    );
  }
  assert.doesNotMatch(page, /partial_proxy_rules_duration_seconds_sum/);
});

Deno.test("a failed sync counts as a failure and leaves the last timestamp as it was", async () => {
  const done: SyncReport = {
    kind: "partial",
    families: ["IPv4"],
    startedAt: 1000,
    endedAt: 2000,
    outcome: { type: "done", changedAt: [] },
  };
  const page = await pageAfter(done, {
    ...done,
    startedAt: 3000,
    endedAt: 5000,
    outcome: { type: "failed" },
  });
  assert.match(page, /nftables_sync_failures_total\{ip_family="IPv4"\} 1$/m);
  assert.match(page, /sync_proxy_rules_last_timestamp_seconds\{ip_family="IPv4"\} 2$/m);
  assert.match(page, /sync_partial_proxy_rules_duration_seconds_count\{ip_family="IPv4"\} 2$/m);
});

Deno.test("a control plane with a clock ahead of the node's makes no negative latency", async () => {
  const page = await pageAfter({
    kind: "partial",
    families: ["IPv4"],
    startedAt: 1000,
    endedAt: 2000,
    outcome: { type: "done", changedAt: [9000] },
  });
  assert.match(page, /network_programming_duration_seconds_sum\{ip_family="IPv4"\} 0$/m);
});
