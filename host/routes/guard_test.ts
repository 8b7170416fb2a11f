import assert from "node:assert/strict";
import { Hono } from "hono";
import { guard } from "./guard.ts";

/** What one request over a real connection is answered: a browser's headers cannot be set by fetch. */
async function raw(port: number, ...lines: readonly string[]): Promise<string> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const request = [...lines, "Connection: close", "", ""].join("\r\n");
  await connection.write(new TextEncoder().encode(request));
  return await new Response(connection.readable).text();
}

function serve() {
  const done: string[] = [];
  const app = new Hono().use(guard(() => "Here")).all("*", (context) => {
    done.push(`${context.req.method} ${context.req.path}`);
    return context.text("done\n");
  });
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, app.fetch);
  return {
    done,
    status: async (...lines: readonly string[]) =>
      Number((await raw(server.addr.port, ...lines)).slice(9, 12)),
    ask: (...lines: readonly string[]) => raw(server.addr.port, ...lines),
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

const HOSTS: readonly (readonly [string, boolean])[] = [
  ["localhost:10249", true],
  ["LOCALHOST", true],
  ["127.0.0.1:10249", true],
  ["192.168.1.1:10249", true],
  ["[::1]:10249", true],
  ["[fe80::1]", true],
  ["here:10249", true],
  ["evil.example:10249", false],
  ["localhost.evil.example", false],
  ["127.0.0.1.evil.example", false],
  ["here.evil.example", false],
  ["[::1].evil.example", false],
  ["[evil]", false],
  ["localhost:1@evil.example", false],
  ["", false],
];

Deno.test("a site whose name leads to this node by DNS rebinding reads and does nothing", async () => {
  await using served = serve();
  for (const [host, meant] of HOSTS) {
    for (const asked of ["GET /configz", "GET /", "PUT /debug/flags/v", "DELETE /metrics/slis"]) {
      const status = await served.status(`${asked} HTTP/1.1`, `Host: ${host}`);
      assert.equal(status, meant ? 200 : 421, `${asked} of ${host}`);
    }
  }
  assert.equal(served.done.length, 4 * HOSTS.filter(([, meant]) => meant).length);
});

for (const path of ["/metrics", "/metrics/slis", "/proxyMode", "/healthz", "/livez"]) {
  Deno.test(`${path} answers whatever name it is asked by, as kube-proxy's does`, async () => {
    await using served = serve();
    for (const host of ["kube-proxy.monitoring.svc:10249", "evil.example", ""]) {
      assert.equal(await served.status(`GET ${path}?a=b HTTP/1.1`, `Host: ${host}`), 200);
      assert.equal(await served.status(`HEAD ${path} HTTP/1.1`, `Host: ${host}`), 200);
    }
  });
}

for (const path of ["/metrics/../configz", "//metrics", "/metrics%2f..%2fconfigz", "/METRICS"]) {
  Deno.test(`${path} is not taken for what anybody may ask for`, async () => {
    await using served = serve();
    assert.equal(await served.status(`GET ${path} HTTP/1.1`, "Host: evil.example"), 421);
  });
}

/** As Chromium and Firefox send them to a loopback address. */
const SITES: readonly (readonly [string, string, readonly string[], number])[] = [
  [
    "a person enters the address",
    "GET /debug/pprof/profile",
    ["none", "navigate", "document"],
    200,
  ],
  ["a person follows weir's own link", "GET /debug/pprof/heap", [
    "same-origin",
    "navigate",
    "document",
  ], 200],
  ["a person follows a wiki's link", "GET /services/default/web", [
    "cross-site",
    "navigate",
    "document",
  ], 200],
  ["a person follows a wiki's link", "GET /debug/pprof/", [
    "cross-site",
    "navigate",
    "document",
  ], 200],
  ["another site opens a window", "GET /debug/pprof/profile?seconds=300", [
    "cross-site",
    "navigate",
    "document",
  ], 403],
  ["another site frames it", "GET /debug/traces", ["cross-site", "navigate", "iframe"], 403],
  ["another site has it as an image", "GET /debug/pprof/heap?gc=1", [
    "cross-site",
    "no-cors",
    "image",
  ], 403],
  ["another site has it as an image", "GET /debug/explain?service=a/b", [
    "cross-site",
    "no-cors",
    "image",
  ], 403],
  ["another port of the node has it as a script", "GET /debug/top", [
    "same-site",
    "no-cors",
    "script",
  ], 403],
  ["another site posts a form", "POST /debug/pprof/symbol", [
    "cross-site",
    "navigate",
    "document",
  ], 403],
];

for (const [what, asked, [site, mode, dest], status] of SITES) {
  Deno.test(`${asked} is answered ${status} when ${what}`, async () => {
    await using served = serve();
    const headers = [
      "Host: localhost:10249",
      `Sec-Fetch-Site: ${site}`,
      `Sec-Fetch-Mode: ${mode}`,
      `Sec-Fetch-Dest: ${dest}`,
    ];
    assert.equal(await served.status(`${asked} HTTP/1.1`, ...headers), status);
    assert.equal(served.done.length, status === 200 ? 1 : 0);
  });
}

const ORIGINS: readonly (readonly [string, string, number])[] = [
  ["10.0.0.5:10249", "http://10.0.0.5:10249", 200],
  ["LOCALHOST:10249", "http://localhost:10249", 200],
  ["localhost:80", "http://localhost", 200],
  ["[::1]:10249", "http://[::1]:10249", 200],
  ["10.0.0.5:10249", "http://evil.example", 403],
  ["10.0.0.5:10249", "http://10.0.0.5:8080", 403],
  ["10.0.0.5:10249", "null", 403],
];

for (const [host, origin, status] of ORIGINS) {
  Deno.test(`a PUT from ${origin} to ${host} is answered ${status}`, async () => {
    await using served = serve();
    const headers = [`Host: ${host}`, `Origin: ${origin}`, "Content-Length: 0"];
    assert.equal(await served.status("PUT /debug/flags/v HTTP/1.1", ...headers), status);
  });
}

Deno.test("whoever is refused is told how to ask, and no browser keeps or embeds an answer", async () => {
  await using served = serve();
  const named = await served.ask("GET /configz HTTP/1.1", "Host: weir.example.com");
  assert.match(named, /an address of the node, its name or localhost \(kubectl port-forward\)/);
  assert.match(named, /^cache-control: no-store\r$/mi);
  const foreign = await served.ask(
    "GET /configz HTTP/1.1",
    "Host: localhost",
    "Sec-Fetch-Site: cross-site",
  );
  assert.match(foreign, /enter the address by hand, or use curl/);
  const answered = await served.ask("GET /configz HTTP/1.1", "Host: localhost");
  assert.match(answered, /^cross-origin-resource-policy: same-origin\r$/mi);
});
