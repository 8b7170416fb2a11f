/**
 * Replaces kube-proxy on a live node: what it left goes once weir's own rules are in the kernel.
 *
 * Why no connection is lost while both are there, and when one goes:
 *
 * - A connection is translated once, by its first packet; conntrack keeps the translation, and
 *   later packets pass no nat chain. So what is established does not depend on anybody's rules any
 *   more, and goes on when those that translated it are gone.
 * - A first packet passes the nat chains of a hook by priority, then by the order in which they
 *   were registered. kube-proxy's and weir's have the same priority (dstnat, srcnat), kube-proxy's
 *   came first and translates; the kernel then asks no further chain (nf_nat_initialized), and
 *   behind the translation a packet no longer has the Service's address, which is all that weir's
 *   filter chains look for. Either proxy marks what is to be masqueraded with the same bit unless
 *   told otherwise, and whichever postrouting chain comes first masquerades it, once.
 * - Each table is removed in one step, under which a packet sees it or does not. From then on the
 *   first packet finds weir's chains, which have been there all the time.
 *
 * IPVS is the exception. It forwards every packet by its own table of connections, which nobody can
 * hand over: removing a virtual server ends what it carries. New connections no longer reach it,
 * since weir translates them before routing. So while it carries connections it stays, and the log
 * says how to remove it later.
 *
 * It is done once. If kube-proxy still runs it will put its rules back, and two who remove and put
 * back are worse than two who are there: a second look, a while later, only tells.
 *
 * @module
 */
import type { Log } from "../schemas/capability.ts";
import { messageOf } from "../schemas/errors.ts";
import type { Leftover, LeftoverStore } from "./capabilities/leftovers/leftover.ts";
import { cleanUp, type CleanupOutcome, identityOf, namesOf } from "./cleanup.ts";
import type { Clock } from "./clock.ts";

/**
 * Milliseconds until the second look: twice kube-proxy's syncPeriod, within which it sees that
 * its chains are gone.
 */
const SECOND_LOOK = 60_000;

const REMEDY = "stop kube-proxy on this node, then run `weir cleanup` with weir stopped, " +
  "or start weir again";

const WHEN_ENDED = "once they have ended start weir again, or run `weir cleanup` with weir stopped";

/** What a takeover stands on. */
export interface TakeoverOptions {
  /** Opens what is on the node while something is done with it. */
  readonly withStore: <T>(work: (store: LeftoverStore) => Promise<T>) => Promise<T>;
  readonly clock: Clock;
  readonly log: Log;
}

/** Removes what kube-proxy left, once. */
export class Takeover {
  readonly #options: TakeoverOptions;
  #work: Promise<void> | undefined;
  #cancel: () => void = () => {};
  #stopped = false;

  /**
   * Makes one that has not begun.
   *
   * @param options What it stands on.
   */
  constructor(options: TakeoverOptions) {
    this.#options = options;
  }

  /** To be called after a full sync has landed; from the second call on it does nothing. */
  begin(): void {
    if (this.#stopped) return;
    this.#work ??= this.#guarded(() => this.#remove());
  }

  /** A failure is no reason to end: weir's rules are in the kernel and come before or after. */
  async #guarded(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (thrown) {
      this.#options.log.warn("Cannot remove what kube-proxy left", {
        reason: messageOf(thrown),
        remedy: REMEDY,
      });
    }
  }

  #outcomes(dryRun: boolean): Promise<readonly CleanupOutcome[]> {
    const settle = () => Promise.resolve();
    return this.#options.withStore((store) =>
      cleanUp({ store, owners: ["kube-proxy"], dryRun, settle, spare: whileInUse })
    );
  }

  async #remove(): Promise<void> {
    const { clock, log } = this.#options;
    const outcomes = await this.#outcomes(false);
    if (outcomes.length === 0) return log.debug("kube-proxy has left nothing on this node");
    const removed = namesOf(outcomes, "removed");
    if (removed.length > 0) log.info("Removed what kube-proxy left", { removed });
    const staying = new Set<string>();
    for (const { leftover, fate } of outcomes) {
      if (fate.type !== "remains" && fate.type !== "spared") continue;
      staying.add(identityOf(leftover));
      const [what] = namesOf([{ leftover, fate }], fate.type);
      const remedy = fate.type === "spared" ? WHEN_ENDED : REMEDY;
      log.warn("Something that kube-proxy left stays", { what, reason: fate.reason, remedy });
    }
    if (this.#stopped) return;
    this.#cancel = clock.after(SECOND_LOOK, () => {
      this.#work = this.#guarded(() => this.#lookAgain(staying));
    });
  }

  async #lookAgain(staying: ReadonlySet<string>): Promise<void> {
    const outcomes = await this.#outcomes(true);
    const back = outcomes.filter(({ leftover }) => !staying.has(identityOf(leftover)));
    if (back.length === 0) return;
    this.#options.log.warn("kube-proxy still runs on this node: what was removed is back", {
      back: namesOf(back, "listed"),
      remedy: REMEDY,
    });
  }

  /**
   * Ends it.
   *
   * @returns When what is under way is over.
   */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    await this.#work;
  }
}

/** Why IPVS and its device stay: the connections that they carry. */
function whileInUse({ place }: Leftover, all: readonly Leftover[]): string | undefined {
  if (place !== "ipvs" && place !== "link") return undefined;
  for (const other of all) {
    if (other.place !== "ipvs" || other.connections === 0) continue;
    return `${other.connections} connections go through IPVS and would end with it`;
  }
  return undefined;
}
