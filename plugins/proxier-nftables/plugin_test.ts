import assert from "node:assert/strict";
import type { ExplainQuery, ProxierSettings } from "weir";
import { loopback } from "../../tests/kit/loopback.ts";
import { fakeNft } from "../../tests/kit/nft_fake.ts";
import { readKernel } from "./kernel_content.ts";
import proxier from "./plugin.ts";
import { type Sample, viewOf } from "../../tests/kit/service_port_sample.ts";

const SETTINGS: ProxierSettings = {
  families: ["IPv4", "IPv6"],
  masqueradeAll: false,
  masqueradeBit: 14,
  localMatches: [],
  nodePorts: { type: "listed", addresses: [] },
  serviceCIDRs: [],
};
const GRANT = { version: 1, table: "weir" } as const;
const SAMPLE: Sample = {
  service: 1,
  family: "IPv4",
  protocol: "TCP",
  port: 80,
  address: 1,
  internal: "cluster",
  endpoints: [{ host: 1, port: 8080, local: false, set: "both" }],
};
const view = viewOf(SAMPLE);

async function running() {
  const kernel = fakeNft(GRANT);
  const plugin = await loopback(proxier, {
    nft: (method, params, attachment) => kernel.invoke("nft", method, params, attachment),
  });
  return { kernel, plugin };
}

Deno.test("it is granted its own table and no other, and to have stale flows removed", async () => {
  const { plugin } = await running();
  await using _ = plugin;
  assert.deepEqual(plugin.grants, { nft: GRANT, conntrack: { version: 1 } });
});

Deno.test("it has the flows of what it changed looked for, once the kernel has the rules", async () => {
  const kernel = fakeNft(GRANT);
  const asked: unknown[] = [];
  await using plugin = await loopback(proxier, {
    nft: (method, params, attachment) => kernel.invoke("nft", method, params, attachment),
    conntrack: (ids) => asked.push([kernel.commits, ids]),
  });
  const other = viewOf({ ...SAMPLE, service: 2, address: 2 });
  await plugin.call("resync", { revision: 1, settings: SETTINGS, ports: [view] });
  await plugin.call("apply", { from: 1, to: 2, upserts: [other], removes: [view.id] });
  kernel.failNext({ message: 0, errno: 12, name: "ENOMEM", detail: "" });
  await assert.rejects(plugin.call("apply", { from: 2, to: 3, upserts: [view], removes: [] }));
  assert.deepEqual(asked, [[1, "all"], [2, [other.id, view.id]]]);
});

Deno.test("a resync and each apply are one transaction", async () => {
  const { kernel, plugin } = await running();
  await using _ = plugin;
  await plugin.call("resync", { revision: 1, settings: SETTINGS, ports: [view] });
  assert.equal(kernel.commits, 1);
  const other = viewOf({ ...SAMPLE, family: "IPv6", service: 2 });
  await plugin.call("apply", { from: 1, to: 2, upserts: [other], removes: [view.id] });
  assert.equal(kernel.commits, 2);
  assert.deepEqual(Object.keys((await readKernel(kernel.nft, "IPv4")).content.services), []);
  assert.deepEqual(Object.keys((await readKernel(kernel.nft, "IPv6")).content.services), [
    "fd00:96::1 . tcp . 80",
  ]);
});

Deno.test("of a family that is not to be programmed nothing is written, listed or cleaned up", async () => {
  const kernel = fakeNft(GRANT);
  await using plugin = await loopback(proxier, {
    nft: (method, params, attachment) => {
      // As a kernel without IPv6 answers.
      assert.doesNotMatch(JSON.stringify(params), /ip6/);
      return kernel.invoke("nft", method, params, attachment);
    },
  });
  const settings: ProxierSettings = { ...SETTINGS, families: ["IPv4"] };
  const other = viewOf({ ...SAMPLE, service: 2, address: 2 });
  const has = async (family: "ip" | "ip6") => (await kernel.nft.list("chains", family)).length > 0;
  await plugin.call("resync", { revision: 1, settings, ports: [view] });
  await plugin.call("apply", { from: 1, to: 2, upserts: [other], removes: [] });
  assert.deepEqual([await has("ip"), await has("ip6")], [true, false]);
  await plugin.call("cleanup", null);
  assert.deepEqual([await has("ip"), await has("ip6")], [false, false]);
});

Deno.test("an apply that changes nothing in the kernel commits nothing", async () => {
  const { kernel, plugin } = await running();
  await using _ = plugin;
  await plugin.call("resync", { revision: 1, settings: SETTINGS, ports: [view] });
  await plugin.call("apply", { from: 1, to: 2, upserts: [view], removes: ["gone/already"] });
  assert.equal(kernel.commits, 1);
});

Deno.test("after a refused apply it takes nothing but a resync, which mends everything", async () => {
  const { kernel, plugin } = await running();
  await using _ = plugin;
  await plugin.call("resync", { revision: 1, settings: SETTINGS, ports: [view] });
  const more = viewOf({ ...SAMPLE, service: 2, address: 2 });
  kernel.failNext({ message: 0, errno: 12, name: "ENOMEM", detail: "" });
  await assert.rejects(
    plugin.call("apply", { from: 1, to: 2, upserts: [more], removes: [] }),
    /ENOMEM/,
  );
  await assert.rejects(
    plugin.call("apply", { from: 1, to: 2, upserts: [more], removes: [] }),
    /the kernel is at none/,
  );
  await plugin.call("resync", { revision: 2, settings: SETTINGS, ports: [view, more] });
  assert.equal(Object.keys((await readKernel(kernel.nft, "IPv4")).content.services).length, 2);
});

Deno.test("a diff that does not follow the last revision is refused", async () => {
  const { plugin } = await running();
  await using _ = plugin;
  await plugin.call("resync", { revision: 5, settings: SETTINGS, ports: [] });
  await assert.rejects(
    plugin.call("apply", { from: 6, to: 7, upserts: [], removes: [] }),
    /Cannot apply revision "7": it follows 6, and the kernel is at 5/,
  );
});

Deno.test("an apply that outgrows the kernel's sets puts the tables in place anew, larger", async () => {
  const { kernel, plugin } = await running();
  await using _ = plugin;
  await plugin.call("resync", { revision: 1, settings: SETTINGS, ports: [view] });
  const many = viewOf({ ...SAMPLE, service: 2, address: 2 });
  const endpoints = Array.from({ length: 4_000 }, (_, index) => ({
    ip: `10.245.${index >> 8}.${index & 255}`,
    port: 8080,
    local: index < 10,
    inCluster: true,
    inLocal: false,
  }));
  const upserts = [{ ...many, endpoints }];
  await plugin.call("apply", { from: 1, to: 2, upserts, removes: [] });
  assert.equal(kernel.commits, 2);
  const { content, orphans } = await readKernel(kernel.nft, "IPv4");
  assert.deepEqual(content.services["10.96.0.1 . tcp . 80"]?.endpoints, ["10.244.0.1 . 8080"]);
  assert.equal(new Set(content.services["10.96.0.2 . tcp . 80"]?.endpoints).size, 4_000);
  assert.equal(content.hairpins.length, 10);
  assert.deepEqual(orphans, []);
  await plugin.call("apply", { from: 2, to: 3, upserts: [], removes: [many.id] });
  const left = (await readKernel(kernel.nft, "IPv4")).content;
  assert.deepEqual(Object.keys(left.services), ["10.96.0.1 . tcp . 80"]);
  assert.deepEqual(left.hairpins, []);
});

Deno.test("two service ports with one address are told to the operator", async () => {
  const { plugin } = await running();
  await using _ = plugin;
  const twin = viewOf({ ...SAMPLE, service: 2 });
  await plugin.call("resync", { revision: 1, settings: SETTINGS, ports: [view, twin] });
  assert.deepEqual(plugin.lines.map(({ level, message, fields }) => [level, message, fields?.id]), [
    ["warn", "another service port has the same address, protocol and port", twin.id],
  ]);
});

Deno.test("cleanup leaves nothing, also when there is nothing", async () => {
  const { kernel, plugin } = await running();
  await using _ = plugin;
  await plugin.call("resync", { revision: 1, settings: SETTINGS, ports: [view] });
  for (let times = 0; times < 2; times++) {
    await plugin.call("cleanup", null);
    for (const family of ["ip", "ip6"] as const) {
      assert.deepEqual(await kernel.nft.list("tables", family), []);
    }
  }
});

Deno.test("it explains what a connection meets, in order", async () => {
  const { plugin } = await running();
  await using _ = plugin;
  const refused = viewOf({ ...SAMPLE, service: 2, port: 443, internal: "reject", endpoints: [] });
  const dropped = viewOf({ ...SAMPLE, service: 3, family: "IPv6", internal: "drop" });
  await plugin.call("resync", {
    revision: 1,
    settings: {
      ...SETTINGS,
      localMatches: [{ type: "cidr", family: "IPv4", cidr: "10.244.0.0/16" }],
    },
    ports: [view, refused, dropped],
  });
  const entry = {
    at: "chain nat-prerouting or nat-output",
    match: "first packet of a connection",
    outcome: "jump nat",
  };
  const mark = {
    at: "chain nat",
    match: "10.96.0.1 in set cluster-ips, source not in 10.244.0.0/16",
    outcome: "mark 0x4000: masquerade in chain nat-postrouting",
  };
  const ask = (ip: string, port: number) => plugin.call("explain", { ip, port, protocol: "TCP" });
  assert.deepEqual(await ask("10.96.0.1", 80), [
    entry,
    mark,
    {
      at: "map service-sets",
      match: "10.96.0.1 . tcp . 80",
      outcome: "cluster endpoints, 1 of them",
    },
    {
      at: "chain service-sets-1",
      match: "10.96.0.1 . tcp . 80",
      outcome: "slot by numgen random mod 1",
    },
    { at: "map endpoints", match: "slot 0", outcome: "dnat to 10.244.0.1:8080" },
  ]);
  assert.deepEqual(await ask("10.96.0.1", 443), [entry, mark, {
    at: "chain services-check",
    match: "10.96.0.1 . tcp . 443 in set service-reject",
    outcome: "reject with tcp reset",
  }]);
  assert.deepEqual(await ask("10.96.0.1", 8443), [entry, mark, {
    at: "chain cluster-ips-check",
    match: "10.96.0.1 in set cluster-ips, no service port 10.96.0.1 . tcp . 8443",
    outcome: "reject with tcp reset",
  }]);
  assert.deepEqual(await ask("fd00:96::1", 80), [entry, {
    at: "chain services-check",
    match: "fd00:96::1 . tcp . 80 in set service-drop",
    outcome: "drop",
  }]);
  assert.deepEqual(await ask("10.0.0.7", 80), []);
});

Deno.test("it explains what is special from outside: who may connect, who is masqueraded, who is on this node", async () => {
  const { plugin } = await running();
  await using _ = plugin;
  const local = viewOf({
    ...SAMPLE,
    affinitySeconds: 60,
    external: {
      verdict: "local",
      loadBalancerIPs: [11],
      sources: ["10.0.0.0/8"],
      nodePort: 30_080,
    },
    endpoints: [
      { host: 1, port: 8080, local: true, set: "both" },
      { host: 2, port: 8080, local: false, set: "cluster" },
    ],
  });
  const cluster = viewOf({
    ...SAMPLE,
    service: 2,
    address: 2,
    external: { verdict: "cluster", nodePort: 30_081 },
  });
  await plugin.call("resync", {
    revision: 1,
    settings: {
      ...SETTINGS,
      localMatches: [{ type: "interfacePrefix", prefix: "cali" }],
      nodePorts: { type: "listed", addresses: ["192.0.2.1"] },
    },
    ports: [local, cluster],
  });
  type Source = NonNullable<ExplainQuery["source"]>;
  const ask = async (ip: string, port: number, source?: Source) =>
    (await plugin.call("explain", {
      ip,
      port,
      protocol: "TCP",
      ...(source === undefined ? {} : { source }),
    }))
      .map(({ at, match, outcome }) => `${at} | ${match} | ${outcome}`);
  const mark = "mark 0x4000: masquerade in chain nat-postrouting";
  assert.deepEqual(await ask("192.0.2.11", 80), [
    "chain firewall-check | source not in 10.0.0.0/8 | drop",
    "chain nat-prerouting or nat-output | first packet of a connection | jump nat",
    "chain service-from-node | interface cali* | goto service-node-choice",
    `chain service-from-node | source is this node | ${mark}, goto service-node-choice`,
    "map service-node-sets | 192.0.2.11 . tcp . 80 | cluster endpoints, 2 of them",
    "map affinity | the client came within the time of affinity, and its endpoint is there | " +
    "the same endpoint for 60 s more",
    "chain service-node-sets-2-60s | 192.0.2.11 . tcp . 80 | slot by numgen random mod 2",
    "map endpoints | slot 0 | dnat to 10.244.0.1:8080",
    "map endpoints | slot 1 | dnat to 10.244.0.2:8080",
    "map service-sets | 192.0.2.11 . tcp . 80 | local endpoints, 1 of them",
    "map affinity | the client came within the time of affinity, and its endpoint is there | " +
    "the same endpoint for 60 s more",
    "chain service-sets-1-60s | 192.0.2.11 . tcp . 80 | slot by numgen random mod 1",
    "map endpoints | slot 0 | dnat to 10.244.0.1:8080",
  ]);
  assert.deepEqual(await ask("192.0.2.1", 30_081), [
    "chain nat-prerouting or nat-output | first packet of a connection | jump nat",
    "chain nat | 192.0.2.1 in set nodeport-ips | jump nodeports",
    `set nodeport-masquerade | tcp . 30081 | ${mark}`,
    "map nodeport-sets | tcp . 30081 | cluster endpoints, 1 of them",
    "chain nodeport-sets-1 | tcp . 30081 | slot by numgen random mod 1",
    "map endpoints | slot 0 | dnat to 10.244.0.1:8080",
  ]);
  assert.deepEqual(await ask("192.0.2.2", 30_081), []);
  // Of a client that is known only its own way is told.
  assert.deepEqual(await ask("192.0.2.11", 80, { ip: "11.0.0.1", ofNode: false }), [
    "chain firewall-check | source not in 10.0.0.0/8 | drop",
  ]);
  const ofNode = await ask("192.0.2.11", 80, { ip: "10.0.0.1", ofNode: true });
  assert.deepEqual(ofNode.slice(0, 4), [
    "chain firewall-check | source in 10.0.0.0/8 | goes on",
    "chain nat-prerouting or nat-output | first packet of a connection | jump nat",
    `chain service-from-node | source is this node | ${mark}, goto service-node-choice`,
    "map service-node-sets | 192.0.2.11 . tcp . 80 | cluster endpoints, 2 of them",
  ]);
  assert.ok(!ofNode.some((step) => step.startsWith("map service-sets")), "it ends before");
  // Whether it came by such an interface its address does not tell.
  const elsewhere = await ask("192.0.2.11", 80, { ip: "10.0.0.1", ofNode: false });
  assert.ok(
    elsewhere.includes("chain service-from-node | interface cali* | goto service-node-choice"),
  );
  assert.ok(!elsewhere.some((step) => step.includes("source is this node")));
});

Deno.test("it explains who is masqueraded, for a client whose address tells", async () => {
  const { plugin } = await running();
  await using _ = plugin;
  await plugin.call("resync", {
    revision: 1,
    settings: {
      ...SETTINGS,
      localMatches: [{ type: "cidr", family: "IPv4", cidr: "10.244.0.0/16" }],
    },
    ports: [viewOf({ ...SAMPLE, endpoints: [{ host: 1, port: 8080, local: true, set: "both" }] })],
  });
  const { clusterIP: ip, port } = viewOf(SAMPLE);
  const isMarked = async (source: string) =>
    (await plugin.call("explain", {
      ip,
      port,
      protocol: "TCP",
      source: { ip: source, ofNode: false },
    })).some(({ outcome }) => outcome.startsWith("mark "));
  assert.deepEqual([await isMarked("10.244.0.9"), await isMarked("192.0.2.9")], [false, true]);
});
