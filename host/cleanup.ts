/**
 * The clean-up: what kube-proxy and weir left on a node is found, removed in an order in which
 * nothing is still in use, and looked for again.
 *
 * @module
 */
import { messageOf } from "../schemas/errors.ts";
import {
  describeLeftover,
  type Leftover,
  type LeftoverScope,
  type LeftoverStore,
  type Owner,
} from "./capabilities/leftovers/leftover.ts";

/** What became of a leftover. */
export type Fate =
  | { readonly type: "removed" }
  /** It would have been removed, but nothing was to be changed. */
  | { readonly type: "listed" }
  /** It was left on purpose. */
  | { readonly type: "spared"; readonly reason: string }
  /** It could not be removed. */
  | { readonly type: "remains"; readonly reason: string }
  /** It is there again, or anew, after the removal: its owner runs. */
  | { readonly type: "returned"; readonly reason: string };

/** A leftover and what became of it. */
export interface CleanupOutcome {
  readonly leftover: Leftover;
  readonly fate: Fate;
}

/** What a clean-up stands on. */
export interface CleanupOptions {
  readonly store: LeftoverStore;
  /** Whose leftovers go. */
  readonly owners: readonly Owner[];
  /** Where to look; everywhere unless told otherwise. */
  readonly scope?: LeftoverScope;
  /** Only look. */
  readonly dryRun: boolean;
  /** Waits as long as who still runs may take to put back what was removed. */
  readonly settle: () => Promise<void>;
  /** Why a leftover is to be left, given all there are; undefined when it may go. */
  readonly spare?: (leftover: Leftover, all: readonly Leftover[]) => string | undefined;
}

/**
 * Tells leftovers apart: what is in them may change between two looks, the thing itself does not.
 *
 * @param leftover What was found.
 * @returns Equal for the same table, set or device.
 */
export function identityOf(leftover: Leftover): string {
  switch (leftover.place) {
    case "nftables":
    case "iptables-nft":
    case "iptables-legacy":
      return `${leftover.place} ${leftover.family} ${leftover.table}`;
    case "ipset":
    case "nfacct":
    case "link":
      return `${leftover.place} ${leftover.name}`;
    case "ipvs":
      return leftover.place;
  }
}

function cameBack({ owner }: Leftover): Fate {
  return {
    type: "returned",
    reason: `somebody puts it back: ${owner} still runs on this node; stop it and clean up again`,
  };
}

/**
 * Cleans up.
 *
 * @param options Whose leftovers, and how.
 * @returns What was found, in the order in which it was removed, and what became of it.
 * @throws {WeirError} WEIR_NETLINK with the remedy when nothing can be looked at.
 */
export async function cleanUp(options: CleanupOptions): Promise<readonly CleanupOutcome[]> {
  const { store, owners, scope = "everywhere", dryRun, settle, spare } = options;
  const look = async () => (await store.find(scope)).filter(({ owner }) => owners.includes(owner));
  const found = await look();
  const outcomes: CleanupOutcome[] = [];
  let serversRemain = false;
  for (const leftover of found) {
    const reason = spare?.(leftover, found);
    let fate: Fate;
    if (reason !== undefined) fate = { type: "spared", reason };
    else if (dryRun) fate = { type: "listed" };
    else if (leftover.place === "link" && serversRemain) {
      // It is what tells the next clean-up that the virtual servers are kube-proxy's.
      fate = { type: "remains", reason: "IPVS still has virtual servers" };
    } else fate = await removed(store, leftover);
    if (leftover.place === "ipvs") serversRemain = fate.type === "remains";
    outcomes.push({ leftover, fate });
  }
  if (!outcomes.some(({ fate }) => fate.type === "removed")) return outcomes;
  await settle();
  const again = new Map((await look()).map((leftover) => [identityOf(leftover), leftover]));
  const known = new Set(found.map(identityOf));
  return [
    ...outcomes.map(({ leftover, fate }) =>
      fate.type === "removed" && again.has(identityOf(leftover))
        ? { leftover, fate: cameBack(leftover) }
        : { leftover, fate }
    ),
    ...[...again].filter(([identity]) => !known.has(identity))
      .map(([, leftover]) => ({ leftover, fate: cameBack(leftover) })),
  ];
}

async function removed(store: LeftoverStore, leftover: Leftover): Promise<Fate> {
  try {
    await store.remove(leftover);
    return { type: "removed" };
  } catch (thrown) {
    return { type: "remains", reason: messageOf(thrown) };
  }
}

/**
 * Names a leftover for a line of the log.
 *
 * @param leftover What was found.
 * @returns Its name, with the place before it.
 */
export function nameOf(leftover: Leftover): string {
  return `${leftover.place} ${describeLeftover(leftover)}`;
}

/**
 * Names leftovers for a line of the log.
 *
 * @param outcomes What became of them.
 * @param type Which of them.
 * @returns Their names, with the place before each.
 */
export function namesOf(
  outcomes: readonly CleanupOutcome[],
  type: Fate["type"],
): readonly string[] {
  return outcomes.filter(({ fate }) => fate.type === type).map(({ leftover }) => nameOf(leftover));
}
