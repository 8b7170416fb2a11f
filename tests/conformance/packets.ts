/**
 * Cases with real packets through a real kernel: one topology, in which as many cases are at once
 * as agree on the settings and the node.
 *
 * @module
 */
import { NETLINK, NetlinkSocket } from "../../host/capabilities/netlink.ts";
import { MessageWriter, NLM_F } from "../../host/capabilities/netlink_message.ts";
import { NftKernel } from "../../host/capabilities/nft/kernel.ts";
import { nftCapability } from "../../host/capabilities/nft/nft.ts";
import type { NetworkNamespace } from "../../host/capabilities/namespace.ts";
import type { Plugin } from "../../plugins/sdk/mod.ts";
import type { Protocol } from "../../schemas/kube.ts";
import type { ConnectTo } from "../kit/packet/agent.ts";
import type { Exchange, Transport } from "../kit/packet/protocol.ts";
import { type Member, Topology } from "../kit/packet/topology.ts";
import { patient } from "../kernel/patience.ts";
import type { ConformanceCase, Flow } from "./case.ts";
import { ConformanceProxier, grantOf, type NftAnswerer } from "./proxier.ts";
import { compared, type FlowResult, nameOf } from "./result.ts";
import {
  ADDRESSES,
  BACKENDS,
  type Client,
  ELSEWHERE,
  isNodeAddress,
  OTHER_PORT,
  TARGET_PORT,
} from "./world.ts";

/** Milliseconds after which silence counts as silence. */
const SILENCE = 500;
/** Milliseconds within which a refusal must have come. */
const REFUSAL = patient(3_000);
/** Flows of one client that are under way together. */
const TOGETHER = 8;
/** Fair choices among endpoints miss one of them once in so many flows. */
const FAIRNESS = 1e8;

const TRANSPORT: Readonly<Record<Protocol, Transport>> = { TCP: "tcp", UDP: "udp", SCTP: "sctp" };

/**
 * The cases that packets can run: without a source that is not the client's own, and without
 * waiting.
 *
 * @param cases Any.
 * @returns Those, in groups that agree on settings and node, each without the flows that only the
 * tracer can send.
 */
export function packetGroups(cases: readonly ConformanceCase[]): readonly ConformanceCase[][] {
  const groups = new Map<string, ConformanceCase[]>();
  for (const each of cases) {
    if (each.steps.some(({ wait }) => wait > 0)) continue;
    const steps = each.steps.map((step) => ({
      ...step,
      flows: step.flows.filter(({ source }) => source === undefined),
    }));
    const key = JSON.stringify([each.settings, each.node]);
    const group = groups.get(key) ?? [];
    group.push({ ...each, steps });
    groups.set(key, group);
  }
  return [...groups.values()];
}

/** Enough connections to meet each of several endpoints. */
function enough(endpoints: number): number {
  if (endpoints < 2) return 4;
  return Math.ceil(Math.log(endpoints * FAIRNESS) / -Math.log(1 - 1 / endpoints));
}

function wordOf(exchange: Exchange): string {
  return exchange.outcome === "answered" ? exchange.by : exchange.error;
}

function words(exchanges: readonly Exchange[]): string[] {
  return [...new Set(exchanges.map(wordOf))];
}

/**
 * Tells the addresses of hosts, which refuse by themselves; any other address leads into the void.
 *
 * @param address Canonical text.
 * @returns Whether somebody has it.
 */
export function isHost(address: string): boolean {
  return isNodeAddress(address) ||
    Object.values(ADDRESSES).some((own) => Object.values(own).includes(address));
}

/** Who stops the node's own packet on its way out makes send(2) fail, which is silence or refusal. */
function ownFailure({ from, to }: Flow, found: readonly string[]): "EPERM" | undefined {
  return from === "node" && to.protocol !== "TCP" && found[0] === "EPERM" ? "EPERM" : undefined;
}

/** Forgets all connections: IPCTNL_MSG_CT_DELETE of NFNL_SUBSYS_CTNETLINK without a tuple. */
function forgetConnections(namespace: NetworkNamespace): void {
  const socket = namespace.inside(() => new NetlinkSocket(NETLINK.NETFILTER));
  try {
    const message = new MessageWriter(1 << 8 | 2, NLM_F.REQUEST | NLM_F.ACK, 1);
    socket.request("forget connections", message.fixed([0, 0, 0, 0]).finish());
  } finally {
    socket.close();
  }
}

/** Lets refusals through as fast as they come: by default ICMP errors are limited. */
function unlimited(namespace: NetworkNamespace): void {
  namespace.sysctl("ipv4/icmp_ratelimit", "0");
  namespace.sysctl("ipv6/icmp/ratelimit", "0");
}

/** The suite's small cluster, out of namespaces. */
export class PacketCluster implements AsyncDisposable {
  readonly #topology: Topology;
  readonly #members: Readonly<Record<Client, Member>>;

  private constructor(topology: Topology, members: Readonly<Record<Client, Member>>) {
    this.#topology = topology;
    this.#members = members;
  }

  /**
   * Builds it.
   *
   * @returns The cluster, without rules; to be disposed with `await using`.
   */
  static async create(): Promise<PacketCluster> {
    await using stack = new AsyncDisposableStack();
    const topology = stack.use(
      await Topology.create({
        backends: BACKENDS.length,
        elsewhere: ELSEWHERE.length,
        port: TARGET_PORT,
      }),
    );
    const { client, node, remote, backends, elsewhere } = topology;
    const all = [client, node, remote, ...backends, ...elsewhere?.pods ?? []];
    if (elsewhere !== undefined) all.push(elsewhere.node);
    const member = (name: string): Member => {
      const found = all.find((each) => each.name === name);
      if (found === undefined) throw new TypeError(`Cannot use member "${name}": there is none`);
      return found;
    };
    const members = {
      ...{ client, node, "outside": remote, "other-node": member("other-node") },
      ...{ "backend-0": member("backend-0"), "backend-1": member("backend-1") },
      ...{ "elsewhere-0": member("elsewhere-0"), "elsewhere-1": member("elsewhere-1") },
    };
    for (const { namespace } of all) unlimited(namespace);
    for (const name of [...BACKENDS, ...ELSEWHERE]) {
      const { agent, addresses } = members[name];
      const listener = {
        transport: "tcp",
        port: OTHER_PORT,
        name: `${name}:${OTHER_PORT}`,
      } as const;
      for (const version of [4, 6] as const) {
        await agent.listen({ ...listener, address: addresses[version] });
      }
    }
    stack.move();
    return new PacketCluster(topology, members);
  }

  /**
   * Opens the node's kernel to a proxier.
   *
   * @param plugin Which.
   * @returns Who takes its transactions; to be disposed with `await using`.
   */
  open(plugin: Plugin): AsyncDisposable & { readonly nft: NftAnswerer } {
    const { namespace } = this.#topology.node;
    const kernel = namespace.inside(() => new NftKernel({ now: () => performance.now() }));
    const capability = nftCapability(grantOf(plugin), {
      owner: { role: "proxier", plugin: plugin.manifest.name },
      kernel,
    });
    return {
      nft: (...call) => capability.invoke(...call),
      [Symbol.asyncDispose]: () => kernel.close(),
    };
  }

  /** Makes the node forget all connections: a client may get an earlier one's port again. */
  forgetConnections(): void {
    forgetConnections(this.#topology.node.namespace);
  }

  /**
   * Makes connections.
   *
   * @param flow Who connects where.
   * @param more How many, and for how long each waits for an answer.
   * @returns How they went.
   */
  connect(
    { from, to }: Pick<Flow, "from" | "to">,
    more: Partial<Pick<ConnectTo, "count" | "timeout">>,
  ): Promise<readonly Exchange[]> {
    const { address, port, protocol } = to;
    const transport = TRANSPORT[protocol];
    return this.#members[from].agent.connect({ transport, address, port, ...more });
  }

  async #stick(flow: Flow, stuck: Map<string, string>): Promise<string | undefined> {
    const { expect } = flow;
    if (expect.kind !== "sticks") return undefined;
    // The client's first packet decides; two at once might both be the first.
    const first = await this.connect(flow, { count: 1 });
    const rest = await this.connect(flow, { count: enough(expect.endpoints.length) });
    const [chosen = ""] = words(first);
    const wanted = stuck.get(expect.label) ?? chosen;
    stuck.set(expect.label, wanted);
    if (!expect.endpoints.includes(wanted)) {
      return compared([wanted], [`one of ${expect.endpoints.join(" ")}`], "");
    }
    return compared(words([...first, ...rest]), [wanted], "");
  }

  async #reach(flow: Flow): Promise<string | undefined> {
    const { expect, from, to } = flow;
    if (expect.kind !== "reaches") return undefined;
    const count = enough(expect.endpoints.length);
    const exchanges = await this.connect(flow, { count });
    const fault = compared(words(exchanges), expect.endpoints, "");
    if (fault !== undefined || expect.seen === undefined) return fault;
    const own = ADDRESSES[from][to.address.includes(":") ? 6 : 4];
    const seen = new Set(exchanges.map((exchange) => {
      const address = exchange.outcome === "answered" ? exchange.from : "";
      return isNodeAddress(address) ? "node" : address === own ? "client" : address;
    }));
    return compared([...seen], [expect.seen], "");
  }

  async #check(flow: Flow, stuck: Map<string, string>): Promise<string | undefined> {
    const { expect, to } = flow;
    switch (expect.kind) {
      case "reaches":
        return await this.#reach(flow);
      case "sticks":
        return await this.#stick(flow, stuck);
      case "rejected": {
        const found = words(await this.connect(flow, { count: 2, timeout: REFUSAL }));
        return compared(found, [ownFailure(flow, found) ?? "ECONNREFUSED"], "");
      }
      case "dropped": {
        const found = words(await this.connect(flow, { count: 2, timeout: SILENCE }));
        return compared(found, [ownFailure(flow, found) ?? "ETIMEDOUT"], "");
      }
      case "untouched": {
        const real = isHost(to.address);
        const found = await this.connect(flow, { count: 2, timeout: real ? REFUSAL : SILENCE });
        return compared(words(found), [real ? "ECONNREFUSED" : "ETIMEDOUT"], "");
      }
    }
  }

  /** The flows of one client, some at a time; what sticks one after the other. */
  async #runFlows(work: readonly (() => Promise<void>)[]): Promise<void> {
    const waiting = [...work];
    const line = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await next();
    };
    await Promise.all(Array.from({ length: TOGETHER }, line));
  }

  /**
   * Runs cases together: the first steps of all, then the second ones, and so on.
   *
   * @param plugin The proxier.
   * @param cases Of one group of {@linkcode packetGroups}.
   * @returns What became of each flow.
   */
  async run(plugin: Plugin, cases: readonly ConformanceCase[]): Promise<FlowResult[]> {
    const [{ settings, node } = { settings: undefined, node: undefined }] = cases;
    if (settings === undefined) return [];
    await using kernel = this.open(plugin);
    const { nft } = kernel;
    await using proxier = await ConformanceProxier.start(plugin, { settings, node, nft });
    const results: FlowResult[] = [];
    const stuck = new Map(cases.map((each) => [each, new Map<string, string>()]));
    const last = Math.max(...cases.map(({ steps }) => steps.length));
    for (let index = 0; index < last; index++) {
      await proxier.serve(
        cases.flatMap(({ steps }) => (steps[index] ?? steps.at(-1))?.objects ?? []),
      );
      this.forgetConnections();
      await this.#step(cases, index, stuck, results);
    }
    await proxier.cleanup();
    return results;
  }

  async #step(
    cases: readonly ConformanceCase[],
    index: number,
    stuck: ReadonlyMap<ConformanceCase, Map<string, string>>,
    results: FlowResult[],
  ): Promise<void> {
    const work = new Map<string, (() => Promise<void>)[]>();
    for (const each of cases) {
      const step = each.steps[index];
      const memory = stuck.get(each);
      if (step === undefined || memory === undefined) continue;
      const run = async (flow: Flow) => {
        results.push({ name: nameOf(each, step, flow), fault: await this.#check(flow, memory) });
      };
      const free = step.flows.filter(({ expect }) => expect.kind !== "sticks");
      const bound = step.flows.filter(({ expect }) => expect.kind === "sticks");
      for (const flow of free) {
        work.set(flow.from, [...work.get(flow.from) ?? [], () => run(flow)]);
      }
      if (bound.length === 0) continue;
      work.set("sticks", [...work.get("sticks") ?? [], async () => {
        for (const flow of bound) await run(flow);
      }]);
    }
    await Promise.all([...work.values()].map((flows) => this.#runFlows(flows)));
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#topology[Symbol.asyncDispose]();
  }
}
