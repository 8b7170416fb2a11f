/**
 * The plainest proxier that uses conntrack: all addresses of a service port lead to the first of
 * its endpoints, so that a test knows which endpoint a new flow is given.
 *
 * @module
 */
import {
  chain,
  counter,
  ct,
  defineProxier,
  dnat,
  fib,
  ip,
  ip6,
  meta,
  type NftClient,
  type Rule,
  rule,
  type ServicePortView,
  table,
  th,
} from "weir";

const GRANT = { version: 1, table: "plain" } as const;

/** Every address of a port leads to the first of its endpoints. */
function rulesOf(view: ServicePortView, daddr: typeof ip.daddr): Rule[] {
  const [endpoint] = view.endpoints;
  if (endpoint === undefined) return [];
  const { external } = view;
  const target = dnat({ address: endpoint.ip, port: endpoint.port });
  const l4proto = meta.l4proto.eq(view.protocol.toLowerCase());
  const ips = [
    view.clusterIP,
    ...external?.externalIPs ?? [],
    ...external?.loadBalancerIPs ?? [],
  ];
  const rules = ips.map((address) =>
    rule(daddr.eq(address), l4proto, th.dport.eq(view.port), target)
  );
  const nodePort = external?.nodePort ?? 0;
  if (nodePort === 0) return rules;
  return [...rules, rule(fib.daddrType.eq("local"), l4proto, th.dport.eq(nodePort), target)];
}

/** All there is, by id: every change writes the tables anew. */
const ports = new Map<string, ServicePortView>();

async function write(nft: NftClient): Promise<void> {
  const tx = nft.transaction();
  for (
    const [family, type, daddr] of [["ip", "IPv4", ip.daddr], ["ip6", "IPv6", ip6.daddr]] as const
  ) {
    const own = table(family, GRANT.table);
    const rules = [...ports.values()].flatMap((view) =>
      view.family === type ? rulesOf(view, daddr) : []
    );
    const chains = (["prerouting", "output"] as const).map((hook) =>
      chain(own, hook, { base: { type: "nat", hook, priority: -100 }, rules })
    );
    // The kernel tracks nothing before a rule asks for it; a whole proxier always has such rules.
    const tracking = chain(own, "tracking", {
      base: { type: "filter", hook: "forward", priority: 0 },
      rules: [rule(ct.state.has("new"), counter())],
    });
    tx.replaceTable({ table: own, sets: [], chains: [...chains, tracking] });
  }
  await tx.commit();
}

export default defineProxier({
  name: "plain",
  version: "0.1.0",
  api: 1,
  requires: { nft: GRANT },
  uses: { conntrack: { version: 1 } },
  async resync(snapshot, { nft, conntrack }) {
    ports.clear();
    for (const port of snapshot.ports) ports.set(port.id, port);
    await write(nft);
    await conntrack?.reconcile("all");
  },
  async apply(diff, { nft, conntrack }) {
    for (const id of diff.removes) ports.delete(id);
    for (const port of diff.upserts) ports.set(port.id, port);
    await write(nft);
    await conntrack?.reconcile([...diff.upserts.map(({ id }) => id), ...diff.removes]);
  },
  explain: () => [],
  cleanup: () => {},
});
