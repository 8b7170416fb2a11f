import assert from "node:assert/strict";
import fc from "fast-check";
import type { IpFamily, NftClient, ProxierSettings, ServicePortView } from "weir";
import { fakeNft } from "../../tests/kit/nft_fake.ts";
import { hash } from "./bytes.ts";
import { type KernelReading, readKernel } from "./kernel_content.ts";
import { Mirror } from "./mirror.ts";
import { TABLE_NAME } from "./objects.ts";
import { anyChange, type Sample, viewOf } from "../../tests/kit/service_port_sample.ts";

const SETTINGS: ProxierSettings = {
  families: ["IPv4", "IPv6"],
  masqueradeAll: false,
  masqueradeBit: 14,
  localMatches: [],
  nodePorts: { type: "listed", addresses: [] },
  serviceCIDRs: [],
};
const FAMILIES: readonly IpFamily[] = ["IPv4", "IPv6"];

const BASE: Sample = {
  service: 1,
  family: "IPv4",
  protocol: "TCP",
  port: 80,
  address: 1,
  internal: "cluster",
  endpoints: [],
};

/** Endpoints 10.244.0.N:80 of the sample cluster. */
function hosts(...numbers: readonly number[]): Sample["endpoints"] {
  return numbers.map((host) => ({ host, port: 80, local: false, set: "both" as const }));
}

async function resynced(ports: readonly ServicePortView[]) {
  const { nft } = fakeNft({ version: 1, table: TABLE_NAME });
  const mirror = new Mirror(SETTINGS);
  const tx = nft.transaction();
  mirror.replace(tx, ports);
  await tx.commit();
  return { nft, mirror };
}

async function upsert(nft: NftClient, mirror: Mirror, ...views: readonly ServicePortView[]) {
  const tx = nft.transaction();
  mirror.apply(tx, { upserts: views, removes: [] });
  await tx.commit();
  return String(tx);
}

const SERVICE = "10.96.0.1 . tcp . 80";

/** A change by views that come or change and ids that go. */
async function change(
  nft: NftClient,
  mirror: Mirror,
  upserts: readonly ServicePortView[],
  removes: readonly string[] = [],
): Promise<void> {
  const tx = nft.transaction();
  mirror.apply(tx, { upserts, removes });
  await tx.commit();
}

Deno.test("any sequence of changes leaves in the kernel what one resync would have put there", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyChange, { minLength: 1, maxLength: 8 }), async (changes) => {
      const { nft, mirror } = await resynced([]);
      const truth = new Map<string, ServicePortView>();
      for (const { upserts, removes } of changes) {
        const before = await Promise.all(FAMILIES.map((family) => readKernel(nft, family)));
        for (const view of removes) truth.delete(view.id);
        for (const view of upserts) truth.set(view.id, view);
        await change(nft, mirror, upserts, removes.map((view) => view.id));
        const fresh = await resynced(
          [...truth.values()].sort((one, other) => one.id < other.id ? -1 : 1),
        );
        for (const [index, family] of FAMILIES.entries()) {
          const reading = await readKernel(nft, family);
          assert.deepEqual(reading.content, (await readKernel(fresh.nft, family)).content);
          const earlier = before[index];
          if (earlier !== undefined) assertNoneLost(earlier, reading);
        }
      }
      // What waited for the next transaction goes with it. What is left are the endpoints of
      // service ports in the shadow of another.
      await change(nft, mirror, []);
      const fresh = await resynced([...truth.values()]);
      for (const family of FAMILIES) {
        const { orphans } = await readKernel(fresh.nft, family);
        assert.deepEqual((await readKernel(nft, family)).orphans.toSorted(), orphans.toSorted());
      }
    }),
    { seed: 20_251_123, numRuns: 150 },
  );
});

/**
 * A packet that read an endpoint set and its size in the old generation finds each of its slots in
 * the new one. With affinity a seat that is gone is no loss: the client gets another.
 */
function assertNoneLost(before: KernelReading, after: KernelReading): void {
  for (const key of before.slots.keys()) {
    const [, slot] = key.split(" . ");
    if (Number(slot) >= 2 ** 31 || before.orphans.includes(`endpoints ${key}`)) continue;
    assert.ok(after.slots.has(key), `slot ${key} is lost`);
  }
}

Deno.test("a shrink leaves the slots that are gone pointing at a live endpoint until the next change", async () => {
  const { nft, mirror } = await resynced([viewOf({ ...BASE, endpoints: hosts(1, 2, 3) })]);
  await change(nft, mirror, [viewOf({ ...BASE, endpoints: hosts(2) })]);
  const shrunk = await readKernel(nft, "IPv4");
  assert.deepEqual(shrunk.content.services[SERVICE]?.endpoints, ["10.244.0.2 . 80"]);
  assert.equal(shrunk.orphans.length, 2);
  assert.deepEqual([...new Set(shrunk.slots.values())], ["10.244.0.2 . 80"]);
  // Anybody's change: no packet is left that read the old size.
  await change(nft, mirror, [viewOf({ ...BASE, service: 2, address: 2, endpoints: hosts(4) })]);
  assert.deepEqual((await readKernel(nft, "IPv4")).orphans, []);
});

Deno.test("a change is told to the kernel as its elements and nothing else", async () => {
  const { nft, mirror } = await resynced([
    viewOf({ ...BASE, endpoints: hosts(1, 2) }),
    viewOf({ ...BASE, service: 2, address: 2, endpoints: hosts(1, 2, 3) }),
  ]);
  const set = (await readKernel(nft, "IPv4")).sets.get(`service-sets ${SERVICE}`) ?? "";
  const localSet = numberText(`${viewOf(BASE).id} local`);
  const cases: readonly (readonly [name: string, view: Sample, text: string])[] = [
    ["the same again", { ...BASE, endpoints: hosts(1, 2) }, ""],
    [
      "one more endpoint",
      { ...BASE, endpoints: hosts(1, 2, 5) },
      `delete element ip weir set-sizes { ${set} }\n` +
      `add element ip weir set-sizes { ${set} : 0x00000003 }\n` +
      `add element ip weir endpoints { ${set} . 2 : 10.244.0.5 . 80 }\n`,
    ],
    [
      "one endpoint in another's place",
      { ...BASE, endpoints: hosts(1, 5, 6) },
      `delete element ip weir endpoints { ${set} . 1 }\n` +
      `add element ip weir endpoints { ${set} . 1 : 10.244.0.6 . 80 }\n`,
    ],
    [
      "a count that one endpoint more makes, whose chain was foreseen",
      { ...BASE, endpoints: hosts(1, 3, 5, 6) },
      `delete element ip weir set-sizes { ${set} }\n` +
      `add element ip weir set-sizes { ${set} : 0x00000004 }\n` +
      `add element ip weir endpoints { ${set} . 3 : 10.244.0.3 . 80 }\n`,
    ],
    [
      "a count that nobody has foreseen",
      { ...BASE, endpoints: hosts(1, 3, 5, 6, 7, 8) },
      "add chain ip weir service-sets-6\n" +
      "add rule ip weir service-sets-6 dnat ip addr . port to ip daddr . meta l4proto . th dport " +
      "map @service-sets . numgen random mod 6 map @endpoints\n" +
      "add element ip weir service-chains { 0x00000006 : goto service-sets-6 }\n" +
      `delete element ip weir set-sizes { ${set} }\n` +
      `add element ip weir set-sizes { ${set} : 0x00000006 }\n` +
      "add element ip weir endpoints {\n" +
      `  ${set} . 4 : 10.244.0.7 . 80,\n` +
      `  ${set} . 5 : 10.244.0.8 . 80,\n` +
      "}\n",
    ],
    [
      "a node port",
      {
        ...BASE,
        endpoints: hosts(1, 3, 5, 6, 7, 8),
        external: { verdict: "cluster", nodePort: 30_080 },
      },
      "add chain ip weir nodeport-sets-6\n" +
      "add rule ip weir nodeport-sets-6 dnat ip addr . port to meta l4proto . th dport " +
      "map @nodeport-sets . numgen random mod 6 map @endpoints\n" +
      "add element ip weir nodeport-chains { 0x00000006 : goto nodeport-sets-6 }\n" +
      `add element ip weir nodeport-sets { tcp . 30080 : ${set} }\n` +
      "add element ip weir nodeport-masquerade { tcp . 30080 }\n",
    ],
    [
      "no endpoint left, and no node port",
      { ...BASE, internal: "reject", endpoints: [] },
      `delete element ip weir service-sets { ${SERVICE} }\n` +
      `add element ip weir service-reject { ${SERVICE} }\n` +
      "delete element ip weir nodeport-sets { tcp . 30080 }\n" +
      "delete element ip weir nodeport-masquerade { tcp . 30080 }\n",
    ],
    [
      "policy Local without a local endpoint, after which what waited is gone",
      { ...BASE, internal: "drop", endpoints: [] },
      `delete element ip weir set-sizes { ${set} }\n` +
      "delete element ip weir endpoints {\n" +
      [0, 1, 2, 3, 4, 5].map((slot) => `  ${set} . ${slot},\n`).join("") +
      "}\n" +
      `delete element ip weir service-reject { ${SERVICE} }\n` +
      `add element ip weir service-drop { ${SERVICE} }\n`,
    ],
    [
      "a local endpoint",
      {
        ...BASE,
        internal: "local",
        endpoints: [
          { host: 1, port: 80, local: true, set: "both" },
          { host: 2, port: 80, local: false, set: "cluster" },
        ],
      },
      "add chain ip weir service-sets-1\n" +
      "add rule ip weir service-sets-1 dnat ip addr . port to ip daddr . meta l4proto . th dport " +
      "map @service-sets . numgen random mod 1 map @endpoints\n" +
      "add element ip weir service-chains { 0x00000001 : goto service-sets-1 }\n" +
      `add element ip weir set-sizes { ${localSet} : 0x00000001 }\n` +
      `add element ip weir endpoints { ${localSet} . 0 : 10.244.0.1 . 80 }\n` +
      "add element ip weir hairpin-connections { 10.244.0.1 . 10.244.0.1 . tcp . 80 }\n" +
      `delete element ip weir service-drop { ${SERVICE} }\n` +
      `add element ip weir service-sets { ${SERVICE} : ${localSet} }\n`,
    ],
  ];
  for (const [name, sample, text] of cases) {
    assert.equal(await upsert(nft, mirror, viewOf(sample)), text, name);
  }
});

/** The number of an endpoint set as listings show it. */
function numberText(name: string): string {
  return `0x${hash(name).toString(16).padStart(8, "0")}`;
}

Deno.test("a cluster IP stays rejected as long as one of its ports is there", async () => {
  const one = viewOf({ ...BASE, endpoints: hosts(1) });
  const other = viewOf({ ...BASE, port: 443, endpoints: hosts(1) });
  const { nft, mirror } = await resynced([one, other]);
  for (const [id, left] of [[one.id, ["10.96.0.1"]], [other.id, []]] as const) {
    await change(nft, mirror, [], [id]);
    assert.deepEqual((await readKernel(nft, "IPv4")).content.clusterIps, left);
  }
});

Deno.test("of two service ports with the same address the one with the smaller id is served, the other inherits", async () => {
  const external = { verdict: "cluster", externalIPs: [7], nodePort: 30_080 } as const;
  const first = viewOf({ ...BASE, service: 1, address: 1, external, endpoints: hosts(1) });
  const second = viewOf({ ...BASE, service: 2, address: 2, external, endpoints: hosts(2) });
  const { nft, mirror } = await resynced([second]);
  const served = async () => {
    const { services, nodePorts } = (await readKernel(nft, "IPv4")).content;
    return [services["192.0.2.7 . tcp . 80"]?.endpoints, nodePorts["tcp . 30080"]?.endpoints];
  };
  await change(nft, mirror, [first]);
  assert.deepEqual([...mirror.shadowed], [second.id]);
  assert.deepEqual(await served(), [["10.244.0.1 . 80"], ["10.244.0.1 . 80"]]);
  await change(nft, mirror, [], [first.id]);
  assert.deepEqual([...mirror.shadowed], []);
  assert.deepEqual(await served(), [["10.244.0.2 . 80"], ["10.244.0.2 . 80"]]);
});

Deno.test("who names another's address as an external IP does not get it, whatever he is called", async () => {
  const evil = viewOf({
    ...BASE,
    service: 1,
    address: 3,
    endpoints: hosts(6),
    external: { verdict: "cluster", externalIPs: [11, 12] },
  });
  const balanced = viewOf({
    ...BASE,
    service: 2,
    address: 2,
    endpoints: hosts(1),
    external: { verdict: "cluster", loadBalancerIPs: [11], sources: ["10.0.0.0/8"] },
  });
  // Its cluster IP is what the first names as an external one.
  const victim = {
    ...viewOf({ ...BASE, service: 3, endpoints: hosts(2) }),
    clusterIP: "192.0.2.12",
  };
  const orders = [[evil, balanced, victim], [balanced, victim, evil], [victim, evil, balanced]];
  for (const order of orders) {
    const { nft, mirror } = await resynced([]);
    for (const view of order) await change(nft, mirror, [view]);
    const { services, clusterIps } = (await readKernel(nft, "IPv4")).content;
    assert.deepEqual(services["192.0.2.11 . tcp . 80"]?.endpoints, ["10.244.0.1 . 80"]);
    assert.deepEqual(services["192.0.2.11 . tcp . 80"]?.sources, ["10.0.0.0", "11.0.0.0"]);
    assert.deepEqual(services["192.0.2.12 . tcp . 80"]?.endpoints, ["10.244.0.2 . 80"]);
    assert.deepEqual(clusterIps, ["10.96.0.2", "10.96.0.3", "192.0.2.12"]);
    assert.deepEqual([...mirror.shadowed], [evil.id]);
    // It gets what nobody else has any more.
    await change(nft, mirror, [], [victim.id]);
    const left = (await readKernel(nft, "IPv4")).content.services;
    assert.deepEqual(left["192.0.2.12 . tcp . 80"]?.endpoints, ["10.244.0.6 . 80"]);
  }
});

Deno.test("a renamed port is a change of its elements: no slot that a packet may look up is lost", async () => {
  const before = viewOf({ ...BASE, endpoints: hosts(1, 2, 3) });
  const { nft, mirror } = await resynced([before]);
  const earlier = await readKernel(nft, "IPv4");
  const renamed = { ...viewOf({ ...BASE, endpoints: hosts(2) }), id: "default/s1:new/TCP/IPv4" };
  await change(nft, mirror, [renamed], [before.id]);
  const reading = await readKernel(nft, "IPv4");
  assert.deepEqual(reading.content.services[SERVICE]?.endpoints, ["10.244.0.2 . 80"]);
  assertNoneLost(earlier, reading);
});

Deno.test("with affinity an endpoint keeps its seat whatever happens to the others", async () => {
  const sticky = (...numbers: number[]) =>
    viewOf({ ...BASE, affinitySeconds: 60, endpoints: hosts(...numbers) });
  const { nft, mirror } = await resynced([sticky(1, 2, 3)]);
  const seats = async () =>
    new Map([...(await readKernel(nft, "IPv4")).slots].map(([key, place]) => [place, key]));
  const before = await seats();
  await change(nft, mirror, [sticky(2, 3)]);
  await change(nft, mirror, [sticky(3, 5, 2)]);
  const after = await seats();
  for (const place of ["10.244.0.2 . 80", "10.244.0.3 . 80"]) {
    assert.equal(after.get(place), before.get(place));
  }
  assert.equal(after.has("10.244.0.1 . 80"), false);
  const content = (await readKernel(nft, "IPv4")).content.services[SERVICE];
  assert.deepEqual([content?.endpoints?.length, content?.affinity], [3, "60"]);
});

Deno.test("a firewall is shared by who has the same sources, and goes with the last of them", async () => {
  const guarded = (service: number, sources: readonly string[]) =>
    viewOf({
      ...BASE,
      service,
      address: service,
      endpoints: hosts(1),
      external: { verdict: "cluster", loadBalancerIPs: [10 + service], sources },
    });
  const { nft, mirror } = await resynced([
    guarded(1, ["10.0.0.0/8", "10.1.0.0/16"]),
    guarded(2, ["10.1.0.0/16", "10.0.0.0/8"]),
  ]);
  const firewalls = async () =>
    (await nft.list("chains", "ip")).filter((name) => /^firewall-\d+$/.test(name));
  assert.deepEqual(await firewalls(), ["firewall-1"]);
  await change(nft, mirror, [guarded(1, ["192.0.2.0/24"])]);
  assert.deepEqual(await firewalls(), ["firewall-1", "firewall-2"]);
  await change(nft, mirror, [], [guarded(2, []).id]);
  await change(nft, mirror, []);
  assert.deepEqual(await firewalls(), ["firewall-2"]);
  const { services } = (await readKernel(nft, "IPv4")).content;
  assert.deepEqual(services["192.0.2.11 . tcp . 80"]?.sources, ["192.0.2.0", "192.0.3.0"]);
});

Deno.test("ten thousand endpoints of one service port fit", async () => {
  const view = viewOf({ ...BASE, endpoints: hosts(1) });
  const endpoints = Array.from({ length: 10_000 }, (_, index) => ({
    ip: `10.${128 + (index >> 16)}.${index >> 8 & 255}.${index & 255}`,
    port: 80,
    local: false,
    inCluster: true,
    inLocal: false,
  }));
  const { nft } = await resynced([{ ...view, endpoints }]);
  const { services } = (await readKernel(nft, "IPv4")).content;
  assert.equal(new Set(services[SERVICE]?.endpoints).size, 10_000);
});
