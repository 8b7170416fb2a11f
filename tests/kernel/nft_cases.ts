/**
 * Transactions of every kind of object, expression and statement that the SDK has.
 *
 * @module
 */
import {
  addToMap,
  addToSet,
  chain,
  commented,
  concat,
  counter,
  ct,
  deleteFromMap,
  dnat,
  fib,
  ip,
  ip6,
  map,
  masquerade,
  meta,
  numgenRandom,
  reject,
  type Rule,
  rule,
  set,
  table,
  th,
  type Transaction,
  updateMap,
  updateSet,
  verdict,
  verdictMap,
} from "weir";

/** Shared with the tests. */
export const T = table("ip", "weir");
const T6 = table("ip6", "weir");
const TI = table("inet", "weir");

const services = verdictMap(T, "service-ips", ["ipv4_addr", "inet_proto", "inet_service"]);
const endpoints = map(
  T,
  "endpoints",
  [ip.daddr, meta.l4proto, th.dport, numgenRandom(2)],
  [ip.daddr, th.dport],
);
const endpoints6 = map(
  T6,
  "endpoints",
  [ip6.daddr, meta.l4proto, th.dport, numgenRandom(2)],
  [ip6.daddr, th.dport],
);

/** A chain of one rule in table `ip weir`, in a hook where the statement is valid. */
function oneRule(
  name: string,
  base: NonNullable<Parameters<typeof chain>[2]>["base"],
  ...rules: readonly Rule[]
): (tx: Transaction) => void {
  return (tx) => {
    tx.add(T);
    for (const target of ["c1", "c2"]) tx.add(chain(T, target));
    tx.add(chain(T, name, base === undefined ? { rules } : { base, rules }));
  };
}

const FILTER = { type: "filter", hook: "forward", priority: 0 } as const;
const NAT = { type: "nat", hook: "prerouting", priority: -100 } as const;
const SOURCE_NAT = { type: "nat", hook: "postrouting", priority: 100 } as const;

/** Transactions that are complete by themselves, by what they are about. */
export const CASES: readonly (readonly [name: string, build: (tx: Transaction) => void])[] = [
  ["a table", (tx) => tx.add(T)],
  ["replacing a table", (tx) => {
    tx.replaceTable({
      table: T,
      sets: [services],
      chains: [
        chain(T, "services", { rules: [rule(verdict.jump("late"))] }),
        chain(T, "late", { comment: "named before it is made" }),
      ],
    });
  }],
  ["every hook and priority", (tx) => {
    tx.add(T);
    for (const hook of ["prerouting", "input", "forward", "output", "postrouting"] as const) {
      tx.add(chain(T, `filter-${hook}`, { base: { type: "filter", hook, priority: -110 } }));
    }
    tx.add(
      chain(T, "closed", {
        base: { type: "filter", hook: "input", priority: 5, policy: "drop" },
      }),
    );
    tx.add(chain(T, "route", { base: { type: "route", hook: "output", priority: -150 } }));
    tx.add(chain(T, "nat", { base: { type: "nat", hook: "output", priority: -100 } }));
  }],
  [
    "addresses, ports and protocols",
    oneRule(
      "c",
      FILTER,
      rule(ip.daddr.eq("10.0.0.1"), meta.l4proto.eq("udp"), th.dport.eq(53), verdict.drop),
      rule(ip.saddr.neq("10.1.2.3"), verdict.accept),
      rule(ip.saddr.neq("10.244.0.0/16"), ip.daddr.eq("10.96.0.0/13"), verdict.return),
      rule(ip.saddr.eq("128.0.0.0/1"), verdict.return),
    ),
  ],
  [
    "interfaces by name and by prefix",
    oneRule(
      "c",
      FILTER,
      rule(meta.iifname.eq("eth0"), verdict.accept),
      rule(meta.iifname.neq("cali*"), meta.oifname.eq("br-0123456789ab"), verdict.drop),
    ),
  ],
  [
    "conntrack, marks and route types",
    oneRule(
      "c",
      FILTER,
      rule(ct.state.has("new"), verdict.jump("c1")),
      rule(ct.state.has("established", "related"), verdict.accept),
      rule(ct.status.has("dnat"), verdict.accept),
      rule(meta.mark.eq(0x4000), verdict.accept),
      rule(meta.mark.and(0x4000).neq(0), verdict.accept),
      rule(meta.mark.and(0x4000).eq(0x4000), meta.mark.set(meta.mark.xor(0x4000))),
      rule(meta.mark.set(meta.mark.or(0x4000))),
      rule(meta.mark.set(meta.mark.andNot(0x4000))),
      rule(meta.mark.set(7), counter()),
      rule(fib.daddrType.eq("local"), verdict.goto("c2")),
      rule(fib.saddrType.neq("local"), verdict.return),
    ),
  ],
  [
    "comments of rules",
    oneRule("c", FILTER, commented("reject traffic to unused ports", reject())),
  ],
  [
    "rejections",
    oneRule(
      "c",
      FILTER,
      rule(meta.l4proto.eq("tcp"), reject("tcp reset")),
      rule(reject()),
    ),
  ],
  [
    "source address translation",
    oneRule("c", SOURCE_NAT, rule(ct.status.has("dnat"), masquerade({ fullyRandom: true }))),
  ],
  ["plain masquerade", oneRule("c", SOURCE_NAT, rule(masquerade()))],
  [
    "destination address translation",
    oneRule(
      "c",
      NAT,
      rule(meta.l4proto.eq("tcp"), dnat({ address: "10.0.0.1", port: 8080 })),
    ),
  ],
  ["verdict maps", (tx) => {
    tx.add(T);
    tx.add(services);
    tx.add(chain(T, "c1"));
    tx.add(chain(T, "c2", {
      rules: [
        rule(concat(ip.daddr, meta.l4proto, th.dport).vmap("service-ips")),
        rule(concat(ip.daddr, meta.l4proto, th.dport).vmap(services)),
      ],
    }));
    tx.addElement(services, ["10.0.0.1", "tcp", 80], verdict.goto("c1"));
    tx.addElement(services, ["10.0.0.2", "udp", 53], verdict.drop);
    tx.addElement(services, ["10.0.0.3", "sctp", 99], verdict.jump("c1"));
  }],
  ["maps of the shared lay-out, by typeof", (tx) => {
    tx.add(T);
    tx.add(endpoints);
    const key = concat(ip.daddr, meta.l4proto, th.dport, numgenRandom(3));
    tx.add(chain(T, "endpoints-3", { rules: [rule(dnat(key.map("endpoints")))] }));
    tx.add(chain(T, "one", {
      rules: [
        rule(dnat(concat(ip.daddr, meta.l4proto, th.dport, numgenRandom(1)).map("endpoints"))),
      ],
    }));
    tx.addElement(endpoints, ["10.0.0.1", "tcp", 80, 0], ["10.244.1.1", 8080]);
    tx.addElement(endpoints, ["10.0.0.1", "tcp", 80, 1], ["10.244.1.2", 8080]);
  }],
  ["IPv6", (tx) => {
    tx.add(T6);
    tx.add(endpoints6);
    const pairs = set(T6, "pairs", ["ipv6_addr", "ipv6_addr", "inet_proto", "inet_service"]);
    tx.add(pairs);
    tx.addElement(pairs, ["fd00::1", "::", "tcp", 80]);
    tx.addElement(pairs, ["::ffff:10.0.0.1", "2001:db8:1:2:3:4:5:6", "udp", 80]);
    const key = concat(ip6.daddr, meta.l4proto, th.dport, numgenRandom(3));
    tx.add(chain(T6, "endpoints-3", { rules: [rule(dnat(key.map(endpoints6)))] }));
    tx.addElement(endpoints6, ["fd00:1::1", "tcp", 80, 0], ["fd00:2::1", 8080]);
    tx.add(chain(T6, "more", {
      rules: [
        rule(concat(ip6.saddr, ip6.daddr, meta.l4proto, th.dport).inSet("pairs"), verdict.drop),
        rule(ip6.saddr.neq("fd00::/57"), verdict.return),
        rule(meta.l4proto.eq("udp"), dnat({ address: "fd00::7", port: 53 })),
      ],
    }));
    tx.add(chain(T6, "refuse", { rules: [rule(reject())] }));
  }],
  ["inet, where the family is compared first", (tx) => {
    tx.add(TI);
    tx.add(chain(TI, "c", {
      rules: [
        rule(ip.daddr.eq("10.0.0.1"), verdict.drop),
        rule(ip6.daddr.eq("fe80::/33"), reject()),
      ],
    }));
    tx.add(chain(TI, "d", {
      rules: [
        rule(meta.l4proto.eq("tcp"), dnat({ address: "fd00::7", port: 80 })),
        rule(meta.l4proto.eq("tcp"), dnat({ address: "10.0.0.7", port: 80 })),
      ],
    }));
  }],
  ["sets of every type and flag", (tx) => {
    tx.add(T);
    const cidrs = set(T, "cidrs", ["ipv4_addr"], { flags: ["interval"], comment: "two networks" });
    const named = set(T, "interfaces", ["ifname"]);
    const marks = map(T, "marks", ["mark"], ["mark"], { size: 1000 });
    const fixed = set(T, "ports", ["inet_service"], { flags: ["constant"] });
    const sources = set(T, "sources", [ip.saddr], { comment: "by typeof" });
    for (
      const each of [
        cidrs,
        named,
        marks,
        fixed,
        sources,
        set(T, "seen", ["ipv4_addr"], {
          flags: ["dynamic", "timeout"],
          timeoutSeconds: 10_800,
          size: 65_535,
        }),
        set(T, "short-lived", ["ipv4_addr"], { flags: ["dynamic"], timeoutSeconds: 60, size: 10 }),
      ]
    ) tx.add(each);
    tx.addElement(cidrs, "10.0.0.0/8");
    tx.addElement(cidrs, "255.255.255.0/24");
    tx.addElement(cidrs, "192.168.7.7");
    tx.addElement(named, "eth0");
    tx.addElement(marks, 0x4000, 3);
    tx.addElement(fixed, 80);
    tx.addElement(fixed, 8080);
    tx.addElement(sources, "10.0.0.9");
    tx.add(chain(T, "c", {
      rules: [
        rule(ip.saddr.inSet("cidrs"), ip.saddr.notInSet(sources), verdict.drop),
        rule(meta.iifname.inSet(named), verdict.accept),
        rule(updateSet("seen", ip.saddr, { timeoutSeconds: 3600 })),
        rule(addToSet("seen", ip.saddr)),
        rule(meta.mark.set(meta.mark.map(marks))),
      ],
    }));
  }],
  ["maps that packets fill", (tx) => {
    tx.add(T);
    const clients = map(T, "clients", ["ipv4_addr", "inet_service"], ["mark"], {
      flags: ["dynamic", "timeout"],
      size: 1000,
    });
    const key = concat(ip.saddr, th.dport);
    tx.add(clients);
    tx.add(chain(T, "c", {
      rules: [
        rule(addToMap(clients, key, meta.mark, { timeoutSeconds: 60 })),
        rule(updateMap(clients, key, meta.mark, { timeoutSeconds: 10_800 })),
        rule(deleteFromMap(clients, key, meta.mark)),
      ],
    }));
  }],
  ["flushing and deleting", (tx) => {
    tx.add(T);
    tx.add(services);
    const spare = set(T, "spare", ["ipv4_addr"]);
    tx.add(spare);
    tx.addElement(spare, "10.0.0.1");
    tx.addElement(spare, "10.0.0.2");
    tx.deleteElement(spare, "10.0.0.1");
    const one = chain(T, "c1", { rules: [rule(verdict.accept)] });
    const two = chain(T, "c2", { rules: [rule(verdict.accept)] });
    tx.add(one);
    tx.add(two);
    tx.flush(one);
    tx.flush(two);
    tx.delete(two);
    tx.addElement(services, ["10.0.0.1", "tcp", 80], verdict.goto("c1"));
    tx.flush(services);
    tx.destroy(chain(T, "never-there"));
    tx.destroy(set(T, "never-there", ["ipv4_addr"]));
    tx.addRule(one, rule(verdict.drop));
  }],
  ["flushing a table's rules", (tx) => {
    tx.add(T);
    tx.add(chain(T, "c1", { rules: [rule(verdict.accept)] }));
    tx.flush(T);
    tx.destroy(T6);
  }],
];
