import assert from "node:assert/strict";
import { DatagramSocket } from "../../tests/kit/packet/datagram.ts";
import { createVeth, Links } from "./link.ts";
import { NetworkNamespace } from "./namespace.ts";
import { readSystemFile } from "./system_file.ts";

/** Two namespaces, `eth0` of each connected to the other's. */
function pair() {
  const stack = new DisposableStack();
  const one = stack.use(NetworkNamespace.create("one"));
  const other = stack.use(NetworkNamespace.create("other"));
  createVeth({ name: "eth0", namespace: one }, { name: "eth0", namespace: other });
  const near = stack.use(new Links(one));
  const far = stack.use(new Links(other));
  return { one, other, near, far, [Symbol.dispose]: () => stack.dispose() };
}

Deno.test("a veth pair has an end in each namespace, and deleting one deletes both", () => {
  using links = pair();
  const { near, far } = links;
  assert.ok(near.index("eth0") > 1);
  assert.ok(far.index("eth0") > 1);
  near.remove("eth0");
  assert.throws(() => far.index("eth0"), { code: "WEIR_NETLINK", errno: 19 });
});

Deno.test("packets pass between two namespaces over the given addresses and routes", async () => {
  using links = pair();
  const { one, other, near, far } = links;
  near.up("eth0");
  far.up("eth0");
  await Promise.all([near.running("eth0"), far.running("eth0")]);
  const plan = [["10.9.0.1", "10.9.0.2", 32, "0.0.0.0/0"], [
    "fd09::1",
    "fd09::2",
    128,
    "::/0",
  ]] as const;
  for (const [mine, theirs, bits, all] of plan) {
    near.addAddress("eth0", `${mine}/${bits}`);
    near.addRoute({ to: `${theirs}/${bits}`, link: "eth0" });
    far.addAddress("eth0", `${theirs}/${bits}`);
    far.addRoute({ to: `${mine}/${bits}`, link: "eth0" });
    far.addRoute({ to: all, link: "eth0", via: mine });
    // A socket belongs to the namespace in which it was made.
    const version = bits === 32 ? 4 : 6;
    using server = one.inside(() => new DatagramSocket("udp", version));
    using client = other.inside(() => new DatagramSocket("udp", version));
    server.bind({ ip: mine, port: 7 });
    client.connect({ ip: mine, port: 7 });
    client.send(new Uint8Array([1, 2, 3]));
    await server.readable(5000);
    const packet = server.receive();
    assert.equal(packet?.from.ip, theirs);
    assert.deepEqual([...packet?.bytes ?? []], [1, 2, 3]);
  }
});

Deno.test("a link whose far end is down never passes packets, and the wait for it ends", async () => {
  using links = pair();
  links.near.up("eth0");
  await assert.rejects(links.near.running("eth0", 50), {
    code: "WEIR_NAMESPACE",
    message: 'Cannot use link "eth0": it has no carrier after 50 ms',
  });
});

const faults: [name: string, work: (links: Links) => void, says: RegExp][] = [
  ["a link that is not there", (links) => links.up("nope"), /Cannot find link "nope".*ENODEV/],
  [
    "an address that is there already",
    (links) => {
      links.addAddress("lo", "10.9.0.1/32");
      links.addAddress("lo", "10.9.0.1/32");
    },
    /Cannot add address "10\.9\.0\.1\/32".*EEXIST/,
  ],
  ["an address without prefix", (links) => links.addAddress("lo", "10.9.0.1"), /Cannot .*address/],
  [
    "a route to no network",
    (links) => links.addRoute({ to: "x", link: "lo" }),
    /Cannot add route "x"/,
  ],
];

for (const [name, work, says] of faults) {
  Deno.test(`${name} is an error that says so`, () => {
    using namespace = NetworkNamespace.create("one");
    using links = new Links(namespace);
    assert.throws(() => work(links), says);
  });
}

Deno.test("a sysctl is set in its namespace alone", () => {
  using one = NetworkNamespace.create("one");
  using other = NetworkNamespace.create("other");
  one.sysctl("ipv4/ip_forward", "1");
  other.sysctl("ipv4/ip_forward", "0");
  const read = () => readSystemFile("/proc/sys/net/ipv4/ip_forward");
  assert.equal(one.inside(read), "1\n");
  assert.equal(other.inside(read), "0\n");
  assert.throws(() => one.sysctl("ipv4/nonsense", "1"), /Cannot set sysctl "net\/ipv4\/nonsense"/);
});

Deno.test("after work in another namespace, and after a fault there, the thread is at home", () => {
  using here = NetworkNamespace.own();
  using other = NetworkNamespace.create("other");
  const devices = () => readSystemFile("/proc/thread-self/net/dev").match(/^ *\S+:/gm)?.length;
  const before = devices();
  using links = new Links(other);
  createVeth({ name: "a", namespace: other }, { name: "b", namespace: other });
  assert.ok(links.index("a") > 0);
  assert.throws(() =>
    other.inside(() => {
      throw new RangeError("inside");
    }), RangeError);
  assert.throws(() => other.inside(() => Promise.resolve()), /Cannot enter namespace/);
  assert.equal(devices(), before);
  assert.equal(here.inside(devices), before);
});

Deno.test("a program runs inside a namespace", async () => {
  using namespace = NetworkNamespace.create("one");
  createVeth({ name: "marked", namespace }, { name: "other", namespace });
  const [program, ...args] = namespace.command([
    Deno.execPath(),
    "eval",
    "--no-config",
    'console.log(Deno.readTextFileSync("/proc/net/dev"))',
  ]);
  const { stdout } = await new Deno.Command(program, { args }).output();
  assert.match(new TextDecoder().decode(stdout), /marked:/);
});
