/**
 * One sync, left to right: what has changed is taken from the tracker, resolved, compared with
 * the last revision, and given to the proxier, whose answer means that the kernel has it.
 *
 * @module
 */
import type { Logger } from "./telemetry/log.ts";
import type { SpanAttributes } from "./telemetry/span.ts";
import { EventTrail } from "./telemetry/event_trail.ts";
import type { TraceSpan, Tracing } from "./telemetry/trace.ts";
import type { CallMethod, CallParams } from "../schemas/calls.ts";
import type { ProxierSettings } from "../schemas/view.ts";
import type { Clock } from "./clock.ts";
import type { Revisions, ServiceUpdate } from "./diff.ts";
import { HealthNews, type TellHealth } from "./health_news.ts";
import type { Problem } from "./resolver/problem.ts";
import { resolveService } from "./resolver/resolve.ts";
import type { SyncKind } from "./scheduler.ts";
import type { Changes, Tracker } from "./tracker.ts";

/** Calls a handler of the proxier. */
export type CallProxier = <Method extends CallMethod & ("resync" | "apply")>(
  method: Method,
  params: CallParams[Method],
  options: { readonly span: TraceSpan },
) => Promise<unknown>;

/** What a sync did, for metrics. */
export interface SyncOutcome {
  readonly kind: "full" | "partial";
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** Milliseconds since the epoch. */
  readonly endedAt: number;
  /** When the changes it programmed were triggered; undefined when it failed. */
  readonly changedAt: readonly number[] | undefined;
  /** Of its trace, 32 hexadecimal digits: what an exemplar points to. */
  readonly traceId: string;
}

/** What a sync stands on. */
export interface SyncOptions {
  readonly tracker: Tracker;
  readonly revisions: Revisions;
  /** The name of this node, as of now. */
  readonly nodeName: () => string;
  /** Whether spec.externalIPs are programmed. */
  readonly externalIPs: () => boolean;
  /** An address of the node that its Node need not have, by bindAddress. */
  readonly bound?: () => string | undefined;
  /** What the proxier must know besides the service ports, as of now. */
  readonly settings: () => ProxierSettings;
  readonly call: CallProxier;
  readonly tracing: Tracing;
  readonly clock: Clock;
  readonly log: Logger;
  /** Told of every sync that reached the plugin; must not throw. */
  readonly observe: (outcome: SyncOutcome) => void;
  /** Told what the kernel has, once it has it; must not throw. */
  readonly landed: (order: Order) => void;
  /** Told of the health check node ports; must not throw. */
  readonly tellHealth: TellHealth;
}

/** What goes to the plugin. */
export type Order =
  | { readonly method: "resync"; readonly params: CallParams["resync"] }
  | { readonly method: "apply"; readonly params: CallParams["apply"] };

function describeOrder(order: Order): Readonly<Record<string, unknown>> {
  return order.method === "resync"
    ? { kind: "full", revision: order.params.revision, ports: order.params.ports.length }
    : {
      kind: "partial",
      revision: order.params.to,
      upserts: order.params.upserts.length,
      removes: order.params.removes.length,
    };
}

function measureOrder(order: Order | undefined): SpanAttributes {
  if (order === undefined) return { "weir.upserts": 0, "weir.removes": 0 };
  return order.method === "resync"
    ? { "weir.upserts": order.params.ports.length, "weir.removes": 0 }
    : { "weir.upserts": order.params.upserts.length, "weir.removes": order.params.removes.length };
}

/** Microseconds are as fine as anyone reads a log line. */
function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000;
}

/** Triggers that are kept while syncs fail: a plugin may be away for days. */
const MOST_UNLANDED = 10_000;

/** Problems of one Service that are told at a time: 10,000 bad endpoints are one bad Service. */
const MOST_TOLD = 20;

/**
 * Makes the function that the scheduler calls.
 *
 * @param options The stages and what watches them.
 * @returns Does one sync; it rejects when the kernel may not hold what it should.
 */
export function createSync(
  options: SyncOptions,
): (kind: SyncKind, since?: number) => Promise<void> {
  const {
    tracker,
    revisions,
    nodeName,
    externalIPs,
    settings,
    call,
    tracing,
    clock,
    log,
    observe,
  } = options;
  const healths = new HealthNews(options.tellHealth);
  /** Triggers of changes that no sync has landed yet: a failed one leaves them to the next. */
  let unlanded: readonly number[] = [];
  const trail = new EventTrail();

  /** What was told of each Service that has problems, so that it is not told at every change. */
  const told = new Map<string, ReadonlySet<string>>();

  const report = (key: string, problems: readonly Problem[]): void => {
    const before = told.get(key);
    const now = new Set<string>();
    let fresh = 0;
    for (const { object, path, message } of problems) {
      const identity = `${object}\n${path}\n${message}`;
      if (now.has(identity)) continue;
      now.add(identity);
      if (before?.has(identity) !== true && ++fresh <= MOST_TOLD) {
        log.warn(message, { object, path });
      }
    }
    if (fresh > MOST_TOLD) {
      log.warn("More of the Service cannot be programmed", {
        service: key,
        more: fresh - MOST_TOLD,
      });
    }
    if (now.size > 0) told.set(key, now);
    else told.delete(key);
  };

  const resolve = (changes: Changes): ServiceUpdate[] => {
    const bound = options.bound?.();
    const node = {
      name: nodeName(),
      zone: tracker.zone,
      addresses: bound === undefined ? tracker.addresses : [bound, ...tracker.addresses],
      ignoresExternalIPs: !externalIPs(),
    };
    const { families } = settings();
    return changes.services.map(({ key, service, slices }) => {
      const { views, problems, health } = resolveService(service, slices, node);
      report(key, problems);
      healths.take(key, health);
      return { key, views: views.filter(({ family }) => families.includes(family)) };
    });
  };

  const compare = (kind: SyncKind, updates: readonly ServiceUpdate[]): Order | undefined => {
    if (kind === "resync") {
      revisions.absorb(updates);
      return { method: "resync", params: revisions.snapshot(settings()) };
    }
    const diff = revisions.advance(updates);
    return diff === undefined ? undefined : { method: "apply", params: diff };
  };

  const perform = (order: Order, span: TraceSpan): Promise<unknown> =>
    span.run(
      "weir.plugin.call",
      { "weir.method": order.method },
      (child) =>
        order.method === "resync"
          ? call("resync", order.params, { span: child })
          : call("apply", order.params, { span: child }),
    );

  return (kind, since = clock.now()) => {
    const startedAt = clock.now();
    const changes = tracker.take();
    unlanded = [...unlanded, ...changes.triggers].slice(0, MOST_UNLANDED);
    const attributes = {
      "weir.sync.kind": kind === "resync" ? "full" : "partial",
      "weir.services": changes.services.length,
      "weir.events": changes.eventCount,
    };
    // A node that has just become another has changes without an event.
    const begun = Math.min(since, changes.earliest ?? since, startedAt);
    return tracing.sync(attributes, begun, async (span) => {
      span.past("weir.queue", { startedAt: begun, endedAt: startedAt }, {});
      trail.follow(span, changes.events, changes.eventCount);
      const updates = span.run("weir.resolve", {}, () => resolve(changes));
      const order = span.run("weir.diff", {}, (child) => {
        const order = compare(kind, updates);
        child.set(measureOrder(order));
        return order;
      });
      healths.tellDrained();
      if (order === undefined) {
        unlanded = [];
        trail.landed();
        healths.tellAll();
        return;
      }
      span.set({ "weir.revision": revisions.revision });
      const observed = (changedAt: readonly number[] | undefined) => {
        const endedAt = clock.now();
        const kind = order.method === "resync" ? "full" : "partial";
        observe({ kind, startedAt, endedAt, changedAt, traceId: span.traceId });
        return endedAt;
      };
      try {
        await perform(order, span);
      } catch (thrown) {
        observed(undefined);
        throw thrown;
      }
      const endedAt = observed(unlanded);
      unlanded = [];
      trail.landed();
      span.run("weir.landed", {}, () => {
        options.landed(order);
        healths.tellAll();
      });
      if (!log.enabled(2)) return;
      log.v(2, "Synced", {
        ...describeOrder(order),
        milliseconds: rounded(endedAt - startedAt),
        sinceChange: changes.earliest === undefined ? 0 : rounded(endedAt - changes.earliest),
      });
    });
  };
}
