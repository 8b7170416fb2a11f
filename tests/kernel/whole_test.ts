/**
 * What a Service does when the whole of weir programs it: manifests in, packets out, with the
 * sandbox and the local-detector in between. The cases one by one are in reach_test.ts and
 * refuse_test.ts, on the proxier alone.
 */
import assert from "node:assert/strict";
import { POD_CIDR } from "../kit/packet/topology.ts";
import { outcomeOf, PATHS, reach, sourceOf, startCluster, web } from "./cluster.ts";
import { patient } from "./patience.ts";
import { PLAIN } from "./program.ts";
import { startWeir } from "./weir_on_manifests.ts";

/** The node's own addresses towards its pods. */
const ROUTER = { 4: "10.244.0.1", 6: "fd00:10:244::1" } as const;

Deno.test("through the whole of weir a Service answers, masquerades, hairpins, rejects and drops", async () => {
  await using cluster = await startCluster(
    {
      ...PLAIN,
      localMatches: [
        { type: "cidr", family: "IPv4", cidr: POD_CIDR[4] },
        { type: "cidr", family: "IPv6", cidr: POD_CIDR[6] },
      ],
    },
    {},
    startWeir,
  );
  const { client, node, remote, backends } = cluster.topology;
  const [first] = backends;
  assert.ok(first !== undefined);

  await cluster.program.serve(web(backends));
  for (const path of PATHS) {
    const where = `${path.transport} over IPv${path.version}`;
    for (const member of [client, node, remote]) {
      assert.match(outcomeOf(await reach(member, path)), /^backend-[012]$/, where);
    }
    assert.equal(sourceOf(await reach(client, path)), client.addresses[path.version], where);
    assert.equal(sourceOf(await reach(remote, path)), ROUTER[path.version], where);
  }

  await cluster.program.serve(web([first]));
  for (const path of PATHS) {
    assert.equal(outcomeOf(await reach(first, path)), first.name, "a pod reaches itself");
  }

  await cluster.program.serve(web([]));
  for (const version of [4, 6] as const) {
    const refused = await reach(client, { version, transport: "tcp" });
    assert.equal(outcomeOf(refused), "ECONNREFUSED");
    assert.ok(refused.milliseconds < patient(500), `refused after ${refused.milliseconds} ms`);
  }

  await cluster.program.serve(web(backends, { internalTrafficPolicy: "Local" }, false));
  for (const version of [4, 6] as const) {
    const dropped = await reach(client, { version, transport: "tcp" }, { timeout: patient(300) });
    assert.equal(outcomeOf(dropped), "ETIMEDOUT");
  }
});
