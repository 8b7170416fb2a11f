/**
 * What somebody who looks inside may ask the running proxy. It is read, and nothing of it changes;
 * what answers is no part of the start.
 *
 * @module
 */
import type { ExplainQuery, ExplainStep, ServicePortTraffic } from "../../schemas/calls.ts";
import type { WeirConfig } from "../../schemas/config.ts";
import { WeirError } from "../../schemas/errors.ts";
import type { Explanation } from "../../schemas/explanation.ts";
import type { PendingSync, TopServices } from "../../schemas/insight.ts";
import type { SilentSource } from "../../schemas/silent_source.ts";
import type { Clock } from "../clock.ts";
import type { Proxiers } from "../proxiers.ts";
import type { Scheduler } from "../scheduler.ts";
import type { Silence } from "../source/silence.ts";
import type { ServiceTraffic } from "../telemetry/service_traffic.ts";
import type { Tracker } from "../tracker.ts";
import { oneByOne, Turns } from "../turns.ts";
import type { ExplainFacts } from "./facts.ts";
import type { PendingViews } from "./pending.ts";
import type { QuestionWords } from "./question.ts";

/** The running proxy. */
export interface InsightOptions extends Pick<ExplainFacts, "revisions" | "settings" | "conntrack"> {
  readonly tracker: ExplainFacts["tracker"] & Pick<Tracker, "zone" | "addresses">;
  /** The configuration in force. */
  readonly config: () => Pick<WeirConfig, "nodeName" | "featureGates">;
  readonly proxier: Pick<Proxiers, "name" | "call">;
  readonly traffic: Pick<ServiceTraffic, "countsOf">;
  readonly scheduler: Pick<Scheduler, "status">;
  readonly clock: Clock;
  /** What no source has heard of for longest. */
  readonly silence?: () => Silence | undefined;
  /** The plugins that are not started any more, and why. */
  readonly parked?: () => NonNullable<PendingSync["parked"]>;
  /** Called after an answer of all service ports, which leaves megabytes behind. */
  readonly large?: () => void;
}

/** Milliseconds that an answer waits for the proxier. */
const PATIENCE_MS = 2_000;

/**
 * Milliseconds after which a proxier that has not explained counts as hung, and is killed: a
 * question must not end a long resync behind which it waits.
 */
const DEADLINE_MS = 60_000;

/** Milliseconds of a sync from which on it is told of: most are over before anybody asks. */
const LONG_SYNC_MS = 500;

/**
 * Milliseconds after a full sync at which what explains is imported: after the rush, and before the
 * garbage of the sync is collected (host/collector.ts), so that the import's goes along.
 */
const IMPORT_MS = 500;

/**
 * Explanations that the proxier is asked for at a time, of all who ask: one that has very many
 * unanswered calls counts as broken and is killed, and syncs wait behind those that it has.
 */
const MOST_CALLS = 4;
/** Those that wait for their turn; who has lost patience waits no more. */
const WAITING_CALLS = 256;

/** Answers questions. */
export class Insight {
  readonly #options: InsightOptions;
  readonly #facts: ExplainFacts;
  #prepared = false;
  #cancel: () => void = () => {};
  readonly #calls: Turns;

  /** @param options The running proxy. */
  constructor(options: InsightOptions) {
    this.#options = options;
    this.#calls = new Turns({ most: MOST_CALLS, waiting: WAITING_CALLS, clock: options.clock });
    const { tracker, revisions, config, settings, conntrack } = options;
    this.#facts = {
      tracker,
      revisions,
      node: () => ({
        name: config().nodeName,
        zone: tracker.zone,
        addresses: tracker.addresses,
        ignoresExternalIPs: config().featureGates["AllowServiceExternalIPs"] === false,
      }),
      settings,
      unlanded: () => this.#unlanded(),
      silent: () => this.#silent(),
      proxier: () => options.proxier.name,
      explain: (query) => this.#steps(query),
      traffic: (ids) => this.#traffic(ids),
      conntrack,
      now: () => performance.now(),
      turn: oneByOne(),
    };
  }

  /**
   * Has what explains imported in a quiet moment: whoever asks for the first time has something that
   * does not work, and should not wait for the compiler. To be called once the rules are in place.
   */
  prepare(): void {
    if (this.#prepared) return;
    this.#prepared = true;
    this.#cancel = this.#options.clock.after(IMPORT_MS, () => {
      // What cannot be imported now is told to whoever asks.
      parts().catch(() => {});
    });
  }

  /** Imports nothing more by itself. */
  stop(): void {
    this.#cancel();
  }

  /** A sync that goes on or has failed; a change that waits for its turn is the tracker's. */
  #unlanded(): Explanation["unlanded"] {
    const { scheduler, clock } = this.#options;
    const { waitingSince, failures } = scheduler.status;
    if (waitingSince === undefined) return undefined;
    const milliseconds = Math.round(clock.now() - waitingSince);
    return failures > 0 || milliseconds >= LONG_SYNC_MS ? { milliseconds, failures } : undefined;
  }

  #silent(): SilentSource | undefined {
    const { silence, clock } = this.#options;
    const kept = silence?.();
    if (kept === undefined) return undefined;
    const { since, ...told } = kept;
    return { milliseconds: Math.round(clock.now() - since), ...told };
  }

  async #steps(query: ExplainQuery): Promise<readonly ExplainStep[]> {
    const { proxier, clock } = this.#options;
    const action = `explain "${query.ip}"`;
    return await patiently(clock, action, async (late) => {
      const giveBack = await this.#calls.take(late);
      if (giveBack === undefined) {
        throw new WeirError("WEIR_PLUGIN_TIMEOUT", `Cannot ${action}: too many questions wait`);
      }
      try {
        return await proxier.call("explain", query, { deadlineMs: DEADLINE_MS });
      } finally {
        giveBack();
      }
    });
  }

  async #traffic(ids: readonly string[]): Promise<readonly ServicePortTraffic[] | undefined> {
    const { traffic, clock } = this.#options;
    const counts = await patiently(clock, 'read "the counters"', () => traffic.countsOf(ids));
    return counts && ids.map((_, index) => {
      const [connections = 0, packets = 0, bytes = 0] = counts.slice(3 * index, 3 * index + 3);
      return { connections, packets, bytes };
    });
  }

  /**
   * Explains a Service, an address or a connection.
   *
   * @param words What was asked for.
   * @returns The explanation.
   * @throws {WeirError} WEIR_QUESTION_INVALID when it cannot be understood.
   */
  async explain(words: QuestionWords): Promise<Explanation> {
    const [{ readQuestion }, { explain }] = await parts();
    return await explain(readQuestion(words), this.#facts);
  }

  /**
   * Says what the next sync would change.
   *
   * @param views What is told of all service ports.
   * @returns What differs.
   */
  async pending(views: PendingViews): Promise<PendingSync> {
    const { pendingSync } = await import("./pending.ts");
    const { scheduler, clock } = this.#options;
    const since = scheduler.status.waitingSince;
    const waitingMs = since === undefined ? undefined : clock.now() - since;
    if (views !== "none") this.#options.large?.();
    const parked = this.#options.parked?.() ?? [];
    const pending = pendingSync(this.#facts, waitingMs, views);
    return parked.length === 0 ? pending : { ...pending, parked };
  }

  /**
   * Says who gets most.
   *
   * @returns Services that get anything.
   */
  async top(): Promise<TopServices> {
    const { topServices } = await import("./traffic_table.ts");
    return await topServices(this.#facts);
  }
}

/** What explains. */
function parts() {
  return Promise.all([import("./question.ts"), import("./explain.ts")]);
}

/** Waits for the proxier's answer, and says what it may mean when there is none. */
async function patiently<T>(
  clock: Clock,
  action: string,
  ask: (late: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = Promise.withResolvers<never>();
  const giveUp = new AbortController();
  const cancel = clock.after(PATIENCE_MS, () => {
    late.reject(
      new WeirError(
        "WEIR_PLUGIN_TIMEOUT",
        `Cannot ${action}: the proxier has not answered for ${PATIENCE_MS} ms; it may be busy ` +
          "with a sync",
      ),
    );
    giveUp.abort();
  });
  const answer = ask(giveUp.signal);
  try {
    return await Promise.race([answer, late.promise]);
  } finally {
    cancel();
    // Whatever comes later is nobody's.
    answer.catch(() => {});
  }
}
