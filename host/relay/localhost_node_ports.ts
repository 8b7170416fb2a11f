/**
 * NodePorts on 127.0.0.1 and ::1 (KEP-6032): the kernel does not route what comes from loopback to
 * anywhere else, so the host listens there itself and relays. TCP alone; without an endpoint, and
 * for other protocols, nobody listens and the kernel refuses.
 *
 * @module
 */
import type { Log } from "../../schemas/capability.ts";
import type { IpFamily } from "../../schemas/kube.ts";
import type { ServicePortView } from "../../schemas/view.ts";
import type { Clock } from "../clock.ts";
import { listenOnLoopback } from "./listener.ts";
import { Targets } from "./targets.ts";

const LOOPBACK: Readonly<Record<IpFamily, string>> = { IPv4: "127.0.0.1", IPv6: "::1" };

/** Connections of one NodePort at a time, for each family. */
const MOST_CONNECTIONS = 256;

/** What the relay stands on. */
export interface LocalhostNodePortsOptions {
  /** The families whose loopback is asked for. */
  readonly families: readonly IpFamily[];
  readonly clock: Clock;
  /** A number from 0 up to 1. */
  readonly random: () => number;
  readonly log: Log;
  /** Told how many listeners a family has, whenever that has changed. */
  readonly onListeners: (family: IpFamily, count: number) => void;
  /** Told of each failure to listen. */
  readonly onFailure: (family: IpFamily) => void;
}

/** One NodePort of one family. */
interface Place {
  readonly family: IpFamily;
  readonly port: number;
  /** The service ports that want it, by id; the smallest id has it. */
  readonly views: Map<string, ServicePortView>;
  readonly targets: Targets;
  /** Ends the listener, if there is one. */
  listening: AbortController | undefined;
  /** Settles when the port is free. */
  finished: Promise<void>;
}

/** Keeps a listener for each NodePort that has an endpoint. */
export class LocalhostNodePorts {
  readonly #options: LocalhostNodePortsOptions;
  #families: readonly IpFamily[];
  readonly #places = new Map<string, Place>();
  /** Where each service port is. */
  readonly #placeOf = new Map<string, Place>();
  readonly #counts: Record<IpFamily, number> = { IPv4: 0, IPv6: 0 };
  readonly #relaying = new AbortController();

  /** @param options Which families, the clock, the dice, the log and whom to tell. */
  constructor(options: LocalhostNodePortsOptions) {
    this.#options = options;
    this.#families = options.families;
    for (const family of options.families) options.onListeners(family, 0);
  }

  /**
   * Takes in everything; to be called when the kernel has it.
   *
   * @param ports All service ports.
   */
  replace(ports: readonly ServicePortView[]): void {
    const ids = new Set(ports.map(({ id }) => id));
    this.apply(ports, [...this.#placeOf.keys()].filter((id) => !ids.has(id)));
  }

  /**
   * Takes in what has changed; to be called when the kernel has it.
   *
   * @param upserts New and changed service ports.
   * @param removes The ids of service ports that are gone.
   */
  apply(upserts: readonly ServicePortView[], removes: readonly string[]): void {
    if (this.#families.length === 0 || this.#relaying.signal.aborted) return;
    const touched = new Set<Place>();
    for (const id of removes) this.#leave(id, touched);
    for (const view of upserts) {
      const place = this.#wanted(view);
      if (this.#placeOf.get(view.id) !== place) this.#leave(view.id, touched);
      if (place === undefined) continue;
      place.views.set(view.id, view);
      this.#placeOf.set(view.id, place);
      touched.add(place);
    }
    for (const place of touched) this.#settle(place);
  }

  /**
   * Serves other families from now on; connections that it has go on.
   *
   * @param families The families whose loopback is asked for.
   * @param ports All service ports that the kernel has.
   */
  serve(families: readonly IpFamily[], ports: Iterable<ServicePortView>): void {
    const gone = [...this.#placeOf].filter(([, { family }]) => !families.includes(family));
    this.apply([], gone.map(([id]) => id));
    this.#families = families;
    for (const family of families) this.#options.onListeners(family, this.#counts[family]);
    this.replace([...ports]);
  }

  /**
   * Ends everything, connections too.
   *
   * @returns When all ports are free.
   */
  async stop(): Promise<void> {
    this.#relaying.abort();
    for (const { listening } of this.#places.values()) listening?.abort();
    await Promise.all([...this.#places.values()].map(({ finished }) => finished));
  }

  #wanted({ protocol, family, external }: ServicePortView): Place | undefined {
    const port = external?.nodePort ?? 0;
    if (protocol !== "TCP" || port === 0 || !this.#families.includes(family)) {
      return undefined;
    }
    const key = `${family} ${port}`;
    const { clock, random } = this.#options;
    const place = this.#places.get(key) ?? {
      family,
      port,
      views: new Map(),
      targets: new Targets({ now: () => clock.now(), random }),
      listening: undefined,
      finished: Promise.resolve(),
    };
    this.#places.set(key, place);
    return place;
  }

  #leave(id: string, touched: Set<Place>): void {
    const place = this.#placeOf.get(id);
    if (place === undefined) return;
    place.views.delete(id);
    this.#placeOf.delete(id);
    touched.add(place);
  }

  #settle(place: Place): void {
    // Of several the kernel serves the smallest id too, in whatever order they came.
    let id: string | undefined;
    for (const other of place.views.keys()) if (id === undefined || other < id) id = other;
    place.targets.update(id === undefined ? undefined : place.views.get(id));
    const open = place.targets.size > 0;
    if (!open) {
      place.listening?.abort();
      place.listening = undefined;
    } else if (place.listening === undefined) {
      const controller = new AbortController();
      place.listening = controller;
      place.finished = this.#listen(place, place.finished, controller.signal);
    }
    if (place.views.size === 0) {
      // A listener that is on its way out must not be lost sight of.
      void place.finished.then(() => {
        const key = `${place.family} ${place.port}`;
        if (place.views.size === 0 && this.#places.get(key) === place) this.#places.delete(key);
      });
    }
  }

  async #listen(place: Place, before: Promise<void>, listening: AbortSignal): Promise<void> {
    await before;
    const { clock, log, onListeners, onFailure } = this.#options;
    const { family, port, targets } = place;
    await listenOnLoopback({
      ip: LOOPBACK[family],
      port,
      choose: (tried) => targets.choose(tried),
      mostConnections: MOST_CONNECTIONS,
      clock,
      log,
      observe: (event) => {
        if (event === "failed") return onFailure(family);
        this.#counts[family] += event === "listening" ? 1 : -1;
        onListeners(family, this.#counts[family]);
      },
      listening,
      relaying: this.#relaying.signal,
    });
  }
}
