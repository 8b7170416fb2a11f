import { chain, concat, ct, defineProxier, dnat, ip, map, masquerade, meta, table } from "weir";
import { type NftClient, numgenRandom, type Rule, rule, type ServicePortView, th } from "weir";

const hello = table("ip", "hello");
const key = (count: number) => [ip.daddr, meta.l4proto, th.dport, numgenRandom(count)] as const;
const endpoints = map(hello, "endpoints", key(2), [ip.daddr, th.dport]);
const nat = (hook: "prerouting" | "output" | "postrouting", rules: Rule[], priority = -100) =>
  chain(hello, hook, { base: { type: "nat", hook, priority }, rules });

/** All there is, by id: every change writes the table anew, which the kernel does atomically. */
const ports = new Map<string, ServicePortView>();

async function write(nft: NftClient): Promise<void> {
  const tx = nft.transaction();
  const rules: Rule[] = [];
  const elements: (() => void)[] = [];
  for (const { family, clusterIP, protocol, port, internal, ...view } of ports.values()) {
    const pods = view.endpoints.filter((pod) => internal === "local" ? pod.inLocal : pod.inCluster);
    if (family !== "IPv4" || pods.length === 0) continue;
    const proto = protocol.toLowerCase();
    const matches = [ip.daddr.eq(clusterIP), meta.l4proto.eq(proto), th.dport.eq(port)];
    rules.push(rule(...matches, dnat(concat(...key(pods.length)).map(endpoints))));
    for (const [slot, pod] of pods.entries()) {
      const data = [pod.ip, pod.port];
      elements.push(() => tx.addElement(endpoints, [clusterIP, proto, port, slot], data));
    }
  }
  const back = [rule(ct.status.has("dnat"), masquerade())];
  const chains = [nat("prerouting", rules), nat("output", rules), nat("postrouting", back, 100)];
  tx.replaceTable({ table: hello, sets: [endpoints], chains });
  for (const add of elements) add();
  await tx.commit();
}

export default defineProxier({
  name: "hello",
  version: "0.1.0",
  api: 1,
  requires: { nft: { version: 1, table: "hello" } },
  async resync(snapshot, { nft, log }) {
    ports.clear();
    for (const port of snapshot.ports) ports.set(port.id, port);
    await write(nft);
    log.info("programmed", { ports: ports.size });
  },
  async apply(diff, { nft }) {
    for (const id of diff.removes) ports.delete(id);
    for (const port of diff.upserts) ports.set(port.id, port);
    await write(nft);
  },
  explain: (query) =>
    [...ports.values()].filter((view) => view.clusterIP === query.ip && view.port === query.port)
      .filter((view) => view.family === "IPv4" && view.protocol === query.protocol)
      .map((view) => ({ at: "chain prerouting", match: view.id, outcome: "dnat to @endpoints" })),
  async cleanup({ nft }) {
    const tx = nft.transaction();
    tx.destroy(hello);
    await tx.commit();
  },
});
