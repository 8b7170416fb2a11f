/**
 * Whether the proxy is healthy: a pure function of moments and of the Node.
 *
 * Upstream: pkg/proxy/healthcheck/proxy_health.go, KEP-3836. Two things differ on purpose. A change
 * that waits too long counts from the start on (upstream looks only at a proxier that has synced
 * once, so that one that never manages to is healthy for ever); and a parked plugin, which
 * upstream does not have, fails /healthz.
 *
 * @module
 */
import type { IpFamily, Node } from "../../schemas/kube.ts";
import type { ReloadFailure } from "../reload/reloader.ts";
import type { Silence } from "../source/silence.ts";

/** The cluster autoscaler's taint on a node that it is about to delete. */
const TO_BE_DELETED_TAINT = "ToBeDeletedByClusterAutoscaler";

/** What is known when a probe asks. Moments are in milliseconds since the epoch. */
export interface HealthFacts {
  /** The families the proxier programs; one sync programs all of them. */
  readonly families: readonly IpFamily[];
  /** When a sync ended well last, or undefined before the first. */
  readonly lastCompleted: number | undefined;
  /** Since when the oldest change waits that no completed sync has taken, or undefined. */
  readonly waitingSince: number | undefined;
  /** This node's Node, or undefined while there is none. */
  readonly node: Node | undefined;
  /** The plugins that died too often, each with why. */
  readonly parked: readonly { readonly plugin: string; readonly reason: string }[];
  /** Why what the configuration file says is not in force; undefined when it is. */
  readonly reload?: ReloadFailure | undefined;
  /** What no source has heard of for longest; undefined while everything is heard. */
  readonly silence?: Silence | undefined;
}

/**
 * What a probe is told, in upstream's JSON; `plugins` and `configuration` are weir's and only there
 * when needed.
 */
export interface HealthReport {
  /** RFC 3339. When healthy it is now, as upstream keeps it for old readers. */
  readonly lastUpdated: string;
  /** RFC 3339. */
  readonly currentTime: string;
  /** Absent on /livez. */
  readonly nodeEligible?: boolean;
  /** Of the proxier alone, as upstream has it: the Node and parked plugins do not count. */
  readonly healthy: boolean;
  /** Per family, once a sync has ended well. */
  readonly status?: Readonly<
    Partial<Record<IpFamily, { readonly lastUpdated: string; readonly healthy: boolean }>>
  >;
  /** The parked plugins and why they are. Absent when there are none, and on /livez. */
  readonly plugins?: Readonly<
    Record<string, { readonly state: "parked"; readonly reason: string }>
  >;
  /**
   * Why what the configuration file says is not in force. It makes nothing unhealthy: what is in
   * force goes on. Absent when it is in force, and on /livez.
   */
  readonly configuration?: {
    readonly state: ReloadFailure["state"];
    /** RFC 3339. */
    readonly since: string;
    readonly problems: readonly string[];
  };
  /**
   * Of what nothing is heard, and why. It makes nothing unhealthy, as in kube-proxy: the rules stay,
   * and a load balancer that left every node would make it worse. Absent otherwise, and on /livez.
   */
  readonly source?: {
    readonly state: "silent";
    /** RFC 3339. */
    readonly since: string;
    /** For example `services`. */
    readonly plural: string;
    readonly reason: string;
    readonly remedy: string;
  };
}

/** An answer to a probe. */
export interface HealthAnswer {
  readonly code: 200 | 503;
  readonly report: HealthReport;
}

/** Go's zero time, which upstream shows before the first sync. */
const NEVER = "0001-01-01T00:00:00Z";

function moment(at: number | undefined): string {
  return at === undefined ? NEVER : new Date(at).toISOString();
}

/** A node that is missing, being deleted or about to be is not eligible for new connections. */
function isEligible(node: Node | undefined): boolean {
  return node !== undefined && !node.deleting &&
    !node.taints.some((taint) => taint.key === TO_BE_DELETED_TAINT);
}

function proxierReport(facts: HealthFacts, now: number, timeout: number) {
  const healthy = facts.waitingSince === undefined || now - facts.waitingSince < timeout;
  const lastUpdated = moment(facts.lastCompleted);
  const status = Object.fromEntries(
    facts.families.map((family) => [family, { lastUpdated, healthy }]),
  );
  return {
    currentTime: moment(now),
    healthy,
    lastUpdated,
    ...(facts.lastCompleted === undefined ? {} : { status }),
  };
}

function answer(report: HealthReport, healthy: boolean): HealthAnswer {
  return healthy
    ? { code: 200, report: { ...report, lastUpdated: report.currentTime } }
    : { code: 503, report };
}

/**
 * Answers /livez: is the proxier keeping up?
 *
 * @param facts What is known.
 * @param now Milliseconds since the epoch.
 * @param timeout Milliseconds that a change may wait: 2 × syncPeriod.
 * @returns 503 when a change has waited that long, else 200.
 */
export function livez(facts: HealthFacts, now: number, timeout: number): HealthAnswer {
  const report = proxierReport(facts, now, timeout);
  return answer(report, report.healthy);
}

/**
 * Answers /healthz: may a load balancer send this node new connections?
 *
 * @param facts What is known.
 * @param now Milliseconds since the epoch.
 * @param timeout Milliseconds that a change may wait: 2 × syncPeriod.
 * @returns 503 when a change has waited that long, the Node is not eligible or a plugin is parked,
 * else 200.
 */
export function healthz(facts: HealthFacts, now: number, timeout: number): HealthAnswer {
  const proxier = proxierReport(facts, now, timeout);
  const nodeEligible = isEligible(facts.node);
  const plugins = Object.fromEntries(
    facts.parked.map(({ plugin, reason }) => [plugin, { state: "parked" as const, reason }]),
  );
  const report = {
    ...proxier,
    nodeEligible,
    ...(facts.parked.length === 0 ? {} : { plugins }),
    ...(facts.reload === undefined
      ? {}
      : { configuration: { ...facts.reload, since: moment(facts.reload.since) } }),
    ...(facts.silence === undefined ? {} : {
      source: { ...facts.silence, state: "silent" as const, since: moment(facts.silence.since) },
    }),
  };
  return answer(report, proxier.healthy && nodeEligible && facts.parked.length === 0);
}
