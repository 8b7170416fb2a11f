import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { formatIp, ipBytes } from "../../../schemas/ip.ts";
import { Links } from "../link.ts";
import { NetworkNamespace } from "../namespace.ts";
import type { Flow, FlowQuestion, FlowSearch } from "./flow.ts";
import { ConntrackKernel } from "./kernel.ts";
import { type SampleFlow, trackFlows } from "./sample.ts";
import { ipKey, ipOf, portOf, socketKey } from "./socket_key.ts";

/** Connection tracking of a fresh namespace. */
async function freshTable(flows: Iterable<SampleFlow> = []) {
  const stack = new AsyncDisposableStack();
  const namespace = stack.use(NetworkNamespace.create("node"));
  const kernel = namespace.inside(() => new ConntrackKernel());
  stack.defer(() => kernel.close());
  // A promise must not leave the namespace: it is begun inside, where its socket is opened.
  const { tracked } = namespace.inside(() => ({ tracked: trackFlows(flows) }));
  await tracked;
  const list = async (question: FlowQuestion) => {
    const found: Flow[] = [];
    await kernel.list(question, (flow) => found.push(flow));
    return found;
  };
  return { kernel, namespace, list, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const DNS: SampleFlow = {
  protocol: "UDP",
  client: "10.244.0.10:4000",
  destination: "10.96.0.10:53",
  responder: "10.244.0.11:5353",
};
const DNS6: SampleFlow = {
  protocol: "UDP",
  client: "[fd00::10]:4000",
  destination: "[fd00:96::10]:53",
  responder: "[fd00::11]:5353",
};
const OTHERS: readonly SampleFlow[] = [
  DNS,
  { ...DNS, client: "10.244.0.10:4001", destination: "10.96.0.10:5300" },
  { ...DNS, protocol: "TCP" },
  DNS6,
];

function key(ip: string, port: number) {
  return socketKey(ipBytes(ip), port);
}

Deno.test("a flow is listed with where it was sent and who answers, in both families", async () => {
  await using table = await freshTable(OTHERS);
  for (
    const [family, destination, responder] of [
      ["IPv4", key("10.96.0.10", 53), key("10.244.0.11", 5353)],
      ["IPv6", key("fd00:96::10", 53), key("fd00::11", 5353)],
    ] as const
  ) {
    const found = await table.list({ family, protocol: "UDP", port: 53 });
    assert.deepEqual(
      found.map(({ identity: _, ...flow }) => flow),
      [{ protocol: 17, destination, responder, zone: "common" }],
    );
  }
});

Deno.test("only flows of the family, protocol and port that are asked for are listed", async () => {
  await using table = await freshTable(OTHERS);
  assert.equal((await table.list({ family: "IPv4", protocol: "UDP" })).length, 2);
  assert.equal((await table.list({ family: "IPv4", protocol: "UDP", port: 53 })).length, 1);
  assert.equal((await table.list({ family: "IPv4", protocol: "UDP", port: 54 })).length, 0);
  assert.equal((await table.list({ family: "IPv4", protocol: "TCP" })).length, 1);
  assert.equal((await table.list({ family: "IPv4", protocol: "SCTP" })).length, 0);
  assert.equal((await table.list({ family: "IPv6", protocol: "UDP" })).length, 1);
});

const LOOKED_AT: readonly SampleFlow[] = [
  ...OTHERS,
  { ...DNS, client: "10.244.0.12:4000" },
  { ...DNS, client: "10.244.0.13:4000", destination: "10.96.0.11:53" },
  { ...DNS6, client: "[fd00::12]:4000" },
];

for (
  const [what, question, clients] of [
    ["an address", { family: "IPv4", protocol: "UDP", port: 53, to: ipBytes("10.96.0.10") }, [
      "10.244.0.10:4000",
      "10.244.0.12:4000",
    ]],
    ["an address with any port", {
      family: "IPv4",
      protocol: "UDP",
      to: ipBytes("10.96.0.10"),
    }, ["10.244.0.10:4000", "10.244.0.10:4001", "10.244.0.12:4000"]],
    ["a client", {
      family: "IPv4",
      protocol: "UDP",
      port: 53,
      from: { ip: ipBytes("10.244.0.12") },
    }, ["10.244.0.12:4000"]],
    ["a client's port", {
      family: "IPv4",
      protocol: "UDP",
      from: { ip: ipBytes("10.244.0.10"), port: 4001 },
    }, ["10.244.0.10:4001"]],
    ["a client and an address of IPv6", {
      family: "IPv6",
      protocol: "UDP",
      port: 53,
      to: ipBytes("fd00:96::10"),
      from: { ip: ipBytes("fd00::12"), port: 4000 },
    }, ["fd00::12:4000"]],
    ["nobody's address", { family: "IPv4", protocol: "UDP", to: ipBytes("10.96.0.12") }, []],
  ] satisfies (readonly [string, FlowSearch, readonly string[]])[]
) {
  Deno.test(`of a full table the kernel shows only flows of ${what}`, async () => {
    await using table = await freshTable(LOOKED_AT);
    const found = new Set<string>();
    let seen = 0;
    const outcome = await table.kernel.look(question, () => ++seen > 0, 100, (read) => {
      const entry = read();
      if (entry !== undefined) found.add(`${entry.source.ip}:${entry.source.port}`);
    });
    assert.deepEqual([...found].sort(), [...clients]);
    assert.equal(outcome, "complete");
    assert.equal(seen, clients.length);
  });
}

Deno.test("whoever looks through flows is told where each was sent, and that there were more", async () => {
  await using table = await freshTable(LOOKED_AT);
  for (const [most, outcome] of [[4, "complete"], [3, "stopped"]] as const) {
    const destinations: unknown[] = [];
    const look = table.kernel.look(
      { family: "IPv4", protocol: "UDP" },
      (destination) => {
        destinations.push(destination);
        return false;
      },
      most,
      () => assert.fail("none is wanted"),
    );
    assert.equal(await look, outcome);
    assert.equal(destinations.length, most);
    const known = [key("10.96.0.10", 53), key("10.96.0.10", 5300), key("10.96.0.11", 53)];
    assert.ok(destinations.every((each) => known.some((one) => one === each)));
  }
});

Deno.test("an empty table and another namespace's flows are no flows", async () => {
  await using _ = await freshTable(OTHERS);
  await using other = await freshTable();
  assert.deepEqual(await other.list({ family: "IPv4", protocol: "UDP" }), []);
  assert.equal((await other.kernel.usage()).entries, 0);
});

Deno.test("only the flow that was named is deleted, and only once", async () => {
  await using table = await freshTable(OTHERS);
  const found = await table.list({ family: "IPv4", protocol: "UDP", port: 53 });
  assert.equal(await table.kernel.delete("IPv4", found), 1);
  assert.equal(await table.kernel.delete("IPv4", found), 0);
  assert.equal((await table.kernel.usage()).entries, OTHERS.length - 1);
});

Deno.test("an entry that has the tuple of the one that was listed but not its id stays", async () => {
  await using table = await freshTable([DNS, { ...DNS, client: "10.244.0.10:4001" }]);
  const question = { family: "IPv4", protocol: "UDP" } as const;
  const [one, other] = await table.list(question);
  assert.ok(one !== undefined && other !== undefined);
  // Of each identity the id comes last: the kernel wrote it behind the tuples.
  const mixed = { identity: [...one.identity.slice(0, -1), ...other.identity.slice(-1)] };
  assert.equal(await table.kernel.delete("IPv4", [mixed]), 0);
  assert.equal((await table.list(question)).length, 2);
  assert.equal(await table.kernel.delete("IPv4", [one]), 1);
});

Deno.test("of two zones with the same tuple the one that was listed is deleted", async () => {
  await using table = await freshTable([DNS, { ...DNS, zone: 7 }]);
  const question = { family: "IPv4", protocol: "UDP" } as const;
  const found = await table.list(question);
  assert.deepEqual(found.map(({ zone }) => zone).sort(), ["common", "other"]);
  const other = found.filter(({ zone }) => zone === "other");
  assert.equal(await table.kernel.delete("IPv4", other), 1);
  assert.deepEqual((await table.list(question)).map(({ zone }) => zone), ["common"]);
});

Deno.test("the node's own addresses are those of its links, loopback ranges aside", async () => {
  await using table = await freshTable();
  {
    using links = new Links(table.namespace);
    links.up("lo");
    links.addAddress("lo", "192.0.2.1/32");
    links.addAddress("lo", "2001:db8::1/128");
  }
  const found = await table.kernel.localAddresses();
  const expected = ["192.0.2.1", "2001:db8::1"].map((ip) => ipKey(ipBytes(ip)));
  assert.deepEqual([...found].sort(), expected.sort());
});

Deno.test("without the right to it every request says what helps", async () => {
  const code = `
    import { ConntrackKernel } from ${JSON.stringify(import.meta.resolve("./kernel.ts"))};
    const kernel = new ConntrackKernel();
    for (const ask of [
      () => kernel.list({ family: "IPv4", protocol: "UDP" }, () => {}),
      () => kernel.usage(),
    ]) await ask().catch((fault) => console.log(fault.code, fault.message));
    await kernel.close();
  `;
  // Root of a user namespace, in a network namespace that is not of it.
  const { stdout, stderr } = await new Deno.Command("unshare", {
    args: ["--user", "--map-root-user", "--", Deno.execPath(), "eval", "--no-check", code],
  }).output();
  const said = new TextDecoder().decode(stdout);
  const remedy = "the kernel says EPERM; run weir as root or with CAP_NET_ADMIN";
  assert.equal(
    said,
    `WEIR_NETLINK Cannot list flows "IPv4 UDP": ${remedy}\n` +
      `WEIR_NETLINK Cannot count flows "of this node": ${remedy}\n`,
    new TextDecoder().decode(stderr),
  );
});

Deno.test("a request after the end is refused", async () => {
  const table = await freshTable();
  await table[Symbol.asyncDispose]();
  await assert.rejects(table.kernel.usage(), /Cannot use netlink socket .*: it is closed/);
});

function* many(count: number): Generator<SampleFlow> {
  for (let index = 0; index < count; index++) {
    const client = `10.${index >> 16}.${index >> 8 & 255}.${index & 255}:4000`;
    yield { ...DNS, client };
  }
}

Deno.test("ten thousand flows are listed and deleted while the event loop goes on turning", async () => {
  const count = 10_000;
  await using table = await freshTable(many(count));
  let turns = 0;
  let turning = true;
  const turn = () => {
    turns++;
    if (turning) setImmediate(turn);
  };
  setImmediate(turn);
  const found = await table.list({ family: "IPv4", protocol: "UDP" });
  assert.equal(found.length, count);
  // The kernel hands out some hundred at a time; others have a turn after each.
  assert.ok(turns > count / 1000, `only ${turns} turns while listing`);
  turns = 0;
  assert.equal(await table.kernel.delete("IPv4", found), count);
  assert.ok(turns > count / 1000, `only ${turns} turns while deleting`);
  turning = false;
  assert.equal((await table.kernel.usage()).entries, 0);
});

Deno.test("a key gives back the address and the port that it was made of", () => {
  for (const ip of ["0.0.0.1", "255.255.255.255", "::1", "fd00:96::ffff", "2001:db8::d800"]) {
    for (const port of [1, 53, 65535]) {
      assert.equal(ipOf(key(ip, port)), ipKey(ipBytes(ip)), formatIp(ipBytes(ip)));
      assert.equal(portOf(key(ip, port)), port);
    }
  }
  assert.notEqual(key("10.0.0.1", 2), key("10.0.0.2", 1));
  assert.notEqual(key("fd00::1", 2), key("fd00::2", 1));
});
