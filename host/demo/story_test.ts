import assert from "node:assert/strict";
import type { Sample } from "./agent.ts";
import type { Outcome, StoryEvent, Target } from "./message.ts";
import { playStory, type Scene } from "./story.ts";

const ECHO = { name: "echo", clusterIPs: ["10.0.0.1", "fd00::1"] };
const EMPTY = { name: "empty", clusterIPs: ["10.0.0.2", "fd00::2"] };
const PORTS = [{ protocol: "TCP", port: 80 }, { protocol: "UDP", port: 80 }] as const;

/** How a scene misbehaves. */
interface Mischief {
  /** Answers a connection in place of the proxy; undefined leaves it to it. */
  readonly answer?: (target: Target, at: number) => Outcome | undefined;
  /** Milliseconds until a change of scale takes effect. */
  readonly lag?: number;
}

/** A cluster in memory with a proxy that takes turns, and a clock that only `sleep` moves. */
function scene({ answer, lag = 30 }: Mischief = {}) {
  let time = 1_000_000;
  let turn = 0;
  let programmed: readonly string[] = ["echo-1", "echo-2"];
  let pending: { readonly at: number; readonly names: readonly string[] } | undefined;
  let take: ((sample: Sample) => void) | undefined;
  const running = new Set(programmed);
  const events: StoryEvent[] = [];
  const told: string[] = [];

  function connect(target: Target): Outcome {
    if (pending !== undefined && time >= pending.at) programmed = pending.names;
    const given = answer?.(target, time);
    if (given !== undefined) return given;
    if (EMPTY.clusterIPs.includes(target.address)) return { result: "refused", ms: 0.2 };
    const by = programmed[turn++ % programmed.length] ?? "";
    return running.has(by) ? { result: "answered", by, ms: 0.5 } : { result: "refused", ms: 0.5 };
  }

  const probe = async (target: Target, count: number) =>
    Array.from({ length: count }, () => connect(target));
  const cluster: Scene = {
    pods: ["echo-1", "echo-2", "echo-3"].map((name, index) => ({
      name,
      addresses: [`10.244.0.${index}`],
      ready: index < 2,
    })),
    echo: { ...ECHO, ports: PORTS },
    empty: { ...EMPTY, ports: PORTS },
    client: {
      probe,
      async stream(targets, perSecond, sink) {
        told.push(`stream ${targets.length} targets at ${perSecond}/s`);
        take = sink;
        return async () => {
          take = undefined;
        };
      },
    },
    node: { probe },
    async startWeir() {
      told.push("weir");
      time += 300;
    },
    async scale(names) {
      told.push(`scale ${names.join(" ")}`);
      pending = { at: time + lag, names };
    },
    async startPod(name) {
      running.add(name);
    },
    async stopPod(name) {
      told.push(`stop ${name}`);
      running.delete(name);
    },
  };
  const effects = {
    report: (event: StoryEvent) => events.push(event),
    now: () => time,
    sleep: async (ms: number) => {
      for (const end = time + ms; time < end; time += 5) {
        const target: Target = { protocol: "TCP", address: "10.0.0.1", port: 80 };
        take?.({ startedAt: time, outcome: connect(target) });
      }
    },
  };
  return { play: () => playStory(cluster, effects), events, told };
}

Deno.test("with a right proxy the story ends without a fault, each step told in its order", async () => {
  const { play, events, told } = scene();
  assert.deepEqual(await play(), []);
  assert.deepEqual(events.map(({ type }) => type), [
    "programmed",
    "answered",
    "rejected",
    "scaling",
    "scaled",
    "scaled",
    "scaled",
    "streamed",
  ]);
  assert.deepEqual(told, [
    "weir",
    "stream 4 targets at 200/s",
    "scale echo-1 echo-2 echo-3",
    "scale echo-1 echo-3",
    "stop echo-2",
    "scale echo-1 echo-2 echo-3",
  ]);
  const rows = events.flatMap((event) => event.type === "answered" ? event.rows : []);
  assert.deepEqual(
    rows.map(({ from, target }) => `${from} ${target.protocol} ${target.address}`),
    ["pod", "node"].flatMap((from) =>
      ["TCP", "UDP"].flatMap((protocol) =>
        ECHO.clusterIPs.map((address) => `${from} ${protocol} ${address}`)
      )
    ),
  );
  const scaled = events.filter((event) => event.type === "scaled");
  assert.deepEqual(scaled.map(({ from, to }) => [from, to]), [[2, 3], [3, 2], [2, 3]]);
  assert.deepEqual(scaled[1]?.changes.map(({ pod, change }) => `${pod} ${change}`), [
    "echo-2 leaves",
  ]);
});

Deno.test("a slow proxy is waited for, and its pods with it", async () => {
  const { play, events } = scene({ lag: 2_600 });
  assert.deepEqual(await play(), []);
  const [change] = events.flatMap((event) => event.type === "scaled" ? event.changes : []);
  assert.ok(change?.afterMs !== undefined && change.afterMs !== null);
  assert.ok(change.afterMs >= 2_600 && change.afterMs < 2_700, `${change.afterMs} ms`);
});

for (
  const [sentence, mischief, fault] of [
    ["never follows the scale", { lag: 1e9 }, /^scaled from 2 to 3: echo-3 never answered$/],
    [
      "drops one connection in the stream",
      {
        answer: (_: Target, at: number) =>
          at === 1_001_000 ? { result: "silent", ms: 3_000 } : undefined,
      },
      /^while scaling: nobody answered for 3000 ms \(1×\)$/,
    ],
    [
      "answers for a Service without endpoints",
      {
        answer: ({ address }: Target) =>
          address === "fd00::2" ? { result: "answered", by: "echo-1", ms: 1 } : undefined,
      },
      /^from the pod to TCP \[fd00::2\]:80: echo-1 answered \(3×\)$/,
    ],
    [
      "forgets UDP over IPv6",
      {
        answer: ({ protocol, address }: Target) =>
          protocol === "UDP" && address === "fd00::1" ? { result: "refused", ms: 1 } : undefined,
      },
      /^from the node to UDP \[fd00::1\]:80: it was refused \(50×\)$/,
    ],
  ] as const satisfies readonly (readonly [string, Mischief, RegExp])[]
) {
  Deno.test(`a proxy that ${sentence} is found out`, async () => {
    const faults = await scene(mischief).play();
    assert.ok(faults.some((text) => fault.test(text)), faults.join("\n"));
  });
}
