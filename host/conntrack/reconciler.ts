/**
 * Reconciles connection tracking with the rules, after the proxier has said that they have
 * changed: in the background, one reconciliation at a time, with a rest after each. What is asked
 * for meanwhile is done together in the next one.
 *
 * @module
 */
import { messageOf } from "../../schemas/errors.ts";
import type { IpFamily, Protocol } from "../../schemas/kube.ts";
import type { NodePortAddresses, ServicePortView } from "../../schemas/view.ts";
import { ipBytes } from "../../schemas/ip.ts";
import type { Flow } from "../capabilities/conntrack/flow.ts";
import type { ConntrackKernel } from "../capabilities/conntrack/kernel.ts";
import { type IpKey, ipKey } from "../capabilities/conntrack/socket_key.ts";
import type { Clock } from "../clock.ts";
import type { Logger } from "../telemetry/log.ts";
import { FormerPorts } from "./former_ports.ts";
import { type EndpointAddress, Suspicion } from "./suspicion.ts";

/** What the kernel's table can do for a reconciliation. */
export type ConntrackTable = Pick<ConntrackKernel, "list" | "delete" | "localAddresses">;

/** The service ports, as of now. */
export interface ServicePorts {
  /** Finds one by its id. */
  find(id: string): ServicePortView | undefined;
  /** All of them. */
  all(): Iterable<ServicePortView>;
  /** Those endpoints of one that still answer, whether they get new flows or not. */
  serving(view: ServicePortView): readonly EndpointAddress[];
}

/** What the reconciliation of one family came to. */
export interface ReconciliationReport {
  readonly family: IpFamily;
  readonly milliseconds: number;
  /** Flows that were deleted. */
  readonly deleted: number;
}

/** What a reconciler stands on. */
export interface ReconcilerOptions {
  /** The kernel's table; called when it is first needed, and again after it has thrown. */
  readonly table: () => ConntrackTable;
  readonly ports: ServicePorts;
  /** Where node ports answer. */
  readonly nodePorts: () => NodePortAddresses;
  /** Whose stale flows are removed; read anew each time. */
  readonly protocols: readonly Protocol[];
  /** How long it rests: at least so long, and so many times as long as it worked. */
  readonly limits: { readonly conntrackRestMs: number; readonly conntrackRestFactor: number };
  readonly clock: Clock;
  readonly log: Pick<Logger, "v" | "warn">;
  /** Told of every family that was looked through; must not throw. */
  readonly observe: (report: ReconciliationReport) => void;
}

/** What waits to be reconciled. */
interface Wish {
  ids: Set<string> | "all";
  readonly former: ServicePortView[];
}

/** Who is suspected, and what was known when the claims were made. */
interface Inquiry {
  readonly suspicion: Suspicion;
  /** Endpoints that answered, by the port's id; of those alone whose addresses are suspected. */
  readonly serving: ReadonlyMap<string, readonly EndpointAddress[]>;
}

const FAMILIES: readonly IpFamily[] = ["IPv4", "IPv6"];

/** The kernel walks through its whole table for each question; above this, one for any port. */
const MOST_QUESTIONS = 3;

/** Service ports that are looked through in one go: some 2 ms. */
const PORTS_AT_ONCE = 500;

/** How often a reconciliation that failed or missed something is repeated. */
const MOST_REPETITIONS = 2;

function textOf(endpoints: readonly EndpointAddress[]): string {
  return endpoints.map(({ ip, port }) => `${ip} ${port}`).join();
}

function noWish(): Wish {
  return { ids: new Set(), former: [] };
}

/** Removes the flows that lead nowhere. */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #former = new FormerPorts();
  /** Endpoints that still answered when they were last looked at, by the port's id. */
  readonly #lingering = new Map<string, string>();
  #wish = noWish();
  #repetitions = 0;
  #complaint = "";
  #state: "idle" | "due" | "working" | "resting" | "stopped" = "idle";
  #working: Promise<void> = Promise.resolve();
  #cancel: () => void = () => {};
  #cancelLook: (() => void) | undefined;

  /** @param options The table, the service ports and the clock. */
  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  /**
   * Takes notice of a service port that is about to change or go: its flows are looked for once
   * its id is asked for.
   *
   * @param before As it was.
   * @param now As it is; undefined when it is gone.
   */
  replaced(before: ServicePortView, now: ServicePortView | undefined): void {
    if (this.#options.protocols.includes(before.protocol)) this.#former.replaced(before, now);
  }

  /**
   * Asks for a reconciliation. It returns at once.
   *
   * @param ids Of service ports whose rules have changed in the kernel; those that nobody knows
   * are passed over.
   */
  request(ids: "all" | readonly string[]): void {
    if (this.#state === "stopped") return;
    const wish = this.#wish;
    // Now and not when it is their turn: what changes later is not in the kernel yet.
    wish.former.push(...this.#former.take(ids));
    if (ids === "all") wish.ids = "all";
    else if (wish.ids !== "all") { for (const id of ids) if (this.#find(id)) wish.ids.add(id); }
    this.#repetitions = 0;
    this.#schedule(0);
  }

  /** Takes notice that endpoints may have changed that get no new flows: no rule tells of them. */
  endpointsChanged(): void {
    if (this.#lingering.size === 0 || this.#state === "stopped") return;
    const { clock, limits } = this.#options;
    this.#cancelLook ??= clock.after(limits.conntrackRestMs, () => {
      this.#cancelLook = undefined;
      const changed = new Set<string>();
      for (const [id, before] of this.#lingering) {
        const view = this.#find(id);
        if (view !== undefined && this.#servingOf(view) === before) continue;
        this.#lingering.delete(id);
        if (view !== undefined) changed.add(id);
      }
      // Without former ports: nobody has said that the kernel has their new rules.
      this.#join({ ids: changed, former: [] });
      this.#schedule(0);
    });
  }

  /**
   * Ends it.
   *
   * @returns When what is under way is over.
   */
  async stop(): Promise<void> {
    this.#state = "stopped";
    this.#cancel();
    this.#cancelLook?.();
    await this.#working;
  }

  #find(id: string): ServicePortView | undefined {
    const view = this.#options.ports.find(id);
    return view !== undefined && this.#options.protocols.includes(view.protocol) ? view : undefined;
  }

  #servingOf(view: ServicePortView): string {
    return textOf(this.#options.ports.serving(view));
  }

  #schedule(delay: number): void {
    const { ids, former } = this.#wish;
    if (this.#state !== "idle" || (ids !== "all" && ids.size === 0 && former.length === 0)) return;
    this.#state = "due";
    this.#cancel = this.#options.clock.after(delay, () => {
      this.#state = "working";
      this.#working = this.#work();
    });
  }

  async #work(): Promise<void> {
    const { clock, limits } = this.#options;
    const wish = this.#wish;
    this.#wish = noWish();
    const startedAt = clock.now();
    const whole = await this.#reconcile(wish);
    if (!whole && this.#repetitions++ < MOST_REPETITIONS) this.#join(wish);
    if (this.#isStopped()) return;
    this.#state = "resting";
    const worked = Math.max(0, clock.now() - startedAt);
    const rest = Math.max(limits.conntrackRestMs, limits.conntrackRestFactor * worked);
    this.#cancel = clock.after(rest, () => {
      this.#state = "idle";
      this.#schedule(0);
    });
  }

  #isStopped(): boolean {
    return this.#state === "stopped";
  }

  #join({ ids, former }: Wish): void {
    this.#wish.former.push(...former);
    if (ids === "all") this.#wish.ids = "all";
    else if (this.#wish.ids !== "all") { for (const id of ids) this.#wish.ids.add(id); }
  }

  /** Returns false when something may have been missed. */
  async #reconcile(wish: Wish): Promise<boolean> {
    const { log, observe, protocols, clock } = this.#options;
    let whole = true;
    try {
      const table = this.#options.table();
      for (const family of FAMILIES) {
        const startedAt = clock.now();
        let [looked, deleted] = [false, 0];
        for (const protocol of protocols) {
          const inquiry = await this.#inquiry(wish, family, protocol);
          if (inquiry.suspicion.ports.size === 0 || this.#isStopped()) continue;
          looked = true;
          const stale = await this.#stale(table, inquiry, family, protocol);
          whole &&= stale.whole;
          if (stale.flows.length > 0) deleted += await table.delete(family, stale.flows);
        }
        if (!looked) continue;
        const milliseconds = Math.max(0, clock.now() - startedAt);
        observe({ family, milliseconds, deleted });
        log.v(deleted > 0 ? 2 : 4, "Reconciled conntrack", { family, deleted, milliseconds });
      }
      this.#complaint = "";
    } catch (thrown) {
      const complaint = messageOf(thrown);
      if (complaint !== this.#complaint) {
        log.warn(
          "Cannot reconcile conntrack; clients of UDP may stay with endpoints that are gone",
          {
            err: complaint,
          },
        );
      }
      this.#complaint = complaint;
      return false;
    }
    return whole;
  }

  /** Gathers what is wished of one family and protocol, and who is behind it. */
  async #inquiry(wish: Wish, family: IpFamily, protocol: Protocol): Promise<Inquiry> {
    const { ports } = this.#options;
    const suspicion = new Suspicion(protocol);
    const serving = new Map<string, readonly EndpointAddress[]>();
    const concerns = (view: ServicePortView | undefined): view is ServicePortView =>
      view?.family === family && view.protocol === protocol;
    for (const view of wish.former) if (concerns(view)) suspicion.suspect(view);
    if (wish.ids === "all") {
      await this.#inTurns(ports.all(), (view) => concerns(view) && suspicion.suspect(view));
    } else {
      for (const id of wish.ids) {
        const view = ports.find(id);
        if (concerns(view)) suspicion.suspect(view);
      }
    }
    if (suspicion.ports.size === 0) return { suspicion, serving };
    await this.#inTurns(ports.all(), (view) => {
      if (!concerns(view)) return;
      suspicion.claim(view, () => {
        const endpoints = ports.serving(view);
        serving.set(view.id, endpoints);
        return endpoints;
      });
    });
    return { suspicion, serving };
  }

  async #inTurns(
    views: Iterable<ServicePortView>,
    visit: (view: ServicePortView) => void,
  ): Promise<void> {
    let seen = 0;
    for (const view of views) {
      visit(view);
      if (++seen % PORTS_AT_ONCE === 0) await this.#turn();
    }
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => void this.#options.clock.after(0, resolve));
  }

  async #stale(
    table: ConntrackTable,
    { suspicion, serving }: Inquiry,
    family: IpFamily,
    protocol: Protocol,
  ): Promise<{ readonly flows: readonly Flow[]; readonly whole: boolean }> {
    const node = await this.#nodeAddresses(table, suspicion);
    const lingering = new Set<string>();
    const flows: Flow[] = [];
    const take = (flow: Flow) => {
      const judgement = suspicion.judge(flow, node);
      if (judgement.type === "stale") flows.push(flow);
      else if (judgement.type === "lingering") lingering.add(judgement.id);
    };
    let whole = true;
    const { ports } = suspicion;
    const questions = ports.size > MOST_QUESTIONS ? [{}] : [...ports].map((port) => ({ port }));
    for (const question of questions) {
      const outcome = await table.list({ family, protocol, ...question }, take);
      whole &&= outcome === "complete";
    }
    this.#linger(lingering, serving);
    return { flows, whole };
  }

  /** Remembers what the flows were judged by; what has changed meanwhile is looked at again. */
  #linger(
    lingering: Iterable<string>,
    serving: ReadonlyMap<string, readonly EndpointAddress[]>,
  ): void {
    const changed = new Set<string>();
    for (const id of lingering) {
      const view = this.#find(id);
      if (view === undefined) continue;
      const judged = textOf(serving.get(id) ?? []);
      if (this.#servingOf(view) === judged) {
        this.#lingering.set(id, judged);
      } else {
        // An event during the listing found nothing here to compare with.
        this.#lingering.delete(id);
        changed.add(id);
      }
    }
    // Not as a request: former ports wait for the plugin to say that their rules are gone.
    this.#join({ ids: changed, former: [] });
  }

  async #nodeAddresses(
    table: ConntrackTable,
    suspicion: Suspicion,
  ): Promise<ReadonlySet<IpKey>> {
    if (!suspicion.hasNodePorts) return new Set();
    const nodePorts = this.#options.nodePorts();
    return nodePorts.type === "listed"
      ? new Set(nodePorts.addresses.map((address) => ipKey(ipBytes(address))))
      : await table.localAddresses();
  }
}
