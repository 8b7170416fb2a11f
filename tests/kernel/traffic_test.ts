/**
 * What is counted of each Service, compared with the packets that were really sent.
 */
import assert from "node:assert/strict";
import type { Service } from "../../schemas/kube.ts";
import { Topology } from "../kit/packet/topology.ts";
import { PATHS, reach, TARGET_PORT, VIP, web } from "./cluster.ts";
import { startInProcess } from "./in_process.ts";
import { PLAIN } from "./program.ts";

const COUNTING = { ...PLAIN, countTraffic: true } as const;

async function counting() {
  await using stack = new AsyncDisposableStack();
  const topology = stack.use(await Topology.create({ port: TARGET_PORT }));
  const settings = {
    ...COUNTING,
    nodePorts: { type: "listed", addresses: [topology.node.addresses[4]] },
  } as const;
  const program = stack.use(await startInProcess(topology, settings));
  const running = stack.move();
  const idOf = (protocol: string, family: string) =>
    `default/web:${protocol.toLowerCase()}/${protocol}/${family}`;
  const read = async (protocol: string, family = "IPv4") => {
    const [counts] = await program.traffic([idOf(protocol, family)]);
    assert.ok(counts !== undefined);
    return counts;
  };
  return { topology, program, read, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

const NOTHING = { connections: 0, packets: 0, bytes: 0 };

for (const { version, transport } of PATHS) {
  Deno.test(`each connection by ${transport} over IPv${version} counts once, its packets both ways`, async () => {
    await using cluster = await counting();
    const { topology: { client, backends }, program, read } = cluster;
    await program.serve(web(backends));
    const [protocol, family] = [transport.toUpperCase(), version === 4 ? "IPv4" : "IPv6"];
    assert.deepEqual(await read(protocol, family), NOTHING);
    for (let round = 0; round < 5; round++) {
      assert.equal((await reach(client, { version, transport })).outcome, "answered");
    }
    const { connections, packets, bytes } = await read(protocol, family);
    assert.equal(connections, 5);
    // A packet and its answer; TCP says hello and goodbye besides.
    if (transport === "tcp") assert.ok(packets >= 5 * 6, String(packets));
    else assert.equal(packets, 10);
    // IP and UDP headers are the least that a packet has.
    assert.ok(bytes > packets * (version === 4 ? 28 : 48), String(bytes));
    for (const other of ["TCP", "UDP", "SCTP"]) {
      for (const each of ["IPv4", "IPv6"]) {
        if (other === protocol && each === family) continue;
        assert.deepEqual(await read(other, each), NOTHING, `${other} ${each}`);
      }
    }
  });
}

Deno.test("node ports, and connections from the node itself, count for their Service", async () => {
  await using cluster = await counting();
  const { topology: { client, node, backends }, program, read } = cluster;
  const ports: Service["ports"] = [{ name: "udp", protocol: "UDP", port: 80, nodePort: 30_080 }];
  await program.serve(web(backends, { type: "NodePort", ports }));
  const byNodePort = { transport: "udp", address: node.addresses[4], port: 30_080 } as const;
  assert.equal((await client.agent.connectOnce(byNodePort)).outcome, "answered");
  assert.deepEqual({ ...await read("UDP"), bytes: 0 }, { connections: 1, packets: 2, bytes: 0 });
  const fromNode = { transport: "udp", address: VIP[4], port: 80 } as const;
  assert.equal((await node.agent.connectOnce(fromNode)).outcome, "answered");
  assert.deepEqual({ ...await read("UDP"), bytes: 0 }, { connections: 2, packets: 4, bytes: 0 });
});

Deno.test("what was counted outlives changes of the endpoints, and ends with the Service", async () => {
  await using cluster = await counting();
  const { topology: { client, backends }, program, read } = cluster;
  const path = { version: 4, transport: "udp" } as const;
  await program.serve(web(backends.slice(0, 1)));
  await reach(client, path);
  await program.serve(web(backends));
  await reach(client, path);
  await program.serve(web(backends.slice(1)));
  const { connections, packets } = await read("UDP");
  assert.deepEqual({ connections, packets }, { connections: 2, packets: 4 });
  await program.serve([]);
  assert.deepEqual(await read("UDP"), NOTHING);
  await program.serve(web(backends));
  assert.deepEqual(await read("UDP"), NOTHING);
});

Deno.test("who is refused has made no connection to the Service", async () => {
  await using cluster = await counting();
  const { topology: { client }, program, read } = cluster;
  await program.serve(web([]));
  await reach(client, { version: 4, transport: "tcp" });
  assert.deepEqual(await read("TCP"), NOTHING);
});
