import assert from "node:assert/strict";
import { loopback } from "weir/testing";
import { defineConntrackTuner, defineLocalDetector, defineProxier, table, WeirError } from "weir";

const snapshot = {
  revision: 1,
  settings: {
    families: ["IPv4", "IPv6"] as const,
    masqueradeAll: false,
    masqueradeBit: 14,
    localMatches: [],
    nodePorts: { type: "listed" as const, addresses: [] },
    serviceCIDRs: [],
  },
  ports: [{
    id: "default/web/TCP/IPv4",
    namespace: "default",
    name: "web",
    portName: "",
    protocol: "TCP",
    family: "IPv4",
    clusterIP: "10.96.0.10",
    port: 80,
    internal: "cluster",
    affinitySeconds: 0,
    endpoints: [{ ip: "10.244.0.2", port: 8080, local: true, inCluster: true, inLocal: false }],
  }],
} as const;
const head = { name: "p", version: "1.2.3", api: 1 } as const;
const quiet = { apply() {}, explain: () => [], cleanup() {} };

Deno.test("a definition says what the manifest will", () => {
  const plugin = defineProxier({
    ...head,
    ...quiet,
    requires: { nft: { version: 1, table: "t" } },
    resync() {},
  });
  assert.deepEqual(plugin.manifest, {
    kind: "proxier",
    name: "p",
    version: "1.2.3",
    api: 1,
    requires: { nft: { version: 1, table: "t" } },
    uses: {},
  });
});

Deno.test("a proxier's handlers get the snapshot and the diff as the host has them", async () => {
  const seen: unknown[] = [];
  const plugin = defineProxier({
    ...head,
    ...quiet,
    resync: (given) => void seen.push(given),
    apply: (given) => void seen.push(given),
  });
  await using connected = await loopback(plugin);
  const diff = { from: 1, to: 2, upserts: snapshot.ports, removes: ["default/gone/TCP/IPv4"] };
  assert.equal(await connected.call("resync", snapshot), null);
  assert.equal(await connected.call("apply", diff), null);
  assert.deepEqual(seen, [snapshot, diff]);
});

Deno.test("a capability that is required is there, one that is used may be missing", async () => {
  const given: unknown[] = [];
  const plugin = defineProxier({
    ...head,
    ...quiet,
    uses: { nft: { version: 1, table: "t" } },
    resync: (_, { nft }) => void given.push(nft?.table),
  });
  await using allowed = await loopback(plugin, { policy: { nft: { tables: ["t"] } } });
  await allowed.call("resync", snapshot);
  await using denied = await loopback(plugin, { policy: {} });
  await denied.call("resync", snapshot);
  assert.deepEqual(given, ["t", undefined]);
});

Deno.test("a plugin that requires more than the policy allows does not connect", async () => {
  const requires = { nft: { version: 1, table: "t" } } as const;
  const plugin = defineProxier({ ...head, ...quiet, requires, resync() {} });
  await assert.rejects(loopback(plugin, { policy: {} }), { code: "WEIR_PLUGIN_REFUSED" });
});

Deno.test("what a handler throws reaches the host with code, message and stack", async () => {
  const plugin = defineProxier({
    ...head,
    ...quiet,
    resync() {
      throw new WeirError("WEIR_ADDRESS_INVALID", 'Cannot parse IP address "x": it is none');
    },
  });
  await using connected = await loopback(plugin);
  await assert.rejects(connected.call("resync", snapshot), (error: unknown) => {
    assert.ok(error instanceof WeirError);
    assert.equal(error.code, "WEIR_PLUGIN_FAILED");
    assert.equal(
      error.message,
      'Cannot resync by plugin "p": Cannot parse IP address "x": it is none',
    );
    const { code, stack } = error.cause as { readonly code: string; readonly stack: string };
    assert.equal(code, "WEIR_ADDRESS_INVALID");
    assert.match(stack, /definition_test/);
    return true;
  });
});

Deno.test("an error of a capability reaches the handler with its code and data", async () => {
  const seen: unknown[] = [];
  const plugin = defineProxier({
    ...head,
    ...quiet,
    requires: { nft: { version: 1, table: "t" } },
    resync: async (_, { nft }) => {
      await nft.list("chains", "ip").catch((error) => seen.push(error.code, error.cause));
    },
  });
  const failure = { message: 0, errno: 2, name: "ENOENT", detail: "" };
  await using connected = await loopback(plugin, {
    nft: () => Promise.reject(new WeirError("WEIR_NFT_KERNEL", "Cannot list", { cause: failure })),
  });
  await connected.call("resync", snapshot);
  assert.deepEqual(seen, ["WEIR_NFT_KERNEL", failure]);
});

Deno.test("a plugin's log lines are cut to what the wire takes, and fields become scalars", async () => {
  const cycle: Record<string, unknown> = {};
  cycle["cycle"] = cycle;
  const plugin = defineProxier({
    ...head,
    ...quiet,
    resync: (_, { log }) => {
      log.warn("m".repeat(10_000), {
        text: "t",
        list: [1, 2],
        none: undefined,
        big: 10n,
        nan: NaN,
        error: new TypeError("boom"),
        cycle,
      });
    },
  });
  await using connected = await loopback(plugin);
  await connected.call("resync", snapshot);
  const [line] = connected.lines;
  assert.equal(line?.level, "warn");
  assert.equal(line?.message.length, 8192);
  assert.deepEqual(line?.fields, {
    text: "t",
    list: "[1,2]",
    none: "undefined",
    big: "10",
    nan: "NaN",
    error: "boom",
    cycle: "[object Object]",
    plugin: "p",
  });
});

Deno.test("a plugin's metrics reach telemetry, those beyond the limit do not", async () => {
  const plugin = defineProxier({
    ...head,
    ...quiet,
    resync: (_, { metric }) => {
      metric.count("moves_total");
      metric.count("moves_total", 2);
      metric.gauge("elements", 7, { family: "IPv4" });
      metric.gauge("elements", 8, { family: "IPv6" });
    },
  });
  await using connected = await loopback(plugin, { limits: { metricSeries: 2 } });
  await connected.call("resync", snapshot);
  const samples = connected.events.filter((event) => event.type === "metric")
    .map(({ kind, name, value, labels }) => [kind, name, value, labels]);
  assert.deepEqual(samples, [
    ["counter", "moves_total", 1, {}],
    ["counter", "moves_total", 2, {}],
    ["gauge", "elements", 7, { family: "IPv4" }],
  ]);
});

Deno.test("a metric that cannot be recorded is the author's error, not the plugin's end", async () => {
  const attempts: readonly (readonly [string, number, Readonly<Record<string, string>>])[] = [
    ["Moves", 1, {}],
    ["moves", NaN, {}],
    ["moves", 1, { "a-b": "" }],
    ["moves", 1, { a: "", b: "", c: "", d: "", e: "" }],
    ["moves", 1, { a: "x".repeat(129) }],
  ];
  const refused: string[] = [];
  const plugin = defineProxier({
    ...head,
    ...quiet,
    resync: (_, { metric }) => {
      for (const [name, value, labels] of attempts) {
        assert.throws(() => metric.gauge(name, value, labels), (error: Error) => {
          refused.push(error.message);
          return error instanceof WeirError;
        });
      }
    },
  });
  await using connected = await loopback(plugin);
  await connected.call("resync", snapshot);
  assert.deepEqual(refused, [
    'Cannot record metric "Moves": "Moves" is not 1–64 of a–z, 0–9 and _',
    'Cannot record metric "moves": its value is NaN',
    'Cannot record metric "moves": "a-b" is not 1–64 of a–z, 0–9 and _',
    'Cannot record metric "moves": it has more than 4 labels',
    'Cannot record metric "moves": a label has more than 128 characters',
  ]);
});

Deno.test("a detector's matches are checked before the host uses them", async () => {
  const detect = { clusterCIDRs: [], bridgeInterface: "", interfaceNamePrefix: "" };
  const params = { node: { name: "n", podCIDRs: ["10.0.0.0/24"] }, config: detect };
  const good = defineLocalDetector({
    ...head,
    detect: ({ podCIDRs }) => podCIDRs.map((cidr) => ({ type: "cidr", family: "IPv4", cidr })),
  });
  await using right = await loopback(good);
  assert.deepEqual(await right.call("detect", params), [
    { type: "cidr", family: "IPv4", cidr: "10.0.0.0/24" },
  ]);
  const bad = defineLocalDetector({
    ...head,
    detect: () => [{ type: "interface", name: "far-too-long-a-name" }],
  });
  await using wrong = await loopback(bad);
  await assert.rejects(wrong.call("detect", params), { code: "WEIR_PLUGIN_PROTOCOL" });
});

Deno.test("a tuner is told the node and the configuration", async () => {
  const seen: unknown[] = [];
  const plugin = defineConntrackTuner({
    ...head,
    tune: (node, config, { features }) => void seen.push(node, config, features.kernel),
  });
  await using connected = await loopback(plugin);
  const params = { node: { name: "n", cpus: 4 }, config: { maxPerCore: 32_768 } };
  assert.equal(await connected.call("tune", params), null);
  assert.deepEqual(seen, [params.node, params.config, "6.18.0"]);
});

Deno.test("a handler that the kind does not have cannot be called", async () => {
  await using connected = await loopback(defineLocalDetector({ ...head, detect: () => [] }));
  await assert.rejects(connected.call("resync", snapshot), {
    code: "WEIR_PLUGIN_FAILED",
    message: 'Cannot resync by plugin "p": a local-detector has no such handler',
  });
});

Deno.test("a proxier that counts tells three numbers for each service port, in order", async () => {
  const query = { reading: 1, last: true, ids: ["a", "b"] };
  await using counting = await loopback(defineProxier({
    ...head,
    ...quiet,
    resync() {},
    traffic: ({ ids }) =>
      ids.map((_, index) => ({ connections: index, packets: 10 * index, bytes: 100 * index })),
  }));
  assert.deepEqual(await counting.call("traffic", query), [0, 0, 0, 1, 10, 100]);
  await using silent = await loopback(defineProxier({ ...head, ...quiet, resync() {} }));
  assert.equal(await silent.call("traffic", query), null);
});

Deno.test("a handler that forgets to commit is told of, one that asked for nothing is not", async () => {
  const mine = table("ip", "t");
  const plugin = defineProxier({
    name: "forgetful",
    version: "0.1.0",
    api: 1,
    requires: { nft: { version: 1, table: "t" } },
    async resync(_, { nft }) {
      const sent = nft.transaction();
      sent.add(mine);
      await sent.commit();
      nft.transaction();
    },
    apply(_, { nft }) {
      nft.transaction().add(mine);
    },
    explain: () => [],
    cleanup: () => {},
  });
  await using connected = await loopback(plugin);
  await connected.call("resync", snapshot);
  assert.deepEqual(connected.lines, []);
  await connected.call("apply", { from: 1, to: 2, upserts: [], removes: [] });
  assert.deepEqual(connected.lines, [{
    level: "warn",
    message: "A transaction was begun and not committed",
    fields: { handler: "apply", plugin: "forgetful" },
  }]);
});

Deno.test("a definition without a handler, or with something else there, says which", () => {
  const { apply: _, ...without } = { ...head, ...quiet, resync() {} };
  assert.throws(() => defineProxier(without as unknown as Parameters<typeof defineProxier>[0]), {
    code: "WEIR_PLUGIN_LOAD",
    message: 'Cannot define proxier "p": its apply is missing',
  });
  const wrong = { ...head, detect: [] } as unknown as Parameters<typeof defineLocalDetector>[0];
  assert.throws(() => defineLocalDetector(wrong), {
    message: 'Cannot define local-detector "p": its detect is no function',
  });
});
