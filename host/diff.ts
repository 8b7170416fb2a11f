/**
 * Revisions: what the plugin has been told, and the difference to what is true now.
 *
 * @module
 */
import type { IpFamily } from "../schemas/kube.ts";
import type {
  Diff,
  EndpointView,
  ExternalView,
  ProxierSettings,
  ServicePortView,
  Snapshot,
} from "../schemas/view.ts";

/** The service ports a Service has come to. */
export interface ServiceUpdate {
  /** `namespace/name`. */
  readonly key: string;
  /** All its ports, sorted by id; empty when it is gone or not proxied. */
  readonly views: readonly ServicePortView[];
}

function sameEndpoint(one: EndpointView, other: EndpointView): boolean {
  return one.ip === other.ip && one.port === other.port && one.local === other.local &&
    one.inCluster === other.inCluster && one.inLocal === other.inLocal;
}

function sameEndpoints(one: readonly EndpointView[], other: readonly EndpointView[]): boolean {
  if (one.length !== other.length) return false;
  for (let index = 0; index < one.length; index++) {
    const [left, right] = [one[index], other[index]];
    if (left === undefined || right === undefined || !sameEndpoint(left, right)) return false;
  }
  return true;
}

function sameTexts(one: readonly string[] = [], other: readonly string[] = []): boolean {
  return one.length === other.length && one.every((text, index) => text === other[index]);
}

function sameExternal(one: ExternalView | undefined, other: ExternalView | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return one.verdict === other.verdict && one.nodePort === other.nodePort &&
    sameTexts(one.externalIPs, other.externalIPs) &&
    sameTexts(one.loadBalancerIPs, other.loadBalancerIPs) &&
    (one.loadBalancerSources === undefined) === (other.loadBalancerSources === undefined) &&
    sameTexts(one.loadBalancerSources, other.loadBalancerSources);
}

/**
 * Compares two service ports by value.
 *
 * @param one A service port.
 * @param other Another.
 * @returns True when a plugin could not tell them apart.
 */
export function sameView(one: ServicePortView, other: ServicePortView): boolean {
  return one === other || (
    one.id === other.id && one.namespace === other.namespace && one.name === other.name &&
    one.portName === other.portName && one.protocol === other.protocol &&
    one.family === other.family && one.clusterIP === other.clusterIP && one.port === other.port &&
    one.internal === other.internal && one.affinitySeconds === other.affinitySeconds &&
    sameExternal(one.external, other.external) && sameEndpoints(one.endpoints, other.endpoints)
  );
}

/** Told of every service port that is replaced by another state of it, or by nothing. */
export type OnReplaced = (before: ServicePortView, now: ServicePortView | undefined) => void;

const NO_VIEWS: readonly ServicePortView[] = [];

function byId(one: ServicePortView, other: ServicePortView): number {
  return one.id < other.id ? -1 : one.id > other.id ? 1 : 0;
}

/**
 * Holds the service ports of the last revision, each once. A revision that has been handed out
 * never changes: views are replaced, not written to. When a plugin has failed to take a diff, the
 * host does not repeat it; it sends the next {@linkcode Revisions.snapshot}.
 */
export class Revisions {
  #revision = 0;
  #ports = 0;
  readonly #dropped = { internal: { IPv4: 0, IPv6: 0 }, external: { IPv4: 0, IPv6: 0 } };
  readonly #services = new Map<string, readonly ServicePortView[]>();
  readonly #onReplaced: OnReplaced;

  /** @param onReplaced For whoever must know what was; called before the revision is handed out. */
  constructor(onReplaced: OnReplaced = () => {}) {
    this.#onReplaced = onReplaced;
  }

  /** The revision handed out last; 0 before the first. */
  get revision(): number {
    return this.#revision;
  }

  /** The number of service ports. */
  get size(): number {
    return this.#ports;
  }

  /**
   * Counts the service ports whose policy is Local without a local endpoint.
   *
   * @param family Of which family.
   * @param policy Which policy: for traffic from inside of the cluster or from outside.
   * @returns Their number.
   */
  dropped(family: IpFamily, policy: "internal" | "external"): number {
    return this.#dropped[policy][family];
  }

  /**
   * Looks up a Service's ports, for whoever explains it.
   *
   * @param key `namespace/name`.
   * @returns Its ports sorted by id, none when there is no such Service.
   */
  of(key: string): readonly ServicePortView[] {
    return this.#services.get(key) ?? NO_VIEWS;
  }

  /**
   * Looks up a service port.
   *
   * @param id Its id, as `default/web:http/TCP/IPv4`.
   * @returns The port, or undefined when there is none.
   */
  find(id: string): ServicePortView | undefined {
    const [, key = ""] = /^([^/]+\/[^/:]+)/.exec(id) ?? [];
    return this.of(key).find((view) => view.id === id);
  }

  /**
   * Goes through all service ports; what changes meanwhile may be met in either state.
   *
   * @returns Every port, in no particular order.
   */
  *all(): Generator<ServicePortView> {
    for (const views of this.#services.values()) yield* views;
  }

  /**
   * Takes in updates whose difference nobody needs, because a snapshot follows.
   *
   * @param updates Each Service once.
   */
  absorb(updates: readonly ServiceUpdate[]): void {
    for (const update of updates) this.#replace(update, undefined, undefined);
  }

  /**
   * Takes in updates and makes a revision of them.
   *
   * @param updates Each Service once.
   * @returns The difference to the last revision, or undefined when there is none: then the
   * revision stays.
   */
  advance(updates: readonly ServiceUpdate[]): Diff | undefined {
    const upserts: ServicePortView[] = [];
    const removes: string[] = [];
    for (const update of updates) this.#replace(update, upserts, removes);
    if (upserts.length === 0 && removes.length === 0) return undefined;
    const from = this.#revision++;
    return { from, to: this.#revision, upserts: upserts.sort(byId), removes: removes.sort() };
  }

  /**
   * Makes a revision of everything, for a plugin that knows nothing or not for sure.
   *
   * @param settings What the proxier must know besides.
   * @returns The whole truth.
   */
  snapshot(settings: ProxierSettings): Snapshot {
    const ports: ServicePortView[] = [];
    for (const views of this.#services.values()) ports.push(...views);
    return { revision: ++this.#revision, settings, ports: ports.sort(byId) };
  }

  /** Merges two lists sorted by id; an equal view stays the object it was. */
  #replace(
    { key, views }: ServiceUpdate,
    upserts: ServicePortView[] | undefined,
    removes: string[] | undefined,
  ): void {
    const former = this.of(key);
    const kept: ServicePortView[] = [];
    let at = 0;
    let old = former[0];
    for (const view of views) {
      for (; old !== undefined && old.id < view.id; old = former[++at]) this.#remove(old, removes);
      if (old?.id !== view.id) {
        upserts?.push(view);
        kept.push(view);
        continue;
      }
      const same = sameView(old, view);
      kept.push(same ? old : view);
      if (!same) {
        upserts?.push(view);
        this.#onReplaced(old, view);
      }
      old = former[++at];
    }
    for (; old !== undefined; old = former[++at]) this.#remove(old, removes);
    this.#ports += kept.length - former.length;
    for (const view of former) this.#countDrops(view, -1);
    for (const view of kept) this.#countDrops(view, 1);
    if (kept.length === 0) this.#services.delete(key);
    else this.#services.set(key, kept);
  }

  #countDrops({ family, internal, external }: ServicePortView, change: 1 | -1): void {
    if (internal === "drop") this.#dropped.internal[family] += change;
    if (external?.verdict === "drop") this.#dropped.external[family] += change;
  }

  #remove(view: ServicePortView, removes: string[] | undefined): void {
    removes?.push(view.id);
    this.#onReplaced(view, undefined);
  }
}
