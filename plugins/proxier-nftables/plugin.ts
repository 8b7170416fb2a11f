/**
 * The nftables proxier: service ports as elements of shared maps, in tables of its own.
 *
 * @module
 */
import { defineProxier, WeirError } from "weir";
import { explain } from "./explain.ts";
import { OBJECTS, TABLE_NAME } from "./layout.ts";
import { Mirror } from "./mirror.ts";

/** What the kernel has; undefined before the first resync and after anything failed. */
let current: { readonly mirror: Mirror; readonly revision: number } | undefined;

export default defineProxier({
  name: "proxier-nftables",
  version: "0.1.0",
  api: 1,
  requires: { nft: { version: 1, table: TABLE_NAME } },

  async resync(snapshot, { nft, log }) {
    current = undefined;
    const mirror = new Mirror(snapshot.settings);
    const tx = nft.transaction();
    mirror.replace(tx, snapshot.ports);
    await tx.commit();
    current = { mirror, revision: snapshot.revision };
    for (const id of mirror.shadowed) {
      log.warn("another service port has the same address, protocol and port", { id });
    }
  },

  async apply(diff, { nft, log }) {
    const known = current;
    if (known?.revision !== diff.from) {
      throw new WeirError(
        "WEIR_PLUGIN_FAILED",
        `Cannot apply revision "${diff.to}": it follows ${diff.from}, and the kernel is at ${
          known?.revision ?? "none"
        }`,
      );
    }
    // Whatever fails from here on, the mirror and the kernel may differ: the host resyncs.
    current = undefined;
    const { mirror } = known;
    let tx = nft.transaction();
    if (mirror.apply(tx, diff) === "outgrown") {
      tx = nft.transaction();
      mirror.renew(tx);
    }
    await tx.commit();
    current = { mirror, revision: diff.to };
    for (const { id } of diff.upserts) {
      if (mirror.shadowed.has(id)) {
        log.warn("another service port has the same address, protocol and port", { id });
      }
    }
  },

  explain(query) {
    return current === undefined ? [] : explain(current.mirror, query);
  },

  async cleanup({ nft }) {
    current = undefined;
    const tx = nft.transaction();
    for (const { table } of Object.values(OBJECTS)) tx.destroy(table);
    await tx.commit();
  },
});
