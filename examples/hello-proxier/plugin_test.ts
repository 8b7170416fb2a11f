import assert from "node:assert/strict";
import { loopback } from "weir/testing";
import hello from "./plugin.ts";

const port = {
  id: "default/web/TCP/IPv4",
  namespace: "default",
  name: "web",
  portName: "",
  protocol: "TCP",
  family: "IPv4",
  clusterIP: "10.96.0.10",
  port: 80,
  internal: "cluster",
  affinitySeconds: 0,
  endpoints: [
    { ip: "10.244.0.2", port: 8080, local: true, inCluster: true, inLocal: true },
    { ip: "10.244.1.2", port: 8080, local: false, inCluster: true, inLocal: false },
  ],
} as const;
const settings = {
  families: ["IPv4", "IPv6"] as const,
  masqueradeAll: false,
  masqueradeBit: 14,
  localMatches: [],
  nodePorts: { type: "listed" as const, addresses: [] },
  serviceCIDRs: [],
};

Deno.test("hello commits one transaction for a snapshot and one for a change", async () => {
  const commits: unknown[] = [];
  await using plugin = await loopback(hello, {
    nft: (method, params, attachment) => {
      assert.ok(attachment.length > 0);
      commits.push([method, params]);
      return { value: {} };
    },
  });
  assert.deepEqual(plugin.grants, { nft: { version: 1, table: "hello" } });
  await plugin.call("resync", { revision: 1, settings, ports: [port] });
  await plugin.call("apply", { from: 1, to: 2, upserts: [], removes: [port.id] });
  assert.equal(commits.length, 2);
  assert.deepEqual(plugin.lines, [
    { level: "info", message: "programmed", fields: { ports: 1, plugin: "hello" } },
  ]);
});

Deno.test("hello explains a service port it knows and nothing else", async () => {
  await using plugin = await loopback(hello);
  await plugin.call("resync", { revision: 1, settings, ports: [port] });
  const known = await plugin.call("explain", { ip: "10.96.0.10", port: 80, protocol: "TCP" });
  assert.deepEqual(known.map(({ match }) => match), [port.id]);
  assert.deepEqual(
    await plugin.call("explain", { ip: "10.96.0.10", port: 81, protocol: "TCP" }),
    [],
  );
  assert.deepEqual(
    await plugin.call("explain", { ip: "10.96.0.10", port: 80, protocol: "UDP" }),
    [],
  );
});

Deno.test("hello fits on a page", async () => {
  const text = await Deno.readTextFile(new URL("./plugin.ts", import.meta.url));
  assert.ok(text.trimEnd().split("\n").length <= 60);
});
