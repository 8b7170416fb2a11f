import assert from "node:assert/strict";
import { NetworkNamespace } from "../namespace.ts";
import { readMessages } from "../netlink_message.ts";
import { deleteTable } from "./delete_table.ts";
import { NftKernel } from "./kernel.ts";
import { batch, newChain, newTable } from "./sample.ts";

Deno.test("a table goes from every family that has it, and no other does", async () => {
  await using stack = new AsyncDisposableStack();
  const namespace = stack.use(NetworkNamespace.create("node"));
  const kernel = namespace.inside(() => new NftKernel({ now: () => performance.now() }));
  stack.defer(() => kernel.close());
  const has = async (table: string) => {
    const families = [];
    for (const family of ["inet", "ip", "ip6"] as const) {
      const listed = await kernel.list({ what: "tables", family }, table);
      if ([...readMessages(listed)].length > 0) families.push(family);
    }
    return families.join(" ");
  };
  const [inet, ip6, other] = [
    { table: "weir", family: 1 },
    { table: "weir", family: 10 },
    { table: "other", family: 10 },
  ];
  const claim = { table: "weir", owner: { role: "proxier", plugin: "test" } } as const;
  const tables = batch(newTable(inet), newChain(inet, "input", 1), newTable(ip6));
  await kernel.commit(tables, 3, { claim });
  await kernel.commit(newTable(other), 1);
  assert.equal(await has("weir"), "inet ip6");
  assert.equal(await deleteTable(kernel, "weir", () => true), false, "somebody was granted it");
  assert.equal(await has("weir"), "inet ip6");
  assert.equal(await deleteTable(kernel, "weir"), true);
  assert.deepEqual([await has("weir"), await has("other")], ["", "ip6"]);
  assert.equal(await deleteTable(kernel, "weir"), false);
});
