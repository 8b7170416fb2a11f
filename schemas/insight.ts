/**
 * What weir tells of the next sync and of who gets most: `/debug/diff` and `/debug/top`, for
 * `weir diff` and `weir top`. Readers pass over fields that they do not know.
 *
 * @module
 */
import * as v from "valibot";
import { SilentSourceSchema } from "./silent_source.ts";
import type { ServicePortView, Snapshot } from "./view.ts";

const Text = v.string();
const Texts = v.pipe(v.array(Text), v.readonly());

const ViewChangeSchema = v.object({
  /** Of the service port. */
  id: Text,
  type: v.picklist(["added", "changed", "removed"]),
  /** What, one line each, beginning with `+`, `-` or `~`. */
  details: Texts,
});

/** The schema of what the next sync would change, see {@linkcode PendingSync}. */
export const PendingSyncSchema = v.object({
  kind: v.literal("PendingSync"),
  /** The revision that the proxier was told last; 0 before the first. */
  revision: v.number(),
  /** For how many milliseconds a change has waited; absent when none does. */
  waitingMs: v.optional(v.number()),
  /** How many syncs have failed since the last that ended well; absent when the last did. */
  failures: v.optional(v.number()),
  /** The plugins that died too often to be started again, and why; absent without one. */
  parked: v.optional(
    v.pipe(v.array(v.object({ plugin: Text, reason: Text })), v.readonly()),
  ),
  /** Since when the source has not told of some objects; absent while it does. */
  silent: v.optional(SilentSourceSchema),
  /** Service ports that the kernel is to have otherwise, sorted by id. */
  changes: v.pipe(v.array(ViewChangeSchema), v.readonly()),
  /** The node for which Services are resolved. */
  node: v.object({
    name: Text,
    zone: Text,
    addresses: Texts,
    ignoresExternalIPs: v.boolean(),
  }),
  families: v.pipe(v.array(v.picklist(["IPv4", "IPv6"])), v.readonly()),
  /** What a proxier that knew nothing would be told now, when that was asked for. */
  next: v.optional(v.custom<Snapshot>(isSnapshot)),
  /** All service ports as the proxier was told last, when they were asked for. */
  views: v.optional(v.pipe(v.array(v.custom<ServicePortView>(isView)), v.readonly())),
});

function isView(value: unknown): boolean {
  return typeof value === "object" && value !== null && "id" in value && "endpoints" in value;
}

function isSnapshot(value: unknown): boolean {
  return typeof value === "object" && value !== null && "settings" in value && "ports" in value;
}

/** What the next sync would change. */
export type PendingSync = v.InferOutput<typeof PendingSyncSchema>;

/** What is different about one service port. */
export type ViewChange = v.InferOutput<typeof ViewChangeSchema>;

/** The schema of who gets most, see {@linkcode TopServices}. */
export const TopServicesSchema = v.object({
  kind: v.literal("TopServices"),
  /** Milliseconds of a clock that only goes forward: rates are differences by it. */
  at: v.number(),
  /** What the numbers are of: the proxier's counters too, or tracked connections alone. */
  counted: v.boolean(),
  /** Why tracked connections are not told, or not all of them. */
  trackedMissing: v.optional(Text),
  /** Services that get anything, in no particular order. */
  services: v.pipe(
    v.array(v.object({
      namespace: Text,
      name: Text,
      /** Connections that the kernel tracks now. */
      tracked: v.number(),
      /** Connections since the rules were made anew; only where they are counted. */
      connections: v.optional(v.number()),
      /** Packets since then, in both directions. */
      packets: v.optional(v.number()),
      /** Bytes since then, in both directions. */
      bytes: v.optional(v.number()),
    })),
    v.readonly(),
  ),
});

/** Who gets most. */
export type TopServices = v.InferOutput<typeof TopServicesSchema>;
