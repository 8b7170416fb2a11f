/**
 * The nftables proxier: service ports as elements of shared maps, in tables of its own.
 *
 * @module
 */
import {
  type ConntrackClient,
  defineProxier,
  type IpFamily,
  type Log,
  messageOf,
  type NftClient,
  NftError,
  type NftFamily,
  type Trace,
  WeirError,
} from "weir";
import { explain } from "./explain.ts";
import { Mirror, type StandingTables } from "./mirror.ts";
import { OBJECTS, TABLE_NAME } from "./objects.ts";
import { readTraffic, type Traffic, trafficOf } from "./traffic.ts";

/** What the kernel has. */
interface Current {
  readonly mirror: Mirror;
  readonly revision: number;
}

/** Undefined before the first resync and after anything failed. */
let current: Current | undefined;

/** A listing of the kernel's counters, while the host asks for its pages. */
let listed: Listing | undefined;

interface Listing {
  readonly reading: number;
  readonly of: Current;
  readonly traffic: Promise<Traffic>;
}

/** Service ports whose counters are looked up one by one; of more, all that there are are listed. */
const FEW_IDS = 64;

/** Those that were programmed last, which the kernel knows therefore. */
let families: readonly IpFamily[] = ["IPv4", "IPv6"];

/**
 * Lists names, without those that the kernel gave to what belongs to a rule (`__set0`, `__map0`,
 * `__chain0`): somebody's rule with `{ 22, 80 }` brings one, and it goes with the rule.
 */
async function named(nft: NftClient, what: "chains" | "sets", family: NftFamily) {
  return (await nft.list(what, family)).filter((name) => !name.startsWith("__"));
}

/** What the kernel has of the tables, of those with clients that are to stay remembered. */
async function standingTables(nft: NftClient): Promise<StandingTables> {
  const standing: { -readonly [Family in keyof StandingTables]: StandingTables[Family] } = {};
  for (const family of families) {
    const { table, affinity } = OBJECTS[family];
    const sets = await named(nft, "sets", table.family);
    if (!sets.includes(affinity.name)) continue;
    standing[family] = { sets, chains: await named(nft, "chains", table.family) };
  }
  return standing;
}

/**
 * Puts everything in place anew. What clients the kernel remembers is kept if it can be: when
 * something stands in the table that its names do not tell, or changes meanwhile, the kernel
 * refuses, and then the whole table is replaced.
 */
async function replace(
  nft: NftClient,
  trace: Trace,
  write: (tx: ReturnType<NftClient["transaction"]>, standing: StandingTables) => void,
): Promise<void> {
  const standing = await trace.span("list", {}, () => standingTables(nft));
  const tx = nft.transaction();
  trace.span("compute", {}, () => write(tx, standing));
  try {
    await trace.span("commit", {}, () => tx.commit());
  } catch (thrown) {
    if (!(thrown instanceof NftError) || Object.keys(standing).length === 0) throw thrown;
    const whole = nft.transaction();
    await trace.span("replace", {}, () => {
      write(whole, {});
      return whole.commit();
    });
  }
}

/**
 * Has stale flows looked for. The rules are in force whatever comes of it, so that nobody waits for
 * it and nothing is undone when it fails.
 */
function reconcile(
  conntrack: ConntrackClient | undefined,
  ids: "all" | readonly string[],
  log: Log,
): void {
  conntrack?.reconcile(ids).catch((thrown) => {
    log.warn("stale connections stay as they are", { error: messageOf(thrown) });
  });
}

/** The listing of all counters that a reading's pages are answered from. */
function listingFor(reading: number, of: Current, nft: NftClient): Listing {
  if (listed?.reading !== reading) {
    listed = { reading, of, traffic: readTraffic(of.mirror, nft) };
  }
  return listed;
}

export default defineProxier({
  name: "proxier-nftables",
  version: "0.1.0",
  api: 1,
  requires: { nft: { version: 1, table: TABLE_NAME } },
  // Connections that are translated stay so, whatever becomes of the rules.
  uses: { conntrack: { version: 1 } },

  async resync(snapshot, { nft, conntrack, log, trace }) {
    current = undefined;
    families = snapshot.settings.families;
    const mirror = new Mirror(snapshot.settings);
    await replace(nft, trace, (tx, standing) => mirror.replace(tx, snapshot.ports, standing));
    current = { mirror, revision: snapshot.revision };
    reconcile(conntrack, "all", log);
    for (const id of mirror.shadowed) {
      log.warn("another service port has the same address, protocol and port", { id });
    }
  },

  async apply(diff, { nft, conntrack, log, trace }) {
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
    const tx = nft.transaction();
    const outcome = trace.span("compute", {}, () => mirror.apply(tx, diff));
    if (outcome === "applied") await trace.span("commit", {}, () => tx.commit());
    else await replace(nft, trace, (tx, standing) => mirror.renew(tx, standing));
    current = { mirror, revision: diff.to };
    reconcile(conntrack, [...diff.upserts.map(({ id }) => id), ...diff.removes], log);
    const { shadowed } = mirror;
    for (const { id } of diff.upserts) {
      if (shadowed.has(id)) {
        log.warn("another service port has the same address, protocol and port", { id });
      }
    }
  },

  explain(query) {
    return current === undefined ? [] : explain(current.mirror, query);
  },

  async traffic({ reading, last, ids }, { nft }) {
    const known = current;
    if (known?.mirror.settings.countTraffic !== true) return undefined;
    // A question about a Service must not take the listing from a reading that goes on.
    const listing = last && ids.length <= FEW_IDS && listed?.reading !== reading
      ? { reading, of: known, traffic: readTraffic(known.mirror, nft, ids) }
      : listingFor(reading, known, nft);
    if (last && listed === listing) listed = undefined;
    const found = await listing.traffic;
    // What was listed before a sync would be told of others after it.
    if (listing.of !== current) return undefined;
    return ids.map((id) => trafficOf(found, id));
  },

  async cleanup({ nft }) {
    current = undefined;
    const tx = nft.transaction();
    for (const family of families) tx.destroy(OBJECTS[family].table);
    await tx.commit();
  },
});
