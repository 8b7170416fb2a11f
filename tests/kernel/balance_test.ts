/**
 * How connections spread over endpoints, and what changing these does to them.
 */
import assert from "node:assert/strict";
import { outcomeOf, PATHS, PORT, reach, startCluster, tally, VIP, web } from "./cluster.ts";

Deno.test("3,000 connections spread evenly over 3 endpoints", async () => {
  await using cluster = await startCluster();
  const { client, backends } = cluster.topology;
  await cluster.program.serve(web(backends));
  for (
    const path of [{ version: 4, transport: "tcp" }, { version: 6, transport: "udp" }] as const
  ) {
    const count = 3000;
    const exchanges = await client.agent.connect({
      transport: path.transport,
      address: VIP[path.version],
      port: PORT,
      count,
    });
    const counts = tally(exchanges);
    assert.deepEqual([...counts.keys()].sort(), ["backend-0", "backend-1", "backend-2"]);
    // A fair choice leaves this band once in two million runs.
    const sigma = Math.sqrt(count * (1 / 3) * (2 / 3));
    for (const [name, hits] of counts) {
      assert.ok(Math.abs(hits - count / 3) < 5 * sigma, `${name} answered ${hits} of ${count}`);
    }
  }
});

Deno.test("while endpoints come and go no new connection fails", async () => {
  await using cluster = await startCluster();
  const { client, remote, backends } = cluster.topology;
  const [first] = backends;
  assert.ok(first);
  await cluster.program.serve(web(backends));
  const load = [client, remote].map(({ agent }) =>
    agent.connect({ transport: "tcp", address: VIP[4], port: PORT, count: 2000, concurrency: 8 })
  );
  const done = Promise.all(load).then((parts) => parts.flat());
  let over = false;
  done.finally(() => over = true);
  let changes = 0;
  while (!over) {
    for (const size of [2, 1, 3, 1, 2, 3]) {
      await cluster.program.serve(web(backends.slice(0, size)));
      changes++;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
  const counts = tally(await done);
  assert.equal([...counts.values()].reduce((sum, hits) => sum + hits, 0), 4000);
  for (const name of counts.keys()) {
    assert.match(name, /^backend-[012]$/, JSON.stringify([...counts]));
  }
  assert.ok(changes >= 60, `there were only ${changes} changes meanwhile`);
});

for (const kept of [[0, 1], [1], [0]]) {
  Deno.test(`endpoints that are gone get no new connection, ${kept.length} of 3 are left: ${kept}`, async () => {
    // A cluster of its own: a UDP client that reuses a source port of an earlier round would follow
    // the conntrack entry of that round.
    await using cluster = await startCluster();
    const { client, backends } = cluster.topology;
    const remaining = kept.flatMap((index) => backends[index] ?? []);
    assert.equal(remaining.length, kept.length);
    await cluster.program.serve(web(backends));
    await cluster.program.serve(web(remaining));
    for (const { version, transport } of PATHS) {
      const address = VIP[version];
      const counts = tally(
        await client.agent.connect({ transport, address, port: PORT, count: 40 }),
      );
      const names = remaining.map(({ name }) => name).sort();
      assert.deepEqual([...counts.keys()].sort(), names, `${transport} over IPv${version}`);
    }
  });
}

Deno.test("endpoints that come get connections at once", async () => {
  await using cluster = await startCluster();
  const { client, backends } = cluster.topology;
  const [first] = backends;
  assert.ok(first);
  await cluster.program.serve(web([first]));
  assert.match(outcomeOf(await reach(client, { version: 4, transport: "tcp" })), /^backend-/);
  await cluster.program.serve(web(backends));
  // One of three is missed by 60 fair choices once in ten billion runs.
  const counts = tally(
    await client.agent.connect({ transport: "tcp", address: VIP[4], port: PORT, count: 60 }),
  );
  assert.equal(counts.size, 3);
});
