/**
 * The SDK's encoder and printer against the kernel and the `nft` program: what is committed through
 * the host's capability must list exactly as what nft itself makes of the printed text.
 */
import assert from "node:assert/strict";
import {
  chain,
  commented,
  counter,
  map,
  meta,
  NftError,
  rule,
  th,
  verdict,
  verdictMap,
} from "weir";
import { CASES, T } from "./nft_cases.ts";
import { nftNode } from "./nft_node.ts";

/** nft's JSON without the handles, which depend on the order of creation. */
function withoutHandles(json: string): unknown {
  return JSON.parse(json, (key, value) => key === "handle" ? undefined : value);
}

for (const [name, build] of CASES) {
  Deno.test(`nft lists the same for ${name}, whether our messages or our text made it`, async () => {
    await using ours = nftNode("ours");
    await using theirs = nftNode("theirs");
    const tx = ours.nft.transaction();
    build(tx);
    await tx.commit();
    await theirs.run(["-c", "-f", "-"], String(tx));
    await theirs.run(["-f", "-"], String(tx));
    const listed = await ours.run(["-nn", "list", "ruleset"]);
    assert.equal(
      listed.replaceAll('\tcomment "weir: proxier test"\n', ""),
      await theirs.run(["-nn", "list", "ruleset"]),
    );
    assert.deepEqual(
      withoutHandles(await ours.run(["-j", "list", "ruleset"])),
      withoutHandles(await theirs.run(["-j", "list", "ruleset"])),
    );
    assert.notEqual(await ours.run(["list", "ruleset"]), "");
  });
}

Deno.test("a lookup whose key was looked up chooses by it and leaves the packet's mark alone", async () => {
  await using node = nftNode("node");
  const counts = map(T, "counts", ["inet_service"], ["mark"]);
  const chains = verdictMap(T, "chains", ["mark"]);
  const hit = chain(T, "hit", { rules: [commented("hit", counter())] });
  const filter = { type: "filter", hook: "output", priority: 0 } as const;
  const tx = node.nft.transaction();
  tx.replaceTable({
    table: T,
    sets: [counts, chains],
    chains: [
      hit,
      chain(T, "output", {
        base: filter,
        rules: [
          rule(meta.mark.set(7)),
          rule(th.dport.map(counts).vmap(chains)),
          commented("passed", counter()),
        ],
      }),
      chain(T, "later", {
        base: { ...filter, priority: 1 },
        rules: [commented("kept", meta.mark.eq(7), counter())],
      }),
    ],
  });
  tx.addElement(counts, 80, 3);
  tx.addElement(counts, 81, 4);
  tx.addElement(chains, 3, verdict.goto(hit));
  assert.ok(String(tx).includes("th dport map @counts vmap @chains"));
  await tx.commit();
  await node.execute(["ip", "link", "set", "lo", "up"]);
  // Port 80 is in both maps, 81 in the first, 82 in none; the ICMP errors pass as well.
  for (const port of [80, 81, 82]) {
    await node.execute(["bash", "-c", `echo x > /dev/udp/127.0.0.1/${port}`]);
  }
  const counted = new Map(
    (await node.nft.rules("ip")).map(({ comment, packets }) => [comment, packets]),
  );
  assert.equal(counted.get("hit"), 1n);
  const passed = counted.get("passed") ?? 0n;
  assert.ok(passed >= 2n, `${passed} passed`);
  assert.equal(counted.get("kept"), passed + 1n);
});

Deno.test("a refusal names the guilty command, of elements the first few", async () => {
  await using node = nftNode("node");
  const ports = map(T, "ports", ["inet_service"], ["inet_service"]);
  const begin = node.nft.transaction();
  begin.add(T);
  begin.add(ports);
  begin.addElement(ports, 3001, 1);
  await begin.commit();
  const tx = node.nft.transaction();
  for (let port = 1; port <= 5000; port++) tx.addElement(ports, port, 2);
  await assert.rejects(tx.commit(), (error) => {
    assert.ok(error instanceof NftError);
    assert.equal(error.errnoName, "EEXIST");
    const [, first = "", more = ""] = /\{ (\d+) : 2, .* … (\d+) more/.exec(error.command) ?? [];
    assert.ok(Number(first) <= 3001 && 3001 < Number(first) + Number(more) + 3, error.command);
    return true;
  });
  const missing = node.nft.transaction();
  missing.add(T);
  missing.addRule(chain(T, "nowhere"), rule(verdict.drop));
  await assert.rejects(missing.commit(), {
    name: "NftError",
    code: "WEIR_NFT_KERNEL",
    command: "add rule ip weir nowhere drop",
    errno: 2,
  });
});
