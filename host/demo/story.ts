/**
 * The story: what the demo does, in its order.
 *
 * @module
 */
import type { Agent, Sample } from "./agent.ts";
import {
  changesOf,
  faultsOfAnswers,
  faultsOfRejections,
  faultsOfStream,
  formatTarget,
  type Phase,
} from "./expectations.ts";
import type { Pod, ServicePorts } from "./manifest_folder.ts";
import type { Outcome, PodChange, StoryEvent, Target } from "./message.ts";

/** Where the story is played. */
export interface Scene {
  /** Every pod of the Service, ready or not. */
  readonly pods: readonly Pod[];
  /** The Service with endpoints, and the one without. */
  readonly echo: ServicePorts;
  readonly empty: ServicePorts;
  /** Connects from a pod. */
  readonly client: Pick<Agent, "probe" | "stream">;
  /** Connects from the node itself. */
  readonly node: Pick<Agent, "probe">;
  /** Starts weir; settles when it says that it is healthy, rejects when it ends instead. */
  startWeir(): Promise<void>;
  /** Makes exactly these pods the Service's endpoints; settles when the manifest is replaced. */
  scale(names: readonly string[]): Promise<void>;
  /** Starts a pod's backend unless it runs; settles when it listens. */
  startPod(name: string): Promise<void>;
  /** Ends a pod's backend. */
  stopPod(name: string): Promise<void>;
}

/** What else the story needs of the world. */
export interface StoryEffects {
  readonly report: (event: StoryEvent) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Waits so many milliseconds. */
  readonly sleep: (ms: number) => Promise<void>;
}

/** Connections of each row of the first table; see faultsOfAnswers for why so many. */
const ANSWERS = 50;
/**
 * The kernel sends a peer 6 ICMP errors in a row, then one a second (net.ipv4.icmp_ratelimit,
 * net.ipv6.icmp.ratelimit; XRLIM_BURST_FACTOR in net/ipv4/icmp.c): 3 for each of two protocols.
 */
const REJECTIONS = 3;
const PER_SECOND = 200;
/**
 * A pod that leaves still answers for a while, as one does that has to terminate (Kubernetes
 * gives it 30 s): until nobody was sent to it for QUIET_MS, at least GRACE_MS and at most LIMIT_MS,
 * all in milliseconds.
 */
const GRACE_MS = 1_000;
const QUIET_MS = 400;
const LIMIT_MS = 5_000;
/** Milliseconds between two looks at that, and to look on afterwards. */
const LOOK_MS = 50;
const AFTERMATH_MS = 400;

interface Row {
  readonly from: string;
  readonly target: Target;
  readonly outcomes: Outcome[];
}

function targetsOf(service: ServicePorts): readonly Target[] {
  return service.ports.flatMap(({ protocol, port }) =>
    service.clusterIPs.map((address) => ({ protocol, address, port }))
  );
}

async function probeFromBoth(
  scene: Scene,
  service: ServicePorts,
  count: number,
): Promise<readonly Row[]> {
  const from = async (name: string, agent: Pick<Agent, "probe">) => {
    const rows: Row[] = [];
    for (const target of targetsOf(service)) {
      rows.push({ from: name, target, outcomes: [...await agent.probe(target, count)] });
    }
    return rows;
  };
  const rows = await Promise.all([from("pod", scene.client), from("node", scene.node)]);
  return rows.flat();
}

function nameOf({ from, target }: Row): string {
  return `from the ${from} to ${formatTarget(target)}`;
}

/** The scales, as the pods' names: one more than is ready at first, few, and all again. */
function scalesOf(pods: readonly Pod[]): readonly (readonly string[])[] {
  const all = pods.map(({ name }) => name);
  return [all, [all.at(0), all.at(-1)].filter((name) => name !== undefined), all];
}

/** Whether a change of scale has come to rest. */
function isSettled(changes: readonly PodChange[], elapsedMs: number): boolean {
  if (elapsedMs < GRACE_MS) return false;
  return elapsedMs >= LIMIT_MS ||
    changes.every(({ change, afterMs }) =>
      change === "joins" ? afterMs !== null : (afterMs ?? 0) < elapsedMs - QUIET_MS
    );
}

async function scaleUnderLoad(
  scene: Scene,
  ready: readonly string[],
  effects: StoryEffects,
): Promise<readonly string[]> {
  const { report, now, sleep } = effects;
  const started = now();
  report({ type: "scaling", service: scene.echo.name, perSecond: PER_SECOND });
  const samples: Sample[] = [];
  const take = (sample: Sample) => samples.push(sample);
  const stop = await scene.client.stream(targetsOf(scene.echo), PER_SECOND, take);
  await sleep(AFTERMATH_MS);
  const phases: Phase[] = [];
  let before = ready;
  for (const after of scalesOf(scene.pods)) {
    // As in a cluster: a pod listens before it is ready, and answers while it terminates.
    await Promise.all(after.map((name) => scene.startPod(name)));
    const at = now();
    await scene.scale(after);
    do await sleep(LOOK_MS); while (
      !isSettled(changesOf({ at, before, after }, samples), now() - at)
    );
    const settledAt = now();
    const leaving = before.filter((name) => !after.includes(name));
    await Promise.all(leaving.map((name) => scene.stopPod(name)));
    await sleep(AFTERMATH_MS);
    const phase = { at, settledAt, before, after };
    phases.push(phase);
    const changes = [...changesOf(phase, samples)];
    report({ type: "scaled", from: before.length, to: after.length, changes });
    before = after;
  }
  await stop();
  const failures = samples.filter(({ outcome }) => outcome.result !== "answered").length;
  report({ type: "streamed", ms: now() - started, connections: samples.length, failures });
  return faultsOfStream(samples, phases);
}

/**
 * Plays the story on a scene whose pods and agents are ready.
 *
 * @param scene Where.
 * @param effects Clock and reporter.
 * @returns What was wrong, one sentence each.
 * @throws {Error} When weir or an agent ends.
 */
export async function playStory(scene: Scene, effects: StoryEffects): Promise<readonly string[]> {
  const { report, now } = effects;
  const { echo, empty, pods } = scene;
  const ready = pods.filter((pod) => pod.ready).map(({ name }) => name);

  let started = now();
  await scene.startWeir();
  const services = [echo.name, empty.name];
  const endpoints = ready.length * echo.clusterIPs.length * echo.ports.length;
  report({ type: "programmed", ms: now() - started, services, endpoints });

  started = now();
  const answered = await probeFromBoth(scene, echo, ANSWERS);
  report({
    type: "answered",
    ms: now() - started,
    service: echo.name,
    each: ANSWERS,
    rows: [...answered],
  });

  const unanswered = answered.flatMap((row) => faultsOfAnswers(nameOf(row), row.outcomes, ready));
  // What comes next stands on this and could only repeat it, slowly.
  if (unanswered.length > 0) return unanswered;

  started = now();
  const rejected = await probeFromBoth(scene, empty, REJECTIONS);
  report({
    type: "rejected",
    ms: now() - started,
    service: empty.name,
    each: REJECTIONS,
    rows: [...rejected],
  });

  return [
    ...rejected.flatMap((row) => faultsOfRejections(nameOf(row), row.outcomes)),
    ...await scaleUnderLoad(scene, ready, effects),
  ];
}
