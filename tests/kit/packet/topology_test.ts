import assert from "node:assert/strict";
import { type Member, NODE_SECOND, Topology } from "./topology.ts";

Deno.test("every member reaches every backend by its own address, and is seen as itself", async () => {
  await using topology = await Topology.create({ backends: 2, port: 9000 });
  const { client, remote, node, backends } = topology;
  for (const backend of backends) {
    for (const version of [4, 6] as const) {
      for (const transport of ["tcp", "udp", "sctp"] as const) {
        for (const member of [client, remote, node]) {
          const address = backend.addresses[version];
          const exchange = await member.agent.connectOnce({ transport, address, port: 9000 });
          const where = `${transport} over IPv${version} from ${member.name}`;
          assert.equal(exchange.outcome, "answered", `${where}: ${JSON.stringify(exchange)}`);
          if (exchange.outcome !== "answered") continue;
          assert.equal(exchange.by, backend.name, where);
          if (member !== node) assert.equal(exchange.from, member.addresses[version], where);
        }
      }
    }
  }
});

Deno.test("pods elsewhere are reached through the node and the other one, and seen as themselves", async () => {
  await using topology = await Topology.create({ backends: 1, port: 9000, elsewhere: 2 });
  const { client, remote, node, backends, elsewhere } = topology;
  assert.ok(elsewhere !== undefined);
  const clients: readonly Member[] = [client, remote, node, elsewhere.node, ...elsewhere.pods];
  const servers: readonly Member[] = [...backends, ...elsewhere.pods];
  for (const version of [4, 6] as const) {
    for (const from of clients) {
      for (const to of servers) {
        const address = to.addresses[version];
        const exchange = await from.agent.connectOnce({ transport: "tcp", address, port: 9000 });
        const where = `IPv${version} from ${from.name} to ${to.name}`;
        assert.equal(exchange.outcome === "answered" && exchange.by, to.name, where);
        const seen = exchange.outcome === "answered" ? exchange.from : "";
        if (!from.name.includes("node")) assert.equal(seen, from.addresses[version], where);
      }
    }
    const address = NODE_SECOND[version];
    const refused = await remote.agent.connectOnce({ transport: "tcp", address, port: 9000 });
    assert.equal(refused.outcome === "failed" && refused.error, "ECONNREFUSED");
  }
});

Deno.test("a port nobody listens on is refused, an address nobody has is not answered", async () => {
  await using topology = await Topology.create({ backends: 1 });
  const [backend] = topology.backends;
  assert.ok(backend);
  for (const transport of ["tcp", "udp"] as const) {
    for (const version of [4, 6] as const) {
      const address = backend.addresses[version];
      const refused = await topology.client.agent.connectOnce({ transport, address, port: 1 });
      assert.equal(refused.outcome === "failed" && refused.error, "ECONNREFUSED", transport);
    }
    const silent = await topology.client.agent.connectOnce({
      transport,
      address: "10.96.0.1",
      port: 80,
      timeout: 200,
    });
    assert.equal(silent.outcome === "failed" && silent.error, "ETIMEDOUT", transport);
  }
});

Deno.test("many connections are made as asked", async () => {
  await using topology = await Topology.create({ backends: 1 });
  const [backend] = topology.backends;
  assert.ok(backend);
  const exchanges = await topology.client.agent.connect({
    transport: "tcp",
    address: backend.addresses[4],
    port: 8080,
    count: 100,
    concurrency: 10,
  });
  assert.equal(exchanges.length, 100);
  assert.ok(exchanges.every(({ outcome }) => outcome === "answered"));
});

Deno.test("an agent that cannot listen says why, and an ended one is an error", async () => {
  const topology = await Topology.create({ backends: 1 });
  const { agent } = topology.client;
  await assert.rejects(
    agent.listen({ transport: "tcp", address: "203.0.113.1", port: 80, name: "x" }),
    /Cannot ask agent "client": .*AddrNotAvailable/,
  );
  await topology[Symbol.asyncDispose]();
  await assert.rejects(agent.connect({ transport: "tcp", address: "127.0.0.1", port: 80 }));
});
