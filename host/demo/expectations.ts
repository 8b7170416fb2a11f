/**
 * What must be true of the answers. Each function returns what is wrong, one sentence each, and
 * nothing when all is right: the demo's exit code comes from here alone.
 *
 * @module
 */
import type { Sample } from "./agent.ts";
import type { Outcome, PodChange, Target } from "./message.ts";

/**
 * How long a rejection may take, in milliseconds. A packet that is dropped instead is repeated
 * after 1 s at the earliest (RFC 6298, section 2.1), so this tells the two apart even on a machine
 * that is busy.
 */
const REJECTION_MS = 500;

/**
 * A target as people write it.
 *
 * @param target Where connections go.
 * @returns For example `TCP [fd00::1]:80`.
 */
export function formatTarget({ protocol, address, port }: Target): string {
  return `${protocol} ${address.includes(":") ? `[${address}]` : address}:${port}`;
}

function describe(outcome: Outcome): string {
  switch (outcome.result) {
    case "answered":
      return `${outcome.by} answered`;
    case "refused":
      return "it was refused";
    case "silent":
      return `nobody answered for ${Math.round(outcome.ms)} ms`;
    case "failed":
      return outcome.why;
  }
}

/** The same sentence once, with how often. */
function counted(prefix: string, sentences: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const sentence of sentences) counts.set(sentence, (counts.get(sentence) ?? 0) + 1);
  return [...counts].map(([sentence, count]) => `${prefix}: ${sentence} (${count}×)`);
}

/**
 * How often each backend answered.
 *
 * @param outcomes The connections.
 * @returns Counts by name; what was not answered is not counted.
 */
export function countAnswers(outcomes: readonly Outcome[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const outcome of outcomes) {
    if (outcome.result !== "answered") continue;
    counts.set(outcome.by, (counts.get(outcome.by) ?? 0) + 1);
  }
  return counts;
}

/**
 * Every connection must be answered by one of the backends, and every backend must get some. Who
 * connects 50 times to 3 backends misses one of them by chance once in 200 million runs.
 *
 * @param what Who connected where, for the sentences.
 * @param outcomes The connections.
 * @param backends The names of the ready endpoints' pods.
 * @returns What is wrong.
 */
export function faultsOfAnswers(
  what: string,
  outcomes: readonly Outcome[],
  backends: readonly string[],
): readonly string[] {
  const wrong = outcomes.filter((outcome) =>
    outcome.result !== "answered" || !backends.includes(outcome.by)
  );
  const counts = countAnswers(outcomes);
  // Where nobody answers, why is more than who.
  const idle = wrong.length > 0 && counts.size === 0
    ? []
    : backends.filter((name) => !counts.has(name));
  return [
    ...counted(what, wrong.map(describe)),
    ...idle.map((name) => `${what}: ${name} never answered in ${outcomes.length} connections`),
  ];
}

/**
 * Every connection must be rejected, and at once.
 *
 * @param what Who connected where, for the sentences.
 * @param outcomes The connections.
 * @returns What is wrong.
 */
export function faultsOfRejections(
  what: string,
  outcomes: readonly Outcome[],
): readonly string[] {
  if (outcomes.length === 0) return [`${what}: no connection was tried`];
  const rejected = outcomes.filter(({ result }) => result === "refused");
  const late = rejected.filter(({ ms }) => ms > REJECTION_MS);
  const slowest = Math.round(Math.max(...late.map(({ ms }) => ms)));
  return [
    ...counted(what, outcomes.filter((outcome) => !rejected.includes(outcome)).map(describe)),
    ...(late.length === 0
      ? []
      : [`${what}: ${late.length} of ${outcomes.length} rejections took up to ${slowest} ms`]),
  ];
}

/** A change of a Service's scale. */
export interface Scaling {
  /** When the manifest was replaced, in milliseconds since the epoch. */
  readonly at: number;
  /** The ready pods before and from then on. */
  readonly before: readonly string[];
  readonly after: readonly string[];
}

/** A change of scale with what it led to. */
export interface Phase extends Scaling {
  /**
   * When the pods that left were ended, in milliseconds since the epoch: from then on nobody may
   * be sent to them.
   */
  readonly settledAt: number;
}

/**
 * How a change of scale showed in the stream.
 *
 * @param scaling The change.
 * @param samples The stream up to now.
 * @returns Each pod that joined or left.
 */
export function changesOf(scaling: Scaling, samples: readonly Sample[]): readonly PodChange[] {
  const { at, before, after } = scaling;
  const since = samples.filter(({ startedAt }) => startedAt >= at);
  const answersOf = (pod: string) =>
    since.filter(({ outcome }) => outcome.result === "answered" && outcome.by === pod);
  const joins = after.filter((pod) => !before.includes(pod)).map((pod): PodChange => {
    const times = answersOf(pod).map(({ startedAt, outcome }) => startedAt + outcome.ms - at);
    return { pod, change: "joins", afterMs: times.length === 0 ? null : Math.min(...times) };
  });
  const leaves = before.filter((pod) => !after.includes(pod)).map((pod): PodChange => {
    const times = answersOf(pod).map(({ startedAt }) => startedAt - at);
    return { pod, change: "leaves", afterMs: times.length === 0 ? null : Math.max(...times) };
  });
  return [...joins, ...leaves];
}

/**
 * No connection of the stream may fail, whoever joins must be seen, and whoever left must not,
 * once it had the time to leave.
 *
 * @param samples The whole stream.
 * @param phases The changes of scale, in their order; each lasts until the next.
 * @returns What is wrong.
 */
export function faultsOfStream(
  samples: readonly Sample[],
  phases: readonly Phase[],
): readonly string[] {
  if (samples.length === 0) return ["while scaling: no connection was made"];
  const failed = samples.filter(({ outcome }) => outcome.result !== "answered")
    .map(({ outcome }) => describe(outcome));
  const faults = phases.flatMap((phase, index) => {
    const until = phases[index + 1]?.at ?? Number.POSITIVE_INFINITY;
    const during = samples.filter(({ startedAt }) => startedAt < until);
    const what = `scaled from ${phase.before.length} to ${phase.after.length}`;
    const unseen = changesOf(phase, during)
      .filter(({ change, afterMs }) => change === "joins" && afterMs === null)
      .map(({ pod }) => `${what}: ${pod} never answered`);
    const stale = during.filter(({ startedAt, outcome }) =>
      startedAt > phase.settledAt && outcome.result === "answered" &&
      !phase.after.includes(outcome.by)
    );
    return [...unseen, ...counted(what, stale.map(({ outcome }) => `${describe(outcome)} late`))];
  });
  return [...counted("while scaling", failed), ...faults];
}
