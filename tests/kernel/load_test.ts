/**
 * The load notices what it is there to notice.
 */
import assert from "node:assert/strict";
import { startCluster, web } from "./cluster.ts";
import { Load } from "./load.ts";
import { nft } from "./namespace_program.ts";

Deno.test("a load over a moment in which nobody is served is no load of which none failed", async () => {
  await using cluster = await startCluster();
  const { client, node, backends } = cluster.topology;
  await cluster.program.serve(web(backends));
  // Nobody repairs from here on; the rules stay.
  await cluster.program[Symbol.asyncDispose]();
  await using load = await Load.start(client, 1_500);
  await new Promise((resume) => setTimeout(resume, 300));
  await nft(node, "add table ip gap");
  await nft(node, "add chain ip gap c { type filter hook prerouting priority -300; policy drop; }");
  await new Promise((resume) => setTimeout(resume, 100));
  await nft(node, "delete table ip gap");
  await new Promise((resume) => setTimeout(resume, 300));
  await assert.rejects(
    load.noneFailed(0.5),
    /\d+ of \d+ connections failed|\d+ first packets of \d+ connections were lost/,
  );
});
