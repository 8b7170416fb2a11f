/**
 * Keeps the slim objects and the set of Services that a change has touched. Its work is O(change):
 * nothing here walks the cluster, save for a change of the node's own zone or addresses.
 *
 * @module
 */
import type {
  EndpointSlice,
  KubeKind,
  KubeObject,
  Node,
  Service,
  ServiceCIDR,
  SourceEvent,
} from "../schemas/kube.ts";

/** The label whose value topology hints of zones are compared with. */
export const LABEL_ZONE = "topology.kubernetes.io/zone";

/** A Service that a change has touched, with everything that decides about it. */
export interface ServiceChange {
  /** `namespace/name`. */
  readonly key: string;
  /** Undefined when there is no such Service (any more). */
  readonly service: Service | undefined;
  /** Its slices, sorted by name. */
  readonly slices: readonly EndpointSlice[];
}

/** A change that waits for a sync, for its trace. */
export interface TrackedEvent {
  readonly type: "upsert" | "remove";
  readonly kind: "Service" | "EndpointSlice";
  readonly namespace: string;
  readonly name: string;
  /** Opaque; "" for a removal. */
  readonly resourceVersion: string;
  /** The Service that it touched, without its namespace. */
  readonly service: string;
  /** When it arrived, in milliseconds since the epoch. */
  readonly at: number;
  /** When the tracker had it, in milliseconds since the epoch. */
  readonly trackedAt: number;
  /** When the control plane was triggered, see `Changes.triggers`; undefined when it is not told. */
  readonly trigger: number | undefined;
}

/** What one sync takes from the tracker. */
export interface Changes {
  /** Sorted by key. */
  readonly services: readonly ServiceChange[];
  /** This Node, or undefined while none has been seen. */
  readonly node: Node | undefined;
  /** When the first of these changes arrived, in milliseconds since the epoch. */
  readonly earliest: number | undefined;
  /**
   * For each changed slice that has it: when the control plane was triggered to change it
   * (annotation `endpoints.kubernetes.io/last-change-trigger-time`), in milliseconds since the
   * epoch. What the metric network_programming_duration_seconds starts from.
   */
  readonly triggers: readonly number[];
  /** The first of the changes: of thousands that came together, some tell enough. */
  readonly events: readonly TrackedEvent[];
  /** How many changes there were. */
  readonly eventCount: number;
}

/** How many changes wait, as the metrics service_changes_pending and endpoint_changes_pending. */
export interface PendingChanges {
  /** Changes of Services. */
  readonly services: number;
  /** Changes of EndpointSlices. */
  readonly endpointSlices: number;
}

/** How a {@linkcode Tracker} is made. */
export interface TrackerOptions {
  /** The name of this node at the start; other Nodes are passed over. */
  readonly nodeName: string;
  /**
   * When this host started, in milliseconds since the epoch: what the control plane did before is
   * no measure of how fast this host programs, and gives no trigger.
   */
  readonly startedAt: number;
  /** Milliseconds since the epoch, with a fraction; without it nothing is known of `trackedAt`. */
  readonly now?: () => number;
}

interface Entry {
  service: Service | undefined;
  /** Sorted by name; replaced, never changed, because `take` hands it out. */
  slices: readonly EndpointSlice[];
}

/**
 * How many triggers are kept until a sync takes them; a plugin may be parked for days. The oldest
 * stay: they have waited longest.
 */
const MOST_TRIGGERS = 10_000;

/** How many changes are told of one by one: as many links as OpenTelemetry gives a span. */
const MOST_EVENTS = 128;

/** RFC 3339: without a zone, `Date.parse` would take a time for this node's own. */
const ZONED_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

const NO_SLICES: readonly EndpointSlice[] = [];
const NO_TEXTS: readonly string[] = [];

function keyOf(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

/** A relist delivers what is known already; the API server's version tells. */
function isSame(
  known: { readonly resourceVersion: string } | undefined,
  told: { readonly resourceVersion: string },
): boolean {
  return known !== undefined && told.resourceVersion !== "" &&
    known.resourceVersion === told.resourceVersion;
}

function sameTexts(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((text, index) => text === other[index]);
}

function withSlice(slices: readonly EndpointSlice[], slice: EndpointSlice): EndpointSlice[] {
  const rest = slices.filter((other) => other.name !== slice.name);
  const at = rest.findIndex((other) => other.name > slice.name);
  rest.splice(at < 0 ? rest.length : at, 0, slice);
  return rest;
}

/** Collects what a source tells until a sync takes it. */
export class Tracker {
  readonly #options: TrackerOptions;
  #nodeName: string;
  readonly #entries = new Map<string, Entry>();
  /** The Service of each slice, because a slice's label may change and its removal has none. */
  readonly #serviceOfSlice = new Map<string, string>();
  readonly #synced = new Set<KubeKind>();
  #dirty = new Set<string>();
  #node: Node | undefined;
  readonly #serviceCIDRObjects = new Map<string, ServiceCIDR>();
  #serviceCIDRs = NO_TEXTS;
  #earliest: number | undefined;
  #triggers: number[] = [];
  #events: TrackedEvent[] = [];
  #pendingServices = 0;
  #pendingSlices = 0;

  /**
   * Makes a tracker that knows nothing.
   *
   * @param options The node's name and the start of this host.
   */
  constructor(options: TrackerOptions) {
    this.#options = options;
    this.#nodeName = options.nodeName;
  }

  /**
   * Takes in a batch of events.
   *
   * @param events In the order the source delivered them.
   * @returns True when a sync has something new to do: a Service was touched, or the first
   * complete listing has just come in; never before that listing.
   */
  accept(events: readonly SourceEvent[]): boolean {
    const wasReady = this.ready;
    const before = this.#pendingServices + this.#pendingSlices;
    const dirtyBefore = this.#dirty.size;
    for (const event of events) this.#acceptOne(event);
    if (!this.ready) return false;
    return !wasReady || this.#dirty.size > dirtyBefore ||
      this.#pendingServices + this.#pendingSlices > before;
  }

  /**
   * Has every Service resolved anew: what they mean has changed, and not they.
   *
   * @param at When, in milliseconds since the epoch.
   */
  touchAll(at: number): void {
    for (const key of this.#entries.keys()) this.#touch(key, at);
  }

  /**
   * Takes everything that another source has in place of what is known. Every Service counts as
   * touched: versions of two sources say nothing of each other, and what comes out the same is no
   * change for who compares it.
   *
   * @param objects All there are.
   * @param nodeName The name of this node from now on.
   * @param at When, in milliseconds since the epoch.
   */
  adopt(objects: readonly KubeObject[], nodeName: string, at: number): void {
    this.#nodeName = nodeName;
    const services = new Set<string>();
    const slices = new Set<string>();
    for (const object of objects) {
      if (object.kind === "Service") services.add(keyOf(object.namespace, object.name));
      if (object.kind === "EndpointSlice") slices.add(keyOf(object.namespace, object.name));
    }
    for (const [key, entry] of this.#entries) {
      for (const { namespace, name } of entry.slices) {
        if (!slices.has(keyOf(namespace, name))) this.#dropSlice(namespace, name, at);
      }
      if (!services.has(key)) this.#dropService(key, at);
      entry.slices = entry.slices.map((slice) => ({ ...slice, resourceVersion: "" }));
      if (entry.service !== undefined) entry.service = { ...entry.service, resourceVersion: "" };
      this.#touch(key, at);
    }
    const node = objects.find((object) => object.kind === "Node" && object.name === nodeName);
    if (node === undefined) this.#setNode(undefined, at);
    // What the other source tells for the first time has been programmed long ago.
    const triggers = this.#triggers;
    this.#triggers = [];
    this.#serviceCIDRObjects.clear();
    for (const object of objects) {
      if (object.kind === "ServiceCIDR") this.#serviceCIDRObjects.set(object.name, object);
      else this.#acceptOne({ type: "upsert", object, at });
    }
    this.#triggers = triggers;
    this.#rangeServiceCIDRs();
  }

  /**
   * Tells whether Services and EndpointSlices have been listed completely. Before that no sync
   * may run: it would take the rules of a former life for left-overs and remove them.
   *
   * @returns True from the second of the two listings on.
   */
  get ready(): boolean {
    return this.#synced.has("Service") && this.#synced.has("EndpointSlice");
  }

  /** Whether Nodes have been listed: there is none when none has been seen then. */
  get nodeListed(): boolean {
    return this.#synced.has("Node");
  }

  /** How many Services are known, those of which only slices exist among them. */
  get size(): number {
    return this.#entries.size;
  }

  /** This Node as last seen, or undefined. */
  get node(): Node | undefined {
    return this.#node;
  }

  /** The value of this Node's zone label, or "". */
  get zone(): string {
    return this.#node?.labels[LABEL_ZONE] ?? "";
  }

  /** This Node's addresses, of either family; none while no Node has been seen. */
  get addresses(): readonly string[] {
    return this.#node?.addresses ?? NO_TEXTS;
  }

  /**
   * The ranges of cluster IPs, canonical CIDRs, sorted, none twice; empty when the cluster does not
   * tell. It is the same list until the ranges change. All ServiceCIDRs count, as upstream: one
   * that is not ready yet or being deleted has no unallocated address that anyone may answer.
   */
  get serviceCIDRs(): readonly string[] {
    return this.#serviceCIDRs;
  }

  /** The number of changes since the last {@linkcode Tracker.take}. */
  get pending(): PendingChanges {
    return { services: this.#pendingServices, endpointSlices: this.#pendingSlices };
  }

  /**
   * Looks up a Service, for whoever explains it.
   *
   * @param namespace Its namespace.
   * @param name Its name.
   * @returns The objects as they are now, taken by a sync or not.
   */
  lookUp(namespace: string, name: string): ServiceChange {
    return this.#change(keyOf(namespace, name));
  }

  /**
   * Tells what a sync would take.
   *
   * @returns The keys of the Services that have changed since the last one; it may be walked until
   * the next change.
   */
  get waiting(): ReadonlySet<string> {
    return this.#dirty;
  }

  /**
   * Goes through all Services, for whoever searches; those of which only slices exist among them.
   *
   * @returns Their keys.
   */
  keys(): Iterable<string> {
    return this.#entries.keys();
  }

  /**
   * Hands out what has changed since the last time and forgets that it has.
   *
   * @returns The touched Services with their slices and this Node.
   */
  take(): Changes {
    const changes: Changes = {
      services: [...this.#dirty].sort().map((key) => this.#change(key)),
      node: this.#node,
      earliest: this.#earliest,
      triggers: this.#triggers,
      events: this.#events,
      eventCount: this.#pendingServices + this.#pendingSlices,
    };
    this.#dirty = new Set();
    this.#earliest = undefined;
    this.#triggers = [];
    this.#events = [];
    this.#pendingServices = 0;
    this.#pendingSlices = 0;
    return changes;
  }

  #change(key: string): ServiceChange {
    const entry = this.#entries.get(key);
    return { key, service: entry?.service, slices: entry?.slices ?? NO_SLICES };
  }

  #acceptOne(event: SourceEvent): void {
    switch (event.type) {
      case "synced":
        this.#synced.add(event.kind);
        return;
      case "upsert":
        switch (event.object.kind) {
          case "Service":
            return this.#putService(event.object, event.at);
          case "EndpointSlice":
            return this.#putSlice(event.object, event.at);
          case "Node":
            if (event.object.name === this.#nodeName) this.#setNode(event.object, event.at);
            return;
          case "ServiceCIDR":
            return this.#setServiceCIDR(event.object.name, event.object);
        }
        return;
      case "remove":
        switch (event.kind) {
          case "Service":
            return this.#dropService(keyOf(event.namespace, event.name), event.at);
          case "EndpointSlice":
            return this.#dropSlice(event.namespace, event.name, event.at);
          case "Node":
            if (event.name === this.#nodeName) this.#setNode(undefined, event.at);
            return;
          case "ServiceCIDR":
            return this.#setServiceCIDR(event.name, undefined);
        }
    }
  }

  #touch(key: string, at: number): void {
    this.#dirty.add(key);
    this.#earliest = this.#earliest === undefined ? at : Math.min(this.#earliest, at);
  }

  #entry(key: string): Entry {
    const known = this.#entries.get(key);
    if (known !== undefined) return known;
    const entry: Entry = { service: undefined, slices: NO_SLICES };
    this.#entries.set(key, entry);
    return entry;
  }

  #forgetIfEmpty(key: string, entry: Entry): void {
    if (entry.service === undefined && entry.slices.length === 0) this.#entries.delete(key);
  }

  #putService(service: Service, at: number): void {
    const key = keyOf(service.namespace, service.name);
    const entry = this.#entry(key);
    if (isSame(entry.service, service)) return;
    entry.service = service;
    this.#pendingServices++;
    this.#touch(key, at);
    this.#noteEvent("upsert", service, service.name, at);
  }

  #dropService(key: string, at: number): void {
    const entry = this.#entries.get(key);
    const service = entry?.service;
    if (entry === undefined || service === undefined) return;
    entry.service = undefined;
    this.#forgetIfEmpty(key, entry);
    this.#pendingServices++;
    this.#touch(key, at);
    this.#noteEvent("remove", service, service.name, at);
  }

  #putSlice(slice: EndpointSlice, at: number): void {
    const sliceKey = keyOf(slice.namespace, slice.name);
    const key = keyOf(slice.namespace, slice.serviceName);
    const formerKey = this.#serviceOfSlice.get(sliceKey);
    if (formerKey !== undefined && formerKey !== key) {
      this.#dropSlice(slice.namespace, slice.name, at);
    }
    if (slice.serviceName === "") return;
    const entry = this.#entry(key);
    if (isSame(entry.slices.find((other) => other.name === slice.name), slice)) return;
    entry.slices = withSlice(entry.slices, slice);
    this.#serviceOfSlice.set(sliceKey, key);
    this.#pendingSlices++;
    this.#touch(key, at);
    this.#noteEvent("upsert", slice, slice.serviceName, at, this.#noteTrigger(slice));
  }

  #dropSlice(namespace: string, name: string, at: number): void {
    const sliceKey = keyOf(namespace, name);
    const key = this.#serviceOfSlice.get(sliceKey);
    const entry = key === undefined ? undefined : this.#entries.get(key);
    if (key === undefined || entry === undefined) return;
    const slice = entry.slices.find((known) => known.name === name);
    this.#serviceOfSlice.delete(sliceKey);
    entry.slices = entry.slices.filter((known) => known.name !== name);
    this.#forgetIfEmpty(key, entry);
    this.#pendingSlices++;
    this.#touch(key, at);
    if (slice !== undefined) this.#noteEvent("remove", slice, slice.serviceName, at);
  }

  /** As upstream: a removal gives no trigger, since its annotation tells of an older change. */
  #noteTrigger(slice: EndpointSlice): number | undefined {
    const { lastChangeTriggerTime } = slice;
    if (this.#triggers.length >= MOST_TRIGGERS) return undefined;
    if (!ZONED_TIME.test(lastChangeTriggerTime)) return undefined;
    const trigger = Date.parse(lastChangeTriggerTime);
    if (trigger <= this.#options.startedAt) return undefined;
    this.#triggers.push(trigger);
    return trigger;
  }

  #noteEvent(
    type: TrackedEvent["type"],
    { kind, namespace, name, resourceVersion }: Service | EndpointSlice,
    service: string,
    at: number,
    trigger?: number,
  ): void {
    if (this.#events.length >= MOST_EVENTS) return;
    const trackedAt = this.#options.now?.() ?? at;
    const version = type === "remove" ? "" : resourceVersion;
    this.#events.push(
      { type, kind, namespace, name, resourceVersion: version, service, at, trackedAt, trigger },
    );
  }

  /** No Service is touched: the ranges are not a Service's but the proxier's settings. */
  #setServiceCIDR(name: string, object: ServiceCIDR | undefined): void {
    if (object === undefined) this.#serviceCIDRObjects.delete(name);
    else this.#serviceCIDRObjects.set(name, object);
    this.#rangeServiceCIDRs();
  }

  #rangeServiceCIDRs(): void {
    const ranges = new Set([...this.#serviceCIDRObjects.values()].flatMap(({ cidrs }) => cidrs));
    const sorted = [...ranges].sort();
    if (!sameTexts(sorted, this.#serviceCIDRs)) this.#serviceCIDRs = sorted;
  }

  /**
   * A Node changes every few seconds (leases, conditions). What decides anything is its zone, for
   * zone hints, and its addresses, for the source ranges of load balancers.
   */
  #setNode(node: Node | undefined, at: number): void {
    const { zone, addresses } = this;
    this.#node = node;
    const moved = this.zone !== zone;
    const readdressed = !sameTexts(this.addresses, addresses);
    if (!moved && !readdressed) return;
    for (const [key, entry] of this.#entries) {
      const concerned = (readdressed && hasRanges(entry)) || (moved && hasZoneHints(entry));
      if (concerned) this.#touch(key, at);
    }
  }
}

function hasRanges({ service }: Entry): boolean {
  return service !== undefined && service.loadBalancerSourceRanges.length > 0;
}

function hasZoneHints({ slices }: Entry): boolean {
  return slices.some(({ endpoints }) => endpoints.some(({ hintZones }) => hintZones.length > 0));
}
