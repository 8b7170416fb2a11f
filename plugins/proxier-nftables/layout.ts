/**
 * The chains as data: what a connection passes on its way. Nothing here depends on a Service; see
 * README.md for how a packet passes through.
 *
 * @module
 */
import {
  addToMap,
  type BaseChain,
  type Chain,
  chain,
  commented,
  concat,
  ct,
  deleteFromMap,
  dnat,
  fib,
  type Layout,
  type LocalMatch,
  masquerade,
  meta,
  type NftMap,
  numgenRandom,
  type ProxierSettings,
  reject,
  type Rule,
  rule,
  type Statement,
  type Term,
  th,
  updateMap,
  verdict,
} from "weir";
import {
  type FamilyObjects,
  header,
  keyTerms,
  originalTerms,
  type SetSizes,
  type Space,
  type SpaceObjects,
} from "./objects.ts";

/** Which of a space's maps leads to the endpoint set: for everyone, or for who is on this node. */
export type Way = "sets" | "nodeSets";

/** What the chain that chooses must know of an endpoint set. */
export interface Choice {
  /** 1 or more. */
  readonly count: number;
  /** Seconds that a client stays with its endpoint, or 0. */
  readonly affinitySeconds: number;
}

/** The key of a space as one term. */
function keyOf(of: FamilyObjects, space: Space): Term {
  return concat(...keyTerms(of.family, space));
}

/**
 * The chain that sends a connection to one of a set's endpoints. It looks the set up once more: a
 * value cannot be handed from one chain to the next but in the packet.
 *
 * @param of The family's objects.
 * @param space How the connection is told.
 * @param way By which of the space's maps.
 * @param choice What is chosen among.
 * @returns A chain with one rule, or five with affinity.
 */
export function choiceChain(of: FamilyObjects, space: Space, way: Way, choice: Choice): Chain {
  const { count, affinitySeconds } = choice;
  const map = of.spaces[space][way];
  const set = keyOf(of, space).map(map);
  const name = `${map.name}-${count}`;
  const random = numgenRandom(count);
  if (affinitySeconds === 0) {
    const rules = [rule(dnat(concat(set, random).map(of.endpoints)))];
    return chain(of.table, name, { rules });
  }
  const client = concat(header(of.family).saddr, set);
  const seat = client.map(of.affinity);
  const lifetime = { timeoutSeconds: affinitySeconds };
  const toSeat = dnat(concat(set, seat).map(of.endpoints));
  return chain(of.table, `${name}-${affinitySeconds}s`, {
    rules: [
      commented("a client that is known", updateMap(of.affinity, client, seat, lifetime), toSeat),
      // Either nobody has come from there for long, or the endpoint is gone.
      rule(deleteFromMap(of.affinity, client, meta.mark)),
      rule(
        addToMap(of.affinity, client, concat(set, random).map(of.affinitySlots), lifetime),
      ),
      rule(toSeat),
      commented(
        "no room to remember the client",
        dnat(concat(set, concat(set, random).map(of.affinitySlots)).map(of.endpoints)),
      ),
    ],
  });
}

/**
 * The chain that lets only some sources go on.
 *
 * @param of The family's objects.
 * @param number Of the chain.
 * @returns A chain, which refers to the set of {@linkcode sourcesName}.
 */
export function firewallChain(of: FamilyObjects, number: number): Chain {
  const { saddr } = header(of.family);
  const rules = [rule(saddr.notInSet(sourcesName(number)), verdict.drop)];
  return chain(of.table, `firewall-${number}`, { rules });
}

/**
 * The name of the set of sources that a firewall chain lets pass.
 *
 * @param number Of the chain.
 * @returns For example `firewall-1-sources`.
 */
export function sourcesName(number: number): string {
  return `firewall-${number}-sources`;
}

/** "Local" by one match, or "not local"; undefined when it says nothing of this family. */
function local(
  match: LocalMatch,
  of: FamilyObjects,
  operator: "eq" | "neq",
): Statement | undefined {
  switch (match.type) {
    case "cidr":
      return match.family === of.family ? header(of.family).saddr[operator](match.cidr) : undefined;
    case "interface":
      return meta.iifname[operator](match.name);
    case "interfacePrefix":
      return meta.iifname[operator](`${match.prefix}*`);
  }
}

function locals(
  of: FamilyObjects,
  settings: ProxierSettings,
  operator: "eq" | "neq",
): Statement[] {
  return settings.localMatches
    .map((match) => local(match, of, operator))
    .filter((match) => match !== undefined);
}

/** The rule that marks connections to cluster IPs for masquerading, if there is any. */
function markRules(of: FamilyObjects, settings: ProxierSettings, mark: Statement): Rule[] {
  const sources = locals(of, settings, "neq");
  if (!settings.masqueradeAll && sources.length === 0) return [];
  return [commented(
    settings.masqueradeAll ? "masquerade everything" : "masquerade what is not from a local pod",
    header(of.family).daddr.inSet(of.clusterIps),
    ...(settings.masqueradeAll ? [] : sources),
    mark,
  )];
}

/** From a key to the endpoint set, to its size, to the chain that chooses. */
function choose(
  of: FamilyObjects,
  space: Space,
  way: Way,
  { countTraffic }: ProxierSettings,
): Rule[] {
  const { [way]: map, chains, nodeChains } = of.spaces[space];
  const set = keyOf(of, space).map(map);
  return [
    ...(countTraffic ? [commented("count the connection", set.inSet(of.setConnections))] : []),
    rule(set.map(of.setSizes).vmap(way === "sets" ? chains : nodeChains)),
  ];
}

/**
 * Counts the packets of connections that were translated, each where it enters: what comes back over
 * loopback has been counted where it left. Nobody is asked which of the tables' translations it was,
 * so a connection counts for whoever has its original address and port now.
 */
function countChains(of: FamilyObjects): Readonly<Record<string, readonly Rule[]>> {
  const { service, nodeport } = of.spaces;
  const key = (space: Space) => concat(...originalTerms(of.family, space));
  const count = rule(ct.status.has("dnat"), verdict.jump("count-packets"));
  return {
    "count-prerouting": [{
      ...count,
      statements: [meta.iifname.neq("lo"), ...count.statements],
    }],
    "count-output": [count],
    "count-packets": [
      rule(key("service").inSet(service.packets), verdict.return),
      rule(key("nodeport").inSet(nodeport.packets)),
    ],
  };
}

/** The chains of one space: everyone's, and the detour of who is on this node. */
function spaceChains(
  of: FamilyObjects,
  space: Space,
  settings: ProxierSettings,
  mark: Statement,
): Readonly<Record<string, readonly Rule[]>> {
  const key = keyOf(of, space);
  const { localPolicy, masquerade } = of.spaces[space];
  return {
    [`${space}s`]: [
      rule(key.inSet(masquerade), mark),
      rule(key.inSet(localPolicy), verdict.jump(`${space}-from-node`)),
      ...choose(of, space, "sets", settings),
    ],
    // Policy Local is for who comes from outside: pods and the node itself could as well have
    // used the cluster IP, and are served as if they had.
    [`${space}-from-node`]: [
      ...locals(of, settings, "eq").map((match) =>
        rule(match, verdict.goto(`${space}-node-choice`))
      ),
      // It would be answered on the interface that it did not ask on.
      rule(fib.saddrType.eq("local"), mark, verdict.goto(`${space}-node-choice`)),
    ],
    [`${space}-node-choice`]: choose(of, space, "nodeSets", settings),
  };
}

/** Whether an address answers node ports; the loopback ranges never do. */
function answersNodePorts(of: FamilyObjects, settings: ProxierSettings): readonly Statement[] {
  const { daddr } = header(of.family);
  return settings.nodePorts.type === "listed" ? [daddr.inSet(of.nodeportIps)] : [
    daddr.neq(of.family === "IPv4" ? "127.0.0.0/8" : "::1"),
    fib.daddrType.eq("local"),
  ];
}

function refuse({ drop, reject }: SpaceObjects, key: Term): readonly Rule[] {
  return [
    rule(key.inSet(drop), verdict.drop),
    rule(key.inSet(reject), verdict.goto("reject-chain")),
  ];
}

/** nft 1.0.6 does not take the name `dstnat` in the output hook, hence numbers. */
const HOOKS = {
  "filter-prerouting": { type: "filter", hook: "prerouting", priority: -110 },
  "filter-output-early": { type: "filter", hook: "output", priority: -110 },
  "nat-prerouting": { type: "nat", hook: "prerouting", priority: -100 },
  "nat-output": { type: "nat", hook: "output", priority: -100 },
  "nat-postrouting": { type: "nat", hook: "postrouting", priority: 100 },
  "filter-input": { type: "filter", hook: "input", priority: 0 },
  "filter-forward": { type: "filter", hook: "forward", priority: 0 },
  "filter-output": { type: "filter", hook: "output", priority: 0 },
  // Behind the translation, so that a connection's first packet is known for what it is.
  "count-prerouting": { type: "filter", hook: "prerouting", priority: -90 },
  "count-output": { type: "filter", hook: "output", priority: -90 },
} as const satisfies Readonly<Record<string, BaseChain>>;

function isNew(to: string): Rule {
  return rule(ct.state.has("new"), verdict.jump(to));
}

function chains(
  of: FamilyObjects,
  settings: ProxierSettings,
): Readonly<Record<string, readonly Rule[]>> {
  const { saddr, daddr } = header(of.family);
  const bit = 1 << settings.masqueradeBit;
  const mark = meta.mark.set(meta.mark.or(bit));
  const service = keyOf(of, "service");
  const nodePorts = answersNodePorts(of, settings);
  return {
    // Before the translation, while the packet still carries the load balancer's address.
    "filter-prerouting": [isNew("firewall-check")],
    "filter-output-early": [isNew("firewall-check")],
    "nat-prerouting": [rule(verdict.jump("nat"))],
    "nat-output": [rule(verdict.jump("nat"))],
    "nat-postrouting": [
      // Only a connection's first packet passes nat chains, so only it ever carries the mark.
      rule(
        meta.mark.and(bit).neq(0),
        meta.mark.set(meta.mark.andNot(bit)),
        masquerade({ fullyRandom: true }),
      ),
      // An endpoint would get its own address as the source and answer past us.
      commented(
        "an endpoint that reached itself",
        ct.status.has("dnat"),
        concat(saddr, daddr, meta.l4proto, th.dport).inSet(of.hairpinConnections),
        masquerade({ fullyRandom: true }),
      ),
    ],
    // A new connection that was translated carries an endpoint's address by now, so whatever
    // still carries a Service's address or node port in these hooks has not been served.
    // In input too: somebody may have made a cluster IP the node's own, as kube-proxy's IPVS mode
    // does, and its unused ports would be those of the node's servers (kubernetes#72236).
    "filter-input": [isNew("nodeports-check"), isNew("services-check"), isNew("cluster-ips-check")],
    "filter-forward": [isNew("services-check"), isNew("cluster-ips-check")],
    "filter-output": [isNew("services-check"), isNew("cluster-ips-check")],
    "nat": [
      ...markRules(of, settings, mark),
      rule(verdict.jump("services")),
      rule(...nodePorts, verdict.jump("nodeports")),
    ],
    ...spaceChains(of, "service", settings, mark),
    ...spaceChains(of, "nodeport", settings, mark),
    ...(settings.countTraffic ? countChains(of) : {}),
    "firewall-check": [rule(service.map(of.firewalls).vmap(of.firewallChains))],
    "services-check": refuse(of.spaces.service, service),
    "nodeports-check": refuse(of.spaces.nodeport, keyOf(of, "nodeport")).map((each) => ({
      ...each,
      statements: [...nodePorts, ...each.statements],
    })),
    "cluster-ips-check": [
      commented(
        "an unused port of a cluster IP",
        daddr.inSet(of.clusterIps),
        verdict.goto("reject-chain"),
      ),
      ...settings.serviceCIDRs
        .filter((cidr) => cidr.includes(":") === (of.family === "IPv6"))
        .map((cidr) => commented("a cluster IP that no Service has", daddr.eq(cidr), verdict.drop)),
    ],
    // An ICMP error that comes back while connect() still holds the socket, as it does from this
    // node, is only a soft error (tcp_v4_err): the client would wait a second for the next SYN. A
    // reset waits in the socket's backlog instead and refuses the connection at once.
    "reject-chain": [
      rule(meta.l4proto.eq("tcp"), reject("tcp reset")),
      rule(reject()),
    ],
  };
}

/**
 * A family's table without Services.
 *
 * @param of The family's objects.
 * @param settings What is masqueraded, and where node ports answer.
 * @param sizes Of the sets.
 * @returns Sets, maps, chains and rules; those of session affinity and of firewalls come when a
 * Service asks for them.
 */
export function layout(of: FamilyObjects, settings: ProxierSettings, sizes: SetSizes): Layout {
  const sized = <Kind extends NftMap | FamilyObjects["clusterIps"]>(set: Kind): Kind => ({
    ...set,
    size: sizes.get(set) ?? set.size,
  });
  const { service, nodeport } = of.spaces;
  return {
    table: of.table,
    sets: [
      ...[of.clusterIps, of.nodeportIps, of.hairpinConnections].map(sized),
      ...[of.setSizes, of.endpoints, of.firewalls].map(sized),
      of.firewallChains,
      ...[service, nodeport].flatMap((space) => [
        ...[space.sets, space.nodeSets].map(sized),
        ...[space.localPolicy, space.masquerade, space.reject, space.drop].map(sized),
        space.chains,
        space.nodeChains,
        ...(settings.countTraffic ? [sized(space.packets)] : []),
      ]),
      ...(settings.countTraffic ? [sized(of.setConnections)] : []),
    ],
    chains: Object.entries(chains(of, settings)).map(([name, rules]) => {
      const base = Object.entries(HOOKS).find(([hooked]) => hooked === name)?.[1];
      return chain(of.table, name, base === undefined ? { rules } : { base, rules });
    }),
  };
}
