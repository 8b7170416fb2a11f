/**
 * One weir at a time in a network namespace: two would undo each other's rules for ever.
 *
 * @module
 */
import type { Log } from "../../schemas/capability.ts";
import { WeirError } from "../../schemas/errors.ts";
import type { InstanceClaim } from "../capabilities/instance.ts";
import type { Clock } from "../clock.ts";
import { sleep } from "../sleep.ts";

/**
 * Milliseconds that another weir has to end: a supervisor may start the next one while the last
 * still finishes its sync, which takes it less than 2 s.
 */
const PATIENCE_MS = 5_000;
const POLL_MS = 100;

/** What is needed to become the only one. */
export interface SingleInstanceOptions {
  /** What is to be done, as in `Cannot <action> …`. */
  readonly action: "start weir" | "clean up";
  /** Claims the network namespace. */
  readonly claim: () => InstanceClaim;
  readonly clock: Clock;
  /** Where to say that another is waited for; undefined when nobody reads a log. */
  readonly log: Log | undefined;
  /** Ends the wait. */
  readonly signal: AbortSignal;
}

/**
 * Waits until no other weir works in this network namespace, and claims it until the process ends.
 *
 * @param options The claim and its circumstances.
 * @returns Whether the signal came first.
 * @throws {WeirError} WEIR_RUNNING when the other does not go.
 */
export async function becomeOnlyInstance(
  options: SingleInstanceOptions,
): Promise<"only" | "aborted"> {
  const { action, claim, clock, log, signal } = options;
  const deadline = clock.now() + PATIENCE_MS;
  for (let said = false; !signal.aborted;) {
    const outcome = claim();
    if (outcome.type === "claimed") return "only";
    const holder = outcome.pid === undefined ? "another process" : `process ${outcome.pid}`;
    if (outcome.type === "squatted") {
      log?.warn(
        "A process that is no weir holds weir's name in this network namespace; " +
          "a second weir would not be noticed",
        { holder: outcome.pid, uid: outcome.uid },
      );
      return "only";
    }
    if (clock.now() >= deadline) {
      throw new WeirError(
        "WEIR_RUNNING",
        `Cannot ${action} "in this network namespace": ${holder} is a weir that works here; ` +
          (action === "clean up"
            ? "stop it first, or only look with --dry-run"
            : "stop it first, or give this one a network namespace of its own"),
      );
    }
    if (!said) log?.info("Waiting for another weir to end", { holder: outcome.pid });
    said = true;
    await sleep(clock, POLL_MS, signal);
  }
  return "aborted";
}
