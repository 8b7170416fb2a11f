/**
 * What API events have in a sync's trace: a span each, and a link from the sync to it. A sync that
 * fails leaves its events to the next, which points back to them.
 *
 * @module
 */
import type { TrackedEvent } from "../tracker.ts";
import type { SpanAttributes, SpanEvent, SpanLink } from "./span.ts";
import type { TraceSpan } from "./trace.ts";

/** Links that are carried along while syncs fail: as many as OpenTelemetry gives a span. */
const MOST_LINKS = 128;

/** Follows events until the kernel has what they ask for. */
export class EventTrail {
  #unlanded: readonly SpanLink[] = [];
  /** Links beyond the limit. */
  #dropped = 0;

  /**
   * Puts events into a sync's trace, beside those that earlier syncs have not landed.
   *
   * @param sync The root.
   * @param events What the sync has taken from the tracker.
   * @param count How many they were, of which the tracker keeps some.
   */
  follow(sync: TraceSpan, events: readonly TrackedEvent[], count: number): void {
    const links = events.map((event) => {
      const attributes = attributesOf(event);
      const spanId = sync.past("weir.event", timesOf(event), attributes, {
        events: momentsOf(event),
      });
      return { traceId: sync.traceId, spanId, attributes };
    });
    const all = [...this.#unlanded, ...links];
    this.#unlanded = all.slice(0, MOST_LINKS);
    this.#dropped += all.length - this.#unlanded.length + Math.max(0, count - events.length);
    sync.link(this.#unlanded, this.#dropped);
  }

  /** The kernel has what all of them ask for. */
  landed(): void {
    this.#unlanded = [];
    this.#dropped = 0;
  }
}

/** `k8s.namespace.name` is OpenTelemetry's; it has no words for Services and EndpointSlices. */
function attributesOf(event: TrackedEvent): SpanAttributes {
  const { type, kind, namespace, name, resourceVersion, service } = event;
  return {
    "weir.event.type": type,
    "weir.object.kind": kind,
    "k8s.namespace.name": namespace,
    "weir.object.name": name,
    ...(kind === "Service" ? {} : { "weir.service": service }),
    ...(resourceVersion === "" ? {} : { "weir.object.resource_version": resourceVersion }),
  };
}

/**
 * The control plane's own way counts, as far as it is told and its clock agrees with this node's:
 * a trigger after the arrival would turn the span around.
 */
function timesOf({ trigger, at, trackedAt }: TrackedEvent) {
  return { startedAt: Math.min(trigger ?? at, at), endedAt: trackedAt };
}

function momentsOf({ trigger, at }: TrackedEvent): readonly SpanEvent[] {
  const received = { name: "received", at, attributes: {} };
  if (trigger === undefined) return [received];
  const attributes = { "weir.trigger.wait": Math.max(0, at - trigger) / 1000 };
  return [{ name: "triggered", at: Math.min(trigger, at), attributes }, received];
}
