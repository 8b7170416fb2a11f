/**
 * Who reaches a Service, and as whom its endpoints see them.
 */
import assert from "node:assert/strict";
import type { LocalMatch } from "../../schemas/view.ts";
import { POD_CIDR } from "../kit/packet/topology.ts";
import { outcomeOf, PATHS, reach, sourceOf, startCluster, VIP, web } from "./cluster.ts";
import { PLAIN } from "./program.ts";

/** Pod traffic of the topology's node. */
const PODS: readonly LocalMatch[] = [
  { type: "cidr", family: "IPv4", cidr: POD_CIDR[4] },
  { type: "cidr", family: "IPv6", cidr: POD_CIDR[6] },
];

Deno.test("a Service answers pods, the node and outsiders by every protocol and family", async () => {
  await using cluster = await startCluster();
  const { client, node, remote, backends } = cluster.topology;
  await cluster.program.serve(web(backends));
  for (const path of PATHS) {
    for (const member of [client, node, remote]) {
      const exchange = await reach(member, path);
      const where = `${path.transport} over IPv${path.version} from ${member.name}`;
      assert.equal(exchange.outcome, "answered", `${where}: ${JSON.stringify(exchange)}`);
      if (exchange.outcome !== "answered") continue;
      assert.match(exchange.by, /^backend-[012]$/, where);
      // Nothing is masqueraded where no local matches say what is local.
      if (member !== node) assert.equal(exchange.from, member.addresses[path.version], where);
    }
  }
});

Deno.test("with a cluster CIDR outsiders are masqueraded and pods are not", async () => {
  await using cluster = await startCluster({ ...PLAIN, localMatches: PODS });
  const { client, remote, backends } = cluster.topology;
  await cluster.program.serve(web(backends));
  for (const path of PATHS) {
    const fromPod = await reach(client, path);
    const fromOutside = await reach(remote, path);
    assert.equal(sourceOf(fromPod), client.addresses[path.version]);
    // The node's own address towards the pods.
    const node = path.version === 4 ? "10.244.0.1" : "fd00:10:244::1";
    assert.equal(sourceOf(fromOutside), node);
  }
});

Deno.test("with an interface prefix pods are told from outsiders too", async () => {
  const localMatches: readonly LocalMatch[] = [{ type: "interfacePrefix", prefix: "pod" }];
  await using cluster = await startCluster({ ...PLAIN, localMatches });
  const { client, remote, backends } = cluster.topology;
  await cluster.program.serve(web(backends));
  const fromPod = await reach(client, { version: 4, transport: "tcp" });
  const fromOutside = await reach(remote, { version: 4, transport: "tcp" });
  assert.equal(sourceOf(fromPod), client.addresses[4]);
  assert.equal(sourceOf(fromOutside), "10.244.0.1");
});

Deno.test("with --masquerade-all pods are masqueraded as well", async () => {
  await using cluster = await startCluster({ ...PLAIN, masqueradeAll: true });
  const { client, remote, backends } = cluster.topology;
  await cluster.program.serve(web(backends));
  for (const path of PATHS) {
    const node = path.version === 4 ? "10.244.0.1" : "fd00:10:244::1";
    for (const member of [client, remote]) {
      const exchange = await reach(member, path);
      assert.equal(sourceOf(exchange), node, member.name);
    }
  }
});

Deno.test("traffic to a pod's own address is not masqueraded, whatever the settings", async () => {
  await using cluster = await startCluster({
    ...PLAIN,
    masqueradeAll: true,
    localMatches: PODS,
  });
  const { remote, backends } = cluster.topology;
  await cluster.program.serve(web(backends));
  const [backend] = backends;
  assert.ok(backend);
  const address = backend.addresses[4];
  const exchange = await remote.agent.connectOnce({ transport: "tcp", address, port: 8080 });
  assert.equal(sourceOf(exchange), remote.addresses[4]);
});

Deno.test("a pod reaches itself through its Service (hairpin)", async () => {
  await using cluster = await startCluster({ ...PLAIN, localMatches: PODS });
  const [backend] = cluster.topology.backends;
  assert.ok(backend);
  await cluster.program.serve(web([backend]));
  for (const path of PATHS) {
    const exchange = await reach(backend, path);
    assert.equal(exchange.outcome, "answered", `${path.transport} over IPv${path.version}`);
    if (exchange.outcome !== "answered") continue;
    assert.equal(exchange.by, backend.name);
    // A packet that arrived with its own address as its source would be dropped.
    assert.notEqual(exchange.from, backend.addresses[path.version]);
  }
});

Deno.test("two Services on one cluster address keep to their own ports", async () => {
  await using cluster = await startCluster();
  const { client, backends } = cluster.topology;
  const [one, other] = backends;
  assert.ok(one && other);
  const ports = [{ name: "tcp", protocol: "TCP", port: 81, nodePort: 0 }] as const;
  const second = web([other], { name: "second", ports }).map((object) =>
    object.kind === "Service"
      ? object
      : { ...object, name: `second-${object.addressType}`, serviceName: "second" }
  );
  await cluster.program.serve([...web([one]), ...second]);
  for (const [port, backend] of [[80, one], [81, other]] as const) {
    const exchange = await client.agent.connectOnce({ transport: "tcp", address: VIP[4], port });
    assert.equal(outcomeOf(exchange), backend.name);
  }
});
