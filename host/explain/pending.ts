/**
 * What the next sync would change: the Services that wait for it, resolved as it would, beside what
 * the proxier was told last. Nothing is taken from the tracker.
 *
 * @module
 */
import type { PendingSync } from "../../schemas/insight.ts";
import type { ServicePortView, Snapshot } from "../../schemas/view.ts";
import { resolveService } from "../resolver/resolve.ts";
import type { ExplainFacts } from "./facts.ts";
import { compareViews } from "./view_changes.ts";

/** What is told of all service ports: as the proxier was told them last, or as it is to be. */
export type PendingViews = "none" | "last" | "next";

/** Everything that is to be in the kernel, as a full sync would tell it. */
function nextSnapshot(
  { revisions, settings }: ExplainFacts,
  before: ReadonlyMap<string, ServicePortView>,
  after: ReadonlyMap<string, ServicePortView>,
): Snapshot {
  const ports = [...after.values()];
  for (const view of revisions.all()) if (!before.has(view.id)) ports.push(view);
  ports.sort((one, other) => one.id < other.id ? -1 : 1);
  return { revision: revisions.revision + 1, settings: settings(), ports };
}

/**
 * Looks ahead.
 *
 * @param facts The running proxy.
 * @param waitingMs For how long a change has waited, in milliseconds; undefined when none does.
 * @param views What is told of all service ports.
 * @returns What differs.
 */
export function pendingSync(
  facts: ExplainFacts,
  waitingMs: number | undefined,
  views: PendingViews,
): PendingSync {
  const { tracker, revisions } = facts;
  const node = facts.node();
  const { failures = 0 } = facts.unlanded?.() ?? {};
  const silent = facts.silent?.();
  const { families } = facts.settings();
  const before = new Map<string, ServicePortView>();
  const after = new Map<string, ServicePortView>();
  for (const key of tracker.waiting) {
    const [namespace = "", name = ""] = key.split("/");
    const { service, slices } = tracker.lookUp(namespace, name);
    for (const view of revisions.of(key)) before.set(view.id, view);
    for (const view of resolveService(service, slices, node).views) {
      if (families.includes(view.family)) after.set(view.id, view);
    }
  }
  return {
    kind: "PendingSync",
    revision: revisions.revision,
    ...(waitingMs === undefined ? {} : { waitingMs }),
    ...(failures === 0 ? {} : { failures }),
    ...(silent === undefined ? {} : { silent }),
    changes: compareViews(before, after),
    node: { ...node, ignoresExternalIPs: node.ignoresExternalIPs === true },
    families,
    ...(views === "last" ? { views: [...revisions.all()] } : {}),
    ...(views === "next" ? { next: nextSnapshot(facts, before, after) } : {}),
  };
}
