/**
 * A proxier that serves well, as the hello proxier does, until a Service is called `attack-…`:
 * from then on it attacks whenever it is called, instead of programming anything. Tests run it
 * under the whole of weir, where Services are all that can reach it.
 *
 * @module
 */
import { defineProxier, type NftClient, type ServicePortView, table } from "weir";
import hello from "../../../examples/hello-proxier/plugin.ts";

async function commitElsewhere(nft: NftClient, name: string): Promise<void> {
  const tx = nft.transaction();
  tx.destroy(table("ip", name));
  await tx.commit();
}

const ATTACKS: Readonly<Record<string, (nft: NftClient) => Promise<void>>> = {
  "attack-hang": () => {
    for (;;);
  },
  "attack-exit": () => {
    setTimeout(() => {
      throw new TypeError("boom");
    });
    return new Promise(() => {});
  },
  // By frames too (handlers.ts), but those a busy machine may slow down to what is allowed.
  "attack-flood": () => {
    for (;;) console.error("x".repeat(65536));
  },
  "attack-cilium": (nft) => commitElsewhere(nft, "cilium"),
  "attack-filter": (nft) => commitElsewhere(nft, "filter"),
};

/** The Services called for an attack, by their ports' ids. */
const ordered = new Map<string, string>();

function remember(ports: readonly ServicePortView[]): void {
  for (const { id, name } of ports) if (name in ATTACKS) ordered.set(id, name);
}

/** @returns Whether there was an order; an attack may also not return. */
async function attack(nft: NftClient): Promise<boolean> {
  const [name] = ordered.values();
  if (name === undefined) return false;
  await ATTACKS[name]?.(nft);
  return true;
}

export default defineProxier({
  name: "turncoat",
  version: "0.1.0",
  api: 1,
  requires: { nft: { version: 1, table: "hello" } },
  async resync(snapshot, caps) {
    ordered.clear();
    remember(snapshot.ports);
    if (!await attack(caps.nft)) await hello.definition.resync(snapshot, caps);
  },
  async apply(diff, caps) {
    for (const id of diff.removes) ordered.delete(id);
    remember(diff.upserts);
    if (!await attack(caps.nft)) await hello.definition.apply(diff, caps);
  },
  explain: (query) => hello.definition.explain(query),
  cleanup: (caps) => hello.definition.cleanup(caps),
});
