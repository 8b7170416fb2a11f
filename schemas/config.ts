/**
 * The configuration of one run as the flow reads it. What goes in are the documents and options of
 * config/; host/config makes this of them.
 *
 * @module
 */
import type { CONTENT_TYPES, DetectLocalMode, LOG_FORMATS } from "./config/kube_proxy.ts";
import type { CONFIG_RELOADS } from "./config/weir.ts";
import type { AbsentMode, ProxyMode } from "./proxy_mode.ts";
import type { SysctlKey } from "./sysctl.ts";
import type { Limits } from "./wire.ts";

export {
  CONTENT_TYPES,
  DETECT_LOCAL_MODES,
  type DetectLocalMode,
  NODE_PORT_KEYWORDS,
} from "./config/kube_proxy.ts";

/** How lines are held back and where they go, for one format of the log. */
export interface LogOutput {
  /** Info to stdout and errors to stderr, instead of all to stderr. */
  readonly splitStream: boolean;
  /** Bytes of info that are held back when the streams are split. */
  readonly infoBufferSize: number;
}

/** klog's files, as its flags have them. */
export interface LogFiles {
  /** To stderr and not to files. */
  readonly toStderr: boolean;
  readonly alsoToStderr: boolean;
  /** 0 to 3 for info, warning, error and fatal: from there on lines go to stderr too. */
  readonly stderrThreshold: number;
  /** Folder of the files; "" means the system's for temporary files. */
  readonly directory: string;
  /** The one file, in place of one for each severity in `directory`; "" for none. */
  readonly file: string;
  /** MB (2²⁰ bytes) at which `file` begins anew; 0 never. */
  readonly fileMaxMegabytes: number;
  /** A line only in the file of its own severity. */
  readonly oneOutput: boolean;
  readonly addDirHeader: boolean;
  readonly skipHeaders: boolean;
  readonly skipLogHeaders: boolean;
  /** Where a line is logged with a stack trace. */
  readonly backtraceAt: readonly { readonly file: string; readonly line: number }[];
}

/** The log. Durations are milliseconds. */
export interface LoggingConfig {
  readonly format: typeof LOG_FORMATS[number];
  /** The longest that a line is held back. */
  readonly flushFrequency: number;
  /** klog's -v: 0 and up. */
  readonly verbosity: number;
  /** Verbosity by source file, the first that fits; for the text format. */
  readonly vmodule: readonly { readonly filePattern: string; readonly verbosity: number }[];
  readonly options: { readonly text: LogOutput; readonly json: LogOutput };
  readonly files: LogFiles;
}

/** What the proxier of the active mode goes by. Durations are milliseconds. */
export interface ProxierConfig {
  readonly masqueradeAll: boolean;
  /** 0–31: the bit of the packet mark that means "masquerade". */
  readonly masqueradeBit: number;
  /** Above 0: retries, and half the age at which a queued change is a fault. */
  readonly syncPeriod: number;
  /** Between two syncs at least; 0 lets the pause adapt. */
  readonly minSyncPeriod: number;
}

/** Connection tracking. Durations are milliseconds; 0 leaves the kernel's. */
export interface ConntrackConfig {
  /** 0 leaves the limit as it is and ignores `min`. */
  readonly maxPerCore: number;
  readonly min: number;
  readonly tcpEstablishedTimeout: number;
  readonly tcpCloseWaitTimeout: number;
  readonly tcpBeLiberal: boolean;
  readonly udpTimeout: number;
  readonly udpStreamTimeout: number;
  /** Remove tracked TCP flows to endpoints that are gone, as is done for UDP in any case. */
  readonly removeTCPFlows: boolean;
}

/** What the operator says of one plugin. */
export interface PluginConfig {
  /** A path or URL with its pin behind `#sha256=`; "" for weir's own code without a pin. */
  readonly reference: string;
  /** The pin of weir's own code: 64 hexadecimal digits; "" for none. */
  readonly sha256: string;
  /** What it may do, in place of what its kind may do. */
  readonly policy: PluginPolicyConfig | undefined;
}

/** What one plugin may do; a capability that is not named is not allowed. */
export interface PluginPolicyConfig {
  /** Tables that it may own: those listed, or `own`: any one table that is not reserved. */
  readonly nft?: { readonly tables: "own" | readonly string[] };
  /** Tracked flows that it may have removed: stale ones of service ports. */
  readonly conntrack?: { readonly flows: "services" };
  /** Settings of the kernel that it may read and write. */
  readonly sysctl?: { readonly keys: readonly SysctlKey[] };
}

/** The sections of kube-proxy's modes as they were written. Durations are milliseconds. */
export interface ModeSections {
  readonly iptables: ProxierConfig & { readonly localhostNodePorts: boolean };
  readonly ipvs: {
    readonly syncPeriod: number;
    readonly minSyncPeriod: number;
    /** "" means rr. */
    readonly scheduler: string;
    /** CIDRs. */
    readonly excludeCIDRs: readonly string[];
    readonly strictARP: boolean;
    /** 0 leaves the kernel's, as the next two. */
    readonly tcpTimeout: number;
    readonly tcpFinTimeout: number;
    readonly udpTimeout: number;
  };
  readonly nftables: ProxierConfig;
  readonly winkernel: {
    readonly networkName: string;
    readonly sourceVip: string;
    readonly enableDSR: boolean;
    readonly rootHnsEndpointName: string;
    readonly forwardHealthCheckVip: boolean;
  };
  /** Of userspace mode. */
  readonly portRange: string;
  /** Of userspace mode. */
  readonly udpIdleTimeout: number;
  readonly windowsRunAsService: boolean;
}

/** A document as a file has it: plain data, durations as text. */
export interface WrittenDocument {
  readonly [field: string]: unknown;
}

/** The configuration of one run: complete, checked and frozen. Durations are milliseconds. */
export interface WeirConfig extends ModeSections {
  /** The file of --config; "" when the flags alone were read. */
  readonly configFile: string;
  /** What a change of that file does. */
  readonly configReload: typeof CONFIG_RELOADS[number];
  /** Only do what takes privileges, and end. */
  readonly initOnly: boolean;
  /** The folder of YAML that stands in for an API server, or "" when there is an API server. */
  readonly manifests: string;
  /** URL of the API server, which overrides the kubeconfig's; "" when not overridden. */
  readonly master: string;
  readonly clientConnection: {
    /** Path; "" means the in-cluster credentials. */
    readonly kubeconfig: string;
    /** The Accept header; "" follows `contentType`. */
    readonly acceptContentTypes: string;
    readonly contentType: typeof CONTENT_TYPES[number];
    /** Requests per second; below 0 unlimited, as client-go has it. */
    readonly qps: number;
    /** Requests that may be made at once before `qps` limits. */
    readonly burst: number;
  };
  /** How often everything that is known is looked at anew. */
  readonly configSyncPeriod: number;
  /** The name of this node's Node object: lower case, never "". */
  readonly nodeName: string;
  /** The first of these files that is there has the boot's id. */
  readonly bootIdFiles: readonly string[];
  /** The first of these files that is there has the machine's id. */
  readonly machineIdFiles: readonly string[];
  /** Canonical IP address; 0.0.0.0 and :: name a family and no address. */
  readonly bindAddress: string;
  /** End when a port cannot be bound, instead of trying again. */
  readonly bindAddressHardFail: boolean;
  /** Canonical `IP:port` of /healthz and /livez; "" when they are not served. */
  readonly healthzBindAddress: string;
  /** Canonical `IP:port` of /metrics and its neighbours; "" when they are not served. */
  readonly metricsBindAddress: string;
  readonly enableProfiling: boolean;
  /** `1.N` or "". */
  readonly showHiddenMetricsForVersion: string;
  /** −1000 to 1000. */
  readonly oomScoreAdj: number;
  /** The mode that serves. */
  readonly mode: ProxyMode;
  /** The mode in whose place it serves, when that is one that weir has not; else "". */
  readonly inPlaceOf: AbsentMode | "";
  /** Whether `mode` may serve in place of another. */
  readonly modeFallback: boolean;
  /** Of the mode that was asked for. */
  readonly proxier: ProxierConfig;
  /** Canonical CIDRs, at most one per family. */
  readonly clusterCIDRs: readonly string[];
  readonly detectLocalMode: DetectLocalMode;
  readonly detectLocal: {
    /** For BridgeInterface, otherwise possibly "". */
    readonly bridgeInterface: string;
    /** For InterfaceNamePrefix, otherwise possibly "". */
    readonly interfaceNamePrefix: string;
  };
  /** Canonical CIDRs and keywords; never empty. */
  readonly nodePortAddresses: readonly string[];
  readonly conntrack: ConntrackConfig;
  readonly logging: LoggingConfig;
  /** Every gate that means something here, and every one that was given. */
  readonly featureGates: Readonly<Record<string, boolean>>;
  /** By name. */
  readonly plugins: Readonly<Record<string, PluginConfig>>;
  readonly limits: Limits;
  readonly telemetry: {
    /** Most Services that have metrics of their own; 0 counts none. */
    readonly perServiceMetrics: number;
    /** URL of a collector for traces, or "". */
    readonly tracesEndpoint: string;
  };
  /** What it was made of, with all defaults, for who asks to see it. */
  readonly written: { readonly kubeProxy: WrittenDocument; readonly weir: WrittenDocument };
}
