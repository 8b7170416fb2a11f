import assert from "node:assert/strict";
import type { WeirConfig } from "../../schemas/config.ts";
import { resolveRequest } from "../config/resolve.ts";
import { metricsRoutes } from "./metrics.ts";

async function routes(
  ...args: string[]
): Promise<{ app: ReturnType<typeof metricsRoutes>; config: WeirConfig }> {
  const request = await resolveRequest(args, { hostname: () => "node-1" });
  assert.ok(request.type === "proxy");
  const app = metricsRoutes({
    metrics: { contentType: "text/plain; version=0.0.4; charset=utf-8", text: async () => "a 1\n" },
    config: () => request.config,
  });
  return { app, config: request.config };
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

for (const accept of [undefined, "text/plain;version=0.0.4;q=0.3,*/*;q=0.2", "application/json"]) {
  Deno.test(`/metrics answers in the text format to Accept: ${accept}`, async () => {
    const headers: HeadersInit = accept === undefined ? {} : { Accept: accept };
    const response = await (await routes()).app.request("/metrics", { headers });
    assert.equal(response.status, 200);
    assert.equal(
      response.headers.get("content-type"),
      "text/plain; version=0.0.4; charset=utf-8",
    );
    assert.equal(await response.text(), "a 1\n");
  });
}

Deno.test("/configz shows the configuration where kube-proxy shows its own, and the limits", async () => {
  const { app, config } = await routes("--cluster-cidr=10.244.0.0/16", "-v=3");
  const response = await app.request("/configz");
  assert.equal(response.headers.get("content-type"), "application/json");
  assert.deepEqual(await response.json(), {
    "kubeproxy.config.k8s.io": config,
    "weir": { limits: config.limits },
  });
});

Deno.test("a path that is not served is not found", async () => {
  assert.equal((await (await routes()).app.request("/debug/pprof/")).status, 404);
});
