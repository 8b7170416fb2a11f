import assert from "node:assert/strict";
import { systemClock } from "../../clock.ts";
import { NetworkNamespace } from "../namespace.ts";
import { NftKernel } from "./kernel.ts";
import { type ForeignChange, NftMonitor } from "./monitor.ts";
import { batch, deleteTable, newElements, newMap, newTable } from "./sample.ts";

const WEIR = { table: "weir", family: 2 };

/** A watched namespace with our kernel, and somebody else's in the same one. */
function watched() {
  const stack = new AsyncDisposableStack();
  const namespace = stack.use(NetworkNamespace.create("node"));
  const open = () => namespace.inside(() => new NftKernel({ now: () => performance.now() }));
  const [own, foreign] = [open(), open()];
  stack.defer(() => own.close());
  stack.defer(() => foreign.close());
  const changes: ForeignChange[] = [];
  let heard = () => {};
  let time = 0;
  const monitor = namespace.inside(() =>
    new NftMonitor({
      kernel: own,
      tables: new Set(["weir"]),
      onForeignChange: (change) => {
        changes.push(change);
        heard();
      },
      onEnd: (reason) => assert.fail(reason),
      // What is suspected is told at once: an hour has gone by since the last time.
      clock: { ...systemClock, now: () => time += 3_600_000 },
    })
  );
  stack.defer(() => monitor.close());
  return {
    own,
    foreign,
    monitor,
    changes,
    /** Waits for the next change. */
    next: () => new Promise<void>((resolve) => heard = resolve),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** Some 440 KB: large enough that the monitor leaves the group meanwhile. */
function largeBatch(): [bytes: Uint8Array<ArrayBuffer>, messages: number] {
  const parts = [newTable(WEIR), deleteTable(WEIR), newTable(WEIR), newMap(WEIR, "m")];
  for (let first = 0; first < 16_000; first += 800) {
    parts.push(newElements(WEIR, "m", first, 800));
  }
  return [batch(...parts), parts.length];
}

Deno.test("a change by somebody else to our table is told, with who it was", async () => {
  await using node = watched();
  await node.own.commit(newTable(WEIR), 1);
  const heard = node.next();
  await node.foreign.commit(newMap(WEIR, "intruder"), 1);
  await heard;
  assert.equal(node.changes.length, 1);
  assert.deepEqual(node.changes[0]?.tables, ["weir"]);
  assert.match(node.changes[0]?.by ?? "", /^\S+.* \(process \d+\)$/);
});

Deno.test("our own changes and changes to other tables are not told", async () => {
  await using node = watched();
  await node.own.commit(newTable(WEIR), 1);
  await node.own.commit(...largeBatch());
  await node.foreign.commit(newTable({ table: "other", family: 2 }), 1);
  // The last change is told, and whatever came before it would have been by then.
  const heard = node.next();
  await node.foreign.commit(deleteTable(WEIR), 1);
  await heard;
  assert.equal(node.changes.length, 1);
});

Deno.test("a change of any family counts", async () => {
  await using node = watched();
  const heard = node.next();
  await node.foreign.commit(newTable({ table: "weir", family: 10 }), 1);
  await heard;
  assert.deepEqual(node.changes[0]?.tables, ["weir"]);
});

Deno.test("a change during a large commit of our own is not lost", async () => {
  await using node = watched();
  for (let round = 0; round < 5; round++) {
    const before = node.changes.length;
    const large = node.own.commit(...largeBatch());
    const small = node.foreign.commit(newMap({ table: "weir", family: 10 }, `m${round}`), 1)
      .catch(() => undefined);
    const table = node.foreign.commit(newTable({ table: "weir", family: 10 }), 1);
    await Promise.all([large, small, table]);
    if (round === 0) continue;
    // From the second round on the map's table is there, so that one change did happen.
    while (node.changes.length === before) await node.next();
  }
  const [bytes, messages] = largeBatch();
  const calm = node.changes.length;
  await node.own.commit(bytes, messages);
  assert.equal(node.changes.length, calm);
});

Deno.test("a large commit that the kernel refuses is no foreign change", async () => {
  await using node = watched();
  const [bytes, messages] = largeBatch();
  const last = newElements(WEIR, "missing", 0, 1);
  await assert.rejects(node.own.commit(batch(bytes, last), messages + 1), {
    code: "WEIR_NFT_KERNEL",
  });
  assert.deepEqual(node.changes, []);
});

Deno.test("a closed monitor hears nothing more and leaves the kernel's commits alone", async () => {
  await using node = watched();
  await node.monitor.close();
  await node.monitor.close();
  await node.own.commit(...largeBatch());
  await node.foreign.commit(deleteTable(WEIR), 1);
  assert.deepEqual(node.changes, []);
});
