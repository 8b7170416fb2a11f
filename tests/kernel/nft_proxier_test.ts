/**
 * The nftables proxier's tables in a real kernel: what they hold after any changes, and what the
 * nft program shows of them.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { IpFamily, ProxierSettings, ServicePortView } from "weir";
import { readKernel } from "../../plugins/proxier-nftables/kernel_content.ts";
import { TABLE_NAME } from "../../plugins/proxier-nftables/layout.ts";
import { Mirror } from "../../plugins/proxier-nftables/mirror.ts";
import proxier from "../../plugins/proxier-nftables/plugin.ts";
import { anyChange, viewOf } from "../kit/service_port_sample.ts";
import { fakeNft } from "../kit/nft_fake.ts";
import { loopback } from "../kit/loopback.ts";
import { nftNode } from "./nft_node.ts";

const FAMILIES: readonly IpFamily[] = ["IPv4", "IPv6"];
const SETTINGS: ProxierSettings = {
  masqueradeAll: false,
  masqueradeBit: 14,
  nodePorts: { type: "listed", addresses: [] },
  serviceCIDRs: [],
  localMatches: [
    { type: "cidr", family: "IPv4", cidr: "10.244.0.0/16" },
    { type: "interfacePrefix", prefix: "cali" },
  ],
};

Deno.test("after any changes the kernel holds what one resync would have put there", async () => {
  await using node = nftNode("node");
  await fc.assert(
    fc.asyncProperty(fc.array(anyChange, { minLength: 1, maxLength: 6 }), async (changes) => {
      const mirror = new Mirror(SETTINGS);
      const start = node.nft.transaction();
      mirror.replace(start, []);
      await start.commit();
      const truth = new Map<string, ServicePortView>();
      for (const change of changes) {
        for (const view of change.removes) truth.delete(view.id);
        for (const view of change.upserts) truth.set(view.id, view);
        const tx = node.nft.transaction();
        mirror.apply(tx, {
          upserts: change.upserts,
          removes: change.removes.map((view) => view.id),
        });
        await tx.commit();
      }
      const fresh = fakeNft({ version: 1, table: TABLE_NAME });
      const tx = fresh.nft.transaction();
      const other = new Mirror(SETTINGS);
      other.replace(tx, [...truth.values()]);
      await tx.commit();
      for (const family of FAMILIES) {
        const reading = await readKernel(node.nft, family);
        assert.deepEqual(reading.content, (await readKernel(fresh.nft, family)).content);
        assert.deepEqual(reading.orphans, []);
      }
    }),
    { seed: 20_251_123, numRuns: 60 },
  );
});

const SAMPLE = {
  service: 1,
  protocol: "TCP",
  port: 80,
  address: 1,
  internal: "cluster",
  affinitySeconds: 0,
  endpoints: [
    { host: 1, port: 8080, local: true, set: "both" },
    { host: 2, port: 8080, local: false, set: "both" },
  ],
} as const;

/** What `nft list table ip weir` shows, with its elements in no order of their own. */
const LISTING = `
table ip weir {
	comment "rules of weir's nftables proxier"
	set cluster-ips {
		type ipv4_addr
		size 3072
		comment "cluster IPs in use"
		elements = { 10.96.0.1 }
	}

	set reject-services {
		type ipv4_addr . inet_proto . inet_service
		size 3072
		comment "service ports without any endpoint"
	}

	set drop-services {
		type ipv4_addr . inet_proto . inet_service
		size 3072
		comment "service ports of policy Local without a local endpoint"
	}

	set hairpin-connections {
		type ipv4_addr . ipv4_addr . inet_proto . inet_service
		size 3072
		comment "an endpoint of this node that reaches itself"
		elements = { 10.244.0.1 . 10.244.0.1 . tcp . 8080 }
	}

	map service-endpoints {
		type ipv4_addr . inet_proto . inet_service : mark
		size 3072
		comment "how many endpoints a service port has"
		elements = { 10.96.0.1 . tcp . 80 : 0x00000002 }
	}

	map endpoint-counts {
		type mark : verdict
		comment "the chain that chooses among so many endpoints"
		elements = { 0x00000002 : goto endpoints-2 }
	}
`;

Deno.test("nft lists the tables, chained lookup and all", async () => {
  await using node = nftNode("node");
  const tx = node.nft.transaction();
  const mirror = new Mirror(SETTINGS);
  mirror.replace(tx, FAMILIES.map((family) => viewOf({ ...SAMPLE, family })));
  await tx.commit();
  const four = await node.run(["list", "table", "ip", TABLE_NAME]);
  assert.ok(four.startsWith(LISTING.trimStart()), four);
  for (
    const line of [
      'ip daddr @cluster-ips ip saddr != 10.244.0.0/16 iifname != "cali*" ' +
      "meta mark set meta mark | 0x00004000",
      // nft's view of the turn that a looked-up key takes through the mark, see encode_rule.ts.
      "meta mark set ip daddr . meta l4proto . th dport map @service-endpoints " +
      "meta mark set meta mark meta mark vmap @endpoint-counts",
      "meta mark & 0x00004000 != 0x00000000 meta mark set meta mark & 0xffffbfff " +
      "masquerade fully-random",
      "ct status dnat ip saddr . ip daddr . meta l4proto . th dport @hairpin-connections " +
      "masquerade fully-random",
      "ip daddr . meta l4proto . th dport @drop-services drop",
      "ip daddr . meta l4proto . th dport @reject-services goto reject-chain",
      "ip daddr @cluster-ips goto reject-chain",
    ]
  ) assert.ok(four.includes(line), `${line}\n${four}`);
  const six = await node.run(["list", "table", "ip6", TABLE_NAME]);
  for (
    const line of [
      'ip6 daddr @cluster-ips iifname != "cali*" meta mark set',
      "meta mark set ip6 daddr . meta l4proto . th dport map @service-endpoints " +
      "meta mark set meta mark meta mark vmap @endpoint-counts",
      "elements = { fd00:96::1 . tcp . 80 . 0 : fd00:10:244::1 . 8080",
    ]
  ) assert.ok(six.includes(line), `${line}\n${six}`);
  await node.run(["-j", "list", "ruleset"]);
});

Deno.test("more endpoints than the sets were made for go into larger ones, at one instant", async () => {
  await using node = nftNode("node");
  await using plugin = await loopback(proxier, {
    nft: (method, params, attachment) => node.capability.invoke(method, params, attachment),
  });
  const few = viewOf({ ...SAMPLE, family: "IPv4" });
  const endpoints = Array.from({ length: 5_000 }, (_, index) => ({
    ip: `10.245.${index >> 8}.${index & 255}`,
    port: 8080,
    local: false,
    inCluster: true,
    inLocal: false,
  }));
  await plugin.call("resync", { revision: 1, settings: SETTINGS, ports: [few] });
  const before = await node.run(["list", "map", "ip", TABLE_NAME, "endpoints"]);
  assert.match(before, /size 3072/);
  const many = { ...few, endpoints };
  await plugin.call("apply", { from: 1, to: 2, upserts: [many], removes: [] });
  const { content, spares, orphans } = await readKernel(node.nft, "IPv4");
  assert.equal(new Set(content.services["10.96.0.1 . tcp . 80"]).size, 5_000);
  assert.deepEqual([spares, orphans], [{}, []]);
  // It goes on from there as from a resync.
  const fewer = { ...few, endpoints: endpoints.slice(0, 4_999) };
  await plugin.call("apply", { from: 2, to: 3, upserts: [fewer], removes: [] });
  const after = (await readKernel(node.nft, "IPv4")).content;
  assert.equal(after.services["10.96.0.1 . tcp . 80"]?.length, 4_999);
});

Deno.test("the text of all but the chained lookup is accepted by nft", async () => {
  await using node = nftNode("node");
  const tx = node.nft.transaction();
  const mirror = new Mirror(SETTINGS);
  mirror.replace(tx, FAMILIES.map((family) => viewOf({ ...SAMPLE, family })));
  const lines = String(tx).split("\n");
  const chained = lines.filter((line) => line.includes("map @service-endpoints vmap"));
  assert.equal(chained.length, 2);
  await node.run(["-c", "-f", "-"], lines.filter((line) => !chained.includes(line)).join("\n"));
});

Deno.test("the plugin resyncs over what is there, applies, and cleans up after itself", async () => {
  await using node = nftNode("node");
  await using plugin = await loopback(proxier, {
    nft: (method, params, attachment) => node.capability.invoke(method, params, attachment),
  });
  const view = viewOf({ ...SAMPLE, family: "IPv4" });
  for (const revision of [1, 2]) {
    await plugin.call("resync", { revision, settings: SETTINGS, ports: [view] });
  }
  await plugin.call("apply", { from: 2, to: 3, upserts: [], removes: [view.id] });
  assert.deepEqual((await readKernel(node.nft, "IPv4")).content.services, {});
  for (let times = 0; times < 2; times++) {
    await plugin.call("cleanup", null);
    assert.equal(await node.run(["list", "ruleset"]), "");
  }
});
