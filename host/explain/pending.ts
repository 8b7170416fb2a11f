/**
 * What the next sync would change: the Services that wait for it, resolved as it would, beside what
 * the proxier was told last. Nothing is taken from the tracker.
 *
 * @module
 */
import type { PendingSync } from "../../schemas/insight.ts";
import type { ServicePortView } from "../../schemas/view.ts";
import { resolveService } from "../resolver/resolve.ts";
import type { ExplainFacts } from "./facts.ts";
import { compareViews } from "./view_changes.ts";

/**
 * Looks ahead.
 *
 * @param facts The running proxy.
 * @param waitingMs For how long a change has waited, in milliseconds; undefined when none does.
 * @param withViews Whether all service ports are told, as the proxier was told them last.
 * @returns What differs.
 */
export function pendingSync(
  facts: ExplainFacts,
  waitingMs: number | undefined,
  withViews: boolean,
): PendingSync {
  const { tracker, revisions } = facts;
  const node = facts.node();
  const { failures = 0 } = facts.unlanded?.() ?? {};
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
    changes: compareViews(before, after),
    node: { ...node, ignoresExternalIPs: node.ignoresExternalIPs === true },
    families,
    ...(withViews ? { views: [...revisions.all()] } : {}),
  };
}
