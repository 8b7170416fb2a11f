import assert from "node:assert/strict";
import type { Service } from "../../schemas/kube.ts";
import type { EnrolledPlugin } from "../plugin_roster.ts";
import type { Profile } from "../profiles/pprof.ts";
import { sampleEndpoint, sampleNode, sampleService, sampleSlice } from "../samples.ts";
import { SAMPLE_START, samplePage } from "./sample_page.ts";

const SHA = "5".repeat(64);

function plugin(fields: Partial<EnrolledPlugin> = {}): EnrolledPlugin {
  return {
    name: "proxier-nftables",
    kind: "proxier",
    mode: "warm",
    sha256: SHA,
    state: { type: "starting" },
    restarts: 0,
    admitted: {
      manifest: {
        kind: "proxier",
        name: "proxier-nftables",
        version: "0.1.0",
        api: 1,
        requires: {},
        uses: {},
      },
      grants: { nft: { version: 1, table: "weir" } },
    },
    ...fields,
  };
}

function profile(...stacks: readonly string[][]): Profile {
  return {
    types: [{ type: "cpu", unit: "nanoseconds" }],
    samples: stacks.map((stack) => ({
      stack: stack.map((name) => ({ name, file: "", line: 0 })),
      values: [10],
    })),
    period: { type: "cpu", unit: "nanoseconds", value: 1 },
    program: "weir",
    startedAt: 0,
    duration: 1000,
    comments: [],
  };
}

/** What a reader sees: the text without tags, spaces joined. */
function textOf(html: string): string {
  const [, main = ""] = /<main[^>]*>([\s\S]*)<\/main>/.exec(html) ?? [];
  return main.replace(/<title>.*?<\/title>/g, "").replace(/<[^>]+>/g, " ").replace(/\s+/g, " ")
    .replaceAll("&#39;", "'");
}

/** So many Services, each with a cluster IP of its own. */
function many(count: number): Service[] {
  return Array.from({ length: count }, (_, at) => {
    const clusterIP = `10.96.${Math.floor(at / 250)}.${at % 250 + 1}`;
    return sampleService({ name: `web-${String(at).padStart(5, "0")}`, clusterIP });
  });
}

Deno.test("the first view says of what nothing is heard, for how long, why and what to do", async () => {
  const page = await samplePage({
    silence: () => ({
      plural: "services",
      since: SAMPLE_START - 90_000,
      reason: "401 Unauthorized",
      remedy: "check the token",
    }),
  });
  assert.match(
    await page.read("/"),
    /Nothing is heard of services for 1 min 30 s, and the kernel keeps the rules of before: 401 Unauthorized \(check the token\)\./,
  );
});

Deno.test("the first view says whether weir is healthy, at which revision, and how fast it syncs", async () => {
  const page = await samplePage();
  await page.sync([sampleService(), sampleSlice([sampleEndpoint("10.244.0.1")])]);
  await page.clock.advance(9_995);
  const text = textOf(await page.read("/"));
  assert.match(text, /✓ Healthy/);
  assert.match(text, /1 revision, by nftables/);
  assert.match(text, /0\.10 syncs a second/);
  assert.match(text, /5\.0 ms p99/);
  assert.match(text, /1 Services with 1 service port in the kernel/);
});

Deno.test("the first view says why weir is not healthy", async () => {
  const page = await samplePage({
    health: () => ({
      code: 503,
      report: {
        lastUpdated: "",
        currentTime: "",
        healthy: false,
        nodeEligible: false,
        plugins: { "proxier-nftables": { state: "parked", reason: "it died 5 times" } },
        configuration: { state: "invalid", since: "", problems: ["mode: it is no mode"] },
      },
    }),
  });
  const text = textOf(await page.read("/"));
  for (
    const part of [
      /✗ Unhealthy/,
      /two sync periods/,
      /The Node is missing/,
      /it died 5 times/,
      /no mode/,
    ]
  ) assert.match(text, part);
});

Deno.test("whatever ails weir is told on the first view, with the way to it, and marked on every other", async () => {
  const page = await samplePage({
    plugins: () => [
      plugin({ name: "fine", state: { type: "idle" } }),
      plugin({ name: "tuner", state: { type: "parked", reason: "it died 5 times" } }),
      plugin({ state: { type: "waiting", delayMs: 500, reason: "out of memory" } }),
    ],
    health: () => ({ code: 503, report: { lastUpdated: "", currentTime: "", healthy: false } }),
  });
  await page.sync([sampleService()], "the kernel said no");
  const html = await page.read("/");
  const text = textOf(html);
  assert.match(text, /Plugin tuner is parked: it died 5 times; mend it, .* Plugins/);
  assert.match(text, /proxier-nftables died, and is to be started again: out of memory Plugins/);
  assert.match(text, /last sync failed, and the kernel has what it had before: the kernel said no/);
  assert.match(text, /✗ 1 without endpoints/);
  assert.ok(html.includes('href="/services?unserved=1"'));
  for (
    const path of ["/", "/services", "/services/default/web", "/syncs", "/plugins", "/profile"]
  ) {
    assert.match(
      await page.read(path),
      /role="status"><a class="alarm" href="\/">✗ Unhealthy/,
      path,
    );
  }
  assert.match(textOf(await page.read("/plugins")), /tuner .* proxier-nftables .* fine/);
  assert.match(await page.read("/syncs"), />✗ 2026-01-01T00:00:00Z<|✗ failed/);
});

Deno.test("what is empty says why, and what to do", async () => {
  const page = await samplePage();
  for (
    const [path, says] of [
      ["/", /No sync has ended yet: .* the log says what weir waits for/],
      ["/services", /not been told of a Service yet.* weir check/],
      ["/plugins", /None has been loaded yet/],
      ["/profile", /without --profiling .* Started with it/],
    ] as const
  ) assert.match(textOf(await page.read(path)), says, path);
  await page.sync([sampleService(), sampleService({ name: "db", clusterIP: "None" })]);
  assert.match(textOf(await page.read("/services?q=nobody")), /None is called so/);
  assert.match(
    textOf(await page.read("/services/default/web")),
    /kubectl get endpointslices -n default -l kubernetes.io\/service-name=web/,
  );
  await page.sync([sampleSlice([sampleEndpoint("10.244.0.1")])]);
  assert.match(textOf(await page.read("/services?unserved=1")), /Every Service .* has an endpoint/);
});

Deno.test("a Service of 1,000 ports is paged, those that nobody serves first", async () => {
  const page = await samplePage();
  const ports = Array.from({ length: 1_000 }, (_, at) => (
    { name: `p${at}`, protocol: "TCP", port: 1_000 + at, nodePort: 0 }
  ));
  const served = ports.filter(({ name }) => name !== "p777");
  await page.sync([
    sampleService({ ports }),
    sampleSlice(Array.from({ length: 50 }, (_, at) => sampleEndpoint(`10.244.0.${at + 1}`)), {
      ports: served.map(({ name, port, protocol }) => ({ name, protocol, port })),
    }),
  ]);
  const html = await page.read("/services/default/web");
  assert.match(textOf(html), /default\/web:p777\/TCP\/IPv4 Addresses .* Page 1 of 50 Next/);
  assert.ok(html.length < 300_000, `${html.length} characters`);
  assert.match(textOf(await page.read("/services/default/web?ports=50")), /Previous Page 50 of 50/);
  const row = textOf(await page.read("/services"));
  assert.match(row, /1005\/TCP and 994 more/);
});

Deno.test("of 5,000 endpoints some are drawn, and those that get nothing are not left out", async () => {
  const page = await samplePage();
  const endpoints = (slice: number, ready: boolean) =>
    sampleSlice(
      Array.from(
        { length: 100 },
        (_, at) => sampleEndpoint(`10.${slice}.0.${at + 1}`, { ready, serving: ready }),
      ),
      { name: `web-${slice}` },
    );
  await page.sync([
    sampleService({ externalIPs: Array.from({ length: 100 }, (_, at) => `198.51.100.${at}`) }),
    ...Array.from({ length: 50 }, (_, slice) => endpoints(slice, slice >= 41)),
  ]);
  const html = await page.read("/services/default/web");
  const text = textOf(html);
  assert.match(text, /10\.41\.0\.1:8080 ready/);
  assert.match(text, /:8080 not ready/);
  assert.match(text, /4,800 endpoints more/);
  assert.match(text, /and 71 more/);
  assert.ok(html.length < 200_000, `${html.length} characters`);
});

Deno.test("Services are paged, and a search looks through all of them", async () => {
  const page = await samplePage();
  await page.sync(many(120));
  const first = await page.read("/services");
  assert.match(textOf(first), /120 Services .* Page 1 of 3 Next/);
  assert.ok(first.includes("default/web-00049") && !first.includes("default/web-00050"));
  const last = await page.read("/services?page=3");
  assert.match(textOf(last), /Previous Page 3 of 3/);
  assert.ok(last.includes("default/web-00119"));
  for (
    const [query, found] of [
      ["q=WEB-0011", 10],
      ["q=default+web-00117", 1],
      ["q=10.96.0.7", 11],
      ["q=80", 120],
      ["q=nobody", 0],
      ["q=web&page=99", 120],
      ["unserved=1", 120],
      ["q=%25%3Cscript", 0],
    ] as const
  ) {
    const text = textOf(await page.read(`/services?${query}`));
    assert.match(text, new RegExp(` ${found} of 120 Services`), query);
  }
});

Deno.test("a Service is found by its node port, its load balancer and its endpoints", async () => {
  const page = await samplePage();
  await page.sync([
    ...many(3),
    sampleService({
      type: "LoadBalancer",
      ports: [{ name: "http", protocol: "TCP", port: 80, nodePort: 30080 }],
      loadBalancerIngress: [{ ip: "203.0.113.7", ipMode: "VIP" }],
    }),
    sampleSlice([sampleEndpoint("10.244.0.77")]),
  ]);
  for (const words of ["30080", "203.0.113.7", "10.244.0.77", "default 30080 203"]) {
    const html = await page.read(`/services?q=${encodeURIComponent(words)}`);
    assert.match(textOf(html), /1 of 4 Services/, words);
    assert.ok(html.includes('href="/services/default/web"'), words);
  }
});

Deno.test("a Service's picture leads from its addresses by its policy to its endpoints, with reasons", async () => {
  const page = await samplePage();
  await page.sync([
    sampleNode("a"),
    sampleService({
      type: "NodePort",
      externalTrafficPolicy: "Local",
      ports: [{ name: "http", protocol: "TCP", port: 80, nodePort: 30080 }],
    }),
    sampleSlice([
      sampleEndpoint("10.244.0.1", { nodeName: "here", zone: "a" }),
      sampleEndpoint("10.244.0.2", { nodeName: "there", zone: "b" }),
      sampleEndpoint("10.244.0.3", { ready: false, serving: false }),
    ]),
  ]);
  const text = textOf(await page.read("/services/default/web"));
  for (
    const part of [
      /10\.96\.0\.1:80 cluster IP/,
      /\*:30080 node port/,
      /✓ the cluster's endpoints cluster IP: internalTrafficPolicy Cluster/,
      /✓ this node's endpoints node port: externalTrafficPolicy Local/,
      /10\.244\.0\.1:8080 ready here zone a 50 % 100 % ready/,
      /10\.244\.0\.2:8080 ready there zone b 50 % – Cluster: ready This node: runs on node there/,
      /10\.244\.0\.3:8080 not ready .* – – Cluster: not ready/,
      /map services 10\.96\.0\.1 goto endpoints/,
      /there is no kernel here/,
    ]
  ) assert.match(text, part);
});

Deno.test("a Service that is unknown or no proxy's is told so", async () => {
  const page = await samplePage();
  await page.sync([sampleService({ name: "db", clusterIP: "None" })]);
  const unknown = await page.ask("/services/default/nobody");
  assert.equal(unknown.status, 404);
  assert.match(textOf(await unknown.text()), /There is no Service default\/nobody/);
  assert.match(textOf(await page.read("/services/default/db")), /headless/);
  assert.equal((await page.ask("/services/default/%3Ca%3A%20b")).status, 404);
});

Deno.test("a sync is a waterfall of its spans, and a failed one says why", async () => {
  const page = await samplePage();
  await page.sync([sampleService()]);
  await page.sync([sampleService({ name: "other" })], "the kernel said EBUSY");
  const list = await page.read("/syncs");
  assert.match(textOf(list), /partial 2 .* failed .* partial 1 .* done/);
  const [, path = ""] = /href="(\/syncs\/[0-9a-f]{32})"/.exec(list) ?? [];
  const text = textOf(await page.read(path));
  assert.match(text, /Failed: the kernel said EBUSY after 5\.0 ms/);
  assert.match(text, /weir\.plugin\.call 2\.0 ms 3\.0 ms method=apply/);
  assert.equal((await page.ask("/syncs/0")).status, 404);
});

Deno.test("each plugin is shown with its state, restarts and grants", async () => {
  const page = await samplePage({
    plugins: () => [
      plugin({ state: { type: "waiting", delayMs: 2_000, reason: "it was killed" }, restarts: 3 }),
      plugin({ name: "detect-cluster-cidr", kind: "local-detector", admitted: undefined }),
    ],
  });
  const text = textOf(await page.read("/plugins"));
  assert.match(text, /dead, to be started again in 2\.00 s it was killed/);
  assert.match(text, /Restarts 3/);
  assert.match(text, /nft: read and write the table weir/);
  assert.match(text, /detect-cluster-cidr .* not started yet/);
});

Deno.test("the last profile is a flame graph that can be looked into", async () => {
  const profiles = new Map([
    ["weir", profile(["host/b.f", "host/a.main"], ["host/c.g", "host/a.main"])],
    ["proxier-nftables", undefined],
  ]);
  const page = await samplePage({ profiles: () => profiles });
  const whole = await page.read("/profile");
  assert.match(whole, /<title>host\/a\.main: 100 %<\/title>/);
  assert.match(whole, /<title>host\/b\.f: 50 %<\/title>/);
  const focused = await page.read("/profile?of=weir&focus=host%2Fb.f");
  assert.match(focused, /<title>host\/b\.f: 100 %<\/title>/);
  assert.ok(!focused.includes("<title>host/a.main"));
  assert.match(textOf(await page.read("/profile?of=proxier-nftables")), /No profile of it/);
  assert.match(textOf(await (await samplePage()).read("/profile")), /without --profiling/);
});

Deno.test("whatever others write is text, bounded and readable", async () => {
  const attack = '"><script>alert(1)</script><img src=x onerror=alert(1)>\u202e\u0007';
  const page = await samplePage({
    mode: () => attack,
    node: () => "here",
    plugins: () => [
      plugin({ name: attack, state: { type: "parked", reason: attack + "a".repeat(100_000) } }),
    ],
    profiles: () => new Map([["weir", profile([attack])], [attack, undefined]]),
    health: () => ({
      code: 503,
      report: {
        lastUpdated: "",
        currentTime: "",
        healthy: true,
        plugins: { [attack]: { state: "parked", reason: attack } },
      },
    }),
  });
  await page.sync([
    sampleNode(attack),
    sampleService({
      name: attack.replaceAll("/", ""),
      namespace: "'\"<b>",
      trafficDistribution: attack,
      externalIPs: [attack],
      loadBalancerSourceRanges: [attack],
      ports: [{ name: attack, protocol: attack, port: 80, nodePort: 0 }],
    }),
    sampleService({ trafficDistribution: attack, externalIPs: [attack] }),
    sampleSlice([sampleEndpoint(attack, { nodeName: attack, hintZones: [attack] })], {
      name: attack,
    }),
    sampleSlice([sampleEndpoint("10.0.0.1", { nodeName: attack, zone: attack })], { name: "b" }),
  ], attack);
  const [, sync = ""] = /href="(\/syncs\/[0-9a-f]{32})"/.exec(await page.read("/syncs")) ?? [];
  const hostile = encodeURIComponent(attack.replaceAll("/", ""));
  for (
    const path of [
      "/",
      "/services",
      `/services?q=${encodeURIComponent(attack)}`,
      "/services/default/web",
      `/services/${encodeURIComponent("'\"<b>")}/${hostile}`,
      `/services/${hostile}/${hostile}`,
      "/syncs",
      sync,
      "/plugins",
      "/profile",
      `/profile?of=${encodeURIComponent(attack)}&focus=${encodeURIComponent(attack)}`,
    ]
  ) {
    const html = await page.read(path);
    assert.equal(html.match(/<script/g)?.length, 1, path);
    // What stands between quotation marks has none in it, and is no markup.
    const markup = html.replace(/<(script|style)>[\s\S]*?<\/\1>/g, "").replace(/"[^"]*"/g, '""');
    assert.doesNotMatch(markup, /<script|<img|<b>|<[^>]* (on[a-z]+|style)=/i, path);
    // A name that turns the direction of what stands behind it would make lies readable.
    const plain = html.replace(/"[^"]*"/g, '""');
    for (const hidden of ["\u202e", "\u0007"]) assert.ok(!plain.includes(hidden), path);
    assert.ok(html.length < 60_000, `${path} has ${html.length} characters`);
  }
});

Deno.test("a browser may load, run, frame and keep nothing of the page but what it came with", async () => {
  const page = await samplePage();
  for (
    const path of ["/", "/services", "/services/a/b", "/syncs", "/syncs/1", "/plugins", "/profile"]
  ) {
    const answer = await page.ask(path);
    const policy = answer.headers.get("Content-Security-Policy") ?? "";
    const html = await answer.text();
    for (
      const [element, directive] of [["script", "script-src"], ["style", "style-src"]] as const
    ) {
      const [, text = ""] = new RegExp(`<${element}>([\\s\\S]*?)</${element}>`).exec(html) ?? [];
      const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
      const source = `'sha256-${new Uint8Array(hash).toBase64()}'`;
      assert.ok(policy.split("; ").includes(`${directive} ${source}`), `${path}: ${directive}`);
    }
    assert.match(policy, /^default-src 'none';/);
    assert.doesNotMatch(policy, /unsafe|\*/);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.equal(answer.headers.get("X-Content-Type-Options"), "nosniff");
    assert.equal(answer.headers.get("Cache-Control"), "no-store");
    assert.doesNotMatch(html, /(?:src|href|action)="(?:https?:)?\/\//);
  }
});

Deno.test("10,000 Services are searched and paged without a page growing with them", async () => {
  const page = await samplePage();
  await page.sync(many(10_000));
  const html = await page.read("/services?page=100");
  assert.match(textOf(html), /10,000 Services .* Page 100 of 200/);
  assert.ok(html.length < 60_000, String(html.length));
  assert.match(textOf(await page.read("/services?q=web-09999")), /1 of 10,000 Services/);
});

Deno.test("a hundred syncs are drawn with few elements, and told in words to who cannot see them", async () => {
  const page = await samplePage();
  for (let at = 1; at <= 100; at++) {
    await page.sync([sampleService({ clusterIP: `10.96.0.${at}` })]);
  }
  const html = await page.read("/syncs");
  assert.equal(html.match(/<svg class="bar"[^>]*role="img"/g)?.length, 100);
  assert.match(html, /aria-label="the plugin 3\.0 ms"/);
  const elements = html.match(/<[a-z]/g)?.length ?? 0;
  assert.ok(elements < 1_800, `${elements} elements`);
});
