/**
 * What traces cost: syncs of one change without any record of them, as weir is without a collector
 * and with one, in turns.
 *
 * @module
 */
import { setTimeout as sleep } from "node:timers/promises";
import { memoryOfTree } from "./memory.ts";
import type { Target } from "./report.ts";
import { mean, medianInterval, quantile } from "./statistics.ts";
import { LineProcess, type Place, startApiServer, startWeir } from "./subject.ts";

/** What is measured how often. */
export interface TracesPlan {
  readonly services: number;
  /** Starts of weir, each time of all three. */
  readonly rounds: number;
  /** Changes of one endpoint in each. */
  readonly changes: number;
  /** The command that runs weir. */
  readonly weir: readonly string[];
  /** The same, without any record of syncs. */
  readonly unrecorded: readonly string[];
  /** Three network namespaces: two of weir cannot share one. */
  readonly places: { readonly unrecorded: Place; readonly off: Place; readonly on: Place };
  /** Told what is being done. */
  readonly progress: (step: string) => void;
}

/** One of the three; times in milliseconds, memory in bytes of the host's PSS. */
export interface TracesSide {
  /** Of each sync, in the order of the changes. */
  readonly syncs: number[];
  /** Of the host, once it has done all. */
  readonly memory: number[];
}

/** What came out. */
export interface TracesMeasurement {
  readonly unrecorded: TracesSide;
  readonly off: TracesSide;
  readonly on: TracesSide;
  /** Requests that the collector was sent. */
  readonly requests: number;
}

/** Changes in which both compile what they need. */
const WARM_UP = 50;

/** weir on an API server of its own, in a network namespace of its own. */
class Node implements AsyncDisposable {
  readonly #server: LineProcess;
  readonly #weir: LineProcess;

  private constructor(server: LineProcess, weir: LineProcess) {
    this.#server = server;
    this.#weir = weir;
  }

  static async start(
    command: readonly string[],
    services: number,
    place: Place,
    variables: readonly string[] = [],
  ): Promise<Node> {
    const { url, process } = await startApiServer(services, 10, place);
    const inPlace: Place = (command) => place(["env", ...variables, ...command]);
    const weir = startWeir(url, command, inPlace);
    await weir.line((line) => line.includes('"Synced" kind="full"'));
    return new Node(process, weir);
  }

  /** Milliseconds of the sync of one change. */
  async change(service: number, more: number): Promise<number> {
    await this.#server.say(JSON.stringify({ service, more, replaced: -1 }));
    const [, { line }] = await Promise.all([
      this.#server.line(),
      this.#weir.line((line) => line.includes('"Synced" kind="partial"')),
    ]);
    return Number(/ milliseconds=([0-9.]+)/.exec(line)?.[1]);
  }

  /** Bytes of the host's PSS. */
  get memory(): number {
    return memoryOfTree(this.#weir.pid)[0]?.pss ?? NaN;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#weir[Symbol.asyncDispose]();
    await this.#server[Symbol.asyncDispose]();
  }
}

/**
 * Measures: three of weir run at the same time, and every change comes to one after the other,
 * which is the first in turns, so that what else the machine does harms all alike.
 *
 * @param plan What and how often.
 * @returns The samples.
 */
export async function measureTraces(plan: TracesPlan): Promise<TracesMeasurement> {
  const { services, weir, places } = plan;
  const unrecorded: TracesSide = { syncs: [], memory: [] };
  const off: TracesSide = { syncs: [], memory: [] };
  const on: TracesSide = { syncs: [], memory: [] };
  let sent = 0;
  for (let round = 1; round <= plan.rounds; round++) {
    plan.progress(`traces, ${round} of ${plan.rounds}`);
    const child = new URL("collector_child.ts", import.meta.url).pathname;
    const command = [Deno.execPath(), "run", "--quiet", "--allow-net=127.0.0.1", child];
    await using collector = new LineProcess(places.on(command), "stdout");
    const { url } = JSON.parse((await collector.line()).line);
    await using bare = await Node.start(plan.unrecorded, services, places.unrecorded);
    await using without = await Node.start(weir, services, places.off);
    await using having = await Node.start(weir, services, places.on, [
      `OTEL_EXPORTER_OTLP_ENDPOINT=${url}`,
    ]);
    const nodes = [[bare, unrecorded], [without, off], [having, on]] as const;
    for (let index = 0; index < plan.changes; index++) {
      const service = (Math.floor(index / 2) * 7919) % services;
      const first = index % nodes.length;
      for (const [node, side] of [...nodes.slice(first), ...nodes.slice(0, first)]) {
        const milliseconds = await node.change(service, (index + 1) % 2);
        // The first ones warm up.
        if (index >= WARM_UP) side.syncs.push(milliseconds);
        await sleep(10);
      }
    }
    await sleep(3_000);
    for (const [node, side] of nodes) side.memory.push(node.memory);
    await collector.say("");
    sent += JSON.parse((await collector.line()).line).requests;
  }
  return { unrecorded, off, on, requests: sent };
}

/**
 * Compares with the targets.
 *
 * @param measured The samples.
 * @returns Each target, met or not.
 */
export function traceTargets(measured: TracesMeasurement): Target[] {
  const { unrecorded, off, on, requests } = measured;
  // Of the same change, so that a busy moment counts on both sides.
  const more = off.syncs.map((sync, index) => sync - (unrecorded.syncs[index] ?? NaN));
  const [least, most] = medianInterval(more).map((each) => each / quantile(unrecorded.syncs, 0.5));
  const percent = (share = NaN) => `${(share * 100).toFixed(1)} %`;
  const ratio = quantile(on.syncs, 0.5) / quantile(off.syncs, 0.5);
  const averages = mean(on.syncs) / mean(off.syncs);
  const megabytes = (quantile(on.memory, 0.5) - quantile(off.memory, 0.5)) / 1e6;
  return [
    {
      name: "a sync without a collector more than one without any record",
      wanted: "not to be told from 0, or ≤ 1 %",
      found: `${percent(least)} to ${percent(most)}, in 95 of 100 cases`,
      met: least !== undefined && most !== undefined && (least <= 0 || most <= 0.01),
    },
    {
      name: `a sync with a collector / without, p50 (${requests} requests)`,
      wanted: "≤ 1.03",
      found: `${ratio.toFixed(3)}, on average ${averages.toFixed(3)}`,
      met: ratio <= 1.03,
    },
    {
      name: "memory for a collector",
      wanted: "≤ 30 MB",
      found: megabytes.toFixed(1),
      met: megabytes <= 30,
    },
  ];
}
