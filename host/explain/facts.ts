/**
 * What explanations stand on: the running proxy, to be read and not touched.
 *
 * @module
 */
import type { ExplainQuery, ExplainStep, ServicePortTraffic } from "../../schemas/calls.ts";
import type { Explanation } from "../../schemas/explanation.ts";
import type { SilentSource } from "../../schemas/silent_source.ts";
import type { ProxierSettings } from "../../schemas/view.ts";
import type { ConntrackKernel } from "../capabilities/conntrack/kernel.ts";
import type { Revisions } from "../diff.ts";
import type { ResolverNode } from "../resolver/node.ts";
import type { Tracker } from "../tracker.ts";

/** The running proxy. */
export interface ExplainFacts {
  readonly tracker: Pick<Tracker, "lookUp" | "waiting" | "keys" | "ready">;
  readonly revisions: Pick<Revisions, "of" | "all" | "revision">;
  /** The node for which Services are resolved, as of now. */
  readonly node: () => ResolverNode;
  /** What the proxier knows besides the service ports, as of now. */
  readonly settings: () => ProxierSettings;
  /**
   * For how long what was told last has not landed, and what failed; undefined when it has. Left
   * out where there are no syncs.
   */
  readonly unlanded?: () => Explanation["unlanded"];
  /** Since when the source does not tell of some objects. Left out where there is none. */
  readonly silent?: () => SilentSource | undefined;
  /** Name of the proxier in force. */
  readonly proxier: () => string;
  /** Asks the proxier what matches. */
  readonly explain: (query: ExplainQuery) => Promise<readonly ExplainStep[]>;
  /**
   * Asks what was counted of service ports, in their order; undefined when nothing counts.
   */
  readonly traffic: (
    ids: readonly string[],
  ) => Promise<readonly ServicePortTraffic[] | undefined>;
  /** Connection tracking, opened when it is first asked for. */
  readonly conntrack: () => Pick<ConntrackKernel, "look" | "localAddresses">;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  /** Settles once syncs, and who else works in this thread, have had their turn. */
  readonly turn: () => Promise<void>;
}
