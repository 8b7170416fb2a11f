/**
 * Which part of the proxy each field of the configuration belongs to, and which parts a change of
 * configuration touches.
 *
 * @module
 */
import type { WeirConfig } from "../../schemas/config.ts";

/** A part of the proxy that is put right by itself when a field of it changes. */
export type Part =
  /** Where objects come from: the other one lists before the former ends. */
  | "source"
  /** Which node this is: decides what is listed, what is local and what is detected. */
  | "node"
  /** How local traffic is told: a detector is asked. */
  | "detection"
  /** Where NodePorts answer. */
  | "nodePorts"
  /** Which plugins serve, and what each may do: those that it concerns are replaced. */
  | "plugins"
  /** What the proxier must know besides Services: everything is programmed anew. */
  | "rules"
  /** What the kernel's settings around the rules are to be: a conntrack-tuner is asked. */
  | "tuning"
  /** What Services mean, and where NodePorts answer: every Service is resolved anew. */
  | "gates"
  /** When syncs happen: read anew each time. */
  | "pace"
  /** Where health and metrics are served. */
  | "servers"
  /** What is logged. */
  | "logging"
  /** What the kernel keeps of the process. */
  | "process"
  /** What is held against the node, and what pages and reloads read anew each time. */
  | "read"
  /** What is decided once, when the process starts. */
  | "start"
  /** What nothing reads: weir has no use for it, or does not have the mode that it is for. */
  | "kept";

/** A whole group of fields belongs to one part, or each of them to its own. */
type PartsOf<Value> = {
  readonly [Field in keyof Value]-?:
    | Part
    | (Value[Field] extends string | number | boolean | readonly unknown[] | { type: string }
      ? never
      // A map of names is one field.
      : string extends keyof Value[Field] ? never
      : PartsOf<Value[Field]>);
};

/** The part of every field: one that is missing here does not compile. */
export const PARTS: PartsOf<WeirConfig> = {
  manifests: "source",
  master: "source",
  clientConnection: "source",
  configFile: "start",
  configReload: "read",
  configSyncPeriod: "pace",
  initOnly: "start",
  bootIdFiles: "start",
  machineIdFiles: "start",
  // Of the addresses on which NodePorts answer and from which a Service may be reached.
  bindAddress: "gates",
  bindAddressHardFail: "start",
  enableProfiling: "start",
  showHiddenMetricsForVersion: "start",
  oomScoreAdj: "process",
  featureGates: "gates",
  limits: "plugins",
  nodeName: "node",
  healthzBindAddress: "servers",
  metricsBindAddress: "servers",
  mode: "plugins",
  inPlaceOf: "read",
  modeFallback: "kept",
  plugins: "plugins",
  clusterCIDRs: "detection",
  detectLocalMode: "detection",
  detectLocal: "detection",
  nodePortAddresses: "nodePorts",
  proxier: {
    masqueradeAll: "rules",
    masqueradeBit: "rules",
    syncPeriod: "pace",
    minSyncPeriod: "pace",
  },
  // A full sync has all flows looked for anew.
  conntrack: {
    removeTCPFlows: "rules",
    maxPerCore: "tuning",
    min: "tuning",
    tcpEstablishedTimeout: "tuning",
    tcpCloseWaitTimeout: "tuning",
    tcpBeLiberal: "tuning",
    udpTimeout: "tuning",
    udpStreamTimeout: "tuning",
  },
  // What is in force of them is in `proxier`.
  iptables: "kept",
  ipvs: "kept",
  nftables: "kept",
  winkernel: "kept",
  portRange: "kept",
  udpIdleTimeout: "kept",
  windowsRunAsService: "kept",
  written: "kept",
  logging: "logging",
  telemetry: { perServiceMetrics: "rules", tracesEndpoint: "start" },
};

/** One field that has another value. */
export interface ConfigChange {
  /** For example `proxier.syncPeriod`. */
  readonly field: string;
  readonly part: Part;
  readonly before: unknown;
  readonly after: unknown;
}

interface Table {
  readonly [field: string]: Part | Table;
}

function isGroup(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !("type" in value);
}

function differences(
  path: string,
  parts: Part | Table,
  before: unknown,
  after: unknown,
): ConfigChange[] {
  if (isGroup(before) && isGroup(after)) {
    const fields = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...fields].flatMap((field) => {
      const inner = typeof parts === "string" ? parts : parts[field];
      if (inner === undefined) return [];
      const name = path === "" ? field : `${path}.${field}`;
      return differences(name, inner, before[field], after[field]);
    });
  }
  if (typeof parts !== "string" || JSON.stringify(before) === JSON.stringify(after)) return [];
  return [{ field: path, part: parts, before, after }];
}

/**
 * Compares two configurations.
 *
 * @param before The one in force.
 * @param after Another.
 * @returns Each field that differs and is read, sorted by its name.
 */
export function compareConfigs(before: WeirConfig, after: WeirConfig): readonly ConfigChange[] {
  return differences("", PARTS, before, after).filter(({ part }) => part !== "kept")
    .sort((one, other) => one.field < other.field ? -1 : 1);
}
