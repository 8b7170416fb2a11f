import assert from "node:assert/strict";
import fc from "fast-check";
import { NetworkNamespace } from "../namespace.ts";
import { MessageWriter, NLM_F, readAttributes, readMessages } from "../netlink_message.ts";
import { NETLINK, NetlinkSocket } from "../netlink.ts";
import { ATTACKS } from "./attack.ts";
import { NftKernel } from "./kernel.ts";
import { tableOf } from "./listing.ts";
import { nftCapability } from "./nft.ts";
import {
  batch,
  be32,
  deleteTable,
  message,
  newChain,
  newElements,
  newMap,
  newRule,
  newTable,
} from "./sample.ts";

const OWNER = { role: "proxier", plugin: "test" } as const;
const WEIR = { table: "weir", family: 2 };
const OTHER = { table: "other", family: 2 };
const NOTHING = new Uint8Array(0);
const ELEMENTS = { what: "elements", family: "ip", set: "m" } as const;

/** Each element of a NEWSETELEM message, as text. */
function elementsOf(attributes: Uint8Array): string[] {
  const list = readAttributes(attributes, 0).get(3) ?? NOTHING;
  const view = new DataView(list.buffer, list.byteOffset, list.byteLength);
  const elements: string[] = [];
  for (let at = 0; at < list.length;) {
    const size = view.getUint16(at, true);
    elements.push(list.subarray(at, at + size).join(" "));
    at += size;
  }
  return elements;
}

/** A fresh namespace with a full table "other" and the capability for "weir". */
async function besideAnother() {
  const stack = new AsyncDisposableStack();
  const namespace = stack.use(NetworkNamespace.create("node"));
  const kernel = namespace.inside(() => new NftKernel({ now: () => performance.now() }));
  stack.defer(() => kernel.close());
  const other = batch(
    newTable(OTHER),
    newChain(OTHER, "input", 1),
    newMap(OTHER, "m"),
    newElements(OTHER, "m", 1, 5),
    newRule(OTHER, "input", "counter"),
  );
  await kernel.commit(other, 5);
  const listOther = async () => {
    const lists = await Promise.all([
      kernel.list({ what: "tables", family: "ip" }, "other"),
      kernel.list({ what: "chains", family: "ip" }, "other"),
      kernel.list({ what: "rules", family: "ip" }, "other"),
      kernel.list({ what: "sets", family: "ip" }, "other"),
      kernel.list({ what: "elements", family: "ip", set: "m" }, "other"),
    ]);
    // Sequence numbers and the generation in nfgenmsg differ from list to list.
    const objects = lists.map((listed) =>
      [...readMessages(listed)].map(({ bytes }) => bytes.slice(20))
    );
    // Elements come in the order of a hash table, which the kernel rebuilds when it likes.
    return [objects.slice(0, 4), objects.slice(4).flat().flatMap(elementsOf).sort()];
  };
  const probe = namespace.inside(() => new NetlinkSocket(NETLINK.NETFILTER));
  stack.defer(() => probe.close());
  const tables = async () => {
    const names = new Set<string>();
    const all = new MessageWriter(10 << 8 | 1, NLM_F.REQUEST | NLM_F.DUMP, 1).fixed([0, 0, 0, 0]);
    await probe.dump("list tables", all.finish(), (reply) => {
      names.add(tableOf(reply) ?? "");
    }, () => names.clear());
    return [...names].sort();
  };
  return {
    capability: nftCapability({ version: 1, table: "weir" }, { owner: OWNER, kernel }),
    kernel,
    listOther,
    tables,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

Deno.test("a plugin commits to its table and lists it", async () => {
  await using node = await besideAnother();
  const answer = await node.capability.invoke(
    "commit",
    { messages: 3 },
    batch(newTable(WEIR), newMap(WEIR, "m"), newElements(WEIR, "m", 1, 3)),
  );
  assert.deepEqual(answer, { value: {} });
  const { attachment } = await node.capability.invoke(
    "list",
    { what: "elements", family: "ip", set: "m" },
    NOTHING,
  );
  const messages = [...readMessages(attachment ?? NOTHING)];
  assert.ok(messages.length > 0);
  for (const one of messages) assert.equal(one.type, 10 << 8 | 12);
  const sets = await node.capability.invoke("list", { what: "sets", family: "ip6" }, NOTHING);
  assert.equal(sets.attachment?.length, 0);
});

Deno.test("no attack reaches another table", async () => {
  await using node = await besideAnother();
  const before = await node.listOther();
  assert.equal(before[1]?.length, 5);
  for (const [name, bytes] of ATTACKS) {
    await assert.rejects(
      node.capability.invoke("commit", { messages: 1 }, bytes),
      { code: "WEIR_GRANT_EXCEEDED" },
      name,
    );
  }
  assert.deepEqual(await node.listOther(), before);
  assert.deepEqual(await node.tables(), ["other"]);
});

Deno.test("the attacks are real: unchecked, a table deleted without its name takes others along", async () => {
  await using node = await besideAnother();
  const nameless = new MessageWriter(10 << 8 | 2, NLM_F.REQUEST, 0).fixed([0, 0, 0, 0]).finish();
  await node.kernel.commit(nameless, 1);
  assert.deepEqual(await node.tables(), []);
});

Deno.test("whatever bytes are changed in a good batch, the kernel's other table stays as it is", async () => {
  await using node = await besideAnother();
  const before = await node.listOther();
  const good = batch(
    newTable(WEIR),
    newChain(WEIR, "input", 1),
    newMap(WEIR, "m"),
    newElements(WEIR, "m", 1, 3),
    newRule(WEIR, "input", "counter"),
    message(14, 0, WEIR, (list) => list.text(2, "m")),
    deleteTable(WEIR),
  );
  const seen = { accepted: 0, refused: 0, kernel: 0 };
  const change = fc.record({ at: fc.nat(good.length - 1), value: fc.nat(255) });
  // Small values are what lengths, types and flags are made of.
  const sharp = fc.record({
    at: fc.nat(good.length - 1),
    value: fc.constantFrom(0, 1, 2, 4, 10, 26),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(change, sharp), { minLength: 1, maxLength: 3 }),
      async (changes) => {
        const bytes = good.slice();
        for (const { at, value } of changes) bytes[at] = value;
        try {
          await node.capability.invoke("commit", { messages: 7 }, bytes);
          seen.accepted++;
        } catch (fault) {
          const code = (fault as { code?: string }).code;
          if (code === "WEIR_GRANT_EXCEEDED") seen.refused++;
          else if (code === "WEIR_NFT_KERNEL") seen.kernel++;
          else throw fault;
        }
        for (const table of await node.tables()) assert.match(table, /^(other|weir)$/);
        assert.deepEqual(await node.listOther(), before);
      },
    ),
    { numRuns: 1500, seed: 7 },
  );
  // All three happened, or the property has shown nothing.
  assert.ok(seen.accepted > 50 && seen.refused > 500 && seen.kernel > 10, JSON.stringify(seen));
});

Deno.test("whatever parameters a plugin sends, only the contract's are taken", async () => {
  await using node = await besideAnother();
  const cases: [method: string, params: unknown, attachment: Uint8Array][] = [
    ["flush", {}, NOTHING],
    ["commit", {}, newTable(WEIR)],
    ["commit", { messages: 0 }, NOTHING],
    ["commit", { messages: 1, table: "other" }, newTable(WEIR)],
    ["commit", { messages: 1.5 }, newTable(WEIR)],
    ["commit", null, newTable(WEIR)],
    ["list", { what: "tables", family: "netdev" }, NOTHING],
    ["list", { what: "tables", family: "ip", table: "other" }, NOTHING],
    ["list", { what: "elements", family: "ip" }, NOTHING],
    ["list", { what: "elements", family: "ip", set: "m\0x" }, NOTHING],
    ["list", { what: "tables", family: "ip" }, new Uint8Array(4)],
    ["list", { what: "tables", family: "ip", keys: 1 }, new Uint8Array(4)],
    ["list", { ...ELEMENTS, keys: 0 }, NOTHING],
    ["list", { ...ELEMENTS, keys: 1 }, NOTHING],
    ["list", { ...ELEMENTS, keys: 2 }, new Uint8Array(6)],
    ["list", { ...ELEMENTS, keys: 1 }, new Uint8Array(68)],
    ["list", { ...ELEMENTS, keys: 257 }, new Uint8Array(4 * 257)],
  ];
  for (const [method, params, attachment] of cases) {
    await assert.rejects(
      node.capability.invoke(method, params, attachment),
      { code: "WEIR_GRANT_EXCEEDED" },
      `${method} ${JSON.stringify(params)}`,
    );
  }
});

function sized(name: string, size: number): Uint8Array<ArrayBuffer> {
  return message(
    9,
    0x400,
    WEIR,
    (set) =>
      set.text(2, name).bytes(3, be32(0)).bytes(4, be32(7)).bytes(5, be32(4)).bytes(10, be32(1))
        .nested(9, (description) => description.bytes(1, be32(size))),
  );
}

Deno.test("sets of declared sizes cannot take all of the kernel's memory", async () => {
  await using node = await besideAnother();
  const commit = (capability: typeof node.capability, ...messages: Uint8Array[]) =>
    capability.invoke("commit", { messages: messages.length }, batch(...messages));
  const most = { code: "WEIR_GRANT_EXCEEDED", message: /its sets declare \d+ elements, the limit/ };
  const size = 1 << 21;
  const bomb = Array.from({ length: 20 }, (_, index) => sized(`s${index}`, 1 << 22));
  await assert.rejects(commit(node.capability, newTable(WEIR), ...bomb), most);
  assert.deepEqual(await node.tables(), ["other"], "the kernel has seen none of it");
  await commit(node.capability, newTable(WEIR), sized("a", size), sized("b", size));
  // A batch that the kernel refuses deletes nothing.
  await assert.rejects(commit(node.capability, deleteTable(WEIR), newMap(WEIR, "m")), {
    code: "WEIR_NFT_KERNEL",
  });
  // Nor does a plugin's next life begin with nothing.
  const next = nftCapability({ version: 1, table: "weir" }, { owner: OWNER, kernel: node.kernel });
  await assert.rejects(commit(next, sized("c", size), sized("d", size), sized("e", size)), most);
  await commit(next, deleteTable(WEIR), newTable(WEIR), sized("a", size), sized("b", size));
  await commit(next, deleteTable(WEIR));
  await commit(next, newTable(WEIR), sized("c", size), sized("d", size), sized("e", size));
});

Deno.test("a large batch is looked through to its last message", async () => {
  await using node = await besideAnother();
  const elements = newElements(WEIR, "m", 1, 1000);
  const many = Array.from({ length: 100 }, () => elements);
  const good = [newTable(WEIR), newMap(WEIR, "m"), ...many];
  const commit = (messages: number, ...parts: readonly Uint8Array[]) =>
    node.capability.invoke("commit", { messages }, batch(...parts));
  const refused = (says: RegExp) => ({ code: "WEIR_GRANT_EXCEEDED", message: says });
  await assert.rejects(
    commit(103, ...good, deleteTable(OTHER)),
    refused(/message 102, DELTABLE, NAME: "other" is not the granted table/),
  );
  await assert.rejects(commit(102, ...good, new Uint8Array(2)), refused(/message 102: 2 bytes/));
  await assert.rejects(commit(101, ...good), refused(/it has 102 messages, announced were 101/));
  await commit(102, ...good);
  assert.deepEqual(await node.tables(), ["other", "weir"]);
});

Deno.test("a batch of thousands of refusals is answered once, and others get their turn", async () => {
  await using node = await besideAnother();
  const count = 20_000;
  const nowhere = message(5, 0, WEIR, (chain) => chain.text(3, "nowhere"));
  const bytes = new Uint8Array(new ArrayBuffer(count * nowhere.length));
  for (let at = 0; at < bytes.length; at += nowhere.length) bytes.set(nowhere, at);
  let turns = 0;
  const ticking = setInterval(() => turns++, 0);
  await assert.rejects(node.capability.invoke("commit", { messages: count }, bytes), {
    code: "WEIR_NFT_KERNEL",
    message: /message "0 of 20000": the kernel says ENOENT/,
  });
  clearInterval(ticking);
  assert.ok(turns >= 10, `${turns} turns`);
  await node.capability.invoke("commit", { messages: 1 }, newTable(WEIR));
});

Deno.test("commits that wait when a grant is withdrawn are not made", async () => {
  await using node = await besideAnother();
  await node.capability.invoke("commit", { messages: 1 }, newTable(WEIR));
  // Large enough that the second is looked through before the first is done.
  const elements = Array.from({ length: 20 }, (_, at) => newElements(WEIR, "m", at * 1000, 1000));
  const first = node.capability.invoke(
    "commit",
    { messages: 21 },
    batch(newMap(WEIR, "m"), ...elements),
  );
  const second = node.capability.invoke("commit", { messages: 1 }, deleteTable(WEIR));
  // Both have been looked through and the first is on its way.
  await Promise.resolve();
  await Promise.resolve();
  await Promise.resolve();
  node.capability.close();
  await first;
  await assert.rejects(second, /the plugin's grant was withdrawn/);
  assert.deepEqual(await node.tables(), ["other", "weir"]);
});

Deno.test("a limit of size is kept, and a withdrawn grant is over", async () => {
  await using node = await besideAnother();
  const small = nftCapability({ version: 1, table: "weir" }, {
    owner: OWNER,
    kernel: node.kernel,
    maxCommitBytes: 64,
  });
  await small.invoke("commit", { messages: 1 }, newTable(WEIR));
  await assert.rejects(
    small.invoke("commit", { messages: 1 }, newMap(WEIR, "m")),
    /Cannot commit to table "weir": it has \d+ bytes, more than 64/,
  );
  small.close();
  await assert.rejects(
    small.invoke("commit", { messages: 1 }, newTable(WEIR)),
    { code: "WEIR_GRANT_EXCEEDED" },
  );
});
