/**
 * Who else works on this node: kube-proxy's rules, another weir, the weir that runs.
 *
 * @module
 */
import { messageOf } from "../../schemas/errors.ts";
import type { PendingSync } from "../../schemas/insight.ts";
import type { InstanceClaim } from "../capabilities/instance.ts";
import { describeLeftover, type Leftover } from "../capabilities/leftovers/leftover.ts";
import { PARKED_REMEDY } from "../sandbox/restarts.ts";
import { attempted, failure, good, skipped, type Tick, type TickGroup, warning } from "./tick.ts";

/** What is asked about others. */
export interface NeighbourQuestions {
  /** What kube-proxy and weir have in the kernel. */
  readonly leftovers: () => Promise<readonly Leftover[]>;
  /** Tries to be the one weir of this network namespace. */
  readonly claim: () => InstanceClaim;
  /** Asks the weir that runs. */
  readonly running: () => Promise<PendingSync>;
  /** As --server has it. */
  readonly server: string;
}

/** Milliseconds that a change waits on a node that is well, at most. */
const LONG_MS = 60_000;

function ofRunning(
  pid: number | undefined,
  { revision, waitingMs = 0, parked = [], silent }: PendingSync,
): readonly Tick[] {
  const stopped = parked.map(({ plugin, reason }) =>
    failure(
      `its plugin ${plugin} is parked, and the kernel has its last rules: ${reason}`,
      PARKED_REMEDY,
    )
  );
  const unheard = silent === undefined ? [] : [failure(
    `it has heard nothing of ${silent.plural} for ${Math.round(silent.milliseconds / 1000)} s, ` +
      `and the kernel has the rules of before: ${silent.reason}`,
    silent.remedy,
  )];
  return [...programming(pid, { revision, waitingMs }), ...stopped, ...unheard];
}

function programming(
  pid: number | undefined,
  { revision, waitingMs }: { readonly revision: number; readonly waitingMs: number },
): readonly Tick[] {
  const named = pid === undefined ? "weir runs" : `weir runs (process ${pid})`;
  if (revision === 0) {
    return [failure(
      `${named}, but has programmed nothing yet`,
      "look at its log and at /healthz: it waits for the API server, or its proxier does not start",
    )];
  }
  if (waitingMs <= LONG_MS) return [good(`${named}, at revision ${revision}`)];
  return [failure(
    `${named}, but a change has waited for ${Math.round(waitingMs / 1000)} s`,
    "its syncs fail: the log says why",
  )];
}

async function runningTicks(
  questions: NeighbourQuestions,
  held: InstanceClaim,
): Promise<readonly Tick[]> {
  const { running, server } = questions;
  if (held.type === "squatted") {
    return [warning(
      `process ${held.pid ?? "?"} of user ${held.uid} has taken weir's name`,
      "it is no proxy; weir runs in spite of it, but end it",
    )];
  }
  if (held.type === "claimed") {
    held.release();
    return [skipped("no weir runs here")];
  }
  try {
    return ofRunning(held.pid, await running());
  } catch (thrown) {
    return [warning(
      `weir runs (process ${held.pid ?? "?"}), but does not answer at ${server}`,
      messageOf(thrown),
    )];
  }
}

/**
 * Looks at who else is there.
 *
 * @param questions What is asked.
 * @returns The groups.
 */
export async function checkNeighbours(
  questions: NeighbourQuestions,
): Promise<readonly TickGroup[]> {
  let held: InstanceClaim | undefined;
  const running = await attempted("another weir", async () => {
    held = questions.claim();
    return await runningTicks(questions, held);
  });
  const rules = await attempted("rules of others", async () => {
    const found = (await questions.leftovers()).filter(({ owner }) => owner === "kube-proxy");
    if (found.length === 0) return [good("no rules of kube-proxy")];
    const listed = found.map((leftover) => `${leftover.place} ${describeLeftover(leftover)}`);
    return held?.type === "held"
      ? [failure(
        `kube-proxy's rules are beside weir's: ${listed.join("; ")}`,
        "stop kube-proxy, which puts them back if it runs; what remains goes with `weir cleanup`",
      )]
      : [warning(
        `kube-proxy's rules are here: ${listed.join("; ")}`,
        "stop kube-proxy before weir starts, and leave its rules: weir takes over and removes them",
      )];
  });
  return [{ title: "weir", ticks: running }, { title: "Other proxies", ticks: rules }];
}
