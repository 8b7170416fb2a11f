/**
 * What traces cost: syncs of one change with a collector and without, in turns, and what it costs
 * to record one at all.
 *
 * @module
 */
import { systemClock } from "../../host/clock.ts";
import { CallTrace } from "../../host/sandbox/call_trace.ts";
import { randomIdentifiers } from "../../host/telemetry/identifiers.ts";
import { createTracing } from "../../host/telemetry/trace.ts";
import { TraceRing } from "../../host/telemetry/trace_ring.ts";
import { LIMITS } from "../../schemas/wire.ts";
import { memoryOfTree } from "./memory.ts";
import type { Target } from "./report.ts";
import { mean, quantile } from "./statistics.ts";
import { LineProcess, startApiServer, startWeir } from "./subject.ts";

/** What is measured how often. */
export interface TracesPlan {
  readonly services: number;
  /** Starts of weir, half of them with a collector. */
  readonly rounds: number;
  /** Changes of one endpoint in each. */
  readonly changes: number;
  /** The command that runs weir. */
  readonly weir: readonly string[];
  /** Told what is being done. */
  readonly progress: (step: string) => void;
}

/** Without or with a collector; times in milliseconds, memory in bytes of the host's PSS. */
export interface TracesSide {
  /** Of each sync. */
  readonly syncs: number[];
  /** Of the host, once it has done all. */
  readonly memory: number[];
}

/** What came out. */
export interface TracesMeasurement {
  readonly off: TracesSide;
  readonly on: TracesSide;
  /** Requests that the collector was sent. */
  readonly requests: number;
  /** Milliseconds to record one sync of one change and to keep it. */
  readonly recording: number;
}

const VARIABLE = "OTEL_EXPORTER_OTLP_ENDPOINT";

/** The spans of a sync of one change, as the flow and the wire make them. */
function recordingTime(): number {
  const ring = new TraceRing();
  const now = () => systemClock.now();
  const tracing = createTracing({
    now,
    identifiers: randomIdentifiers((bytes) => crypto.getRandomValues(bytes)),
    finished: (trace) => ring.add(trace),
  });
  const event = {
    "weir.event.type": "upsert",
    "weir.object.kind": "EndpointSlice",
    "k8s.namespace.name": "default",
    "weir.object.name": "web-x7k2p",
  };
  const plain = { start: 0.1, end: 0.2, attributes: {} };
  const once = () =>
    tracing.sync({ "weir.sync.kind": "partial", "weir.services": 1 }, now(), (sync) => {
      const at = now();
      sync.past("weir.queue", { startedAt: at, endedAt: at }, {});
      const times = { startedAt: at, endedAt: at };
      const spanId = sync.past("weir.event", times, event, {
        events: [{ name: "received", at, attributes: {} }],
      });
      sync.link([{ traceId: sync.traceId, spanId, attributes: event }]);
      sync.run("weir.resolve", {}, () => {});
      sync.run("weir.diff", {}, (span) => span.set({ "weir.upserts": 1, "weir.removes": 0 }));
      sync.set({ "weir.revision": 1 });
      sync.run("weir.plugin.call", { "weir.method": "apply" }, (span) => {
        span.set({ "weir.plugin": "proxier-nftables" });
        const call = new CallTrace({ span, limits: LIMITS, now }, { startedAt: at, bytes: 500 });
        call.acknowledged();
        const commit = call.invoked("nft", "commit", 400, 2);
        for (
          const step of [
            "weir.capability.check",
            "weir.capability.queue",
            "weir.netlink.send",
            "weir.netlink.acknowledge",
          ] as const
        ) commit.begin(step, { "weir.bytes": 400 }).end();
        commit.end();
        call.invoked("conntrack", "reconcile", 0, undefined).end();
        call.told({
          type: "spans",
          call: 1,
          elapsed: 1,
          dropped: 0,
          spans: [{ ...plain, number: 1, name: "compute" }, {
            ...plain,
            number: 2,
            name: "commit",
          }],
        }, 300);
        call.ended();
      });
      sync.run("weir.landed", {}, () => {});
    });
  for (let count = 0; count < 2_000; count++) once();
  const times: number[] = [];
  for (let round = 0; round < 20; round++) {
    const before = performance.now();
    for (let count = 0; count < 500; count++) once();
    times.push((performance.now() - before) / 500);
  }
  return quantile(times, 0.5);
}

async function oneRound(plan: TracesPlan, side: TracesSide): Promise<void> {
  const api = await startApiServer(plan.services, 10);
  await using server = api.process;
  await using weir = startWeir(api.url, plan.weir);
  await weir.line((line) => line.includes('"Synced" kind="full"'));
  for (let index = 0; index < plan.changes; index++) {
    const service = (Math.floor(index / 2) * 7919) % plan.services;
    await server.say(JSON.stringify({ service, more: (index + 1) % 2, replaced: -1 }));
    const [, { line }] = await Promise.all([
      server.line(),
      weir.line((line) => line.includes('"Synced" kind="partial"')),
    ]);
    const milliseconds = Number(/ milliseconds=([0-9.]+)/.exec(line)?.[1]);
    // The first ones warm up.
    if (index >= 50) side.syncs.push(milliseconds);
    await new Promise((resume) => setTimeout(resume, 15));
  }
  await new Promise((resume) => setTimeout(resume, 3_000));
  side.memory.push(memoryOfTree(weir.pid)[0]?.pss ?? NaN);
}

/**
 * Measures.
 *
 * @param plan What and how often.
 * @returns The samples.
 */
export async function measureTraces(plan: TracesPlan): Promise<TracesMeasurement> {
  const off: TracesSide = { syncs: [], memory: [] };
  const on: TracesSide = { syncs: [], memory: [] };
  const child = new URL("collector_child.ts", import.meta.url).pathname;
  await using collector = new LineProcess([
    Deno.execPath(),
    "run",
    "--quiet",
    "--allow-net=127.0.0.1",
    child,
  ], "stdout");
  const { url } = JSON.parse((await collector.line()).line);
  for (let round = 1; round <= plan.rounds; round++) {
    const side = round % 2 === 0 ? on : off;
    plan.progress(`traces ${side === on ? "sent" : "kept"}, ${round} of ${plan.rounds}`);
    if (side === on) Deno.env.set(VARIABLE, url);
    try {
      await oneRound(plan, side);
    } finally {
      Deno.env.delete(VARIABLE);
    }
  }
  await collector.say("");
  const { requests } = JSON.parse((await collector.line()).line);
  return { off, on, requests, recording: recordingTime() };
}

/**
 * Compares with the targets.
 *
 * @param measured The samples.
 * @returns Each target, met or not.
 */
export function traceTargets({ off, on, requests, recording }: TracesMeasurement): Target[] {
  const ratio = quantile(on.syncs, 0.5) / quantile(off.syncs, 0.5);
  const averages = mean(on.syncs) / mean(off.syncs);
  const share = recording / quantile(off.syncs, 0.5);
  const megabytes = (quantile(on.memory, 0.5) - quantile(off.memory, 0.5)) / 1e6;
  return [
    {
      name: `a sync with a collector / without, p50 (${requests} requests)`,
      wanted: "≤ 1.03",
      found: `${ratio.toFixed(3)}, on average ${averages.toFixed(3)}`,
      met: ratio <= 1.03,
    },
    {
      name: "a sync of one change recorded and kept",
      wanted: "≤ 1 % of it",
      found: `${(recording * 1000).toFixed(1)} µs, ${(share * 100).toFixed(2)} %`,
      met: share <= 0.01,
    },
    {
      name: "memory for a collector",
      wanted: "≤ 30 MB",
      found: megabytes.toFixed(1),
      met: megabytes <= 30,
    },
  ];
}
