/**
 * The kit's fake of the nft capability against the kernel: for the same transactions both give the
 * same outcome, name the same guilty command, and hold the same afterwards.
 */
import assert from "node:assert/strict";
import {
  chain,
  concat,
  ip,
  map,
  meta,
  type NftClient,
  NftError,
  rule,
  set,
  table,
  th,
  type Transaction,
  verdict,
  verdictMap,
} from "weir";
import { fakeNft } from "../kit/nft_fake.ts";
import { nftNode } from "./nft_node.ts";

const T = table("ip", "weir");
const ips = set(T, "ips", ["ipv4_addr"]);
const two = set(T, "two", ["ipv4_addr"], { size: 2 });
const ports = map(T, "ports", ["inet_service"], ["ipv4_addr", "inet_service"]);
const services = verdictMap(T, "services", ["ipv4_addr", "inet_proto", "inet_service"]);
const lookup = rule(concat(ip.daddr, meta.l4proto, th.dport).vmap(services));

function begin(tx: Transaction): void {
  tx.replaceTable({
    table: T,
    sets: [ips, two, ports, services],
    chains: [chain(T, "target"), chain(T, "entry", { rules: [lookup] })],
  });
  tx.addElement(ips, "10.0.0.1");
  tx.addElement(two, "10.0.0.1");
  tx.addElement(two, "10.0.0.2");
  tx.addElement(ports, 80, ["10.0.0.1", 8080]);
  tx.addElement(services, ["10.0.0.1", "tcp", 80], verdict.goto("target"));
}

/** Each is one transaction after begin(). */
const CASES: readonly (readonly [name: string, build: (tx: Transaction) => void])[] = [
  ["a table put in place again", begin],
  ["an element that is there", (tx) => tx.addElement(ips, "10.0.0.1")],
  ["a map's element that is there", (tx) => tx.addElement(ports, 80, ["10.0.0.1", 8080])],
  ["a map's element that is there with other data", (tx) => {
    tx.addElement(ips, "10.0.0.9");
    tx.addElement(ports, 80, ["10.0.0.2", 8080]);
  }],
  ["a map's element replaced", (tx) => {
    tx.deleteElement(ports, 80);
    tx.addElement(ports, 80, ["10.0.0.2", 8080]);
  }],
  ["an element that is not there deleted", (tx) => {
    tx.addElement(ips, "10.0.0.9");
    tx.deleteElement(ips, "10.0.0.7");
  }],
  ["an element that does not fit any more", (tx) => {
    tx.addElement(ips, "10.0.0.9");
    tx.addElement(two, "10.0.0.3");
  }],
  ["an element in the place of one that goes, in a full set", (tx) => {
    tx.deleteElement(two, "10.0.0.1");
    tx.addElement(two, "10.0.0.3");
  }],
  ["an element that goes after another has come, in a full set", (tx) => {
    tx.addElement(two, "10.0.0.3");
    tx.deleteElement(two, "10.0.0.1");
  }],
  ["a verdict for a chain that is not there", (tx) => {
    tx.addElement(services, ["10.0.0.2", "tcp", 80], verdict.goto("missing"));
  }],
  ["a rule that names a chain that is not there", (tx) => {
    tx.addRule(chain(T, "entry"), rule(verdict.jump("missing")));
  }],
  ["a rule that names a set that is not there", (tx) => {
    tx.addRule(chain(T, "entry"), rule(ip.daddr.inSet("missing"), verdict.drop));
  }],
  ["a rule in a chain that is not there", (tx) => {
    tx.addRule(chain(T, "missing"), rule(verdict.drop));
  }],
  ["a chain in use deleted", (tx) => tx.delete(chain(T, "target"))],
  ["a chain deleted once nothing uses it", (tx) => {
    tx.flush(services);
    tx.delete(chain(T, "target"));
  }],
  ["a set in use deleted", (tx) => tx.delete(services)],
  ["a set deleted once nothing uses it", (tx) => {
    tx.flush(chain(T, "entry"));
    tx.delete(services);
  }],
  ["a set that is not there flushed", (tx) => tx.flush(set(T, "missing", ["ipv4_addr"]))],
  ["a table that is not there deleted", (tx) => tx.delete(table("ip6", "weir"))],
  ["all rules flushed, then the table deleted", (tx) => {
    tx.flush(T);
    tx.delete(T);
  }],
];

async function outcome(nft: NftClient, build: (tx: Transaction) => void): Promise<unknown> {
  const tx = nft.transaction();
  build(tx);
  try {
    await tx.commit();
  } catch (error) {
    if (!(error instanceof NftError)) throw error;
    return { errno: error.errno, name: error.errnoName, command: error.command };
  }
  return "committed";
}

async function content(nft: NftClient): Promise<unknown> {
  const sorted = async (from: typeof ips | typeof ports | typeof services) =>
    (await nft.elements(from)).map(({ key, data }) => `${key} : ${data}`).sort();
  const sets = [...await nft.list("sets", "ip")].sort();
  return {
    tables: await nft.list("tables", "ip"),
    chains: [...await nft.list("chains", "ip")].sort(),
    sets,
    rules: (await nft.rules("ip")).map(({ chain }) => chain),
    elements: await Promise.all(
      [ips, two, ports, services].filter(({ name }) => sets.includes(name)).map(sorted),
    ),
  };
}

for (const [name, build] of CASES) {
  Deno.test(`the fake does with ${name} as the kernel does`, async () => {
    await using real = nftNode("real");
    const fake = fakeNft({ version: 1, table: "weir" });
    const results = [];
    for (const nft of [real.nft, fake.nft]) {
      assert.equal(await outcome(nft, begin), "committed");
      results.push({ outcome: await outcome(nft, build), content: await content(nft) });
    }
    assert.deepEqual(results[1], results[0]);
  });
}
