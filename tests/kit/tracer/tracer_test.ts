/**
 * What the tracer makes of rules, as Linux does: each case is a rule or two and a packet.
 */
import assert from "node:assert/strict";
import {
  addToSet,
  type BaseChain,
  chain,
  concat,
  ct,
  dnat,
  fib,
  ip,
  ip6,
  type Layout,
  map,
  masquerade,
  meta,
  numgenRandom,
  reject,
  type Rule,
  rule,
  set,
  type SetOptions,
  table,
  th,
  type Transaction,
  updateSet,
  verdict,
  verdictMap,
} from "weir";
import { MessageWriter } from "../../../plugins/sdk/nft/bytes.ts";
import {
  DYNSET,
  FAMILY,
  LOOKUP,
  MESSAGE,
  NLM,
  PAYLOAD,
  RULE,
} from "../../../plugins/sdk/nft/constants.ts";
import { expression } from "../../../plugins/sdk/nft/encode_expression.ts";
import { fakeNft } from "../nft_fake.ts";
import { FakeKernel } from "../nft_fake_kernel.ts";
import type { TracedNode } from "./node.ts";
import { PacketTracer, type TracedFlow, type TraceOutcome } from "./tracer.ts";

const NODE: TracedNode = {
  addresses: [
    { address: "192.0.2.1", interface: "uplink" },
    { address: "10.244.0.1", interface: "pods" },
    { address: "fd00:10:244::1", interface: "pods" },
  ],
  routes: [
    { to: "10.244.0.0/24", interface: "pods" },
    { to: "fd00:10:244::/64", interface: "pods" },
    { to: "0.0.0.0/0", interface: "uplink" },
  ],
};
const FROM_POD: TracedFlow = {
  interface: "pods",
  source: "10.244.0.12",
  destination: "10.96.0.1",
  port: 80,
  protocol: "TCP",
};
const T = table("ip", "weir");
const POD = { address: "10.244.0.10", port: 8080 } as const;

const NAT_IN: BaseChain = { type: "nat", hook: "prerouting", priority: -100 };
const NAT_OUT: BaseChain = { type: "nat", hook: "output", priority: -100 };
const NAT_POST: BaseChain = { type: "nat", hook: "postrouting", priority: 100 };
const FILTER_IN: BaseChain = { type: "filter", hook: "prerouting", priority: 0 };
const FORWARD: BaseChain = { type: "filter", hook: "forward", priority: 0 };
const INPUT: BaseChain = { type: "filter", hook: "input", priority: 0 };

interface Traced {
  readonly tracer: PacketTracer;
  readonly kernel: FakeKernel;
  /** Milliseconds of the kernel's clock. */
  time: number;
  commit(build: (tx: Transaction) => void): Promise<void>;
}

/** A tracer over a table of these chains, each with its rules, and these sets. */
async function traced(
  chains: readonly (readonly [string, BaseChain | undefined, ...Rule[]])[],
  sets: Layout["sets"] = [],
  fill: (tx: Transaction) => void = () => {},
): Promise<Traced> {
  const clock = { time: 0 };
  const kernel = new FakeKernel(() => clock.time);
  const { nft } = fakeNft({ version: 1, table: "weir" }, kernel);
  const commit = async (build: (tx: Transaction) => void) => {
    const tx = nft.transaction();
    build(tx);
    await tx.commit();
  };
  await commit((tx) => {
    tx.replaceTable({
      table: T,
      sets,
      chains: chains.map(([name, base, ...rules]) =>
        chain(T, name, base === undefined ? { rules } : { base, rules })
      ),
    });
    fill(tx);
  });
  return Object.assign(clock, { tracer: new PacketTracer(kernel, NODE), kernel, commit });
}

function outcome({ tracer }: Traced, flow: Partial<TracedFlow> = {}): TraceOutcome {
  const [way, ...others] = tracer.ways({ ...FROM_POD, ...flow });
  assert.ok(way !== undefined);
  assert.deepEqual(others, []);
  return way.outcome;
}

/** An outcome in a word. */
function word(traced: Traced, flow: Partial<TracedFlow> = {}): string {
  const found = outcome(traced, flow);
  if (found.kind === "rejected") return found.answer;
  return found.kind === "delivered" ? found.address : found.kind;
}

/** An expression that the SDK does not write, as a rule at a chain's end. */
function commitRaw(kernel: FakeKernel, name: string, write: (writer: MessageWriter) => void): void {
  const writer = new MessageWriter();
  writer.beginMessage(MESSAGE.NEWRULE, NLM.REQUEST | NLM.CREATE | NLM.APPEND, FAMILY.ip);
  writer.string(RULE.TABLE, "weir");
  writer.string(RULE.CHAIN, name);
  const list = writer.open(RULE.EXPRESSIONS);
  write(writer);
  writer.close(list);
  writer.endMessage();
  kernel.commit(writer.finish());
}

Deno.test("a packet that no rule touches goes where its destination is", async () => {
  const empty = await traced([]);
  const untouched = { translated: false, masqueraded: false };
  assert.deepEqual(outcome(empty), {
    ...untouched,
    ...{ kind: "delivered", interface: "uplink" },
    ...{ address: "10.96.0.1", port: 80, source: "10.244.0.12" },
  });
  assert.deepEqual(outcome(empty, { destination: "192.0.2.1" }), {
    ...untouched,
    ...{ kind: "delivered", interface: "lo" },
    ...{ address: "192.0.2.1", port: 80, source: "10.244.0.12" },
  });
  assert.equal(word(empty, { source: "fd00:10:244::c", destination: "fd00::1" }), "unroutable");
  assert.equal(word(empty, { destination: "127.0.0.1" }), "unroutable", "a martian");
});

Deno.test("the node's own packets carry the address of the interface they leave by", async () => {
  const { tracer } = await traced([]);
  for (
    const [destination, source, name] of [
      ["198.51.100.9", "192.0.2.1", "uplink"],
      ["10.244.0.10", "10.244.0.1", "pods"],
      ["192.0.2.1", "192.0.2.1", "lo"],
      ["127.0.0.1", "127.0.0.1", "lo"],
    ] as const
  ) {
    const { outcome } = tracer.send({ destination, port: 80, protocol: "UDP" });
    assert.ok(outcome.kind === "delivered");
    assert.deepEqual([outcome.source, outcome.interface], [source, name]);
  }
});

Deno.test("a chain ends at its verdict, and jump comes back where goto does not", async () => {
  for (
    const [to, expected] of [[verdict.jump("other"), "dropped"], [
      verdict.goto("other"),
      "10.96.0.1",
    ]] as const
  ) {
    const found = await traced([
      ["other", undefined, rule(meta.l4proto.eq("udp"), verdict.accept), rule(verdict.return)],
      ["entry", FORWARD, rule(to), rule(verdict.drop)],
    ]);
    assert.equal(word(found), expected);
    assert.equal(word(found, { protocol: "UDP" }), "10.96.0.1");
  }
});

Deno.test("accept ends one base chain only, and the last to come is the first of its priority", async () => {
  const path = async (priority: number) => {
    const { tracer } = await traced([
      ["first", { ...FORWARD, priority }, rule(verdict.accept)],
      ["second", FORWARD, rule(verdict.drop)],
    ]);
    const [way] = tracer.ways(FROM_POD);
    assert.equal(way?.outcome.kind, "dropped");
    return way.path.length;
  };
  assert.equal(await path(-1), 2);
  assert.equal(await path(0), 1);
  const policy = await traced([["entry", { ...FORWARD, policy: "drop" }]]);
  assert.equal(word(policy), "dropped");
});

Deno.test("a refusal is answered as it says, and a reset answers TCP alone", async () => {
  const both = await traced([["entry", FORWARD, rule(reject())]]);
  assert.equal(word(both), "port unreachable");
  const reset = await traced([["entry", FORWARD, rule(reject("tcp reset"))]]);
  assert.equal(word(reset), "tcp reset");
  assert.equal(word(reset, { protocol: "UDP" }), "dropped");
});

Deno.test("dnat at prerouting decides the route, and only nat chains of that hook count", async () => {
  const found = await traced([
    ["in", NAT_IN, rule(ip.daddr.eq("10.96.0.1"), dnat(POD))],
    ["out", NAT_OUT, rule(ip.daddr.eq("10.96.0.2"), dnat(POD))],
    ["forward", FORWARD, rule(meta.oifname.eq("uplink"), verdict.drop)],
  ]);
  assert.equal(word(found), POD.address);
  assert.equal(word(found, { destination: "10.96.0.2" }), "dropped");
  const { tracer } = found;
  const own = { port: 80, protocol: "TCP" } as const;
  for (const [destination, address] of [["10.96.0.1", "10.96.0.1"], ["10.96.0.2", POD.address]]) {
    assert.ok(destination !== undefined);
    const { outcome } = tracer.send({ destination, ...own });
    assert.equal(outcome.kind === "delivered" && outcome.address, address);
  }
});

Deno.test("a number generator leads every way, each as often as the draws say", async () => {
  const slot = numgenRandom(3);
  const slots = verdictMap(T, "slots", [slot]);
  const { tracer } = await traced(
    [
      ["one", undefined, rule(dnat(POD))],
      ["two", undefined, rule(dnat({ ...POD, address: "10.244.0.11" }))],
      ["entry", NAT_IN, rule(slot.vmap(slots))],
    ],
    [slots],
    (tx) => {
      tx.addElement(slots, 0, verdict.goto("one"));
      tx.addElement(slots, 1, verdict.goto("two"));
      tx.addElement(slots, 2, verdict.goto("one"));
    },
  );
  const shares = tracer.ways(FROM_POD).map(({ outcome, probability }) => [
    outcome.kind === "delivered" && outcome.address,
    Math.round(probability * 3),
  ]);
  assert.deepEqual(shares, [["10.244.0.10", 2], ["10.244.0.11", 1]]);
  const drawn = tracer.send(FROM_POD, () => 1).outcome;
  assert.equal(drawn.kind === "delivered" && drawn.address, "10.244.0.11");
});

Deno.test("a key that is not there ends the rule, or is what an inverted lookup wants", async () => {
  const ips = set(T, "ips", ["ipv4_addr", "inet_proto", "inet_service"]);
  const key = concat(ip.daddr, meta.l4proto, th.dport);
  const found = await traced(
    [
      ["entry", FORWARD, rule(key.inSet(ips), verdict.accept), rule(verdict.drop)],
      ["inverted", INPUT, rule(key.notInSet(ips), verdict.drop)],
    ],
    [ips],
    (tx) => {
      tx.addElement(ips, ["10.96.0.1", "tcp", 80]);
      tx.addElement(ips, ["192.0.2.1", "tcp", 80]);
    },
  );
  assert.equal(word(found), "10.96.0.1");
  assert.equal(word(found, { port: 81 }), "dropped");
  assert.equal(word(found, { protocol: "UDP" }), "dropped");
  assert.equal(word(found, { destination: "192.0.2.1" }), "192.0.2.1");
  assert.equal(word(found, { destination: "192.0.2.1", port: 81 }), "dropped");
});

Deno.test("a chained lookup takes its turn through the packet mark, which stays as it was", async () => {
  const counts = map(T, "counts", ["ipv4_addr"], ["mark"]);
  const chains = verdictMap(T, "chains", ["mark"]);
  const found = await traced(
    [
      ["two", undefined, rule(dnat(POD))],
      ["entry", NAT_IN, rule(meta.mark.set(7)), rule(ip.daddr.map(counts).vmap(chains))],
      ["forward", FORWARD, rule(meta.mark.neq(7), verdict.drop)],
    ],
    [counts, chains],
    (tx) => {
      tx.addElement(counts, "10.96.0.1", 2);
      tx.addElement(chains, 2, verdict.goto("two"));
    },
  );
  assert.equal(word(found), POD.address);
});

Deno.test("an interval holds what lies between its ends, to the last address there is", async () => {
  const ranges = set(T, "ranges", ["ipv4_addr"], { flags: ["interval"] });
  const found = await traced(
    [["entry", FORWARD, rule(ip.daddr.inSet(ranges), verdict.drop)]],
    [ranges],
    (tx) => {
      for (const range of ["10.96.0.0/24", "10.96.1.0/24", "255.255.255.0/24"]) {
        tx.addElement(ranges, range);
      }
    },
  );
  for (
    const [destination, inside] of [
      ["10.95.255.255", false],
      ["10.96.0.0", true],
      ["10.96.0.255", true],
      ["10.96.1.0", true],
      ["10.96.2.0", false],
      ["255.255.255.9", true],
    ] as const
  ) assert.equal(word(found, { destination }), inside ? "dropped" : destination, destination);
});

Deno.test("a mark set at prerouting masquerades at postrouting, to the address of the interface there", async () => {
  const found = await traced([
    ["in", NAT_IN, rule(meta.mark.set(meta.mark.or(0x4000))), rule(dnat(POD))],
    ["post", NAT_POST, rule(meta.mark.and(0x4000).neq(0), masquerade())],
  ]);
  const { tracer } = found;
  const { outcome } = tracer.send(FROM_POD);
  assert.ok(outcome.kind === "delivered");
  assert.deepEqual([outcome.masqueraded, outcome.source], [true, "10.244.0.1"]);
});

Deno.test("a connection keeps its translation, is established, and ends when it is forgotten", async () => {
  const found = await traced([
    ["in", NAT_IN, rule(dnat(POD))],
    ["forward", FORWARD, rule(ct.state.has("new"), meta.iifname.eq("uplink"), verdict.drop)],
  ]);
  const { tracer, commit } = found;
  const flow = { ...FROM_POD, sourcePort: 5000 };
  const to = (outcome: TraceOutcome) => outcome.kind === "delivered" && outcome.address;
  assert.equal(to(tracer.send(flow).outcome), POD.address);
  await commit((tx) => {
    tx.flush(chain(T, "in"));
    tx.addRule(chain(T, "forward"), rule(ct.state.has("new"), verdict.drop));
  });
  assert.equal(to(tracer.send(flow).outcome), POD.address);
  assert.equal(tracer.send({ ...flow, sourcePort: 5001 }).outcome.kind, "dropped");
  tracer.forgetConnections();
  assert.equal(tracer.send(flow).outcome.kind, "dropped");
});

Deno.test("fib tells the node's own addresses", async () => {
  const found = await traced([
    ["entry", FILTER_IN, rule(fib.daddrType.eq("local"), verdict.drop)],
    ["forward", FORWARD, rule(fib.saddrType.eq("local"), verdict.drop)],
  ]);
  assert.equal(word(found, { destination: "192.0.2.1" }), "dropped");
  assert.equal(word(found), "10.96.0.1");
  assert.equal(word(found, { source: "192.0.2.1" }), "dropped");
});

Deno.test("rules of family inet see both families, those of ip6 the other one", async () => {
  const kernel = new FakeKernel();
  const { nft } = fakeNft({ version: 1, table: "weir" }, kernel);
  const tx = nft.transaction();
  for (
    const [family, drops] of [["inet", rule(ip6.daddr.eq("fd00::1"), verdict.drop)], [
      "ip6",
      rule(th.dport.eq(81), verdict.drop),
    ]] as const
  ) {
    const owner = table(family, "weir");
    tx.replaceTable({
      table: owner,
      sets: [],
      chains: [chain(owner, "entry", { base: FILTER_IN, rules: [drops] })],
    });
  }
  await tx.commit();
  const six = { source: "fd00:10:244::c", destination: "fd00:10:244::d" };
  const found = { tracer: new PacketTracer(kernel, NODE) } as Traced;
  assert.equal(word(found, { ...six, destination: "fd00::1" }), "dropped");
  assert.equal(word(found, { ...six, port: 81 }), "dropped");
  assert.equal(word(found, six), "fd00:10:244::d");
  assert.equal(word(found, { port: 81 }), "10.96.0.1");
});

const DYNAMIC: SetOptions = { flags: ["dynamic", "timeout"], timeoutSeconds: 10, size: 2 };

Deno.test("a packet's element lives for its time, which update starts anew and add does not", async () => {
  for (const [change, lives] of [[updateSet, true], [addToSet, false]] as const) {
    const seen = set(T, "seen", ["ipv4_addr"], DYNAMIC);
    const found = await traced([
      ["first", { ...FORWARD, priority: -1 }, rule(change(seen, ip.saddr))],
      ["entry", FORWARD, rule(th.dport.eq(81), verdict.drop)],
    ], [seen]);
    const { tracer, commit } = found;
    await commit((tx) => {
      tx.flush(chain(T, "entry"));
      tx.addRule(chain(T, "entry"), rule(ip.saddr.inSet(seen), verdict.accept));
      tx.addRule(chain(T, "entry"), rule(verdict.drop));
      tx.flush(chain(T, "first"));
      tx.addRule(chain(T, "first"), rule(th.dport.eq(81), change(seen, ip.saddr)));
    });
    const kind = (port: number) => tracer.send({ ...FROM_POD, port }).outcome.kind;
    assert.equal(kind(80), "dropped");
    assert.equal(kind(81), "delivered");
    found.time += 9_000;
    assert.equal(kind(81), "delivered");
    found.time += 9_000;
    assert.equal(kind(80), lives ? "delivered" : "dropped");
    found.time += 2_000;
    assert.equal(kind(80), "dropped");
  }
});

Deno.test("a full set ends the rule, and what packets left is a transaction's to delete", async () => {
  const seen = set(T, "seen", ["ipv4_addr"], DYNAMIC);
  const { tracer, commit } = await traced([
    ["entry", FORWARD, rule(updateSet(seen, ip.saddr), verdict.accept), rule(verdict.drop)],
  ], [seen]);
  const kind = (source: string) => tracer.send({ ...FROM_POD, source }).outcome.kind;
  assert.equal(tracer.ways({ ...FROM_POD, source: "10.244.0.99" }).length, 1, "leaves nothing");
  assert.deepEqual(["10.244.0.2", "10.244.0.3", "10.244.0.4"].map(kind), [
    "delivered",
    "delivered",
    "dropped",
  ]);
  await commit((tx) => tx.deleteElement(seen, "10.244.0.3"));
  assert.equal(kind("10.244.0.4"), "delivered");
});

Deno.test("a packet's element of a map keeps its data until a rule deletes it", async () => {
  const where = map(T, "where", ["ipv4_addr"], ["ipv4_addr", "inet_service"], DYNAMIC);
  const found = await traced([["entry", NAT_IN, rule(dnat(ip.saddr.map(where)))]], [where]);
  const { kernel, tracer, commit } = found;
  const dynset = (op: number) =>
    commitRaw(kernel, "entry", (writer) => {
      // ip saddr into register 1, ip daddr and the port into registers 2 and 3.
      for (
        const [register, base, offset, length] of [[1, 1, 12, 4], [9, 1, 16, 4], [10, 2, 2, 2]]
      ) {
        expression(writer, "payload", () => {
          writer.be32(PAYLOAD.DREG, register ?? 0);
          writer.be32(PAYLOAD.BASE, base ?? 0);
          writer.be32(PAYLOAD.OFFSET, offset ?? 0);
          writer.be32(PAYLOAD.LEN, length ?? 0);
        });
      }
      expression(writer, "dynset", () => {
        writer.be32(DYNSET.SREG_KEY, 1);
        writer.be32(DYNSET.OP, op);
        if (op !== 2) writer.be32(5, 9);
        writer.string(DYNSET.SET_NAME, "where");
      });
    });
  dynset(1);
  const to = (destination: string) => {
    const { outcome } = tracer.send({ ...FROM_POD, destination });
    return outcome.kind === "delivered" ? outcome.address : outcome.kind;
  };
  assert.equal(to("10.244.0.10"), "10.244.0.10", "the map is read before it is written");
  await commit((tx) => {
    tx.flush(chain(T, "entry"));
  });
  dynset(1);
  await commit((tx) => tx.addRule(chain(T, "entry"), rule(dnat(ip.saddr.map(where)))));
  assert.equal(to("10.244.0.11"), "10.244.0.10", "an update leaves the data alone");
  await commit((tx) => tx.flush(chain(T, "entry")));
  dynset(2);
  dynset(1);
  await commit((tx) => tx.addRule(chain(T, "entry"), rule(dnat(ip.saddr.map(where)))));
  assert.equal(to("10.244.0.11"), "10.244.0.11", "deleted and added it is another");
});

Deno.test("a register that nothing has written is an error, and so is what the tracer does not know", async () => {
  const ips = set(T, "ips", ["ipv4_addr"]);
  const unwritten = await traced([["entry", FORWARD]], [ips]);
  commitRaw(unwritten.kernel, "entry", (writer) => {
    expression(writer, "lookup", () => {
      writer.string(LOOKUP.SET, "ips");
      writer.be32(LOOKUP.SREG, 1);
    });
  });
  assert.throws(() => outcome(unwritten), /Cannot read register word "0"/);
  const unknown = await traced([["entry", FORWARD]]);
  commitRaw(unknown.kernel, "entry", (writer) => expression(writer, "tproxy", () => {}));
  assert.throws(() => outcome(unknown), /Cannot trace expression "tproxy"/);
});
