/**
 * One size of the bench: weir and upstream's lay-out on the same objects.
 *
 * @module
 */
import { setTimeout as sleep } from "node:timers/promises";
import { benchCluster } from "./cluster.ts";
import { memoryOfTree, type ProcessMemory } from "./memory.ts";
import { moment, startApiServer, startWeir } from "./subject.ts";
import { upstreamLayout } from "./upstream.ts";

/** What is measured how often. */
export interface MeasurePlan {
  readonly services: number;
  /** Of each Service; 0 is for the mixture of all types. */
  readonly endpoints: number;
  /** Starts of weir. */
  readonly loads: number;
  /** Changes of one endpoint. */
  readonly changes: number;
  /** Loads of upstream's lay-out. */
  readonly upstreamLoads: number;
  /** The command that runs weir. */
  readonly weir: readonly string[];
  /** Told what is being done. */
  readonly progress: (step: string) => void;
}

/** What came out; times in milliseconds, memory in bytes of proportional set size. */
export interface Measurement {
  readonly services: number;
  /** Of each Service; 0 is for the mixture of all types. */
  readonly endpoints: number;
  /** From the API server's first object to the kernel's acknowledgement of all rules. */
  readonly load: readonly number[];
  /** From the start of the process to the same. */
  readonly start: readonly number[];
  /** `nft -f -` with upstream's lay-out of the same objects, text ready; empty for the mixture. */
  readonly upstream: readonly number[];
  /** One endpoint added or removed: from the watch event's write to the acknowledgement. */
  readonly changes: readonly number[];
  /** One endpoint replaced by another: the same way. */
  readonly replacements: readonly number[];
  readonly memory: {
    readonly peak: number;
    readonly settled: number;
    /** The host's part of `settled`. */
    readonly host: number;
  };
}

const SYNCED_FULLY = '"Synced" kind="full"';
const SYNCED_PARTLY = '"Synced" kind="partial"';

function total(memory: readonly ProcessMemory[]): number {
  return memory.reduce((sum, { pss }) => sum + pss, 0);
}

/** Watches the memory of a process tree while something runs. */
async function peakDuring(pid: number, run: () => Promise<void>): Promise<number> {
  let peak = 0;
  let over = false;
  const sample = async () => {
    while (!over) {
      peak = Math.max(peak, total(memoryOfTree(pid)));
      await sleep(25);
    }
  };
  const sampling = sample();
  await run();
  over = true;
  await sampling;
  return peak;
}

async function loadUpstream(text: string): Promise<number> {
  const run = async (input: string) => {
    const child = new Deno.Command("nft", { args: ["-f", "-"], stdin: "piped" }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(input));
    await writer.close();
    if (!(await child.status).success) throw new Error('Cannot load "upstream\'s lay-out": nft');
  };
  const started = moment();
  await run(text);
  const took = moment() - started;
  await run("delete table ip kube-proxy\n");
  return took;
}

/** A number that is the same in every run and looks like none. */
function scattered(index: number, below: number): number {
  return (index * 7919 + 104729) % below;
}

/**
 * Measures one size.
 *
 * @param plan What and how often.
 * @returns The samples.
 */
export async function measure(plan: MeasurePlan): Promise<Measurement> {
  const { services, endpoints, progress } = plan;
  const upstream: number[] = [];
  const text = endpoints === 0 ? "" : upstreamLayout(benchCluster(services, endpoints));
  for (let round = 1; round <= plan.upstreamLoads; round++) {
    progress(`upstream's lay-out by nft, ${round} of ${plan.upstreamLoads}`);
    upstream.push(await loadUpstream(text));
  }

  const load: number[] = [];
  const start: number[] = [];
  const changes: number[] = [];
  const replacements: number[] = [];
  const peaks: number[] = [];
  let settled: readonly ProcessMemory[] = [];
  for (let round = 1; round <= plan.loads; round++) {
    progress(`the API server gets ready`);
    const api = await startApiServer(services, endpoints);
    await using server = api.process;
    progress(`weir loads, ${round} of ${plan.loads}`);
    const started = moment();
    await using weir = startWeir(api.url, plan.weir);
    // The first start is watched for memory, the others run undisturbed.
    const loaded = async () => {
      const { at } = await weir.line((line) => line.includes(SYNCED_FULLY));
      await server.say("listed");
      load.push(at - JSON.parse((await server.line()).line).at);
      start.push(at - started);
    };
    if (round > 1) await loaded();
    else {
      peaks.push(await peakDuring(weir.pid, loaded));
      load.length = start.length = 0;
    }
    if (round === 1) {
      progress("weir settles");
      await sleep(8_000);
      settled = memoryOfTree(weir.pid);
    }
    if (round !== plan.loads) continue;
    const change = async (service: number, more: number, replaced: number) => {
      await server.say(JSON.stringify({ service, more, replaced }));
      const [{ at }, synced] = await Promise.all([
        server.line().then(({ line }) => JSON.parse(line)),
        weir.line((line) => line.includes(SYNCED_PARTLY)),
      ]);
      await sleep(15);
      return synced.at - at;
    };
    for (let index = 0; index < plan.changes; index += 2) {
      if (index % 50 === 0) progress(`one endpoint more or less, ${index} of ${plan.changes}`);
      const service = scattered(index, services);
      changes.push(await change(service, 1, -1));
      changes.push(await change(service, 0, -1));
    }
    for (let index = 0; index < plan.changes; index += 2) {
      if (index % 50 === 0) progress(`one endpoint replaced, ${index} of ${plan.changes}`);
      const service = scattered(index, services);
      replacements.push(await change(service, 0, 0));
      replacements.push(await change(service, 0, -1));
    }
  }
  return {
    services,
    endpoints,
    load,
    start,
    upstream,
    changes,
    replacements,
    memory: {
      peak: Math.max(...peaks),
      settled: total(settled),
      host: settled[0]?.pss ?? NaN,
    },
  };
}
