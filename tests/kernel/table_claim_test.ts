/**
 * Whose a table is, in the real kernel: what a plugin may take over, and what not, whatever happens
 * between a look and a commit.
 */
import assert from "node:assert/strict";
import { NetworkNamespace } from "../../host/capabilities/namespace.ts";
import { NETLINK, NetlinkSocket } from "../../host/capabilities/netlink.ts";
import { MessageWriter, NLM_F, readMessages } from "../../host/capabilities/netlink_message.ts";
import { deleteTable, formerTables } from "../../host/capabilities/nft/delete_table.ts";
import { NftKernel } from "../../host/capabilities/nft/kernel.ts";
import type { TableOwner } from "../../host/capabilities/nft/mark.ts";
import { nftCapability } from "../../host/capabilities/nft/nft.ts";
import * as sample from "../../host/capabilities/nft/sample.ts";
import {
  batch,
  message,
  newChain,
  newElements,
  newMap,
  newTable,
} from "../../host/capabilities/nft/sample.ts";

const SITE = { table: "mysite", family: 2 };
const SITE6 = { table: "mysite", family: 10 };
const OTHER = { table: "other", family: 2 };
const OWNER: TableOwner = { role: "proxier", plugin: "hello" };
const SUCCESSOR: TableOwner = { role: "proxier", plugin: "/etc/weir/copy/plugin.ts" };
const DETECTOR: TableOwner = { role: "local-detector", plugin: "detect-node-cidr" };
const FOREIGN = { code: "WEIR_TABLE_FOREIGN" };
const NOTHING = new Uint8Array(0);

/** One edge of a batch, as nft writes it. */
function edge(type: number): Uint8Array {
  return new MessageWriter(type, NLM_F.REQUEST, 0).fixed([0, 0, 0, 10]).finish();
}

/** A namespace with weir's kernel, and somebody else who can change nf_tables at any moment. */
function scene() {
  const stack = new AsyncDisposableStack();
  const namespace = stack.use(NetworkNamespace.create("node"));
  const open = () => {
    const kernel = namespace.inside(() => new NftKernel({ now: () => performance.now() }));
    stack.defer(() => kernel.close());
    return kernel;
  };
  const kernel = open();
  const socket = namespace.inside(() => new NetlinkSocket(NETLINK.NETFILTER));
  stack.defer(() => socket.close());
  /** Commits without a turn of the event loop in between. */
  const foreign = (...messages: readonly Uint8Array[]) => {
    socket.request("commit", batch(edge(16), ...messages, edge(17)));
  };
  const plugin = (owner: TableOwner, on: NftKernel = kernel) => {
    const capability = nftCapability({ version: 1, table: "mysite" }, { owner, kernel: on });
    return {
      commit: (...messages: readonly Uint8Array[]) =>
        capability.invoke("commit", { messages: messages.length }, batch(...messages)),
      list: (what: "tables" | "chains", family: "ip" | "ip6" | "inet" = "ip") =>
        capability.invoke("list", { what, family }, NOTHING)
          .then(({ attachment }) => [...readMessages(attachment ?? NOTHING)].length),
    };
  };
  /** All tables, with whose they are. */
  const tables = async () =>
    (await kernel.tables()).map(({ family, name, owner }) =>
      `${family} ${name} ${owner?.plugin ?? "-"}`
    ).sort();
  /** Does something between weir's look at the tables and its commit. */
  const meanwhile = (times: number, work: (time: number) => void) => {
    let time = 0;
    return kernel.watch({
      before() {
        if (time++ < times) work(time);
      },
      after() {},
    });
  };
  const dispose = { [Symbol.asyncDispose]: () => stack.disposeAsync() };
  return { kernel, open, foreign, plugin, tables, meanwhile, ...dispose };
}

Deno.test("a table that somebody else has made is nobody's to write, to delete or to read", async () => {
  await using node = scene();
  node.foreign(newTable(SITE), newChain(SITE, "firewall", 1));
  const { commit, list } = node.plugin(OWNER);
  const attempts: readonly (readonly Uint8Array[])[] = [
    [newTable(SITE)],
    [sample.deleteTable(SITE)],
    [newTable(SITE), sample.deleteTable(SITE), newTable(SITE)],
    [newChain(SITE, "own")],
    // All rules of the table.
    [message(8, 0, SITE)],
    [message(5, 0, SITE, (chain) => chain.text(3, "firewall"))],
    [newTable(SITE6)],
  ];
  for (const attempt of attempts) await assert.rejects(commit(...attempt), FOREIGN);
  await assert.rejects(list("chains"), FOREIGN);
  await assert.rejects(list("chains", "ip6"), FOREIGN);
  await assert.rejects(node.kernel.mustBeFree({ table: "mysite", owner: OWNER }), FOREIGN);
  assert.deepEqual(await node.tables(), ["ip mysite -"]);
  assert.equal(
    (await node.kernel.list({ what: "chains", family: "ip" }, "mysite")).length > 0,
    true,
  );
});

Deno.test("a table that a plugin makes is marked, and it can go on with it, also after a restart of weir", async () => {
  await using node = scene();
  const { commit, list } = node.plugin(OWNER);
  await commit(newTable(SITE), newMap(SITE, "m"), newElements(SITE, "m", 1, 3), newTable(SITE6));
  assert.deepEqual(await node.tables(), ["ip mysite hello", "ip6 mysite hello"]);
  await commit(newChain(SITE, "one"));
  assert.equal(await list("chains"), 1);
  assert.equal(await list("chains", "inet"), 0);
  const later = node.plugin(OWNER, node.open());
  await later.commit(newChain(SITE, "two"));
  await later.commit(sample.deleteTable(SITE), newTable(SITE), newChain(SITE, "three"));
  assert.equal(await later.list("chains"), 1);
  assert.deepEqual(await node.tables(), ["ip mysite hello", "ip6 mysite hello"]);
});

Deno.test("a proxier's successor inherits its table, and no plugin of another kind does", async () => {
  await using node = scene();
  await node.plugin(OWNER).commit(newTable(SITE), newChain(SITE, "one"));
  for (const attempt of [newTable(SITE), sample.deleteTable(SITE), newTable(SITE6)]) {
    await assert.rejects(node.plugin(DETECTOR).commit(attempt), {
      ...FOREIGN,
      message: /which weir has made for the proxier hello;/,
    });
  }
  // A mark stays as it was made, and is the successor's once it has replaced the table.
  await node.plugin(SUCCESSOR).commit(newTable(SITE), newChain(SITE, "two"));
  assert.deepEqual(await node.tables(), ["ip mysite hello"]);
  await node.plugin(SUCCESSOR).commit(sample.deleteTable(SITE), newTable(SITE));
  assert.deepEqual(await node.tables(), [`ip mysite ${SUCCESSOR.plugin}`]);
  await node.plugin(OWNER).commit(sample.deleteTable(SITE));
});

Deno.test("a table that somebody else makes between the look and the commit is not taken over", async () => {
  for (const attempt of [[newTable(SITE)], [newTable(SITE), newChain(SITE, "own")]]) {
    await using node = scene();
    node.meanwhile(1, () => node.foreign(newTable(SITE), newChain(SITE, "firewall", 1)));
    await assert.rejects(node.plugin(OWNER).commit(...attempt), FOREIGN);
    assert.deepEqual(await node.tables(), ["ip mysite -"]);
  }
});

/** What a plugin may have committed just before, and whether the kernel takes it. */
const BEFORE: readonly (readonly [what: string, batch: readonly Uint8Array[], fits: boolean])[] = [
  ["a change", [newElements(SITE, "m", 10, 3)], true],
  ["what changes nothing", [newTable(SITE)], true],
  ["what the kernel refuses", [newElements(SITE, "none", 10, 3)], false],
  ["its table's deletion", [sample.deleteTable(SITE)], true],
  ["its table anew", [sample.deleteTable(SITE), newTable(SITE)], true],
];

for (const [what, before, fits] of BEFORE) {
  Deno.test(`after ${what} a table that somebody else makes next is not taken over`, async () => {
    await using node = scene();
    const { commit } = node.plugin(OWNER);
    await commit(newTable(SITE), newMap(SITE, "m"), newElements(SITE, "m", 1, 3));
    await commit(newElements(SITE, "m", 5, 3));
    const attempt = commit(...before);
    if (fits) await attempt;
    else await assert.rejects(attempt, { code: "WEIR_NFT_KERNEL" });
    node.foreign(newTable(SITE6));
    await assert.rejects(commit(newTable(SITE6), newChain(SITE6, "own")), FOREIGN);
    assert.ok((await node.tables()).includes("ip6 mysite -"));
  });
}

Deno.test("a plugin that has deleted its table does not get it back by what needs one", async () => {
  await using node = scene();
  const { commit } = node.plugin(OWNER);
  await commit(newTable(SITE));
  await commit(newChain(SITE, "one"));
  await commit(newChain(SITE, "two"), sample.deleteTable(SITE));
  await assert.rejects(commit(newChain(SITE, "three")), { code: "WEIR_NFT_KERNEL" });
  assert.deepEqual(await node.tables(), []);
});

Deno.test("as long as nobody else changes nf_tables, a plugin's commits need no look at the tables", async () => {
  await using node = scene();
  const { commit } = node.plugin(OWNER);
  await commit(newTable(SITE), newMap(SITE, "m"));
  await commit(newElements(SITE, "m", 0, 1));
  const { dump } = NetlinkSocket.prototype;
  let looks = 0;
  NetlinkSocket.prototype.dump = function (...question) {
    looks++;
    return dump.apply(this, question);
  };
  try {
    for (let key = 1; key <= 20; key++) await commit(newElements(SITE, "m", key, 1));
    assert.equal(looks, 0);
    node.foreign(newTable(OTHER));
    await commit(newElements(SITE, "m", 30, 1));
    assert.equal(looks, 1);
    await commit(newElements(SITE, "m", 31, 1));
    assert.equal(looks, 1);
  } finally {
    NetlinkSocket.prototype.dump = dump;
  }
});

Deno.test("a table that somebody else puts in the place of a plugin's is not taken over", async () => {
  await using node = scene();
  const { commit, list } = node.plugin(OWNER);
  await commit(newTable(SITE));
  node.meanwhile(1, () => node.foreign(sample.deleteTable(SITE), newTable(SITE)));
  await assert.rejects(commit(newChain(SITE, "own")), FOREIGN);
  await assert.rejects(list("tables"), FOREIGN);
  assert.deepEqual(await node.tables(), ["ip mysite -"]);
  node.foreign(sample.deleteTable(SITE));
  await commit(newTable(SITE));
  assert.deepEqual(await node.tables(), ["ip mysite hello"]);
});

Deno.test("a commit succeeds though others change nf_tables again and again, and counts as one", async () => {
  await using node = scene();
  const records: unknown[] = [];
  const capability = nftCapability({ version: 1, table: "mysite" }, {
    owner: OWNER,
    kernel: node.kernel,
    observe: ({ refused }) => records.push(refused),
  });
  node.meanwhile(20, (time) => {
    node.foreign(time % 2 === 1 ? newTable(OTHER) : sample.deleteTable(OTHER));
  });
  await capability.invoke("commit", { messages: 1 }, newTable(SITE));
  assert.deepEqual(records, [""]);
  assert.deepEqual(await node.tables(), ["ip mysite hello"]);
});

Deno.test("a commit that others never let through ends with the reason, and has done nothing", async () => {
  await using node = scene();
  const unwatch = node.meanwhile(Infinity, (time) => {
    node.foreign(time % 2 === 1 ? newTable(OTHER) : sample.deleteTable(OTHER));
  });
  const { commit } = node.plugin(OWNER);
  await assert.rejects(commit(newTable(SITE)), {
    code: "WEIR_NFT_KERNEL",
    message: /the kernel says ERESTART/,
  });
  unwatch();
  assert.deepEqual(await node.tables(), []);
  await commit(newTable(SITE));
});

Deno.test("what weir deletes is its own, and the very table that it looked at", async () => {
  await using node = scene();
  await node.plugin(OWNER).commit(newTable(SITE));
  node.foreign(newTable(SITE6), newTable(OTHER));
  assert.deepEqual(await formerTables(node.kernel, []), ["mysite"]);
  assert.equal(await deleteTable(node.kernel, "mysite"), true);
  assert.equal(await deleteTable(node.kernel, "mysite"), false);
  assert.equal(await deleteTable(node.kernel, "other"), false);
  assert.deepEqual(await node.tables(), ["ip other -", "ip6 mysite -"]);
  node.foreign(sample.deleteTable(SITE6));
  await node.plugin(OWNER).commit(newTable(SITE));
  node.meanwhile(1, () => node.foreign(sample.deleteTable(SITE), newTable(SITE)));
  await assert.rejects(deleteTable(node.kernel, "mysite"), /ENOENT/);
  assert.deepEqual(await node.tables(), ["ip mysite -", "ip other -"]);
});

Deno.test("left over are a proxier's tables, and those of plugins that are not asked for", async () => {
  await using node = scene();
  const make = (table: string, owner: TableOwner) =>
    node.kernel.commit(newTable({ table, family: 1 }), 1, { claim: { table, owner } });
  await make("a", OWNER);
  await make("b", DETECTOR);
  await make("c", { role: "conntrack-tuner", plugin: "conntrack-tuner" });
  node.foreign(newTable(OTHER));
  const asked = [DETECTOR.plugin];
  assert.deepEqual([...await formerTables(node.kernel, asked)].sort(), ["a", "c"]);
});
