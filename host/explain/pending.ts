/**
 * What the next sync would change: the Services that wait for it, resolved as it would, beside what
 * the proxier was told last. Nothing is taken from the tracker.
 *
 * @module
 */
import type { PendingSync } from "../../schemas/insight.ts";
import type { IpFamily } from "../../schemas/kube.ts";
import type { ProxierSettings, ServicePortView, Snapshot } from "../../schemas/view.ts";
import type { ResolverNode } from "../resolver/node.ts";
import { resolvingService } from "../resolver/resolve.ts";
import { sorting } from "../resolver/sorting.ts";
import type { ServiceChange } from "../tracker.ts";
import type { ExplainFacts } from "./facts.ts";
import { Pace } from "./pace.ts";
import { comparingViews } from "./view_changes.ts";

/** What is told of all service ports: as the proxier was told them last, or as it is to be. */
export type PendingViews = "none" | "last" | "next";

/** Everything that is to be in the kernel, as a full sync would tell it. */
function* nextSnapshot(
  revision: number,
  settings: ProxierSettings,
  all: readonly ServicePortView[],
  before: ReadonlyMap<string, ServicePortView>,
  after: ReadonlyMap<string, ServicePortView>,
): Generator<void, Snapshot> {
  const ports = [...after.values()];
  for (const view of all) if (!before.has(view.id)) ports.push(view);
  yield;
  const sorted = yield* sorting(ports, (one, other) => one.id < other.id ? -1 : 1);
  return { revision: revision + 1, settings, ports: sorted };
}

/** What the Services come to now, in the families that are served. */
function* resolving(
  changed: readonly ServiceChange[],
  node: ResolverNode,
  families: readonly IpFamily[],
): Generator<void, ReadonlyMap<string, ServicePortView>> {
  const after = new Map<string, ServicePortView>();
  for (const { service, slices } of changed) {
    const { views } = yield* resolvingService(service, slices, node);
    for (const view of views) if (families.includes(view.family)) after.set(view.id, view);
    yield;
  }
  return after;
}

/**
 * Looks ahead. Others have their turn every few milliseconds.
 *
 * @param facts The running proxy.
 * @param waitingMs For how long a change has waited, in milliseconds; undefined when none does.
 * @param views What is told of all service ports.
 * @returns What differs.
 */
export async function pendingSync(
  facts: ExplainFacts,
  waitingMs: number | undefined,
  views: PendingViews,
): Promise<PendingSync> {
  const pace = new Pace(facts);
  await pace.turn();
  const { tracker, revisions } = facts;
  const node = facts.node();
  const { failures = 0 } = facts.unlanded?.() ?? {};
  const silent = facts.silent?.();
  const { families } = facts.settings();
  // All of one moment: there may be a sync at each step.
  const { revision } = revisions;
  const all = views === "none" ? [] : [...revisions.all()];
  const before = new Map<string, ServicePortView>();
  const changed = [...tracker.waiting].map((key) => {
    for (const view of revisions.of(key)) before.set(view.id, view);
    const [namespace = "", name = ""] = key.split("/");
    return tracker.lookUp(namespace, name);
  });
  const after = await pace.through(resolving(changed, node, families));
  const changes = await pace.through(comparingViews(before, after));
  const next = views === "next"
    ? { next: await pace.through(nextSnapshot(revision, facts.settings(), all, before, after)) }
    : {};
  return {
    kind: "PendingSync",
    revision,
    ...(waitingMs === undefined ? {} : { waitingMs }),
    ...(failures === 0 ? {} : { failures }),
    ...(silent === undefined ? {} : { silent }),
    changes,
    node: { ...node, ignoresExternalIPs: node.ignoresExternalIPs === true },
    families,
    ...(views === "last" ? { views: all } : {}),
    ...next,
  };
}
