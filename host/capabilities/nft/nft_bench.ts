/**
 * What the check, a commit and a listener cost. `deno bench --allow-ffi host/capabilities/nft`, as
 * root or inside `unshare --user --map-root-user`.
 *
 * @module
 */
import { systemClock } from "../../clock.ts";
import { NetworkNamespace } from "../namespace.ts";
import { NETLINK, NetlinkSocket } from "../netlink.ts";
import { checkBatch } from "./check.ts";
import { NftKernel } from "./kernel.ts";
import { NftMonitor } from "./monitor.ts";
import { batch, deleteTable, newElements, newMap, newTable } from "./sample.ts";

const ELEMENTS = 100_000;
const WEIR = { table: "weir", family: 2 };

const parts = [newTable(WEIR), deleteTable(WEIR), newTable(WEIR), newMap(WEIR, "m")];
for (let first = 0; first < ELEMENTS; first += 700) {
  parts.push(newElements(WEIR, "m", first, Math.min(700, ELEMENTS - first)));
}
const load = batch(...parts);
/** As a plugin commits: with a look at whose the table is. */
const claim = { table: "weir", owner: { role: "proxier", plugin: "bench" } } as const;
const grant = { table: "weir", messages: parts.length, maxBytes: load.length };

const namespace = NetworkNamespace.create("bench");
const kernel = namespace.inside(() => new NftKernel({ now: () => performance.now() }));

await kernel.commit(load.slice(), parts.length, { claim });

Deno.bench("check 100,000 elements", () => {
  if (checkBatch(load, grant).type !== "accepted") throw new Error("Cannot bench: it is refused");
});

Deno.bench(
  "commit 100,000 elements, nobody listens",
  { group: "load", n: 8, warmup: 1, baseline: true },
  async () => {
    await kernel.commit(load, parts.length, { claim });
  },
);

Deno.bench(
  "commit 100,000 elements, somebody listens",
  { group: "load", n: 8, warmup: 1 },
  async (bench) => {
    const listener = namespace.inside(() => new NetlinkSocket(NETLINK.NETFILTER));
    listener.ignorePort(kernel.portId);
    listener.join(7);
    bench.start();
    await kernel.commit(load, parts.length, { claim });
    bench.end();
    listener.close();
  },
);

Deno.bench(
  "commit 100,000 elements, monitored",
  { group: "load", n: 8, warmup: 1 },
  async (bench) => {
    const monitor = namespace.inside(() =>
      new NftMonitor({
        kernel,
        tables: new Set(["weir"]),
        onForeignChange: () => {},
        onEnd: (reason) => {
          throw new Error(reason);
        },
        clock: systemClock,
      })
    );
    bench.start();
    await kernel.commit(load, parts.length, { claim });
    bench.end();
    await monitor.close();
  },
);

let next = ELEMENTS;
Deno.bench(
  "commit one element into a map of 100,000",
  async () => {
    await kernel.commit(newElements(WEIR, "m", next++, 1), 1, { claim });
  },
);
