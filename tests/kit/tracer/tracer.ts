/**
 * The packet tracer: sends packets through a pretended kernel's rules, without a kernel, and says
 * what becomes of them.
 *
 * @module
 */
import { formatIp, ipBytes } from "../../../schemas/ip.ts";
import type { Protocol } from "../../../schemas/kube.ts";
import type { FakeKernel } from "../nft_fake_kernel.ts";
import { type Connection, Connections, statusOf } from "./connections.ts";
import { Effects } from "./effects.ts";
import { isLoopback, LOOPBACK, type Route, routeTo, type TracedNode } from "./node.ts";
import { CT_STATUS, PRIORITY } from "./numbers.ts";
import { endText, Packet, PROTOCOL_NUMBER } from "./packet.ts";
import { type Base, baseChains, type Hook, runChain } from "./ruleset.ts";

/** A packet that somebody sends. */
export interface TracedFlow {
  /** The interface it comes in by; absent when the node itself sends it. */
  readonly interface?: string;
  /** Where it comes from; may be absent when the node itself sends it: as its routes say. */
  readonly source?: string;
  /** 1–65535; when absent one that no connection had before. */
  readonly sourcePort?: number;
  /** Where it goes. */
  readonly destination: string;
  /** 1–65535. */
  readonly port: number;
  /** By which protocol. */
  readonly protocol: Protocol;
}

/** What becomes of a packet. */
export type TraceOutcome =
  | {
    /** It arrives, or leaves the node for where it arrives. */
    readonly kind: "delivered";
    /** Where it goes in the end. */
    readonly address: string;
    /** 1–65535, where it goes in the end. */
    readonly port: number;
    /** Where it says it comes from in the end. */
    readonly source: string;
    /** The interface it leaves by; "lo" when it is for the node itself. */
    readonly interface: string;
    /** Whether its destination was translated. */
    readonly translated: boolean;
    /** Whether its source was. */
    readonly masqueraded: boolean;
  }
  | {
    /** Refused with an answer. */
    readonly kind: "rejected";
    /** Where; at `output` the node's own sendto(2) fails besides, unless it is TCP's. */
    readonly hook: "prerouting" | "input" | "forward" | "output" | "postrouting";
    /** What the sender hears. */
    readonly answer: "tcp reset" | "port unreachable" | `icmp code ${number}`;
  }
  | {
    /** Gone without an answer. */
    readonly kind: "dropped";
    /** Where; at `output` the node's own sendto(2) fails, unless it is TCP's. */
    readonly hook: "prerouting" | "input" | "forward" | "output" | "postrouting";
  }
  | {
    /** The node knows no way there. */
    readonly kind: "unroutable";
  };

/** One thing that may become of a packet. */
export interface TracedWay {
  /** How often, above 0 and up to 1. */
  readonly probability: number;
  /** What becomes of it. */
  readonly outcome: TraceOutcome;
  /** The rules that decided, in their order; of one of the draws that lead here. */
  readonly path: readonly string[];
}

/** More draws than this for one packet are a mistake. */
const MOST_DRAWS = 100_000;
/** Source ports for connections that name none; those of net.ipv4.ip_local_port_range. */
const EPHEMERAL = { first: 32_768, last: 60_999 } as const;

type End = TraceOutcome | undefined;

/** A packet on its way through the hooks. */
class Journey {
  readonly path: string[] = [];
  readonly #kernel: FakeKernel;
  readonly #node: TracedNode;
  readonly #connections: Connections;
  readonly #packet: Packet;
  readonly #choose: (modulus: number) => number;
  readonly #effects: Effects;
  #connection: Connection | undefined;

  constructor(
    { kernel, node, connections, packet, choose, effects }: {
      readonly kernel: FakeKernel;
      readonly node: TracedNode;
      readonly connections: Connections;
      readonly packet: Packet;
      readonly choose: (modulus: number) => number;
      readonly effects: Effects;
    },
  ) {
    this.#kernel = kernel;
    this.#node = node;
    this.#connections = connections;
    this.#packet = packet;
    this.#choose = choose;
    this.#effects = effects;
  }

  #run(hook: Hook, base: Base, iif: string, oif: string): End {
    const end = runChain(base, {
      packet: this.#packet,
      iif,
      oif,
      connection: this.#connection,
      node: this.#node,
      sets: base.table.sets,
      now: this.#kernel.now(),
      effects: this.#effects,
      choose: this.#choose,
    }, this.path);
    if (end.to === "accept") return undefined;
    return end.to === "reject" && end.answer !== "nothing"
      ? { kind: "rejected", hook, answer: end.answer }
      : { kind: "dropped", hook };
  }

  /** The kernel's own nat hook: nat chains decide once, then the decision is applied. */
  #translate(hook: Hook, chains: readonly Base[], iif: string, oif: string): End {
    const which = hook === "prerouting" || hook === "output" ? "destination" : "source";
    const connection = this.#connection;
    if (connection === undefined) return undefined;
    const decided = which === "source" ? "newSource" : "newDestination";
    for (const base of chains) {
      if (connection[decided] !== undefined) break;
      const end = this.#run(hook, base, iif, oif);
      if (end !== undefined) return end;
    }
    const end = connection[decided] ?? this.#packet[which];
    if (connection[decided] === undefined) connection[decided] = end;
    if (endText(end) !== endText(this.#packet[which])) {
      this.path.push(`${which} ${endText(this.#packet[which])} becomes ${endText(end)}`);
      this.#packet[which] = end;
    }
    return undefined;
  }

  #hook(hook: Hook, iif: string, oif: string): End {
    const chains = baseChains(this.#kernel, hook, this.#packet.version);
    const nat = chains.filter(({ type }) => type === "nat");
    const first = hook === "prerouting" || hook === "output";
    const steps: { readonly priority: number; readonly step: () => End }[] = [];
    if (first) {
      steps.push({
        priority: PRIORITY.conntrack,
        step: () => {
          this.#connection ??= this.#connections.of(this.#packet);
          return undefined;
        },
      });
    }
    if (hook !== "forward") {
      // Nat chains run at the kernel's own priority, whatever theirs says (nf_nat_inet_fn).
      steps.push({
        priority: first ? PRIORITY.natDestination : PRIORITY.natSource,
        step: () => this.#translate(hook, nat, iif, oif),
      });
    }
    for (const base of chains) {
      if (base.type === "nat") continue;
      steps.push({ priority: base.priority, step: () => this.#run(hook, base, iif, oif) });
    }
    steps.sort((one, other) => one.priority - other.priority);
    for (const { step } of steps) {
      const end = step();
      if (end !== undefined) return end;
    }
    return undefined;
  }

  #arrived(name: string): TraceOutcome {
    const connection = this.#connection;
    if (connection !== undefined) this.#connections.confirm(connection, this.#effects);
    const { source, destination } = this.#packet;
    const status = connection === undefined ? 0 : statusOf(connection);
    return {
      kind: "delivered",
      address: formatIp(destination.address),
      port: destination.port,
      source: formatIp(source.address),
      interface: name,
      translated: (status & CT_STATUS.dnat) !== 0,
      masqueraded: (status & CT_STATUS.snat) !== 0,
    };
  }

  #input(iif: string): TraceOutcome {
    return this.#hook("input", iif, "") ?? this.#arrived(LOOPBACK);
  }

  #leave(iif: string, oif: string): TraceOutcome {
    return this.#hook("postrouting", iif, oif) ?? this.#arrived(oif);
  }

  /** The node's own packet, which goes out by the interface of the first routing decision. */
  sent(route: Route): TraceOutcome {
    const oif = (way: Route) => way.kind === "out" ? way.interface : LOOPBACK;
    const end = this.#hook("output", "", oif(route));
    if (end !== undefined) return end;
    // ip_route_me_harder() after a translation.
    const way = routeTo(this.#node, this.#packet.destination.address);
    if (way.kind === "none") return { kind: "unroutable" };
    if (way.kind === "out") return this.#leave("", way.interface);
    return this.#hook("postrouting", "", LOOPBACK) ??
      this.#hook("prerouting", LOOPBACK, "") ?? this.#input(LOOPBACK);
  }

  /** A packet that comes in by an interface. */
  received(iif: string): TraceOutcome {
    const end = this.#hook("prerouting", iif, "");
    if (end !== undefined) return end;
    const { address } = this.#packet.destination;
    // ip_route_input_slow(): a martian destination.
    if (isLoopback(address) && iif !== LOOPBACK) return { kind: "unroutable" };
    const way = routeTo(this.#node, address);
    switch (way.kind) {
      case "local":
        return this.#input(iif);
      case "none":
        return { kind: "unroutable" };
      case "out":
        return this.#hook("forward", iif, way.interface) ?? this.#leave(iif, way.interface);
    }
  }
}

/**
 * Sends packets through the rules of a fake kernel as Linux does: base chains by hook and priority,
 * nat chains for a connection's first packet only, routing, connection tracking, dynamic sets.
 *
 * @example Who may be reached, and how often
 * ```ts
 * import { chain, concat, dnat, ip, map, meta, numgenRandom, rule, table, th } from "weir";
 * import { FakeKernel, fakeNft, PacketTracer } from "weir/testing";
 * import assert from "node:assert/strict";
 *
 * const kernel = new FakeKernel();
 * const { nft } = fakeNft({ version: 1, table: "hello" }, kernel);
 * const hello = table("ip", "hello");
 * const slot = numgenRandom(2);
 * const pods = map(hello, "pods", [slot], [ip.daddr, th.dport]);
 * const tx = nft.transaction();
 * tx.replaceTable({
 *   table: hello,
 *   sets: [pods],
 *   chains: [chain(hello, "entry", {
 *     base: { type: "nat", hook: "prerouting", priority: -100 },
 *     rules: [rule(ip.daddr.eq("10.96.0.1"), dnat(slot.map(pods)))],
 *   })],
 * });
 * tx.addElement(pods, 0, ["10.244.0.10", 8080]);
 * tx.addElement(pods, 1, ["10.244.0.11", 8080]);
 * await tx.commit();
 *
 * const tracer = new PacketTracer(kernel, {
 *   addresses: [{ address: "10.244.0.1", interface: "pods" }],
 *   routes: [{ to: "10.244.0.0/24", interface: "pods" }],
 * });
 * const ways = tracer.ways({
 *   ...{ interface: "pods", source: "10.244.0.12" },
 *   ...{ destination: "10.96.0.1", port: 80, protocol: "TCP" },
 * });
 * assert.deepEqual(
 *   ways.map(({ outcome, probability }) => [outcome.kind === "delivered" && outcome.address, probability]),
 *   [["10.244.0.10", 0.5], ["10.244.0.11", 0.5]],
 * );
 * ```
 */
export class PacketTracer {
  readonly #kernel: FakeKernel;
  readonly #node: TracedNode;
  readonly #connections = new Connections();
  #nextPort: number = EPHEMERAL.first;

  /**
   * Makes a tracer.
   *
   * @param kernel Holds the tables; they may change between packets.
   * @param node The node's addresses and routes.
   */
  constructor(kernel: FakeKernel, node: TracedNode) {
    this.#kernel = kernel;
    this.#node = node;
  }

  #trace(
    flow: TracedFlow,
    sourcePort: number,
    choose: (modulus: number) => number,
    effects: Effects,
  ): Omit<TracedWay, "probability"> {
    const destination = ipBytes(flow.destination);
    const route = routeTo(this.#node, destination);
    if (flow.interface === undefined && route.kind === "none") {
      return { outcome: { kind: "unroutable" }, path: [] };
    }
    const source = flow.source ??
      (flow.interface === undefined
        ? route.kind === "out" ? route.source : flow.destination
        : undefined);
    if (source === undefined) {
      throw new TypeError(`Cannot trace from "${flow.interface}": the flow has no source`);
    }
    const journey = new Journey({
      kernel: this.#kernel,
      node: this.#node,
      connections: this.#connections,
      packet: new Packet(
        PROTOCOL_NUMBER[flow.protocol],
        { address: ipBytes(source), port: sourcePort },
        { address: destination, port: flow.port },
      ),
      choose,
      effects,
    });
    const outcome = flow.interface === undefined
      ? journey.sent(route)
      : journey.received(flow.interface);
    return { outcome, path: journey.path };
  }

  /**
   * Finds all that may become of a new connection, over every draw of every number generator. It
   * leaves nothing behind.
   *
   * @param flow Its first packet.
   * @returns The ways, none twice, in the order of the draws.
   * @throws {TypeError} When a rule does what the tracer does not know, or reads a register that
   * nothing in it has written.
   */
  ways(flow: TracedFlow): readonly TracedWay[] {
    const found = new Map<string, TracedWay>();
    const drawn: number[] = [];
    const sourcePort = flow.sourcePort ?? this.#nextPort;
    for (let draws = 0; draws < MOST_DRAWS; draws++) {
      const moduli: number[] = [];
      let probability = 1;
      const effects = new Effects();
      const choose = (modulus: number) => {
        const value = drawn[moduli.length] ?? 0;
        drawn[moduli.length] = value;
        moduli.push(modulus);
        probability /= modulus;
        return value;
      };
      const { outcome, path } = this.#trace(flow, sourcePort, choose, effects);
      effects.undo();
      const key = JSON.stringify(outcome);
      const before = found.get(key);
      found.set(key, {
        probability: probability + (before?.probability ?? 0),
        outcome,
        path: before?.path ?? path,
      });
      // The next draw: the last number that can still grow does.
      drawn.length = moduli.length;
      while (drawn.length > 0 && (drawn.at(-1) ?? 0) + 1 >= (moduli[drawn.length - 1] ?? 0)) {
        drawn.pop();
      }
      if (drawn.length === 0) return [...found.values()];
      drawn.push((drawn.pop() ?? 0) + 1);
    }
    throw new TypeError(`Cannot trace to "${flow.destination}": over ${MOST_DRAWS} draws`);
  }

  /**
   * Sends a packet, of which rules and connection tracking keep what they keep. A packet that gets
   * through is taken to be answered, so a later one of the same ports is an established
   * connection's.
   *
   * @param flow The packet.
   * @param choose Draws a number below the modulus, from 1 up; the least when absent.
   * @returns What becomes of it.
   * @throws {TypeError} As {@linkcode PacketTracer.ways}.
   */
  send(
    flow: TracedFlow,
    choose: (modulus: number) => number = () => 0,
  ): Omit<TracedWay, "probability"> {
    const sourcePort = flow.sourcePort ?? this.#nextPort;
    if (flow.sourcePort === undefined) {
      this.#nextPort = sourcePort === EPHEMERAL.last ? EPHEMERAL.first : sourcePort + 1;
    }
    return this.#trace(flow, sourcePort, choose, new Effects());
  }

  /** Forgets all connections, as when nobody has used them for long. */
  forgetConnections(): void {
    this.#connections.clear();
  }
}
