import assert from "node:assert/strict";
import type { ServiceHealth } from "../../schemas/health.ts";
import { serviceHealthRoutes } from "./service_health.ts";

const web: ServiceHealth = { namespace: "shop", name: "web", port: 30900, localEndpoints: 2 };

async function ask(
  health: ServiceHealth | undefined,
  proxyHealthy = true,
  path = "/",
  method = "GET",
): Promise<Response> {
  const app = serviceHealthRoutes({ health: () => health, proxyHealthy: () => proxyHealthy });
  return await app.request(path, { method });
}

for (
  const [what, localEndpoints, proxyHealthy, code] of [
    ["has two ready endpoints", 2, true, 200],
    ["has one ready endpoint", 1, true, 200],
    ["has none, because the last one is terminating", 0, true, 503],
    ["has endpoints that the proxier fails to program", 2, false, 503],
  ] as const
) {
  Deno.test(`a load balancer is told ${code} when this node ${what}`, async () => {
    const response = await ask({ ...web, localEndpoints }, proxyHealthy);
    assert.equal(response.status, code);
    assert.deepEqual(await response.json(), {
      service: { namespace: "shop", name: "web" },
      localEndpoints,
      serviceProxyHealthy: proxyHealthy,
    });
    assert.deepEqual(
      ["content-type", "x-content-type-options", "x-load-balancing-endpoint-weight"].map((name) =>
        response.headers.get(name)
      ),
      ["application/json", "nosniff", String(localEndpoints)],
    );
  });
}

for (const [method, path] of [["GET", "/healthz"], ["GET", "/a/b?c"], ["POST", "/"]] as const) {
  Deno.test(`${method} ${path} of a health check node port answers as any other`, async () => {
    assert.equal((await ask(web, true, path, method)).status, 200);
  });
}

Deno.test("HEAD of a health check node port answers without a body", async () => {
  const response = await ask(web, true, "/", "HEAD");
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("x-load-balancing-endpoint-weight"), "2");
  assert.equal(await response.text(), "");
});

Deno.test("a port that is nobody's any more takes no connections", async () => {
  assert.equal((await ask(undefined)).status, 503);
});
