import assert from "node:assert/strict";
import { resolveRequest } from "../config/resolve.ts";
import { metricsRoutes } from "./metrics.ts";

const MACHINE = { machineId: "3d12", bootId: "0f9c" };

async function routes(...args: string[]) {
  const request = await resolveRequest(args, { hostname: () => "node-1" });
  assert.ok(request.type === "proxy");
  const asked: string[] = [];
  const app = metricsRoutes({
    metrics: {
      render: async (format, page) => [`${format} `, `${page}\n`],
      resetSlis: () => void asked.push("reset"),
    },
    pinged: () => void asked.push("ping"),
    config: () => request.config,
    machine: MACHINE,
  });
  return { app, asked, config: request.config };
}

const texts: readonly (readonly [string, string[], string])[] = [
  ["/proxyMode", [], "nftables"],
  ["/proxyMode", ["--proxy-mode=./mine.ts#sha256=" + "a".repeat(64)], "./mine.ts"],
  ["/healthz", [], "ok"],
];

for (const [path, args, body] of texts) {
  Deno.test(`${path} answers ${body} as plain text`, async () => {
    const response = await (await routes(...args)).app.request(path);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "text/plain; charset=utf-8");
    assert.equal(response.headers.get("x-content-type-options"), "nosniff");
    assert.equal(await response.text(), body);
  });
}

const TEXT = "text/plain; version=0.0.4; charset=utf-8";
const OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/** The first is what Prometheus 2.42 sends. */
const accepts: readonly (readonly [string | undefined, string])[] = [
  [
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75," +
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    OPENMETRICS,
  ],
  ["application/openmetrics-text", OPENMETRICS],
  ["text/html, Application/OpenMetrics-Text; version=1.0.0; q=0.5", OPENMETRICS],
  // By what is wanted more, and of two alike by the order.
  ["text/plain;q=0.5, application/openmetrics-text;q=0.6", OPENMETRICS],
  ["application/openmetrics-text;q=0.5, text/plain;version=0.0.4;q=0.6", TEXT],
  ["text/plain, application/openmetrics-text", TEXT],
  [undefined, TEXT],
  ["text/plain;version=0.0.4;q=0.3,*/*;q=0.2", TEXT],
  ["application/json", TEXT],
  ["application/openmetrics-text;q=0", TEXT],
  ["application/openmetrics-text;version=2.0.0", TEXT],
];

for (const [accept, type] of accepts) {
  Deno.test(`/metrics answers ${type.split(";")[0]} to Accept: ${accept}`, async () => {
    const headers: HeadersInit = accept === undefined ? {} : { Accept: accept };
    for (const page of ["metrics", "slis"]) {
      const path = page === "slis" ? "/metrics/slis" : "/metrics";
      const response = await (await routes()).app.request(path, { headers });
      assert.equal(response.status, 200);
      assert.equal(response.headers.get("content-type"), type);
      assert.equal(response.headers.get("vary"), "Accept, Accept-Encoding");
      const format = type === TEXT ? "text" : "openmetrics";
      assert.equal(await response.text(), `${format} ${page}\n`);
    }
  });
}

for (const type of [TEXT, OPENMETRICS]) {
  Deno.test(`/metrics is compressed as ${type.split(";")[0]} for who accepts gzip`, async () => {
    const headers = { "Accept": type, "Accept-Encoding": "gzip" };
    const { body, headers: answered } = await (await routes()).app.request("/metrics", { headers });
    assert.equal(answered.get("content-encoding"), "gzip");
    assert.equal(answered.get("content-type"), type);
    const unpacked = body?.pipeThrough(new DecompressionStream("gzip"));
    const format = type === TEXT ? "text" : "openmetrics";
    assert.equal(await new Response(unpacked).text(), `${format} metrics\n`);
  });
}

Deno.test("a ping is a health check, and DELETE forgets those that were", async () => {
  const { app, asked } = await routes();
  await app.request("/healthz");
  assert.deepEqual(asked, ["ping"]);
  const response = await app.request("/metrics/slis", { method: "DELETE" });
  assert.equal(await response.text(), "metrics reset\n");
  assert.deepEqual(asked, ["ping", "reset"]);
});

Deno.test("/configz shows kube-proxy's document as it shows its own, and what is in force", async () => {
  const { app, config } = await routes(
    "--cluster-cidr=10.244.0.0/16",
    "-v=3",
    "--master=https://me:secret@10.0.0.1",
    "--traces-endpoint=http://me:se@cret@10.0.0.2:4318/?token=secret",
  );
  const response = await app.request("/configz");
  assert.equal(response.headers.get("content-type"), "application/json");
  const { "kubeproxy.config.k8s.io": kubeProxy, "weir.dev": own, weir } = await response.json();
  assert.equal(kubeProxy.kind, "KubeProxyConfiguration");
  assert.deepEqual(
    [kubeProxy.clusterCIDR, kubeProxy.configSyncPeriod, kubeProxy.logging.verbosity],
    [
      "10.244.0.0/16",
      "15m0s",
      3,
    ],
  );
  assert.equal(own.kind, "WeirConfiguration");
  assert.deepEqual(weir.limits, config.limits);
  assert.deepEqual(weir.machine, MACHINE);
  assert.deepEqual(weir.clusterCIDRs, ["10.244.0.0/16"]);
  assert.equal(weir.master, "https://***@10.0.0.1");
  for (const { telemetry } of [own, weir]) {
    assert.equal(telemetry.tracesEndpoint, "http://***@10.0.0.2:4318/?token=***");
  }
});

Deno.test("/proxyMode says the mode that serves, and beside it in whose place", async () => {
  const { app } = await routes("--proxy-mode=ipvs", "--proxy-mode-fallback");
  const response = await app.request("/proxyMode");
  assert.equal(await response.text(), "nftables");
  assert.equal(response.headers.get("weir-in-place-of"), "ipvs");
});

Deno.test("a path that is not served is not found", async () => {
  assert.equal((await (await routes()).app.request("/debug/pprof/")).status, 404);
});
