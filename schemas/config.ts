/**
 * The configuration: which shape goes in (the fields of `KubeProxyConfiguration`, v1alpha1, and a
 * few of weir's own), and the immutable {@linkcode WeirConfig} that comes out.
 *
 * @module
 */
import * as v from "valibot";
import { formatBindAddress, parseBindAddress } from "./bind_address.ts";
import { formatIp, parseCidr } from "./ip.ts";
import { parseProxyMode, type ProxyMode } from "./proxy_mode.ts";

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

/**
 * The default of every field, in the shape of the input. The defaults are kube-proxy's but for
 * `nftables.minSyncPeriod` (1 s there), because weir's pause adapts to what a sync costs, and
 * `mode` (iptables there until KEP-5343 changes it to nftables). That of `nodePortAddresses` is the
 * one of nftables mode.
 */
export const CONFIG_DEFAULTS = {
  manifests: "",
  master: "",
  clientConnection: {
    kubeconfig: "",
    contentType: "application/vnd.kubernetes.protobuf",
    qps: 5,
    burst: 10,
  },
  hostnameOverride: "",
  healthzBindAddress: "0.0.0.0:10256",
  metricsBindAddress: "127.0.0.1:10249",
  mode: "nftables",
  clusterCIDR: "",
  detectLocalMode: "ClusterCIDR",
  detectLocal: { bridgeInterface: "", interfaceNamePrefix: "" },
  nodePortAddresses: ["primary"],
  nftables: { masqueradeAll: false, masqueradeBit: 14, syncPeriod: 30_000, minSyncPeriod: 0 },
  conntrack: { removeTCPFlows: false },
  logging: { verbosity: 0 },
} as const;

/** The configuration of one run: complete, checked and frozen. */
export interface WeirConfig {
  /** The folder of YAML that stands in for an API server, or "" when there is an API server. */
  readonly manifests: string;
  /** URL of the API server, which overrides the kubeconfig's; "" when not overridden. */
  readonly master: string;
  readonly clientConnection: {
    /** Path; "" means the in-cluster credentials. */
    readonly kubeconfig: string;
    readonly contentType: typeof CONTENT_TYPES[number];
    /** Requests per second; below 0 unlimited, as client-go has it. */
    readonly qps: number;
    /** Requests that may be made at once before `qps` limits. */
    readonly burst: number;
  };
  /** The name of this node's Node object: lower case, never "". */
  readonly nodeName: string;
  /** Canonical `IP:port` of /healthz and /livez; "" when they are not served. */
  readonly healthzBindAddress: string;
  /** Canonical `IP:port` of /metrics and its neighbours; "" when they are not served. */
  readonly metricsBindAddress: string;
  readonly mode: ProxyMode;
  /** Canonical CIDRs, at most one per family. */
  readonly clusterCIDRs: readonly string[];
  readonly detectLocalMode: DetectLocalMode;
  readonly detectLocal: {
    /** For BridgeInterface, otherwise possibly "". */
    readonly bridgeInterface: string;
    /** For InterfaceNamePrefix, otherwise possibly "". */
    readonly interfaceNamePrefix: string;
  };
  /** Canonical CIDRs and {@linkcode NODE_PORT_KEYWORDS}; never empty. */
  readonly nodePortAddresses: readonly string[];
  readonly nftables: {
    readonly masqueradeAll: boolean;
    /** 0–31: the bit of the packet mark that means "masquerade". */
    readonly masqueradeBit: number;
    /** Milliseconds, above 0: retries, and half the age at which a queued change is a fault. */
    readonly syncPeriod: number;
    /** Milliseconds between syncs; 0 lets the pause adapt. */
    readonly minSyncPeriod: number;
  };
  readonly conntrack: {
    /** Remove tracked TCP flows to endpoints that are gone, as is done for UDP in any case. */
    readonly removeTCPFlows: boolean;
  };
  readonly logging: {
    /** klog's -v: 0 and up. */
    readonly verbosity: number;
  };
}

const text = v.string("it is not text");

function integer(least: number, most: number): v.GenericSchema<number> {
  const message = `it is not an integer from ${least} to ${most}`;
  return v.pipe(
    v.number(message),
    v.integer(message),
    v.minValue(least, message),
    v.maxValue(most, message),
  );
}

/** A text that a parser reads; a string from the parser says why it cannot. */
function parsed<Value extends object>(parse: (text: string) => Value | string) {
  return v.pipe(
    text,
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      const value = parse(dataset.value);
      if (typeof value !== "string") return value;
      addIssue({ message: value });
      return NEVER;
    }),
  );
}

function bindAddress(defaultPort: number) {
  return v.pipe(
    parsed((address) => {
      if (address === "") return { text: "" };
      const bind = parseBindAddress(address, defaultPort);
      return typeof bind === "string" ? bind : { text: formatBindAddress(bind) };
    }),
    v.transform((bind) => bind.text),
  );
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

const clusterCIDRs = parsed((list): string[] | string => {
  if (list === "") return [];
  const cidrs: string[] = [];
  const families = new Set<string>();
  for (const part of list.split(",")) {
    const cidr = parseCidr(part);
    if (cidr === undefined) return `"${part}" is no CIDR such as 10.244.0.0/16 or fd00:10::/56`;
    if (families.has(cidr.family)) return `it has more than one ${cidr.family} range`;
    families.add(cidr.family);
    cidrs.push(`${formatIp(cidr.network)}/${cidr.prefix}`);
  }
  return cidrs;
});

const nodePortAddress = v.pipe(
  parsed((entry) => {
    if (NODE_PORT_KEYWORDS.some((keyword) => keyword === entry)) return { text: entry };
    const cidr = parseCidr(entry);
    return cidr === undefined
      ? `"${entry}" is neither a CIDR nor one of ${NODE_PORT_KEYWORDS.join(", ")}`
      : { text: `${formatIp(cidr.network)}/${cidr.prefix}` };
  }),
  v.transform((entry) => entry.text),
);

const master = v.pipe(
  text,
  v.check((url) => {
    if (url === "") return true;
    const parts = URL.parse(url);
    return parts !== null && (parts.protocol === "https:" || parts.protocol === "http:");
  }, "it is no URL such as https://10.0.0.1:6443"),
);

/** As `nodeutil.GetHostname`: what is given is trimmed and lower-cased, and not empty. */
const hostnameOverride = v.pipe(
  text,
  v.check((name) => name === "" || name.trim() !== "", "it is empty once trimmed"),
  v.transform((name) => name.trim().toLowerCase()),
);

const defaults = CONFIG_DEFAULTS;

const FieldsSchema = v.strictObject({
  manifests: v.optional(text, defaults.manifests),
  master: v.optional(master, defaults.master),
  clientConnection: v.optional(
    v.strictObject({
      kubeconfig: v.optional(text, defaults.clientConnection.kubeconfig),
      contentType: v.optional(
        v.picklist(CONTENT_TYPES, `it is not one of ${CONTENT_TYPES.join(", ")}`),
        defaults.clientConnection.contentType,
      ),
      qps: v.optional(
        v.pipe(v.number("it is not a number"), v.finite("it is not finite")),
        defaults.clientConnection.qps,
      ),
      burst: v.optional(integer(0, 2 ** 31 - 1), defaults.clientConnection.burst),
    }),
    {},
  ),
  hostnameOverride: v.optional(hostnameOverride, defaults.hostnameOverride),
  healthzBindAddress: v.optional(bindAddress(10256), defaults.healthzBindAddress),
  metricsBindAddress: v.optional(bindAddress(10249), defaults.metricsBindAddress),
  mode: v.optional(parsed(parseProxyMode), defaults.mode),
  clusterCIDR: v.optional(clusterCIDRs, defaults.clusterCIDR),
  detectLocalMode: v.optional(
    // As in v1alpha1, an empty mode means ClusterCIDR.
    v.pipe(
      text,
      v.transform((mode) => mode === "" ? "ClusterCIDR" : mode),
      v.picklist(DETECT_LOCAL_MODES, `it is not one of ${DETECT_LOCAL_MODES.join(", ")}`),
    ),
    defaults.detectLocalMode,
  ),
  detectLocal: v.optional(
    v.strictObject({
      bridgeInterface: v.optional(interfaceName, defaults.detectLocal.bridgeInterface),
      interfaceNamePrefix: v.optional(interfaceName, defaults.detectLocal.interfaceNamePrefix),
    }),
    {},
  ),
  nodePortAddresses: v.pipe(
    v.optional(v.array(nodePortAddress, "it is not a list"), [...defaults.nodePortAddresses]),
    // In nftables mode kube-proxy takes an empty list for "primary" (KEP-3866).
    v.transform((entries) => entries.length === 0 ? [...defaults.nodePortAddresses] : entries),
  ),
  nftables: v.optional(
    v.strictObject({
      masqueradeAll: v.optional(v.boolean("it is not a boolean"), defaults.nftables.masqueradeAll),
      masqueradeBit: v.optional(integer(0, 31), defaults.nftables.masqueradeBit),
      syncPeriod: v.optional(integer(1, 2 ** 31 - 1), defaults.nftables.syncPeriod),
      minSyncPeriod: v.optional(integer(0, 2 ** 31 - 1), defaults.nftables.minSyncPeriod),
    }),
    {},
  ),
  conntrack: v.optional(
    v.strictObject({
      removeTCPFlows: v.optional(
        v.boolean("it is not a boolean"),
        defaults.conntrack.removeTCPFlows,
      ),
    }),
    {},
  ),
  logging: v.optional(
    v.strictObject({
      verbosity: v.optional(integer(0, 2 ** 31 - 1), defaults.logging.verbosity),
    }),
    {},
  ),
});

/** What goes into {@linkcode configSchema}: every field may be left out. */
export type ConfigInput = v.InferInput<typeof FieldsSchema>;

/**
 * The schema from input to configuration. It also checks what fields say together.
 *
 * @param hostname The system's hostname, asked for only when `hostnameOverride` is empty.
 * @returns A schema whose issues carry the path of the offending field.
 */
export function configSchema(hostname: () => string): v.GenericSchema<ConfigInput, WeirConfig> {
  return v.pipe(
    FieldsSchema,
    v.forward(
      v.partialCheck(
        [["detectLocalMode"], ["detectLocal", "bridgeInterface"]],
        (c) => c.detectLocalMode !== "BridgeInterface" || c.detectLocal.bridgeInterface !== "",
        "the local-detector BridgeInterface needs the bridge's name",
      ),
      ["detectLocal", "bridgeInterface"],
    ),
    v.forward(
      v.partialCheck(
        [["detectLocalMode"], ["detectLocal", "interfaceNamePrefix"]],
        (c) =>
          c.detectLocalMode !== "InterfaceNamePrefix" || c.detectLocal.interfaceNamePrefix !== "",
        "the local-detector InterfaceNamePrefix needs the prefix",
      ),
      ["detectLocal", "interfaceNamePrefix"],
    ),
    v.forward(
      v.partialCheck(
        [["manifests"], ["master"], ["clientConnection", "kubeconfig"]],
        (c) => c.manifests === "" || (c.master === "" && c.clientConnection.kubeconfig === ""),
        "objects come from one source, and an API server is given too",
      ),
      ["manifests"],
    ),
    v.rawTransform(({ dataset, addIssue, NEVER }): WeirConfig => {
      const { hostnameOverride, clusterCIDR, ...fields } = dataset.value;
      const nodeName = hostnameOverride === "" ? hostname().trim().toLowerCase() : hostnameOverride;
      if (nodeName === "") {
        addIssue({
          message: "the system's hostname is empty too, so that no Node can be found",
          path: [{
            type: "object",
            origin: "value",
            input: dataset.value,
            key: "hostnameOverride",
            value: hostnameOverride,
          }],
        });
        return NEVER;
      }
      return { ...fields, nodeName, clusterCIDRs: clusterCIDR };
    }),
  );
}
