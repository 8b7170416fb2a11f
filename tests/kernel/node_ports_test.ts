/**
 * Where NodePorts answer, as the whole of weir finds it out.
 */
import assert from "node:assert/strict";
import { Links } from "../../host/capabilities/link.ts";
import { sampleNode } from "../../host/samples.ts";
import { NODE_NAME } from "./program.ts";
import { startWeirCluster } from "./weir_on_manifests.ts";

/** What weir says, as `["192.0.2.1"]` or `"every address"`. */
const said = (addresses: string) =>
  new RegExp(`NodePorts answer on" addresses=${RegExp.escape(addresses)}$`, "m");

Deno.test("NodePorts follow the Node, and the addresses that the node gets and loses", async () => {
  await using cluster = await startWeirCluster([
    "--nodeport-addresses=primary",
    "--nodeport-addresses=10.77.0.0/16",
  ]);
  const { topology: { node }, weir } = cluster;
  const [v4, v6] = [node.addresses[4], node.addresses[6]];
  await weir.serveNode(sampleNode("", { name: NODE_NAME, addresses: [v4, v6] }));
  await weir.serve([]);
  await weir.process.said(said(`["${v4}","${v6}"]`));
  using links = new Links(node.namespace);
  links.addAddress("wan", "10.77.0.1/32");
  await weir.process.said(said(`["10.77.0.1","${v4}","${v6}"]`));
  links.remove("wan");
  const again = new RegExp(said(`["${v4}","${v6}"]`), "gm");
  await weir.process.until(
    "the address is gone",
    () => weir.process.log.match(again)?.length === 2,
  );
  assert.ok(!/^E/m.test(weir.process.log), weir.process.log);
});

Deno.test("without a Node the address towards the world is the node's own, or every one if asked", async () => {
  await using cluster = await startWeirCluster();
  const { weir } = cluster;
  await weir.serve([]);
  await weir.process.said(said('["198.51.100.1","2001:db8:1::1"]'));
  weir.process.kill("SIGTERM");
  await weir.process.ended();
  weir.restart(["--nodeport-addresses=all"]);
  await weir.process.said(said('"every address"'));
});
