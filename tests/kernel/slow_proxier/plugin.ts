/**
 * A proxier that takes its time, so that weir can be stopped in the middle of a sync.
 *
 * @module
 */
import { chain, defineProxier, type NftClient, type ServicePortView, table } from "weir";

const GRANT = { version: 1, table: "slow" } as const;
/** Milliseconds from the word that it works to the commit. */
const WORK = 600;

const services = new Map<string, ServicePortView>();

async function write(nft: NftClient): Promise<void> {
  const own = table("ip", GRANT.table);
  const tx = nft.transaction();
  const names = new Set([...services.values()].map(({ name }) => name));
  tx.replaceTable({ table: own, sets: [], chains: [...names].map((name) => chain(own, name)) });
  await tx.commit();
}

export default defineProxier({
  name: "slow",
  version: "0.1.0",
  api: 1,
  requires: { nft: GRANT },
  async resync(snapshot, { nft }) {
    services.clear();
    for (const port of snapshot.ports) services.set(port.id, port);
    await write(nft);
  },
  async apply(diff, { nft, log }) {
    for (const id of diff.removes) services.delete(id);
    for (const port of diff.upserts) services.set(port.id, port);
    log.info("working", { revision: diff.to });
    await new Promise((resume) => setTimeout(resume, WORK));
    await write(nft);
  },
  explain: () => [],
  cleanup: async ({ nft }) => {
    const tx = nft.transaction();
    tx.destroy(table("ip", GRANT.table));
    await tx.commit();
  },
});
