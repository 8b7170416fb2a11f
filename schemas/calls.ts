/**
 * The calls a host makes to a plugin's handlers: parameters, results, deadlines.
 *
 * @module
 */
import * as v from "valibot";
import type { Protocol } from "./kube.ts";
import type { PluginManifest } from "./manifest.ts";
import type { Diff, LocalMatch, Snapshot } from "./view.ts";

/** Asks a proxier what it does with a packet to this destination. */
export interface ExplainQuery {
  /** Destination address, canonical text. */
  readonly ip: string;
  /** Destination port, 1–65535. */
  readonly port: number;
  /** Transport protocol of the packet. */
  readonly protocol: Protocol;
  /** Where it comes from; without it every way is told, with its condition. */
  readonly source?: {
    /** Canonical text, of the destination's family. */
    readonly ip: string;
    /** It is an address of this node itself. */
    readonly ofNode: boolean;
  };
}

const Line = v.pipe(v.string(), v.maxLength(1024));

/** The schema of an explanation, see {@linkcode ExplainStep}. */
export const ExplanationSchema = v.pipe(
  v.array(v.strictObject({ at: Line, match: Line, outcome: Line })),
  v.maxLength(4096),
);

/** One step of a packet's way: where it is, what matches there, and what follows. */
export interface ExplainStep {
  /** The place, for example `chain nat-prerouting` or `map service-endpoints`. */
  readonly at: string;
  /** What matches, for example `10.96.0.10 . tcp . 80`. */
  readonly match: string;
  /** What follows, for example `goto endpoints-3`. */
  readonly outcome: string;
}

/** Asks a proxier what it has counted of these service ports. */
export interface TrafficQuery {
  /**
   * Counts readings. The host asks for many service ports page by page; the pages of one reading
   * have the same number, and may be answered from one listing of the kernel's counters.
   */
  readonly reading: number;
  /** This is the reading's last page. */
  readonly last: boolean;
  /** Ids of service ports, at most {@linkcode MOST_TRAFFIC_IDS}. */
  readonly ids: readonly string[];
}

/** Ids of one page of {@linkcode TrafficQuery}: its answer must fit a frame's header. */
export const MOST_TRAFFIC_IDS = 4_000;

/** What became of one service port, since the counters began; they may begin anew at any time. */
export interface ServicePortTraffic {
  /** Connections that were sent to an endpoint, 0 or more. */
  readonly connections: number;
  /** Packets of such connections, in both directions, 0 or more. */
  readonly packets: number;
  /** Bytes of these packets, IP headers included, 0 or more. */
  readonly bytes: number;
}

const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** The schema of the answer to {@linkcode TrafficQuery}: three counts for each id, in order. */
export const TrafficSchema = v.nullable(
  v.pipe(v.array(Count), v.maxLength(3 * MOST_TRAFFIC_IDS)),
);

/** What a local-detector may know of its node. */
export interface DetectorNode {
  /** Name of the Node. */
  readonly name: string;
  /** The Node's `spec.podCIDRs`; empty until the Node has some. */
  readonly podCIDRs: readonly string[];
}

/** What the operator configured for local-detectors. Source: KubeProxyConfiguration v1alpha1. */
export interface DetectorConfig {
  /** `clusterCIDR`, split: at most one of each family. */
  readonly clusterCIDRs: readonly string[];
  /** `detectLocal.bridgeInterface`, or "". */
  readonly bridgeInterface: string;
  /** `detectLocal.interfaceNamePrefix`, or "". */
  readonly interfaceNamePrefix: string;
}

const IfName = v.pipe(
  v.string(),
  // IFNAMSIZ is 16 with the terminating NUL; dev_valid_name() refuses "/", ":" and white space.
  v.regex(/^[^/:\s]{1,15}$/, "must be 1–15 characters without /, : and white space"),
);

/** The schema of what a local-detector returns: a list of `LocalMatch`. */
export const LocalMatchesSchema = v.pipe(
  v.array(v.variant("type", [
    v.strictObject({
      type: v.literal("cidr"),
      family: v.picklist(["IPv4", "IPv6"]),
      cidr: v.pipe(v.string(), v.maxLength(64)),
    }),
    v.strictObject({ type: v.literal("interface"), name: IfName }),
    v.strictObject({ type: v.literal("interfacePrefix"), prefix: IfName }),
  ])),
  v.maxLength(64),
);

/** What a conntrack-tuner may know of its node. */
export interface TunerNode {
  /** Name of the Node. */
  readonly name: string;
  /** Processors online, 1 or more. */
  readonly cpus: number;
}

/**
 * What the operator configured for conntrack. Absent means "leave the kernel's value". Source:
 * KubeProxyConntrackConfiguration v1alpha1.
 */
export interface TunerConfig {
  /** Entries per processor; 0 leaves the limit alone. */
  readonly maxPerCore?: number;
  /** Least number of entries. */
  readonly min?: number;
  /** Seconds. */
  readonly tcpEstablishedTimeout?: number;
  /** Seconds. */
  readonly tcpCloseWaitTimeout?: number;
  /** Accept TCP packets outside of the window as valid. */
  readonly tcpBeLiberal?: boolean;
  /** Seconds. */
  readonly udpTimeout?: number;
  /** Seconds. */
  readonly udpStreamTimeout?: number;
}

/** The parameters of each call. */
export interface CallParams {
  /** To a proxier: replace everything. */
  readonly resync: Snapshot;
  /** To a proxier: change this. */
  readonly apply: Diff;
  /** To a proxier: say what happens to such a packet. */
  readonly explain: ExplainQuery;
  /** To a proxier: say what it has counted. */
  readonly traffic: TrafficQuery;
  /** To a proxier: remove everything. */
  readonly cleanup: null;
  /** To a local-detector: say how local traffic is told. */
  readonly detect: { readonly node: DetectorNode; readonly config: DetectorConfig };
  /** To a conntrack-tuner: apply the configuration. */
  readonly tune: { readonly node: TunerNode; readonly config: TunerConfig };
}

/** The calls by name. */
export type CallMethod = keyof CallParams;

/** The result of each call. */
export interface CallResults {
  /** Nothing: it is done. */
  readonly resync: null;
  /** Nothing: it is done. */
  readonly apply: null;
  /** What matches, in order. */
  readonly explain: readonly ExplainStep[];
  /** Connections, packets and bytes of each id, one after the other; null when nothing counts. */
  readonly traffic: readonly number[] | null;
  /** Nothing: it is done. */
  readonly cleanup: null;
  /** A packet is local when any of them matches it. */
  readonly detect: readonly LocalMatch[];
  /** Nothing: it is done. */
  readonly tune: null;
}

/** The result of one call. */
export type CallResult<Method extends CallMethod> = CallResults[Method];

/** What each call must return; a plugin that returns anything else has broken the protocol. */
export const CALL_RESULTS: {
  readonly [Method in CallMethod]: v.GenericSchema<unknown, CallResults[Method]>;
} = {
  resync: v.null(),
  apply: v.null(),
  explain: ExplanationSchema,
  traffic: TrafficSchema,
  cleanup: v.null(),
  detect: LocalMatchesSchema,
  tune: v.null(),
};

/** Milliseconds that each call may take before the plugin is killed. */
export const CALL_DEADLINES_MS: Readonly<Record<CallMethod, number>> = {
  resync: 60_000,
  apply: 30_000,
  explain: 5_000,
  // It may wait its turn behind a resync; a scrape does not wait for it so long.
  traffic: 60_000,
  cleanup: 30_000,
  detect: 10_000,
  tune: 10_000,
};

/** The calls that each kind of plugin answers. */
export const KIND_METHODS: Readonly<Record<PluginManifest["kind"], readonly CallMethod[]>> = {
  "proxier": ["resync", "apply", "explain", "traffic", "cleanup"],
  "local-detector": ["detect"],
  "conntrack-tuner": ["tune"],
};
