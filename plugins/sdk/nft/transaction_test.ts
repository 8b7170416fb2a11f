import assert from "node:assert/strict";
import { WeirError } from "../../../schemas/errors.ts";
import {
  addToMap,
  addToSet,
  chain,
  commented,
  concat,
  counter,
  ct,
  deleteFromMap,
  deleteFromSet,
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
  Transaction,
  updateMap,
  updateSet,
  verdict,
  verdictMap,
} from "./mod.ts";
import { messages } from "./read.ts";

const T = table("ip", "weir");
const TI = table("inet", "weir");
const ips = set(T, "ips", ["ipv4_addr"]);
const counts = map(T, "counts", ["ipv4_addr", "inet_proto", "inet_service"], ["mark"]);
const services = verdictMap(T, "services", ["ipv4_addr", "inet_proto", "inet_service"]);

function transaction(): Transaction {
  return new Transaction(async () => {});
}

/** The text of one rule in `ip weir c`. */
function ruleText(rule: Rule, owner = T): string {
  const tx = transaction();
  tx.addRule(chain(owner, "c"), rule);
  const [line = ""] = String(tx).split("\n");
  return line.replace(/^add rule \S+ weir c /, "");
}

Deno.test("each statement prints as nft writes it", () => {
  const service = concat(ip.daddr, meta.l4proto, th.dport);
  const cases: readonly (readonly [Rule, string])[] = [
    [rule(ip.saddr.eq("10.0.0.1"), verdict.accept), "ip saddr 10.0.0.1 accept"],
    [rule(ip6.saddr.neq("fd00::/64"), verdict.drop), "ip6 saddr != fd00::/64 drop"],
    [rule(th.sport.eq(53), verdict.return), "th sport 53 return"],
    [rule(meta.l4proto.eq("tcp"), verdict.jump("x")), "meta l4proto tcp jump x"],
    [rule(meta.iifname.eq("lo"), verdict.goto("x")), 'iifname "lo" goto x'],
    [rule(meta.oifname.neq("cali*"), counter()), 'oifname != "cali*" counter'],
    [rule(meta.mark.eq(1), counter()), "meta mark 0x00000001 counter"],
    [rule(meta.mark.and(2).neq(0), counter()), "meta mark & 0x00000002 != 0x00000000 counter"],
    [rule(meta.mark.and(2).eq(2), counter()), "meta mark & 0x00000002 == 0x00000002 counter"],
    [rule(meta.mark.set(5)), "meta mark set 0x00000005"],
    [rule(meta.mark.set(meta.mark.or(1))), "meta mark set meta mark | 0x00000001"],
    [rule(meta.mark.set(meta.mark.xor(1))), "meta mark set meta mark ^ 0x00000001"],
    [rule(meta.mark.set(meta.mark.andNot(1))), "meta mark set meta mark & 0xfffffffe"],
    [rule(ct.state.has("new", "related"), counter()), "ct state new,related counter"],
    [rule(ct.status.has("dnat"), counter()), "ct status dnat counter"],
    [rule(fib.daddrType.eq("local"), counter()), "fib daddr type local counter"],
    [rule(fib.saddrType.neq("local"), counter()), "fib saddr type != local counter"],
    [rule(ip.daddr.inSet(ips), counter()), "ip daddr @ips counter"],
    [rule(ip.daddr.notInSet("ips"), counter()), "ip daddr != @ips counter"],
    [
      rule(service.vmap("services")),
      "ip daddr . meta l4proto . th dport vmap @services",
    ],
    [
      rule(service.map(counts).vmap("by-count")),
      "ip daddr . meta l4proto . th dport map @counts vmap @by-count",
    ],
    [rule(numgenRandom(3).vmap("thirds")), "numgen random mod 3 vmap @thirds"],
    [rule(reject()), "reject"],
    [rule(reject("tcp reset")), "reject with tcp reset"],
    [rule(dnat({ address: "10.0.0.1", port: 80 })), "dnat to 10.0.0.1:80"],
    [
      rule(dnat(service.map("e"))),
      "dnat ip addr . port to ip daddr . meta l4proto . th dport map @e",
    ],
    [rule(masquerade()), "masquerade"],
    [rule(masquerade({ fullyRandom: true })), "masquerade fully-random"],
    [rule(addToSet("seen", ip.saddr)), "add @seen { ip saddr }"],
    [
      rule(updateSet("seen", ip.saddr, { timeoutSeconds: 60 })),
      "update @seen { ip saddr timeout 60s }",
    ],
    [
      rule(addToMap("seen", ip.saddr, meta.mark, { timeoutSeconds: 60 })),
      "add @seen { ip saddr timeout 60s : meta mark }",
    ],
    [rule(updateMap("seen", ip.saddr, meta.mark)), "update @seen { ip saddr : meta mark }"],
    [rule(deleteFromMap("seen", ip.saddr, meta.mark)), "delete @seen { ip saddr : meta mark }"],
    [rule(deleteFromSet("seen", ip.saddr)), "delete @seen { ip saddr }"],
    [
      rule(dnat(concat(service.map(counts), numgenRandom(2)).map("e"))),
      "dnat ip addr . port to ip daddr . meta l4proto . th dport map @counts . " +
      "numgen random mod 2 map @e",
    ],
    [commented("why", verdict.drop), 'drop comment "why"'],
    [
      rule(concat(ct.original.daddr, meta.l4proto, ct.original.dport).inSet("seen")),
      "ct original ip daddr . meta l4proto . ct original proto-dst @seen",
    ],
  ];
  for (const [each, text] of cases) assert.equal(ruleText(each), text);
  assert.equal(
    ruleText(rule(dnat({ address: "fd00::1", port: 80 })), TI),
    "dnat ip6 to [fd00::1]:80",
  );
  assert.equal(
    ruleText(rule(dnat(concat(ip6.daddr, th.dport).map("e"))), TI),
    "dnat ip6 addr . port to ip6 daddr . th dport map @e",
  );
});

Deno.test("a set whose elements count says so", () => {
  const tx = transaction();
  tx.add(set(table("ip", "weir"), "seen", ["ipv4_addr"], { counter: true }));
  assert.equal(String(tx), "add set ip weir seen { type ipv4_addr ; counter ; }\n");
});

Deno.test("each command prints as nft reads it", () => {
  const tx = transaction();
  tx.add(T);
  tx.delete(T);
  tx.flush(T);
  tx.add(chain(T, "c", {
    base: { type: "nat", hook: "output", priority: -100, policy: "drop" },
    rules: [rule(verdict.accept)],
    comment: "entry",
  }));
  tx.flush(chain(T, "c"));
  tx.delete(chain(T, "c"));
  tx.add(
    set(T, "seen", ["ipv4_addr"], {
      flags: ["dynamic"],
      timeoutSeconds: 60,
      size: 9,
      comment: "x",
    }),
  );
  tx.add(map(T, "e", [ip.daddr, numgenRandom(2)], [ip.daddr, th.dport], { flags: ["constant"] }));
  tx.add(services);
  tx.flush(services);
  tx.delete(services);
  tx.addElement(services, ["10.0.0.1", "tcp", 80], verdict.goto("c"));
  tx.addElement(counts, ["10.0.0.1", "udp", 53], 3);
  tx.addElement(counts, ["10.0.0.1", "udp", 54], 3);
  tx.deleteElement(counts, ["10.0.0.1", "udp", 53]);
  assert.equal(
    String(tx),
    `add table ip weir
delete table ip weir
flush table ip weir
add chain ip weir c { type nat hook output priority -100 ; policy drop ; comment "entry" ; }
add rule ip weir c accept
flush chain ip weir c
delete chain ip weir c
add set ip weir seen { type ipv4_addr ; flags dynamic,timeout ; timeout 60s ; size 9 ; comment "x" ; }
add map ip weir e { typeof ip daddr . numgen random mod 2 : ip daddr . th dport ; flags constant ; }
add map ip weir services { type ipv4_addr . inet_proto . inet_service : verdict ; }
flush map ip weir services
delete map ip weir services
add element ip weir services { 10.0.0.1 . tcp . 80 : goto c }
add element ip weir counts {
  10.0.0.1 . udp . 53 : 0x00000003,
  10.0.0.1 . udp . 54 : 0x00000003,
}
delete element ip weir counts { 10.0.0.1 . udp . 53 }
`,
  );
});

Deno.test("replacing a table names what exists before what refers to it", () => {
  const tx = transaction();
  tx.replaceTable({
    table: T,
    sets: [ips],
    chains: [chain(T, "a", { rules: [rule(verdict.jump("b"))] }), chain(T, "b")],
  });
  assert.equal(
    String(tx),
    `add table ip weir
delete table ip weir
add table ip weir
add set ip weir ips { type ipv4_addr ; }
add chain ip weir a
add chain ip weir b
add rule ip weir a jump b
`,
  );
});

Deno.test("elements keep their order within a set, also when the set is described twice", () => {
  const again = set(T, "ips", ["ipv4_addr"]);
  const other = set(T, "others", ["ipv4_addr"]);
  const tx = transaction();
  tx.deleteElement(ips, "10.0.0.1");
  tx.addElement(other, "10.0.0.1");
  tx.addElement(again, "10.0.0.1");
  tx.deleteElement(ips, "10.0.0.1");
  tx.addElement(other, "10.0.0.2");
  tx.flush(other);
  tx.addElement(other, "10.0.0.3");
  assert.equal(
    String(tx),
    `delete element ip weir ips { 10.0.0.1 }
add element ip weir others {
  10.0.0.1,
  10.0.0.2,
}
add element ip weir ips { 10.0.0.1 }
delete element ip weir ips { 10.0.0.1 }
flush set ip weir others
add element ip weir others { 10.0.0.3 }
`,
  );
});

Deno.test("the first error of a verb sticks, shows in the text and surfaces at commit", async () => {
  let sent = 0;
  const tx = new Transaction(async () => {
    sent++;
  });
  tx.add(T);
  tx.addElement(ips, "10.0.0.256");
  tx.addElement(ips, "nonsense");
  tx.addElement(ips, "10.0.0.1");
  assert.equal(
    String(tx),
    'add table ip weir\nadd element ip weir ips { 10.0.0.1 }\n# ERROR: Cannot encode IPv4 address "10.0.0.256": it has not four octets\n',
  );
  await assert.rejects(tx.commit(), { code: "WEIR_NFT_ENCODE", message: /10.0.0.256/ });
  assert.equal(sent, 0);
});

Deno.test("what cannot be encoded is refused before anything is sent", async () => {
  const cases: readonly (readonly [name: string, build: (tx: Transaction) => void, RegExp])[] = [
    ["a name with a space", (tx) => tx.add(chain(T, "a b")), /Cannot use chain name "a b"/],
    ["a long name", (tx) => tx.add(chain(T, "a".repeat(256))), /Cannot use chain name/],
    ["a quoted comment", (tx) => tx.add(chain(T, "a", { comment: '"' })), /Cannot use comment/],
    [
      "a long comment",
      (tx) => tx.addRule(chain(T, "a"), commented("é".repeat(65), verdict.drop)),
      /128 bytes/,
    ],
    ["a rule without statements", (tx) => tx.addRule(chain(T, "a"), rule()), /no statements/],
    ["a field too few", (tx) => tx.addElement(counts, ["10.0.0.1", "tcp"], 1), /has 3 fields/],
    [
      "a CIDR of the wrong family",
      (tx) => tx.addRule(chain(T, "a"), rule(ip.saddr.eq("fd00::/8"))),
      /no CIDR for ipv4_addr/,
    ],
    [
      "a comparison of a concatenation",
      (tx) => tx.addRule(chain(T, "a"), rule(concat(ip.saddr, ip.daddr).eq("x"))),
      /no single value/,
    ],
    [
      "an unknown state",
      (tx) => tx.addRule(chain(T, "a"), rule(ct.state.has("fresh"))),
      /none of invalid, established/,
    ],
    [
      "an unknown route type",
      (tx) => tx.addRule(chain(T, "a"), rule(fib.daddrType.eq("far"))),
      /none of unicast/,
    ],
    [
      "a modulus of 0",
      (tx) => tx.addRule(chain(T, "a"), rule(numgenRandom(0).vmap("x"))),
      /modulus "0"/,
    ],
    [
      "bits of an address",
      (tx) => tx.addRule(chain(T, "a"), rule(ip6.saddr.and(1).eq(1))),
      /not 4 bytes long/,
    ],
    [
      "a key longer than the registers",
      (tx) =>
        tx.addRule(
          chain(T, "a"),
          rule(concat(ip6.saddr, ip6.daddr, ip6.saddr, ip6.daddr).vmap("x")),
        ),
      /registers hold/,
    ],
    [
      "dnat to nowhere in inet",
      (tx) => tx.addRule(chain(TI, "a"), rule(dnat(th.dport.map("x")))),
      /must read an address/,
    ],
    [
      "an interval of two fields",
      (tx) =>
        tx.addElement(set(T, "i", ["ipv4_addr", "inet_proto"], { flags: ["interval"] }), [
          "10.0.0.0/8",
          "tcp",
        ]),
      /only a set with an address/,
    ],
    [
      "an interval that is none",
      (tx) => tx.addElement(set(T, "i", ["ipv4_addr"], { flags: ["interval"] }), "10.0.0.0/33"),
      /no CIDR/,
    ],
  ];
  for (const [name, build, message] of cases) {
    let sent = 0;
    const tx = new Transaction(async () => {
      sent++;
    });
    build(tx);
    await assert.rejects(tx.commit(), { code: "WEIR_NFT_ENCODE", message }, name);
    assert.equal(sent, 0, name);
  }
});

Deno.test("a transaction without commands is not sent", async () => {
  let sent = 0;
  await new Transaction(async () => {
    sent++;
  }).commit();
  assert.equal(sent, 0);
});

Deno.test("a refusal names the command of the guilty message, or none for the whole batch", async () => {
  const refusing = (message: number) =>
    new Transaction(() =>
      Promise.reject(
        new WeirError("WEIR_NFT_KERNEL", "refused", {
          cause: { message, errno: 17, name: "EEXIST", detail: "why" },
        }),
      )
    );
  const fill = (tx: Transaction) => {
    tx.add(T);
    for (let host = 0; host < 5000; host++) tx.addElement(ips, `10.0.${host >> 8}.${host & 255}`);
  };
  for (
    const [message, command] of [
      [0, "add table ip weir"],
      [1, "add element ip weir ips { 10.0.0.0, 10.0.0.1, 10.0.0.2, … 4092 more }"],
      [2, "add element ip weir ips { 10.0.15.255, 10.0.16.0, 10.0.16.1, … 902 more }"],
      [-1, ""],
      [99, ""],
    ] as const
  ) {
    const tx = refusing(message);
    fill(tx);
    await assert.rejects(tx.commit(), {
      name: "NftError",
      command,
      errno: 17,
      errnoName: "EEXIST",
    });
  }
});

Deno.test("an errno that leaves open what a rule lacks comes with the modules that help", async () => {
  const failure = { message: 1, errno: 2, name: "ENOENT", detail: "" };
  const cause = new WeirError("WEIR_NFT_KERNEL", "refused", { cause: failure });
  const tx = new Transaction(() => Promise.reject(cause));
  const own = chain(T, "input");
  tx.add(own);
  tx.addRule(own, rule(counter()));
  await assert.rejects(tx.commit(), {
    message:
      /^Cannot execute "add rule ip weir input counter": the kernel answered ENOENT; .*nft_ct/,
  });
});

Deno.test("another failure than the kernel's passes through as it is", async () => {
  for (
    const failure of [
      new WeirError("WEIR_GRANT_EXCEEDED", "no"),
      new WeirError("WEIR_NFT_KERNEL", "no cause"),
      new TypeError("broken"),
    ]
  ) {
    const tx = new Transaction(() => Promise.reject(failure));
    tx.add(T);
    await assert.rejects(tx.commit(), (thrown) => thrown === failure);
  }
});

Deno.test("a hundred thousand elements go out in messages that netlink can hold", () => {
  const endpoints = map(T, "endpoints", ["ipv4_addr", "inet_proto", "inet_service", "mark"], [
    "ipv4_addr",
    "inet_service",
  ]);
  const tx = transaction();
  const words = new Uint32Array(6);
  for (let index = 0; index < 100_000; index++) {
    words[3] = index;
    tx.addElementWords(endpoints, words);
  }
  const { bytes, messages: count } = tx.encode();
  // 44 bytes an element: 12 of headers, 16 of key, 8 of headers, 8 of data; 1489 fit 16 bits.
  assert.equal(count, Math.ceil(100_000 / Math.floor((65_535 - 4) / 44)));
  assert.equal(messages(bytes).length, count);
});

Deno.test("a destination that is none is told at once, with what it may be", () => {
  // Types are not checked when a plugin is run.
  for (const to of ["10.0.0.1", ["10.0.0.1", 80], undefined]) {
    assert.throws(
      () => Reflect.apply(dnat, undefined, [to]),
      /Cannot translate to ".*": it is neither { address, port } nor a term such as a lookup/,
    );
  }
});
