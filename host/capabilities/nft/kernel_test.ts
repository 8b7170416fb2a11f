import assert from "node:assert/strict";
import { NetworkNamespace } from "../namespace.ts";
import { NETLINK, NetlinkSocket } from "../netlink.ts";
import { MessageWriter, NLM_F, readMessages } from "../netlink_message.ts";
import { type CommitRecord, NftKernel } from "./kernel.ts";
import { batch, newChain, newElements, newMap, newRule, newTable } from "./sample.ts";

const WEIR = { table: "weir", family: 2 };

/** nf_tables of a fresh namespace. */
function freshKernel(observe: (record: CommitRecord) => void = () => {}) {
  const stack = new AsyncDisposableStack();
  const namespace = stack.use(NetworkNamespace.create("node"));
  const kernel = namespace.inside(() => new NftKernel({ now: () => performance.now(), observe }));
  stack.defer(() => kernel.close());
  return { kernel, namespace, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

function count(listed: Uint8Array): number {
  return [...readMessages(listed)].length;
}

Deno.test("a committed batch is in the kernel, and is listed of its own family only", async () => {
  await using node = freshKernel();
  await node.kernel.commit(batch(newTable(WEIR), newChain(WEIR, "input", 1), newMap(WEIR, "m")), 3);
  for (const what of ["tables", "chains", "sets"] as const) {
    assert.equal(count(await node.kernel.list({ what, family: "ip" }, "weir")), 1, what);
    assert.equal(count(await node.kernel.list({ what, family: "ip6" }, "weir")), 0, what);
    assert.equal(count(await node.kernel.list({ what, family: "ip" }, "other")), 0, what);
  }
});

Deno.test("what another namespace has is not seen", async () => {
  await using one = freshKernel();
  await using other = freshKernel();
  await one.kernel.commit(newTable(WEIR), 1);
  assert.equal(count(await one.kernel.list({ what: "tables", family: "ip" }, "weir")), 1);
  assert.equal(count(await other.kernel.list({ what: "tables", family: "ip" }, "weir")), 0);
});

Deno.test("a refused batch changes nothing and the error names the guilty message", async () => {
  const records: CommitRecord[] = [];
  await using node = freshKernel((record) => records.push(record));
  await assert.rejects(
    node.kernel.commit(
      batch(newTable(WEIR), newMap(WEIR, "m"), newRule(WEIR, "missing", "counter")),
      3,
    ),
    (fault: Error & { code?: string }) => {
      assert.equal(fault.code, "WEIR_NFT_KERNEL");
      assert.match(
        fault.message,
        /Cannot commit nftables message "2 of 3": the kernel says ENOENT/,
      );
      const expected = { message: 2, errno: 2, name: "ENOENT", detail: "" };
      assert.deepEqual(fault.cause, expected);
      return true;
    },
  );
  assert.equal(count(await node.kernel.list({ what: "tables", family: "ip" }, "weir")), 0);
  assert.deepEqual(records.map(({ messages, refused }) => [messages, refused]), [[3, "ENOENT"]]);
});

Deno.test("of many refused messages the first is named", async () => {
  await using node = freshKernel();
  const bad = Array.from({ length: 500 }, () => newRule(WEIR, "missing", "counter"));
  await assert.rejects(
    node.kernel.commit(batch(newTable(WEIR), ...bad), 501),
    (fault: Error) => (fault.cause as { message: number }).message === 1,
  );
  await node.kernel.commit(newTable(WEIR), 1);
});

Deno.test("100,000 elements load while the event loop stays free, and are listed", async () => {
  const total = 100_000;
  await using node = freshKernel();
  const messages = [newTable(WEIR), newMap(WEIR, "m")];
  for (let first = 0; first < total; first += 700) {
    messages.push(newElements(WEIR, "m", first, Math.min(700, total - first)));
  }
  let ticks = 0;
  const timer = setInterval(() => ticks++, 1);
  await node.kernel.commit(batch(...messages), messages.length);
  clearInterval(timer);
  assert.ok(ticks >= 5, `the event loop ran ${ticks} times meanwhile`);
  const listed = await node.kernel.list({ what: "elements", family: "ip", set: "m" }, "weir");
  // NFTA_SET_ELEM_LIST_ELEMENTS of each message holds list elements of 28 bytes each.
  let elements = 0;
  for (const { bytes } of readMessages(listed)) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 20; at < bytes.length; at += view.getUint16(at, true) + 3 & ~3) {
      if ((view.getUint16(at + 2, true) & 0x3fff) !== 3) continue;
      const end = at + view.getUint16(at, true);
      for (let one = at + 4; one < end;) {
        elements++;
        one += view.getUint16(one, true) + 3 & ~3;
      }
    }
  }
  assert.equal(elements, total);
});

Deno.test("commits and lists asked for at once run one after the other", async () => {
  await using node = freshKernel();
  await node.kernel.commit(batch(newTable(WEIR), newMap(WEIR, "m")), 2);
  const commits = Array.from(
    { length: 20 },
    (_, index) => node.kernel.commit(newElements(WEIR, "m", index * 10, 10), 1),
  );
  const lists = Array.from(
    { length: 5 },
    () => node.kernel.list({ what: "sets", family: "ip" }, "weir"),
  );
  await Promise.all(commits);
  for (const listed of await Promise.all(lists)) assert.equal(count(listed), 1);
});

Deno.test("after closing, a commit is refused", async () => {
  await using node = freshKernel();
  await node.kernel.close();
  await assert.rejects(node.kernel.commit(newTable(WEIR), 1), { code: "WEIR_NETLINK" });
});

Deno.test("a program that commits before each of our tries does not keep the event loop from others", async () => {
  using namespace = NetworkNamespace.create("node");
  const other = namespace.inside(() => new NetlinkSocket(NETLINK.NETFILTER));
  const edge = (type: number) =>
    new MessageWriter(type, NLM_F.REQUEST, 0).fixed([0, 0, 0, 10]).finish();
  let commits = 0;
  const interfere = () => {
    const table = newTable({ table: `other${commits++}`, family: 2 });
    void other.send([edge(16), table, edge(17)]);
    return performance.now();
  };
  const kernel = namespace.inside(() => new NftKernel({ now: interfere }));
  let turns = 0;
  const beat = setInterval(() => turns++);
  try {
    const claim = { table: "weir", owner: { role: "proxier", plugin: "test" } } as const;
    await assert.rejects(kernel.commit(newTable(WEIR), 1, { claim }), /the kernel says ERESTART/);
    assert.ok(commits > 100, `${commits} commits of the other`);
    assert.ok(turns > 0, "somebody else had a turn meanwhile");
  } finally {
    clearInterval(beat);
    other.close();
    await kernel.close();
  }
});
