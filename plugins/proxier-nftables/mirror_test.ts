import assert from "node:assert/strict";
import fc from "fast-check";
import type { IpFamily, NftClient, ProxierSettings, ServicePortView } from "weir";
import { fakeNft } from "../../tests/kit/nft_fake.ts";
import { type KernelReading, readKernel } from "./kernel_content.ts";
import { TABLE_NAME } from "./layout.ts";
import { Mirror } from "./mirror.ts";
import { anyChange, type Sample, viewOf } from "../../tests/kit/service_port_sample.ts";

const SETTINGS: ProxierSettings = {
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

Deno.test("any sequence of changes leaves in the kernel what one resync would have put there", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyChange, { minLength: 1, maxLength: 8 }), async (changes) => {
      const { nft, mirror } = await resynced([]);
      const truth = new Map<string, ServicePortView>();
      for (const change of changes) {
        const before = await Promise.all(FAMILIES.map((family) => readKernel(nft, family)));
        const tx = nft.transaction();
        for (const view of change.removes) truth.delete(view.id);
        for (const view of change.upserts) truth.set(view.id, view);
        mirror.apply(tx, {
          upserts: change.upserts,
          removes: change.removes.map((view) => view.id),
        });
        await tx.commit();
        const fresh = await resynced(
          [...truth.values()].sort((one, other) => one.id < other.id ? -1 : 1),
        );
        for (const [index, family] of FAMILIES.entries()) {
          const reading = await readKernel(nft, family);
          assert.deepEqual(reading.content, (await readKernel(fresh.nft, family)).content);
          assert.deepEqual(reading.orphans, []);
          const earlier = before[index];
          if (earlier !== undefined) assertNoneLost(earlier, reading);
          for (const [service, spares] of Object.entries(reading.spares)) {
            for (const spare of spares) {
              assert.ok(reading.content.services[service]?.includes(spare), `${service}: ${spare}`);
            }
          }
        }
      }
    }),
    { seed: 20_251_123, numRuns: 150 },
  );
});

/** A packet that read the old count finds each of its slots in the new generation. */
function assertNoneLost(before: KernelReading, after: KernelReading): void {
  for (const [service, count] of before.counts) {
    if (!after.counts.has(service)) continue;
    for (let slot = 0; slot < count; slot++) {
      assert.ok(after.slots.has(`${service} . ${slot}`), `${service} slot ${slot} is lost`);
    }
  }
}

Deno.test("a shrink leaves the slots that are gone pointing at a live endpoint until the next change", async () => {
  const { nft, mirror } = await resynced([viewOf({ ...BASE, endpoints: hosts(1, 2, 3) })]);
  await upsert(nft, mirror, viewOf({ ...BASE, endpoints: hosts(2) }));
  const shrunk = await readKernel(nft, "IPv4");
  assert.deepEqual(shrunk.content.services, { [SERVICE]: ["10.244.0.2 . 80"] });
  assert.deepEqual(shrunk.spares, { [SERVICE]: ["10.244.0.2 . 80", "10.244.0.2 . 80"] });
  await upsert(nft, mirror, viewOf({ ...BASE, endpoints: hosts(4) }));
  const next = await readKernel(nft, "IPv4");
  assert.deepEqual(next.content.services, { [SERVICE]: ["10.244.0.4 . 80"] });
  assert.deepEqual(next.spares, {});
});

Deno.test("a change is told to the kernel as its elements and nothing else", async () => {
  const { nft, mirror } = await resynced([
    viewOf({ ...BASE, endpoints: hosts(1, 2) }),
    viewOf({ ...BASE, service: 2, address: 2, endpoints: hosts(1, 2, 3) }),
  ]);
  const cases: readonly (readonly [name: string, view: Sample, text: string])[] = [
    ["the same again", { ...BASE, endpoints: hosts(1, 2) }, ""],
    [
      "one more endpoint",
      { ...BASE, endpoints: hosts(1, 2, 5) },
      "delete element ip weir service-endpoints { 10.96.0.1 . tcp . 80 }\n" +
      "add element ip weir service-endpoints { 10.96.0.1 . tcp . 80 : 0x00000003 }\n" +
      "add element ip weir endpoints { 10.96.0.1 . tcp . 80 . 2 : 10.244.0.5 . 80 }\n",
    ],
    [
      "one endpoint in another's place",
      { ...BASE, endpoints: hosts(1, 5, 6) },
      "delete element ip weir endpoints { 10.96.0.1 . tcp . 80 . 1 }\n" +
      "add element ip weir endpoints { 10.96.0.1 . tcp . 80 . 1 : 10.244.0.6 . 80 }\n",
    ],
    [
      "a count that no service port had",
      { ...BASE, endpoints: hosts(1, 3, 5, 6) },
      "delete element ip weir service-endpoints { 10.96.0.1 . tcp . 80 }\n" +
      "add chain ip weir endpoints-4\n" +
      "add rule ip weir endpoints-4 dnat ip addr . port to ip daddr . meta l4proto . th dport . " +
      "numgen random mod 4 map @endpoints\n" +
      "add element ip weir endpoint-counts { 0x00000004 : goto endpoints-4 }\n" +
      "add element ip weir service-endpoints { 10.96.0.1 . tcp . 80 : 0x00000004 }\n" +
      "add element ip weir endpoints { 10.96.0.1 . tcp . 80 . 3 : 10.244.0.3 . 80 }\n",
    ],
    [
      "no endpoint left",
      { ...BASE, internal: "reject", endpoints: [] },
      "delete element ip weir service-endpoints { 10.96.0.1 . tcp . 80 }\n" +
      "add element ip weir reject-services { 10.96.0.1 . tcp . 80 }\n" +
      "delete element ip weir endpoints {\n" +
      "  10.96.0.1 . tcp . 80 . 0,\n" +
      "  10.96.0.1 . tcp . 80 . 1,\n" +
      "  10.96.0.1 . tcp . 80 . 2,\n" +
      "  10.96.0.1 . tcp . 80 . 3,\n" +
      "}\n",
    ],
    [
      "policy Local without a local endpoint",
      { ...BASE, internal: "drop", endpoints: [] },
      "delete element ip weir reject-services { 10.96.0.1 . tcp . 80 }\n" +
      "add element ip weir drop-services { 10.96.0.1 . tcp . 80 }\n",
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
      "delete element ip weir drop-services { 10.96.0.1 . tcp . 80 }\n" +
      "add chain ip weir endpoints-1\n" +
      "add rule ip weir endpoints-1 dnat ip addr . port to ip daddr . meta l4proto . th dport . " +
      "numgen random mod 1 map @endpoints\n" +
      "add element ip weir endpoint-counts { 0x00000001 : goto endpoints-1 }\n" +
      "add element ip weir service-endpoints { 10.96.0.1 . tcp . 80 : 0x00000001 }\n" +
      "add element ip weir endpoints { 10.96.0.1 . tcp . 80 . 0 : 10.244.0.1 . 80 }\n" +
      "add element ip weir hairpin-connections { 10.244.0.1 . 10.244.0.1 . tcp . 80 }\n",
    ],
  ];
  for (const [name, sample, text] of cases) {
    assert.equal(await upsert(nft, mirror, viewOf(sample)), text, name);
  }
});

Deno.test("a cluster IP stays rejected as long as one of its ports is there", async () => {
  const one = viewOf({ ...BASE, endpoints: hosts(1) });
  const other = viewOf({ ...BASE, port: 443, endpoints: hosts(1) });
  const { nft, mirror } = await resynced([one, other]);
  for (const [id, left] of [[one.id, ["10.96.0.1"]], [other.id, []]] as const) {
    const tx = nft.transaction();
    mirror.apply(tx, { upserts: [], removes: [id] });
    await tx.commit();
    assert.deepEqual((await readKernel(nft, "IPv4")).content.clusterIps, left);
  }
});

Deno.test("of two service ports with the same address the one with the smaller id is served, the other inherits", async () => {
  const first = viewOf({ ...BASE, service: 1, endpoints: hosts(1) });
  const second = viewOf({ ...BASE, service: 2, endpoints: hosts(2) });
  const { nft, mirror } = await resynced([second]);
  await upsert(nft, mirror, first);
  assert.deepEqual([...mirror.shadowed], [second.id]);
  assert.deepEqual((await readKernel(nft, "IPv4")).content.services, {
    [SERVICE]: ["10.244.0.1 . 80"],
  });
  const tx = nft.transaction();
  mirror.apply(tx, { upserts: [], removes: [first.id] });
  await tx.commit();
  assert.deepEqual([...mirror.shadowed], []);
  assert.deepEqual((await readKernel(nft, "IPv4")).content.services, {
    [SERVICE]: ["10.244.0.2 . 80"],
  });
});

Deno.test("a renamed port is a change of its elements: no slot that a packet may look up is lost", async () => {
  const before = viewOf({ ...BASE, endpoints: hosts(1, 2, 3) });
  const { nft, mirror } = await resynced([before]);
  const tx = nft.transaction();
  const renamed = { ...viewOf({ ...BASE, endpoints: hosts(2) }), id: "default/s1:new/TCP/IPv4" };
  mirror.apply(tx, { upserts: [renamed], removes: [before.id] });
  await tx.commit();
  const { content, spares } = await readKernel(nft, "IPv4");
  assert.deepEqual(content.services, { [SERVICE]: ["10.244.0.2 . 80"] });
  assert.equal(spares[SERVICE]?.length, 2);
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
  assert.equal(new Set(services[SERVICE]).size, 10_000);
});
