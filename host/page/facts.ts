/**
 * What the page asks of the running proxy. It is asked when somebody looks, and never told.
 *
 * @module
 */
import type { Explanation } from "../../schemas/explanation.ts";
import type { Revisions } from "../diff.ts";
import type { EnrolledPlugin } from "../plugin_roster.ts";
import type { Profile } from "../profiles/pprof.ts";
import type { HealthAnswer } from "../routes/proxy_health.ts";
import type { Silence } from "../source/silence.ts";
import type { TraceStore } from "../telemetry/audience.ts";
import type { Tracker } from "../tracker.ts";

/** The running proxy, to be read. */
export interface PageFacts {
  /** Name of the node. */
  readonly node: () => string;
  /** weir's, for example `0.1.0`. */
  readonly version: string;
  /** What programs the kernel, as /proxyMode says it. */
  readonly mode: () => string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** Tells the time in milliseconds since the epoch. */
  readonly now: () => number;
  /** What /healthz says now. */
  readonly health: () => HealthAnswer;
  /** What no source has heard of for longest; undefined while everything is heard. */
  readonly silence: () => Silence | undefined;
  readonly tracker: Pick<Tracker, "keys" | "lookUp" | "pending" | "size">;
  readonly revisions: Pick<Revisions, "of" | "revision" | "size">;
  /** The last syncs. */
  readonly traces: TraceStore;
  /** Every plugin that weir has, sorted by name. */
  readonly plugins: () => readonly EnrolledPlugin[];
  /** The last CPU profile of each process by its name; undefined without --profiling. */
  readonly profiles: (() => ReadonlyMap<string, Profile | undefined>) | undefined;
  /** Explains a Service, `namespace/name`. */
  readonly explain: (service: string) => Promise<Explanation>;
  /** Told that somebody looks: what a view leaves behind is given back once they have gone. */
  readonly looked: () => void;
}
