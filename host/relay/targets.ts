/**
 * Which endpoint a connection to a NodePort on loopback goes to.
 *
 * @module
 */
import type { EndpointView, ServicePortView } from "../../schemas/view.ts";

/**
 * The endpoints that serve a NodePort on loopback: with externalTrafficPolicy Local those of this
 * node (KEP-6032).
 *
 * @param view A service port.
 * @returns None when connections are to be refused.
 */
export function targetsOf(view: ServicePortView): readonly EndpointView[] {
  switch (view.external?.verdict) {
    case "cluster":
      return view.endpoints.filter(({ inCluster }) => inCluster);
    case "local":
      return view.endpoints.filter(({ inLocal }) => inLocal);
    default:
      return [];
  }
}

/** The endpoint that clients stay with, for session affinity. */
interface Pin {
  readonly ip: string;
  readonly port: number;
  /** Milliseconds since the epoch. */
  readonly usedAt: number;
}

/** What a choice depends on besides the service port. */
export interface TargetsOptions {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** A number from 0 up to 1. */
  readonly random: () => number;
}

/** Chooses among the endpoints of one NodePort, and remembers for session affinity. */
export class Targets {
  readonly #options: TargetsOptions;
  #endpoints: readonly EndpointView[] = [];
  #affinityMs = 0;
  #pin: Pin | undefined;

  /** @param options The clock and the dice. */
  constructor(options: TargetsOptions) {
    this.#options = options;
  }

  /** How many endpoints there are to choose from. */
  get size(): number {
    return this.#endpoints.length;
  }

  /**
   * Takes in what the service port has become.
   *
   * @param view The service port; undefined when the NodePort is nobody's.
   */
  update(view: ServicePortView | undefined): void {
    this.#endpoints = view === undefined ? [] : targetsOf(view);
    this.#affinityMs = (view?.affinitySeconds ?? 0) * 1000;
  }

  /**
   * Chooses for a new connection. All clients are one on loopback, so with affinity they all go
   * where the last one went, until nobody has come for the affinity's time.
   *
   * @param tried Endpoints that did not answer this client.
   * @returns The endpoint, or undefined when none is left.
   */
  choose(tried: readonly EndpointView[] = []): EndpointView | undefined {
    const { now, random } = this.#options;
    const left = this.#endpoints.filter(({ ip, port }) =>
      !tried.some((other) => other.ip === ip && other.port === port)
    );
    const pin = this.#pin;
    const stays = pin !== undefined && now() - pin.usedAt < this.#affinityMs
      ? left.find(({ ip, port }) => ip === pin.ip && port === pin.port)
      : undefined;
    const chosen = stays ?? left[Math.floor(random() * left.length)];
    this.#pin = chosen === undefined || this.#affinityMs === 0
      ? undefined
      : { ip: chosen.ip, port: chosen.port, usedAt: now() };
    return chosen;
  }
}
