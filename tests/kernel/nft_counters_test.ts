/**
 * What elements have counted, as a plugin is told it by the real kernel.
 */
import assert from "node:assert/strict";
import { readMessages } from "../../host/capabilities/netlink_message.ts";
import { type NftClient, set, table } from "weir";
import { fakeNft } from "weir/testing";
import { type NftNode, nftNode } from "./nft_node.ts";

const OWNER = table("ip6", "weir");
const MARKS = set(OWNER, "marks", ["mark"], { counter: true });
const SOCKETS = set(OWNER, "sockets", ["ipv6_addr", "inet_proto", "inet_service"], {
  counter: true,
});
const PLAIN = set(OWNER, "plain", ["mark"]);

/** Elements of which every third has counted something, more than 2³² bytes at that. */
async function filled(elements: number): Promise<NftNode> {
  const node = nftNode("node");
  const tx = node.nft.transaction();
  for (const one of [OWNER, MARKS, SOCKETS, PLAIN]) tx.add(one);
  tx.addElement(PLAIN, 3);
  await tx.commit();
  const lines = Array.from({ length: elements }, (_, index) => {
    const number = index + 1;
    const packets = number % 3 === 0 ? number : 0;
    const counter = `counter packets ${packets} bytes ${packets * 5_000_000_000}`;
    return `add element ip6 weir marks { ${number} ${counter} }
add element ip6 weir sockets { fd00::${number.toString(16)} . tcp . ${number} ${counter} }`;
  });
  await node.run(["-f", "-"], lines.join("\n"));
  return node;
}

type Read = readonly (readonly [key: readonly number[], packets: number, bytes: number])[];

async function read(
  node: Pick<NftNode, "nft">,
  of: typeof MARKS | typeof SOCKETS,
  keys?: readonly Uint32Array[],
): Promise<Read> {
  const found: [number[], number, number][] = [];
  await node.nft.counted(of, (key, ...counts) => found.push([[...key], ...counts]), keys);
  return found.sort(([, one], [, other]) => one - other);
}

function socket(number: number): readonly number[] {
  const swapped = number >> 8 | (number & 0xff) << 8;
  return [0xfd, 0, 0, swapped << 16 >>> 0, 6, swapped];
}

function counted(number: number, key: readonly number[]): Read[number] {
  return [key, number, number * 5_000_000_000];
}

Deno.test("of a set with counters a plugin is told of the elements that have counted something", async () => {
  await using node = await filled(2_000);
  const used = Array.from({ length: 666 }, (_, index) => 3 * (index + 1));
  assert.deepEqual(await read(node, MARKS), used.map((number) => counted(number, [number])));
  assert.deepEqual(
    await read(node, SOCKETS),
    used.map((number) => counted(number, socket(number))),
  );
});

Deno.test("single elements are looked up by their keys, and those that are not there are passed over", async () => {
  await using node = await filled(300);
  const keys = [300, 4, 70_000, 3, 6].map((number) => new Uint32Array([number]));
  assert.deepEqual(await read(node, MARKS, keys), [3, 6, 300].map((n) => counted(n, [n])));
  assert.deepEqual(
    await read(node, SOCKETS, [299, 300, 301].map((number) => new Uint32Array(socket(number)))),
    [counted(300, socket(300))],
  );
  // More than the host looks up in one go.
  const all = Array.from({ length: 300 }, (_, index) => new Uint32Array([index + 1]));
  assert.equal((await read(node, MARKS, all)).length, 100);
  assert.deepEqual(await read(node, MARKS, []), []);
});

Deno.test("a set without counters and one that is not there have counted nothing", async () => {
  await using node = await filled(3);
  const missing = set(OWNER, "missing", ["mark"], { counter: true });
  for (const keys of [undefined, [new Uint32Array([3])]]) {
    for (const one of [PLAIN, missing]) assert.deepEqual(await read(node, one, keys), []);
  }
});

Deno.test("a key of another length is refused, and what was asked for afterwards is answered", async () => {
  await using node = await filled(3);
  await assert.rejects(read(node, MARKS, [new Uint32Array([3, 3])]), /EINVAL/);
  assert.deepEqual(await read(node, MARKS), [counted(3, [3])]);
});

Deno.test("the fake kernel looks elements up as the real one does", async () => {
  await using node = nftNode("node");
  const fake = fakeNft({ version: 1, table: "weir" });
  const invokes: readonly (readonly [
    NftClient,
    (params: unknown, bytes: Uint8Array) => Promise<{ readonly attachment?: Uint8Array }>,
  ])[] = [
    [node.nft, (params, bytes) => node.capability.invoke("list", params, bytes)],
    [fake.nft, (params, bytes) => fake.invoke("nft", "list", params, bytes)],
  ];
  for (const [nft, invoke] of invokes) {
    const tx = nft.transaction();
    for (const one of [OWNER, MARKS]) tx.add(one);
    for (const number of [1, 2, 3]) tx.addElement(MARKS, number);
    await tx.commit();
    const list = async (...keys: number[]) => {
      const params = { what: "elements", family: "ip6", set: "marks", keys: keys.length };
      const bytes = new Uint8Array(new Uint32Array(keys).buffer);
      return [...readMessages((await invoke(params, bytes)).attachment ?? bytes)].length;
    };
    assert.deepEqual([await list(2), await list(9), await list(1, 9, 3)], [1, 0, 2]);
  }
});
