/**
 * The nftables proxier's tables in a real kernel: what they hold after any changes, and what the
 * nft program shows of them.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { AnySet, IpFamily, ProxierSettings, ServicePortView } from "weir";
import { readKernel } from "../../plugins/proxier-nftables/kernel_content.ts";
import { Mirror } from "../../plugins/proxier-nftables/mirror.ts";
import { OBJECTS, TABLE_NAME } from "../../plugins/proxier-nftables/objects.ts";
import proxier from "../../plugins/proxier-nftables/plugin.ts";
import { anyChange, viewOf } from "../kit/service_port_sample.ts";
import { fakeNft } from "../kit/nft_fake.ts";
import { loopback } from "../kit/loopback.ts";
import { nftNode } from "./nft_node.ts";

const FAMILIES: readonly IpFamily[] = ["IPv4", "IPv6"];
const SETTINGS: ProxierSettings = {
  families: ["IPv4", "IPv6"],
  masqueradeAll: false,
  masqueradeBit: 14,
  nodePorts: { type: "listed", addresses: ["192.0.2.1", "2001:db8::1"] },
  serviceCIDRs: ["10.96.0.0/16", "fd00:96::/112"],
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
  external: { verdict: "local", loadBalancerIPs: [11], nodePort: 30_080 },
  endpoints: [
    { host: 1, port: 8080, local: true, set: "both" },
    { host: 2, port: 8080, local: false, set: "both" },
  ],
} as const;

/** The sample in both families, its load balancer not for everyone. */
const BOTH: readonly ServicePortView[] = FAMILIES.map((family) => {
  const sources = [family === "IPv4" ? "10.0.0.0/8" : "fd00::/8"];
  return viewOf({ ...SAMPLE, family, external: { ...SAMPLE.external, sources } });
});

/** What `nft list table ip weir` shows, with its elements in no order of their own. */
const LISTING = `
table ip weir {
	comment "weir: proxier test"
	set cluster-ips {
		type ipv4_addr
		size 3072
		comment "cluster IPs in use"
		elements = { 10.96.0.1 }
	}

	set nodeport-ips {
		type ipv4_addr
		comment "addresses of this node that answer node ports"
		elements = { 192.0.2.1 }
	}

	set hairpin-connections {
		type ipv4_addr . ipv4_addr . inet_proto . inet_service
		comment "an endpoint of this node that reaches itself"
		elements = { 10.244.0.1 . 10.244.0.1 . tcp . 8080 }
	}

	map set-sizes {
		type mark : mark
		size 3072
		comment "endpoint set to its number of endpoints, or its kind of affinity"
`;

Deno.test("while traffic is counted, whatever is served has its counters and nothing else has", async () => {
  await using node = nftNode("node");
  const settings: ProxierSettings = { ...SETTINGS, countTraffic: true };
  await fc.assert(
    fc.asyncProperty(fc.array(anyChange, { minLength: 1, maxLength: 6 }), async (changes) => {
      const mirror = new Mirror(settings);
      const start = node.nft.transaction();
      mirror.replace(start, []);
      await start.commit();
      for (const { removes, upserts } of changes) {
        const tx = node.nft.transaction();
        mirror.apply(tx, { upserts, removes: removes.map((view) => view.id) });
        await tx.commit();
      }
      for (const family of FAMILIES) {
        const { setConnections, setSizes, spaces } = OBJECTS[family];
        const keys = async (set: AnySet) =>
          (await node.nft.elements(set)).map(({ key }) => key).sort();
        const { sets } = await readKernel(node.nft, family);
        const [counted, standing] = [await keys(setConnections), await keys(setSizes)];
        assert.deepEqual([...sets.values()].filter((set) => !counted.includes(set)), []);
        // Those of a service port in another's shadow are there too; gone ones go at once.
        assert.deepEqual(counted.filter((set) => !standing.includes(set)), []);
        for (const { packets, sets, nodeSets } of Object.values(spaces)) {
          const served = new Set([...await keys(sets), ...await keys(nodeSets)]);
          assert.deepEqual(await keys(packets), [...served].sort());
        }
        for (const { counted } of await node.nft.elementWords(setConnections)) {
          assert.deepEqual(counted, { packets: 0n, bytes: 0n });
        }
      }
    }),
    { seed: 20_261_127, numRuns: 40 },
  );
  const listing = await node.run(["list", "table", "ip6", TABLE_NAME]);
  for (
    const line of [
      "ct original ip6 daddr . meta l4proto . ct original proto-dst @service-packets return",
      'iifname != "lo" ct status dnat jump count-packets',
    ]
  ) assert.ok(listing.includes(line), `${line}\n${listing}`);
});

Deno.test("nft lists the tables, chained lookup and all", async () => {
  await using node = nftNode("node");
  const tx = node.nft.transaction();
  const mirror = new Mirror(SETTINGS);
  mirror.replace(tx, BOTH);
  await tx.commit();
  const four = await node.run(["list", "table", "ip", TABLE_NAME]);
  assert.ok(four.startsWith(LISTING.trimStart()), four);
  for (
    const line of [
      'ip daddr @cluster-ips ip saddr != 10.244.0.0/16 iifname != "cali*" ' +
      "meta mark set meta mark | 0x00004000",
      // nft's view of the turn that a looked-up key takes through the mark, see encode_rule.ts.
      "meta mark set ip daddr . meta l4proto . th dport map @service-sets " +
      "meta mark set meta mark meta mark set meta mark map @set-sizes " +
      "meta mark set meta mark meta mark vmap @service-chains",
      "ip daddr . meta l4proto . th dport @service-masquerade meta mark set meta mark | 0x00004000",
      "ip daddr . meta l4proto . th dport @service-local-policy jump service-from-node",
      "ip saddr 10.244.0.0/16 goto service-node-choice",
      'iifname "cali*" goto service-node-choice',
      "fib saddr type local meta mark set meta mark | 0x00004000 goto service-node-choice",
      "ip daddr @nodeport-ips jump nodeports",
      "ip daddr @nodeport-ips meta l4proto . th dport @nodeport-drop drop",
      "meta mark set ip daddr . meta l4proto . th dport map @firewalls meta mark set meta mark " +
      "meta mark vmap @firewall-chains",
      "ip saddr != @firewall-1-sources drop",
      'ip daddr 10.96.0.0/16 drop comment "a cluster IP that no Service has"',
      "meta mark & 0x00004000 != 0x00000000 meta mark set meta mark & 0xffffbfff " +
      "masquerade fully-random",
      "ct status dnat ip saddr . ip daddr . meta l4proto . th dport @hairpin-connections " +
      "masquerade fully-random",
      "ip daddr . meta l4proto . th dport @service-drop drop",
      "ip daddr . meta l4proto . th dport @service-reject goto reject-chain",
      "ip daddr @cluster-ips goto reject-chain",
    ]
  ) assert.ok(four.includes(line), `${line}\n${four}`);
  const six = await node.run(["list", "table", "ip6", TABLE_NAME]);
  for (
    const line of [
      'ip6 daddr @cluster-ips iifname != "cali*" meta mark set',
      "meta mark set ip6 daddr . meta l4proto . th dport map @service-sets " +
      "meta mark set meta mark meta mark set meta mark map @set-sizes " +
      "meta mark set meta mark meta mark vmap @service-chains",
      " . 0 : fd00:10:244::1 . 8080",
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
  const { content, orphans } = await readKernel(node.nft, "IPv4");
  assert.equal(new Set(content.services["10.96.0.1 . tcp . 80"]?.endpoints).size, 5_000);
  assert.deepEqual(orphans, []);
  // It goes on from there as from a resync.
  const fewer = { ...few, endpoints: endpoints.slice(0, 4_999) };
  await plugin.call("apply", { from: 2, to: 3, upserts: [fewer], removes: [] });
  const after = (await readKernel(node.nft, "IPv4")).content;
  assert.equal(after.services["10.96.0.1 . tcp . 80"]?.endpoints?.length, 4_999);
});

Deno.test("the text of all but the chained lookup is accepted by nft", async () => {
  await using node = nftNode("node");
  const tx = node.nft.transaction();
  const mirror = new Mirror(SETTINGS);
  mirror.replace(tx, BOTH);
  const lines = String(tx).split("\n");
  const chained = lines.filter((line) => /map @[a-z-]+ (vmap|map|\. )/.test(line));
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

Deno.test("a client that the kernel remembers stays remembered through a resync, whatever else stands there", async () => {
  await using node = nftNode("node");
  const start = () =>
    loopback(proxier, {
      nft: (method, params, attachment) => node.capability.invoke(method, params, attachment),
    });
  const view = viewOf({ ...SAMPLE, family: "IPv4", affinitySeconds: 600 });
  const ports = [view, viewOf({ ...SAMPLE, family: "IPv6" })];
  const remembered = async () =>
    (await node.nft.elements(OBJECTS.IPv4.affinity)).map(({ key, data }) => `${key} : ${data}`);
  {
    await using plugin = await start();
    await plugin.call("resync", { revision: 1, settings: SETTINGS, ports });
  }
  const { sets, slots } = await readKernel(node.nft, "IPv4");
  const set = sets.get("service-sets 10.96.0.1 . tcp . 80");
  const [key] = [...slots].find(([key]) => key.startsWith(`${set} .`)) ?? [];
  const client = `10.0.0.9 . ${set} : 0x${Number(key?.split(" . ")[1]).toString(16)}`;
  const [, seat] = client.split(" : ");
  await node.run([
    "add",
    "element",
    "ip",
    TABLE_NAME,
    "affinity",
    `{ 10.0.0.9 . ${set} timeout 500s : ${seat} }`,
  ]);
  assert.deepEqual(await remembered(), [client]);
  // Another life, and somebody has added a chain, with a rule that has a set of its own.
  await node.run(["add", "chain", "ip", TABLE_NAME, "foreign"]);
  await node.run(["add", "rule", "ip", TABLE_NAME, "foreign", "tcp dport { 22, 80 } accept"]);
  await using plugin = await start();
  await plugin.call("resync", { revision: 1, settings: SETTINGS, ports });
  assert.deepEqual(await remembered(), [client]);
  assert.ok((await readKernel(node.nft, "IPv4")).slots.has(key ?? ""));
  assert.deepEqual((await node.nft.list("chains", "ip")).includes("foreign"), false);
  // What nobody can foresee makes the kernel refuse: then everything is replaced.
  await node.run(["add", "map", "ip", TABLE_NAME, "verdicts", "{ type mark : verdict ; }"]);
  await node.run(["add", "chain", "ip", TABLE_NAME, "foreign"]);
  await node.run(["add", "element", "ip", TABLE_NAME, "verdicts", "{ 1 : goto foreign }"]);
  await plugin.call("resync", { revision: 2, settings: SETTINGS, ports });
  assert.deepEqual((await node.nft.list("sets", "ip")).includes("verdicts"), false);
  assert.ok((await readKernel(node.nft, "IPv4")).slots.has(key ?? ""));
  // nft does not choke on the rules of affinity.
  await node.run(["list", "ruleset"]);
});

Deno.test("chains for sizes and affinities that nobody has any more do not pile up", async () => {
  await using node = nftNode("node");
  await using plugin = await loopback(proxier, {
    nft: (method, params, attachment) => node.capability.invoke(method, params, attachment),
  });
  const sticky = (seconds: number) =>
    viewOf({ ...SAMPLE, family: "IPv4", affinitySeconds: seconds });
  await plugin.call("resync", { revision: 1, settings: SETTINGS, ports: [sticky(1)] });
  for (let revision = 1; revision < 300; revision++) {
    const upserts = [sticky(revision + 1)];
    await plugin.call("apply", { from: revision, to: revision + 1, upserts, removes: [] });
  }
  const chains = (await node.nft.list("chains", "ip")).filter((name) => /-sets-/.test(name));
  // Three ways of being reached, of a hundred sizes at most.
  assert.ok(chains.length < 300, `${chains.length} chains`);
  const { services } = (await readKernel(node.nft, "IPv4")).content;
  assert.equal(services["10.96.0.1 . tcp . 80"]?.affinity, "300");
});
