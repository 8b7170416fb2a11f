/**
 * What happens to connections that nobody serves.
 */
import assert from "node:assert/strict";
import type { Member } from "../kit/packet/topology.ts";
import { outcomeOf, PATHS, reach, startCluster, web } from "./cluster.ts";
import { patient } from "./patience.ts";

/** Milliseconds within which a refusal has to arrive. */
const AT_ONCE = patient(50);

/** SCTP's refusal is an ICMP error, which only raw sockets of IPv4 hand on. */
const REFUSABLE = PATHS.filter(({ transport }) => transport !== "sctp");

/** Three tries: the first of an agent also compiles its code. */
async function refusal(member: Member, path: (typeof PATHS)[number], port?: number) {
  const tries = [];
  for (let round = 0; round < 3; round++) {
    tries.push(await reach(member, path, port === undefined ? {} : { port }));
  }
  return {
    outcomes: new Set(tries.map(outcomeOf)),
    fastest: Math.min(...tries.map(({ milliseconds }) => milliseconds)),
  };
}

for (
  const [name, port] of [["a Service without endpoints", undefined], [
    "a port that no Service has on a cluster IP",
    4711,
  ]] as const
) {
  Deno.test(`${name} refuses at once, by TCP and UDP`, async () => {
    await using cluster = await startCluster();
    const { client, node, remote, backends } = cluster.topology;
    await cluster.program.serve(web(port === undefined ? [] : backends));
    for (const path of REFUSABLE) {
      for (const member of [client, node, remote]) {
        const where = `${path.transport} over IPv${path.version} from ${member.name}`;
        const { outcomes, fastest } = await refusal(member, path, port);
        // Whose own packet is rejected on its way out hears it from send(2) itself.
        const error = member === node && path.transport === "udp" ? "EPERM" : "ECONNREFUSED";
        assert.deepEqual([...outcomes], [error], where);
        assert.ok(fastest < AT_ONCE, `${where}: ${fastest} ms`);
      }
    }
  });
}

Deno.test("with internalTrafficPolicy Local and no endpoint here, packets are dropped", async () => {
  await using cluster = await startCluster();
  const { client, backends } = cluster.topology;
  await cluster.program.serve(web(backends, { internalTrafficPolicy: "Local" }, false));
  for (const path of PATHS) {
    const exchange = await reach(client, path, { timeout: patient(500) });
    assert.equal(outcomeOf(exchange), "ETIMEDOUT", path.transport);
  }
  // The same endpoints serve as soon as they are this node's.
  await cluster.program.serve(web(backends, { internalTrafficPolicy: "Local" }, true));
  for (const path of PATHS) assert.match(outcomeOf(await reach(client, path)), /^backend-/);
});

Deno.test("a Service that gets its first endpoint answers, and that loses its last refuses", async () => {
  await using cluster = await startCluster();
  const { client, backends } = cluster.topology;
  const [backend] = backends;
  assert.ok(backend);
  for (const path of REFUSABLE) {
    for (let round = 0; round < 2; round++) {
      await cluster.program.serve(web([]));
      const refused = await reach(client, path);
      assert.equal(outcomeOf(refused), "ECONNREFUSED");
      await cluster.program.serve(web([backend]));
      const answered = await reach(client, path);
      assert.equal(outcomeOf(answered), backend.name);
    }
  }
});

Deno.test("a Service that is gone leaves its address to nobody", async () => {
  await using cluster = await startCluster();
  const { client, backends } = cluster.topology;
  await cluster.program.serve(web(backends));
  assert.match(outcomeOf(await reach(client, { version: 4, transport: "tcp" })), /^backend-/);
  await cluster.program.serve([]);
  // The node routes it like any other address, into the topology's empty internet.
  const exchange = await reach(client, { version: 4, transport: "tcp" }, { timeout: patient(500) });
  assert.equal(outcomeOf(exchange), "ETIMEDOUT");
});
