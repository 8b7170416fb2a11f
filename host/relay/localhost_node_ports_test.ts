import assert from "node:assert/strict";
import type { Log } from "../../schemas/capability.ts";
import type { IpFamily, Protocol } from "../../schemas/kube.ts";
import type { ServicePortView } from "../../schemas/view.ts";
import { systemClock } from "../clock.ts";
import { LocalhostNodePorts } from "./localhost_node_ports.ts";

const LOOPBACK = { IPv4: "127.0.0.1", IPv6: "::1" } as const;

/** A server that says its name to whoever connects, and closes. */
function backend(name: string, family: IpFamily = "IPv4") {
  const listener = Deno.listen({ hostname: LOOPBACK[family], port: 0 });
  const serving = (async () => {
    for await (const connection of listener) {
      await connection.write(new TextEncoder().encode(name)).catch(() => {});
      connection.close();
    }
  })();
  return {
    port: listener.addr.port,
    [Symbol.asyncDispose]: async () => {
      listener.close();
      await serving;
    },
  };
}

/** A port that nobody has in either family, taken from the kernel and given back. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "::", port: 0 });
  return listener.addr.port;
}

interface Wanted {
  readonly name?: string;
  readonly family?: IpFamily;
  readonly protocol?: Protocol;
  readonly local?: boolean;
}

function view(nodePort: number, ports: readonly number[], wanted: Wanted = {}): ServicePortView {
  const { name = "web", family = "IPv4", protocol = "TCP", local } = wanted;
  const verdict = ports.length === 0 ? "reject" : local === undefined ? "cluster" : "local";
  return {
    id: `d/${name}/${protocol}/${family}`,
    namespace: "d",
    name,
    portName: "",
    protocol,
    family,
    clusterIP: "10.96.0.1",
    port: 80,
    internal: "cluster",
    external: { verdict, externalIPs: [], loadBalancerIPs: [], nodePort },
    affinitySeconds: 0,
    endpoints: ports.map((port) => ({
      ip: LOOPBACK[family],
      port,
      local: true,
      inCluster: true,
      inLocal: local ?? false,
    })),
  };
}

/** Who answers at a NodePort on loopback. */
async function ask(port: number, family: IpFamily = "IPv4"): Promise<string> {
  try {
    using connection = await Deno.connect({ hostname: LOOPBACK[family], port });
    const buffer = new Uint8Array(100);
    const size = await connection.read(buffer);
    return new TextDecoder().decode(buffer.subarray(0, size ?? 0));
  } catch (thrown) {
    return thrown instanceof Deno.errors.ConnectionRefused ? "refused" : String(thrown);
  }
}

/** Asks until the answer is the one wanted: a port is bound and freed a turn later. */
async function sees(port: number, wanted: string, family?: IpFamily): Promise<void> {
  let answer = "";
  for (let tries = 0; tries < 400; tries++) {
    answer = await ask(port, family);
    if (answer === wanted) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.equal(answer, wanted);
}

function stage(families: readonly IpFamily[] = ["IPv4", "IPv6"]) {
  const lines: string[] = [];
  const failures: IpFamily[] = [];
  const counts = new Map<IpFamily, number>();
  const log: Log = {
    debug: () => {},
    info: () => {},
    warn: (message) => void lines.push(message),
    error: (message) => void lines.push(message),
  };
  const relay = new LocalhostNodePorts({
    families,
    clock: systemClock,
    random: () => 0,
    log,
    onListeners: (family, count) => void counts.set(family, count),
    onFailure: (family) => void failures.push(family),
  });
  return {
    relay,
    lines,
    failures,
    counts: () => [counts.get("IPv4"), counts.get("IPv6")],
    [Symbol.asyncDispose]: () => relay.stop(),
  };
}

Deno.test("a TCP NodePort answers on loopback of its family, and is refused without endpoint", async () => {
  await using one = backend("one");
  await using six = backend("six", "IPv6");
  await using scene = stage();
  const port = freePort();
  scene.relay.replace([view(port, [one.port]), view(port, [six.port], { family: "IPv6" })]);
  await sees(port, "one");
  await sees(port, "six", "IPv6");
  assert.deepEqual(scene.counts(), [1, 1]);
  scene.relay.apply([view(port, [])], []);
  await sees(port, "refused");
  assert.equal(await ask(port, "IPv6"), "six");
  assert.deepEqual(scene.counts(), [0, 1]);
  scene.relay.apply([view(port, [one.port])], []);
  await sees(port, "one");
  scene.relay.replace([]);
  await sees(port, "refused");
  await sees(port, "refused", "IPv6");
  assert.deepEqual(scene.counts(), [0, 0]);
  assert.deepEqual(scene.lines, []);
});

Deno.test("only TCP is relayed, and only in the families that are asked for", async () => {
  await using one = backend("one");
  await using scene = stage(["IPv6"]);
  const [tcp, udp] = [freePort(), freePort()];
  scene.relay.replace([
    view(tcp, [one.port]),
    view(udp, [one.port], { family: "IPv6", protocol: "UDP" }),
  ]);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual([await ask(tcp), await ask(udp, "IPv6")], ["refused", "refused"]);
  assert.deepEqual(scene.counts(), [undefined, 0]);
});

Deno.test("an endpoint that does not answer is passed over for another", async () => {
  await using one = backend("one");
  await using scene = stage();
  const port = freePort();
  scene.relay.replace([view(port, [freePort(), one.port])]);
  await sees(port, "one");
  assert.equal(await ask(port), "one");
});

Deno.test("a NodePort changes hands, moves and follows its endpoints", async () => {
  await using one = backend("one");
  await using two = backend("two");
  await using scene = stage();
  const [port, other] = [freePort(), freePort()];
  scene.relay.replace([view(port, [one.port]), view(port, [two.port], { name: "x-late" })]);
  await sees(port, "one");
  scene.relay.apply([], ["d/web/TCP/IPv4"]);
  assert.equal(await ask(port), "two");
  scene.relay.apply([view(other, [two.port], { name: "x-late" })], []);
  await sees(other, "two");
  await sees(port, "refused");
  scene.relay.apply([view(other, [one.port], { name: "x-late", local: true })], []);
  assert.equal(await ask(other), "one");
  scene.relay.apply([view(other, [one.port], { name: "x-late", local: false })], []);
  await sees(other, "refused");
});

Deno.test("of two Services with one NodePort the smallest id has it, as in the kernel", async () => {
  await using one = backend("one");
  await using two = backend("two");
  await using scene = stage();
  const port = freePort();
  const [first, second] = [
    view(port, [one.port], { name: "a" }),
    view(port, [two.port], { name: "b" }),
  ];
  scene.relay.apply([second], []);
  await sees(port, "two");
  scene.relay.apply([first], []);
  assert.equal(await ask(port), "one");
  scene.relay.apply([view(port, [], { name: "a" })], []);
  await sees(port, "refused");
  scene.relay.apply([], [first.id]);
  await sees(port, "two");
});

Deno.test("a port that another process has is said and counted, and harms no other NodePort", async () => {
  await using one = backend("one");
  await using scene = stage();
  using holder = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const taken = holder.addr.port;
  const port = freePort();
  scene.relay.replace([
    view(taken, [one.port], { name: "unlucky" }),
    view(port, [one.port], { name: "lucky" }),
  ]);
  await sees(port, "one");
  assert.deepEqual(scene.failures, ["IPv4"]);
  assert.deepEqual(scene.lines, [
    `Cannot listen on "127.0.0.1" at NodePort ${taken}: another process listens there: stop it, ` +
    "or give the Service another nodePort",
  ]);
});

Deno.test("connections go on when the NodePort goes, and end when weir does", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const scene = stage();
  const port = freePort();
  scene.relay.replace([view(port, [listener.addr.port])]);
  const accepting = listener.accept();
  let client: Deno.TcpConn | undefined;
  while (client === undefined) {
    client = await Deno.connect({ port, hostname: "127.0.0.1" }).catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  using server = await accepting;
  scene.relay.replace([]);
  await sees(port, "refused");
  await client.write(new TextEncoder().encode("still here"));
  const buffer = new Uint8Array(100);
  assert.equal(await server.read(buffer), 10);
  await scene.relay.stop();
  assert.equal(await client.read(buffer), null);
  client.close();
});

Deno.test("families come and go, and those that stay are not interrupted", async () => {
  await using one = backend("one");
  await using six = backend("six", "IPv6");
  await using scene = stage(["IPv4"]);
  const port = freePort();
  const views = [view(port, [one.port]), view(port, [six.port], { family: "IPv6" })];
  scene.relay.replace(views);
  await sees(port, "one");
  assert.equal(await ask(port, "IPv6"), "refused");
  scene.relay.serve(["IPv4", "IPv6"], views);
  assert.equal(await ask(port), "one");
  await sees(port, "six", "IPv6");
  scene.relay.serve(["IPv6"], views);
  await sees(port, "refused");
  assert.equal(await ask(port, "IPv6"), "six");
  assert.deepEqual(scene.counts(), [0, 1]);
  scene.relay.serve([], views);
  await sees(port, "refused", "IPv6");
});
