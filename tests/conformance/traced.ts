/**
 * Cases through the packet tracer: no kernel, every draw, and a clock that can be moved.
 *
 * @module
 */
import type { Plugin } from "../../plugins/sdk/mod.ts";
import { fakeNft } from "../kit/nft_fake.ts";
import { FakeKernel } from "../kit/nft_fake_kernel.ts";
import { PacketTracer, type TracedFlow, type TracedWay } from "../kit/tracer/tracer.ts";
import type { ConformanceCase, Expectation, Flow } from "./case.ts";
import { ConformanceProxier, grantOf, type NftAnswerer } from "./proxier.ts";
import { compared, type FlowResult, nameOf } from "./result.ts";
import { ADDRESSES, INTERFACES, isNodeAddress, serverAt, TRACED_NODE } from "./world.ts";

/** A node without a kernel. */
export interface TracedKernel {
  /** Sends packets through what was committed. */
  readonly tracer: PacketTracer;
  /** Takes a proxier's transactions. */
  readonly nft: NftAnswerer;
  /**
   * Lets time pass.
   *
   * @param seconds How much.
   */
  readonly wait: (seconds: number) => void;
}

/**
 * Makes the node of the suite.
 *
 * @param plugin Whose transactions it will take.
 * @returns The node, without rules.
 */
export function tracedKernel(plugin: Plugin): TracedKernel {
  let now = 0;
  const kernel = new FakeKernel(() => now);
  const { invoke } = fakeNft(grantOf(plugin), kernel);
  return {
    tracer: new PacketTracer(kernel, TRACED_NODE),
    nft: (method, params, attachment) => invoke("nft", method, params, attachment),
    wait: (seconds) => now += seconds * 1000,
  };
}

/**
 * A flow as the tracer takes it.
 *
 * @param flow Of a case.
 * @returns Its first packet.
 */
export function tracedFlow(
  { from, source, to }: Pick<Flow, "from" | "source" | "to">,
): TracedFlow {
  const version = to.address.includes(":") ? 6 : 4;
  const destination = { destination: to.address, port: to.port, protocol: to.protocol };
  if (from === "node") return source === undefined ? destination : { ...destination, source };
  return {
    ...destination,
    interface: INTERFACES[from],
    source: source ?? ADDRESSES[from][version],
  };
}

/**
 * What becomes of a packet, in a word.
 *
 * @param way What the tracer found.
 * @param to Where it was sent.
 * @returns The server's name, or `rejected`, `dropped` or `untouched`.
 */
export function wordOf({ outcome }: Pick<TracedWay, "outcome">, to: Flow["to"]): string {
  if (outcome.kind !== "delivered") {
    // A packet to the node's own loopback from elsewhere is nobody's either.
    return outcome.kind === "unroutable" ? "untouched" : outcome.kind;
  }
  const { address, port } = outcome;
  const server = serverAt(address, port);
  if (server !== undefined) return server;
  return address === to.address && port === to.port ? "untouched" : `${address} port ${port}`;
}

/** Whom the endpoint sees. */
function seenBy({ outcome }: TracedWay): string {
  return outcome.kind === "delivered" && isNodeAddress(outcome.source) ? "node" : "client";
}

function pathsOf(ways: readonly Pick<TracedWay, "outcome" | "path">[]): string {
  return ways.map(({ outcome, path }) =>
    `\n${JSON.stringify(outcome)}${path.map((line) => `\n    ${line}`).join("")}`
  ).join("");
}

/** Follows a client whose connections shall stay together. */
function stick(
  tracer: PacketTracer,
  flow: Flow,
  expect: Expectation & { readonly kind: "sticks" },
  stuck: Map<string, string>,
): string | undefined {
  const packet = tracedFlow(flow);
  // The last draw, then every first one: whoever does not stick is elsewhere then.
  const sent = [tracer.send(packet, (modulus) => modulus - 1), tracer.send(packet)];
  const ways = [...sent, ...tracer.ways(packet)];
  const first = ways[0] === undefined ? "nowhere" : wordOf(ways[0], flow.to);
  const wanted = stuck.get(expect.label) ?? first;
  stuck.set(expect.label, wanted);
  if (!expect.endpoints.includes(wanted)) {
    return compared([wanted], [`one of ${expect.endpoints.join(" ")}`], pathsOf(ways));
  }
  const words = new Set(ways.map((way) => wordOf(way, flow.to)));
  return compared([...words], [wanted], pathsOf(ways));
}

function check(tracer: PacketTracer, flow: Flow, stuck: Map<string, string>): string | undefined {
  const { expect } = flow;
  if (expect.kind === "sticks") return stick(tracer, flow, expect, stuck);
  const ways = tracer.ways(tracedFlow(flow));
  // A client's connections leave behind what they leave, for the steps that follow.
  tracer.send(tracedFlow(flow));
  const words = [...new Set(ways.map((way) => wordOf(way, flow.to)))];
  if (expect.kind !== "reaches") return compared(words, [expect.kind], pathsOf(ways));
  const fault = compared(words, expect.endpoints, pathsOf(ways));
  if (fault !== undefined || expect.seen === undefined) return fault;
  const seen = new Set(ways.map(seenBy));
  return compared([...seen], [expect.seen], pathsOf(ways));
}

/**
 * Runs a case.
 *
 * @param plugin The proxier.
 * @param of The case.
 * @returns What became of each flow.
 */
export async function runTraced(plugin: Plugin, of: ConformanceCase): Promise<FlowResult[]> {
  const { settings, node, steps } = of;
  const { tracer, nft, wait } = tracedKernel(plugin);
  await using proxier = await ConformanceProxier.start(plugin, { settings, node, nft });
  const results: FlowResult[] = [];
  const stuck = new Map<string, string>();
  for (const step of steps) {
    await proxier.serve(step.objects);
    wait(step.wait);
    for (const flow of step.flows) {
      results.push({ name: nameOf(of, step, flow), fault: check(tracer, flow, stuck) });
    }
  }
  return results;
}
