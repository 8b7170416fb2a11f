/**
 * Which tracked flows lead nowhere. The kernel translates the first packet of a flow only; all
 * later ones follow the entry it made, wherever that leads by then. TCP notices and starts anew,
 * UDP does not: a client that keeps sending from one port keeps its entry alive for ever.
 *
 * Pure: it is told of service ports and asked about flows.
 *
 * @module
 */
import { ipBytes } from "../../schemas/ip.ts";
import type { Protocol } from "../../schemas/kube.ts";
import type { ServicePortView } from "../../schemas/view.ts";
import type { Flow } from "../capabilities/conntrack/flow.ts";
import {
  type IpKey,
  ipOf,
  portOf,
  type SocketKey,
  socketKey,
} from "../capabilities/conntrack/socket_key.ts";

/** Where an endpoint is reached. */
export interface EndpointAddress {
  /** Canonical text. */
  readonly ip: string;
  /** 1–65535. */
  readonly port: number;
}

/** What is known of one suspected address, or of one node port. */
interface Claim {
  /** Endpoints that new flows to it are given. */
  readonly endpoints: Set<SocketKey>;
  /** Endpoints that are given no new flows but still answer, each with the port's id. */
  readonly lingering: Map<SocketKey, string>;
}

/**
 * What becomes of a flow: `lingering` when its endpoint gets no new flows but still answers, as a
 * terminating one does, so that it has to be looked at again when that ends.
 */
export type Judgement =
  | { readonly type: "sound" | "stale" }
  | { readonly type: "lingering"; readonly id: string };

const SOUND: Judgement = { type: "sound" };
const STALE: Judgement = { type: "stale" };

/** Calls back for every address at which a service port is reached, node ports aside. */
function eachAddress(
  view: ServicePortView,
  found: (key: SocketKey) => void,
): void {
  found(socketKey(ipBytes(view.clusterIP), view.port));
  const { external } = view;
  if (external === undefined) return;
  for (const ips of [external.externalIPs, external.loadBalancerIPs]) {
    for (const ip of ips) found(socketKey(ipBytes(ip), view.port));
  }
}

/**
 * Tells whether two states of a service port are reached at the same addresses and node port.
 *
 * @param one A service port.
 * @param other The same one at another time.
 * @returns False when a flow to one of them may not be a flow to the other.
 */
export function sameAddresses(one: ServicePortView, other: ServicePortView): boolean {
  const places = (view: ServicePortView) => {
    const keys: unknown[] = [view.external?.nodePort ?? 0];
    eachAddress(view, (key) => keys.push(key));
    return keys;
  };
  const [mine, others] = [places(one), new Set(places(other))];
  return mine.length === others.size && mine.every((place) => others.has(place));
}

/**
 * The flows of one protocol and family that are looked for: first {@linkcode Suspicion.suspect}
 * says to which addresses, then {@linkcode Suspicion.claim} who is behind these by now, then
 * {@linkcode Suspicion.judge} is asked. An address that several service ports claim, as an external
 * IP may be, is sound with the endpoints of any of them.
 */
export class Suspicion {
  readonly #protocol: Protocol;
  readonly #addresses = new Map<SocketKey, Claim>();
  readonly #nodePorts = new Map<number, Claim>();
  readonly #ports = new Set<number>();

  /** @param protocol Of the flows that will be judged. */
  constructor(protocol: Protocol) {
    this.#protocol = protocol;
  }

  /** The ports to which flows in question were sent; empty when there is nothing to look for. */
  get ports(): ReadonlySet<number> {
    return this.#ports;
  }

  /** Node ports are among them, so that the node's addresses have to be known. */
  get hasNodePorts(): boolean {
    return this.#nodePorts.size > 0;
  }

  /**
   * Suspects all flows to a service port.
   *
   * @param view As it is or as it was.
   */
  suspect(view: ServicePortView): void {
    const none = (): Claim => ({ endpoints: new Set(), lingering: new Map() });
    eachAddress(view, (key) => {
      if (!this.#addresses.has(key)) this.#addresses.set(key, none());
    });
    this.#ports.add(view.port);
    const nodePort = view.external?.nodePort ?? 0;
    if (nodePort === 0) return;
    if (!this.#nodePorts.has(nodePort)) this.#nodePorts.set(nodePort, none());
    this.#ports.add(nodePort);
  }

  /**
   * Tells who is behind an address now; of addresses that nobody suspects nothing is kept.
   *
   * @param view A service port as it is.
   * @param serving Its endpoints that still answer, whether they get new flows or not; asked for
   * only when it matters.
   */
  claim(view: ServicePortView, serving: () => readonly EndpointAddress[]): void {
    let keys: { readonly endpoints: SocketKey[]; readonly serving: SocketKey[] } | undefined;
    const keysOf = (all: readonly EndpointAddress[]) =>
      all.map(({ ip, port }) => socketKey(ipBytes(ip), port));
    const add = (claim: Claim | undefined) => {
      if (claim === undefined) return;
      keys ??= { endpoints: keysOf(view.endpoints), serving: keysOf(serving()) };
      for (const key of keys.endpoints) claim.endpoints.add(key);
      for (const key of keys.serving) claim.lingering.set(key, view.id);
    };
    eachAddress(view, (key) => add(this.#addresses.get(key)));
    add(this.#nodePorts.get(view.external?.nodePort ?? 0));
  }

  /**
   * Judges a flow.
   *
   * @param flow Of the protocol and family in question.
   * @param node The addresses at which node ports answer.
   * @returns Whether it leads somewhere; a flow of anybody else's is sound.
   */
  judge(flow: Flow, node: ReadonlySet<IpKey>): Judgement {
    const { destination, responder } = flow;
    const claim = this.#addresses.get(destination) ?? this.#nodePortOf(destination, node);
    if (claim === undefined) return SOUND;
    if (responder === destination) {
      // It began before there was anything to translate it, and would never be translated: the
      // nat chains see the first packet of a flow only. Where a policy drops such traffic, its next
      // packet is dropped as it should be. In a zone of its own it is somebody's who
      // tracks the packet once more, on its way to or from our translation.
      const hole = this.#protocol === "UDP" && claim.endpoints.size > 0 && flow.zone === "common";
      return hole ? STALE : SOUND;
    }
    if (claim.endpoints.has(responder)) return SOUND;
    const id = claim.lingering.get(responder);
    return id === undefined ? STALE : { type: "lingering", id };
  }

  #nodePortOf(destination: SocketKey, node: ReadonlySet<IpKey>): Claim | undefined {
    const claim = this.#nodePorts.get(portOf(destination));
    return claim !== undefined && node.has(ipOf(destination)) ? claim : undefined;
  }
}
