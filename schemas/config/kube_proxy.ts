/**
 * The document `KubeProxyConfiguration`, `kubeproxy.config.k8s.io/v1alpha1`: every field of
 * kube-proxy 1.24 to 1.37 with upstream's defaults and rules.
 *
 * @module
 */
import * as v from "valibot";
import {
  address,
  bindAddress,
  boolean,
  checked,
  cidr,
  duration,
  durationOrNanoseconds,
  field,
  fields,
  found,
  INT32_MOST,
  integer,
  list,
  oneOf,
  section,
  text,
  unset,
} from "./field.ts";
import { gateFault } from "./gates.ts";
import { parseCidr } from "../ip.ts";
import { portRangeFault } from "./port_range.ts";
import { parseBytes } from "./quantity.ts";

/** The document's `apiVersion` and `kind`. */
export const KUBE_PROXY_DOCUMENT = {
  apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
  kind: "KubeProxyConfiguration",
} as const;

/** How traffic of local pods is told from other traffic. Source: v1alpha1 `LocalMode`. */
export const DETECT_LOCAL_MODES = [
  "ClusterCIDR",
  "NodeCIDR",
  "BridgeInterface",
  "InterfaceNamePrefix",
] as const;

/** One of {@linkcode DETECT_LOCAL_MODES}. */
export type DetectLocalMode = typeof DETECT_LOCAL_MODES[number];

/** The wire formats that weir can ask of the API server. */
export const CONTENT_TYPES = ["application/vnd.kubernetes.protobuf", "application/json"] as const;

/**
 * What `nodePortAddresses` may name besides CIDRs. Source: 1.30 (`primary`), KEP-6032 in 1.37 (the
 * others, and that they mix).
 */
export const NODE_PORT_KEYWORDS = ["primary", "localhost", "all"] as const;

/** The formats of the log. */
export const LOG_FORMATS = ["text", "json"] as const;

/**
 * The schedulers of ip_vs in the kernel; upstream has checked the name only up to 1.25. "" means
 * rr.
 */
export const IPVS_SCHEDULERS = [
  "",
  "rr",
  "wrr",
  "lc",
  "wlc",
  "lblc",
  "lblcr",
  "sh",
  "dh",
  "sed",
  "nq",
  "mh",
  "fo",
  "ovf",
  "twos",
] as const;

/** A field of a duration; its default is text as its input is. */
function durationField(least: 0n | 1n, fallback: string, description: string) {
  return field(duration(least), fallback, `${description} A Go duration such as 1h0m0s.`);
}

/**
 * An interface name or the start of one: IFNAMSIZ of linux/if.h is 16 with the final NUL, and
 * dev_valid_name() of the kernel refuses "/", ":" and white space.
 */
const interfaceName = v.pipe(
  text,
  v.maxBytes(15, "an interface name has at most 15 bytes"),
  v.regex(/^[^\s/:]*$/, "an interface name has no slash, colon or white space"),
);

const clusterCIDR = checked((ranges) => {
  if (ranges === "") return undefined;
  const families = new Set<string>();
  for (const part of ranges.split(",")) {
    const range = parseCidr(part);
    if (range === undefined) return `"${part}" is no CIDR such as 10.244.0.0/16 or fd00:10::/56`;
    if (families.has(range.family)) return `it has more than one ${range.family} range`;
    families.add(range.family);
  }
  return undefined;
});

const nodePortAddress = checked((entry) =>
  NODE_PORT_KEYWORDS.some((keyword) => keyword === entry) || parseCidr(entry) !== undefined
    ? undefined
    : `"${entry}" is neither a CIDR nor one of ${NODE_PORT_KEYWORDS.join(", ")}`
);

/** As `nodeutil.GetHostname`: what is given is trimmed and lower-cased, and not empty. */
const hostnameOverride = checked((name) =>
  name === "" || name.trim() !== "" ? undefined : "it is empty once trimmed"
);

/**
 * Upstream accepts the minor version before its own and nothing else. Here it is that of any
 * kube-proxy that weir stands in for, and nothing is hidden.
 */
const hiddenMetricsVersion = checked((version) => {
  if (version === "") return undefined;
  const minor = /^1\.(\d{1,3})$/.exec(version)?.[1];
  return minor !== undefined && Number(minor) >= 23 && Number(minor) <= 36
    ? undefined
    : "it is not the minor version before that of a kube-proxy, 1.23 to 1.36";
});

const featureGates = v.pipe(
  v.record(
    text,
    boolean,
    (issue) => `it is ${found(issue.input)}, and it needs a map of names to true or false`,
  ),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    for (const [gate, value] of Object.entries(dataset.value)) {
      const message = gateFault(gate, value);
      if (message === undefined) continue;
      addIssue({
        message,
        path: [{ type: "object", origin: "value", input: dataset.value, key: gate, value }],
      });
    }
  }),
);

const clientConnection = section({
  kubeconfig: field(text, "", 'Path of a kubeconfig; "" means the in-cluster credentials.'),
  acceptContentTypes: field(
    text,
    "",
    "The Accept header of requests to the API server; by default it follows contentType.",
  ),
  contentType: field(
    oneOf(CONTENT_TYPES),
    "application/vnd.kubernetes.protobuf",
    "Wire format asked of the API server.",
  ),
  qps: field(
    v.pipe(
      v.number(({ input }) => `it is ${found(input)}, and it needs a number`),
      v.check((value) => Number.isFinite(Math.fround(value)), "it does not fit into a float32"),
    ),
    5,
    "Requests per second to the API server; below 0 there is no limit.",
  ),
  burst: field(
    integer(0, INT32_MOST),
    10,
    "Requests to the API server that may be made at once before qps limits.",
  ),
}, "How weir talks to the API server.");

const bufferSize = v.pipe(
  v.union(
    [v.string(), v.pipe(v.number(), v.safeInteger())],
    ({ input }) => `it is ${found(input)}, and it needs a size such as 64k or 2Mi`,
  ),
  v.transform(String),
  v.rawCheck(({ dataset, addIssue }) => {
    const bytes = dataset.typed ? parseBytes(dataset.value) : 0;
    if (typeof bytes === "string") addIssue({ message: bytes });
  }),
);

const outputRouting = {
  splitStream: field(
    boolean,
    false,
    "Write info to stdout and errors to stderr. Needs the gate LoggingAlphaOptions.",
  ),
  infoBufferSize: field(
    bufferSize,
    "0",
    "Bytes of info that are held back when the streams are split; 0 holds nothing back. Needs the " +
      "gate LoggingAlphaOptions.",
  ),
};

const filePattern = checked((pattern) =>
  pattern === ""
    ? "it is empty, and it needs a file name or a pattern of one"
    : /[=,]/.test(pattern)
    ? "it has a comma or an equals sign, which part patterns on the command line"
    : undefined
);

const logging = section({
  format: field(oneOf(LOG_FORMATS), "text", "How a log line is written: klog's text, or JSON."),
  flushFrequency: field(
    durationOrNanoseconds,
    "5s",
    "The longest time that a log line is held back. A Go duration, or nanoseconds.",
  ),
  verbosity: field(integer(0, INT32_MOST), 0, "klog's -v; 4 shows debugging."),
  vmodule: field(
    list(fields({
      filePattern: v.pipe(filePattern, v.description("File name without extension, or a glob.")),
      verbosity: v.pipe(integer(0, INT32_MOST), v.description("klog's -v for these files.")),
    })),
    [],
    "Verbosity by source file, for the text format.",
  ),
  options: section({
    text: section(outputRouting, "For the text format."),
    json: section(outputRouting, "For the JSON format."),
  }, "What hangs on the format."),
}, "The log.");

const iptables = section({
  masqueradeBit: field(
    integer(0, 31),
    14,
    "Bit of the packet mark that means that a packet is to be masqueraded.",
  ),
  masqueradeAll: field(boolean, false, "Masquerade all traffic to ClusterIPs."),
  localhostNodePorts: field(boolean, true, "Let NodePorts answer on 127.0.0.1."),
  syncPeriod: durationField(1n, "30s", "How often a failed sync is tried again."),
  minSyncPeriod: unset(
    duration(0n),
    "The shortest time between two syncs; 0 or unset adapts to what a sync costs (kube-proxy: " +
      "1s). A Go duration such as 1s.",
  ),
}, "For mode iptables, and in part for ipvs.");

const ipvs = section({
  syncPeriod: durationField(1n, "30s", "How often everything is synced anew."),
  minSyncPeriod: durationField(0n, "0s", "The shortest time between two syncs."),
  scheduler: field(oneOf(IPVS_SCHEDULERS), "", 'Scheduler of virtual servers; "" means rr.'),
  excludeCIDRs: unset(list(cidr), "Virtual servers in these ranges are left alone."),
  strictARP: field(boolean, false, "Set arp_ignore to 1 and arp_announce to 2."),
  tcpTimeout: durationField(0n, "0s", "Timeout of idle TCP sessions; 0 leaves it."),
  tcpFinTimeout: durationField(0n, "0s", "Timeout of TCP sessions after a FIN; 0 leaves it."),
  udpTimeout: durationField(0n, "0s", "Timeout of UDP sessions; 0 leaves it."),
}, "For mode ipvs.");

const nftables = section({
  masqueradeBit: field(
    integer(0, 31),
    14,
    "Bit of the packet mark that means that a packet is to be masqueraded.",
  ),
  masqueradeAll: field(boolean, false, "Masquerade all traffic to ClusterIPs."),
  syncPeriod: durationField(
    1n,
    "30s",
    "How often a failed sync is tried again; a change that waits twice as long is a fault.",
  ),
  minSyncPeriod: unset(
    duration(0n),
    "The shortest time between two syncs; 0 or unset adapts to what a sync costs (kube-proxy: " +
      "1s). A Go duration such as 1s.",
  ),
}, "For mode nftables.");

const winkernel = section({
  networkName: field(text, "", "Name of the HNS network."),
  sourceVip: field(text, "", "Source address of what is translated, in overlay networks."),
  enableDSR: field(boolean, false, "Make HNS policies with direct server return."),
  rootHnsEndpointName: field(text, "", "The gateway's endpoint in l2bridge networks."),
  forwardHealthCheckVip: field(boolean, false, "Forward the virtual IP for health checks."),
}, "For mode kernelspace.");

const detectLocal = section({
  bridgeInterface: field(interfaceName, "", "The pods' bridge, for BridgeInterface."),
  interfaceNamePrefix: field(
    interfaceName,
    "",
    "Start of the names of the pods' interfaces, for InterfaceNamePrefix.",
  ),
}, "What hangs on detectLocalMode.");

const conntrack = section({
  maxPerCore: field(
    integer(0, INT32_MOST),
    32_768,
    "Connections tracked per core; 0 leaves the limit as it is and ignores min.",
  ),
  min: field(integer(0, INT32_MOST), 131_072, "The least limit, whatever maxPerCore comes to."),
  tcpEstablishedTimeout: durationField(0n, "24h0m0s", "Of idle TCP connections; 0 leaves it."),
  tcpCloseWaitTimeout: durationField(0n, "1h0m0s", "Of TCP in CLOSE_WAIT; 0 leaves it."),
  tcpBeLiberal: field(boolean, false, "Let packets outside of the TCP window through."),
  udpTimeout: durationField(0n, "0s", "Of UDP without a reply; 0 leaves it."),
  udpStreamTimeout: durationField(0n, "0s", "Of UDP with replies; 0 leaves it."),
}, "Connection tracking.");

/** The schema of the document without `apiVersion` and `kind`. */
export const KubeProxySchema = fields({
  featureGates: field(featureGates, {}, "Feature gates, by name."),
  clientConnection,
  logging,
  hostnameOverride: field(
    hostnameOverride,
    "",
    "Name of this node's Node object, instead of the system's hostname.",
  ),
  bindAddress: field(
    address,
    "0.0.0.0",
    "The node's primary address, if it is a specific one; its family decides the defaults of " +
      "healthzBindAddress and metricsBindAddress. Nothing is bound to it.",
  ),
  healthzBindAddress: unset(bindAddress(10256), "Where /healthz and /livez are served: IP:port."),
  metricsBindAddress: unset(
    bindAddress(10249),
    "Where /metrics, /configz and /proxyMode are served: IP:port.",
  ),
  bindAddressHardFail: field(boolean, false, "End when a port cannot be bound; else try again."),
  enableProfiling: field(boolean, false, "Serve /debug/pprof beside /metrics."),
  showHiddenMetricsForVersion: field(
    hiddenMetricsVersion,
    "",
    "Show what this version hid. weir hides nothing, so that this changes nothing.",
  ),
  mode: field(
    text,
    "",
    "nftables, a plugin (a path, a URL or a name of the WeirConfiguration), or a mode that weir " +
      'does not have: iptables, ipvs, userspace, kernelspace. "" means nftables.',
  ),
  iptables,
  ipvs,
  nftables,
  winkernel,
  detectLocalMode: field(
    oneOf(["", ...DETECT_LOCAL_MODES]),
    "",
    'How traffic of local pods is told; "" means ClusterCIDR.',
  ),
  detectLocal,
  clusterCIDR: field(
    clusterCIDR,
    "",
    "Ranges of the cluster's pods, at most one per IP family, with a comma between.",
  ),
  nodePortAddresses: unset(
    list(nodePortAddress),
    "Where NodePorts answer: CIDRs, primary, localhost, all. Unset means primary in mode nftables.",
  ),
  oomScoreAdj: field(integer(-1000, 1000), -999, "weir's own oom_score_adj."),
  conntrack,
  configSyncPeriod: durationField(1n, "15m0s", "How often everything known is looked at anew."),
  portRange: field(
    checked(portRangeFault),
    "",
    "Ports of userspace mode: a-b, a+n or one; without a use since 1.26.",
  ),
  udpIdleTimeout: unset(
    duration(1n),
    "How long userspace mode kept idle UDP (250ms); gone since 1.26. A Go duration.",
  ),
  windowsRunAsService: field(boolean, false, "Run as a Windows service."),
});

/** What goes into the document: every field may be left out or null. */
export type KubeProxyInput = v.InferInput<typeof KubeProxySchema>;

/** The document with its defaults; durations are nanoseconds. */
export type KubeProxyDocument = v.InferOutput<typeof KubeProxySchema>;
