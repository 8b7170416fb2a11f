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
 * What fails is tried again, ever more seldom: until it goes, the older rules come first and
 * translate to endpoints that nobody keeps up to date. Whole tables are removed before the long
 * listing of rules, which fails as long as other programs commit to nf_tables all the time.
 *
 * No thing is removed twice. If kube-proxy still runs it will put its rules back, and two who
 * remove and put back are worse than two who are there: once something is back, and at the latest
 * at a second look a while after the last removal, that is told and nothing more is done.
 *
 * @module
 */
import type { Log } from "../schemas/capability.ts";
import { messageOf } from "../schemas/errors.ts";
import type { Leftover, LeftoverScope, LeftoverStore } from "./capabilities/leftovers/leftover.ts";
import { cleanUp, type CleanupOutcome, identityOf, nameOf } from "./cleanup.ts";
import type { Clock } from "./clock.ts";

/**
 * Milliseconds until the second look: twice kube-proxy's syncPeriod, within which it sees that
 * its chains are gone.
 */
const SECOND_LOOK = 60_000;

/** Milliseconds to the second attempt, before jitter; doubled after each. */
const FIRST_DELAY = 1_000;
/** The longest delay in milliseconds: a listing of 10,000 Services' rules is not for free. */
const LONGEST_DELAY = 300_000;

const REMEDY = "stop kube-proxy on this node, then run `weir cleanup` with weir stopped, " +
  "or start weir again";

const WHEN_ENDED = "once they have ended start weir again, or run `weir cleanup` with weir stopped";

const REPEATED = `weir tries again by itself; if that does not help, ${REMEDY}`;

const RUNS = "kube-proxy still runs on this node";

/** What a takeover stands on. */
export interface TakeoverOptions {
  /** Opens what is on the node while something is done with it. */
  readonly withStore: <T>(work: (store: LeftoverStore) => Promise<T>) => Promise<T>;
  readonly clock: Clock;
  /** From 0 to just below 1, uniformly: the nodes of a cluster are not to try in step. */
  readonly random: () => number;
  readonly log: Log;
  /** Is told after each complete look how many leftovers of kube-proxy there are still. */
  readonly remaining: (count: number) => void;
}

/** What is left on the node after everything has been looked at. */
interface Rest {
  readonly outcomes: readonly CleanupOutcome[];
  /** Those of them that weir had removed already, or that came while it removed. */
  readonly back: readonly Leftover[];
}

/** Removes what kube-proxy left, each thing once. */
export class Takeover {
  readonly #options: TakeoverOptions;
  /** The identities of what has been removed. */
  readonly #removed = new Set<string>();
  /** The failures that have been warned of. */
  readonly #told = new Set<string>();
  #failures = 0;
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
    if (this.#stopped || this.#work !== undefined) return;
    this.#work = this.#attempt(() => this.#remove());
  }

  #later(delay: number, work: () => Promise<void>): void {
    if (this.#stopped) return;
    this.#cancel = this.#options.clock.after(delay, () => {
      this.#work = this.#attempt(work);
    });
  }

  /** A failure is no reason to end: weir's rules are in the kernel and come before or after. */
  async #attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (thrown) {
      const reason = messageOf(thrown);
      this.#warnOnce(reason, "Cannot remove what kube-proxy left", { reason, remedy: REPEATED });
      this.#again(work);
    }
  }

  /** Waits between half and the whole of a time that doubles. */
  #again(work: () => Promise<void>): void {
    const delay = Math.min(FIRST_DELAY * 2 ** this.#failures++, LONGEST_DELAY);
    this.#later(delay * (1 + this.#options.random()) / 2, work);
  }

  #warnOnce(key: string, message: string, fields: Readonly<Record<string, string>>): void {
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.#options.log.warn(message, fields);
  }

  #succeeded(): void {
    if (this.#failures === 0) return;
    this.#options.log.info("The removal of what kube-proxy left has succeeded", {
      failedAttempts: this.#failures,
    });
    this.#failures = 0;
    this.#told.clear();
  }

  async #remove(): Promise<void> {
    const { log } = this.#options;
    const { outcomes, back } = await this.#removeAll();
    if (back.length > 0) return this.#tellBack(back);
    let failed = false;
    for (const { leftover, fate } of outcomes) {
      if (fate.type !== "remains" && fate.type !== "spared") continue;
      failed ||= fate.type === "remains";
      const { reason } = fate;
      // The number of connections is another at each attempt.
      const key = `${identityOf(leftover)} ${fate.type === "spared" ? "" : reason}`;
      const remedy = fate.type === "spared" ? WHEN_ENDED : REPEATED;
      const what = nameOf(leftover);
      this.#warnOnce(key, "Something that kube-proxy left stays", { what, reason, remedy });
    }
    if (failed) return this.#again(() => this.#remove());
    this.#succeeded();
    if (this.#removed.size === 0 && outcomes.length === 0) {
      return log.debug("kube-proxy has left nothing on this node");
    }
    const staying = new Set(
      outcomes.filter(({ fate }) => fate.type === "spared")
        .map(({ leftover }) => identityOf(leftover)),
    );
    this.#later(SECOND_LOOK, () => this.#lookAgain(staying));
  }

  /** Removes whole tables, then everything; what is gone is told even if the rest fails. */
  async #removeAll(): Promise<Rest> {
    const removed: string[] = [];
    try {
      return await this.#options.withStore(async (store) => {
        const recording: LeftoverStore = {
          find: (scope) => store.find(scope),
          remove: async (leftover) => {
            await store.remove(leftover);
            this.#removed.add(identityOf(leftover));
            removed.push(nameOf(leftover));
          },
        };
        const tables = await this.#clean(recording, "tables", false);
        if (tables.back.length > 0) return tables;
        return await this.#clean(recording, "everywhere", false);
      });
    } finally {
      if (removed.length > 0) this.#options.log.info("Removed what kube-proxy left", { removed });
    }
  }

  async #clean(store: LeftoverStore, scope: LeftoverScope, dryRun: boolean): Promise<Rest> {
    const before = new Set(this.#removed);
    const isBack = (leftover: Leftover) => before.has(identityOf(leftover));
    const spare = (leftover: Leftover, all: readonly Leftover[]) =>
      all.some(isBack) ? RUNS : whileInUse(leftover, all);
    const settle = () => Promise.resolve();
    const outcomes = await cleanUp({
      store,
      owners: ["kube-proxy"],
      scope,
      dryRun,
      settle,
      spare,
    });
    if (scope === "everywhere") {
      this.#options.remaining(outcomes.filter(({ fate }) => fate.type !== "removed").length);
    }
    const back = outcomes.filter(({ leftover, fate }) =>
      fate.type === "returned" || isBack(leftover)
    ).map(({ leftover }) => leftover);
    return { outcomes, back };
  }

  #tellBack(back: readonly Leftover[]): void {
    this.#options.log.warn(`${RUNS}: what was removed is back`, {
      back: back.map(nameOf),
      remedy: REMEDY,
    });
  }

  async #lookAgain(staying: ReadonlySet<string>): Promise<void> {
    const { outcomes } = await this.#options.withStore((store) =>
      this.#clean(store, "everywhere", true)
    );
    const back = outcomes.map(({ leftover }) => leftover)
      .filter((leftover) => !staying.has(identityOf(leftover)));
    if (back.length > 0) this.#tellBack(back);
    else this.#succeeded();
  }

  /**
   * Ends it, with whatever was still to be tried again.
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
