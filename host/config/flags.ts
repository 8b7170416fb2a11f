/**
 * The flags of the command line: one row adds a flag to the parser, the configuration, the help
 * and the docs. Names, types and defaults are kube-proxy's.
 *
 * @module
 */
import { CONFIG_DEFAULTS, CONTENT_TYPES, DETECT_LOCAL_MODES } from "../../schemas/config.ts";

/**
 * How a flag's value is written. Integers and floats as Go's strconv reads them; `strings` is a
 * list, with commas between its entries or the flag repeated.
 */
export type FlagType = "string" | "strings" | "bool" | "int32" | "float32";

/** What a flag comes to. */
export type FlagValue = string | number | boolean | readonly string[];

/** The headings of the help, in their order. */
export const FLAG_SECTIONS = [
  "Objects",
  "This node",
  "Data plane",
  "Serving",
  "Logging",
  "Other",
] as const;

/** What to do instead of proxying; `dry-run` says how `cleanup` is meant. */
export type FlagAction = "help" | "version" | "cleanup" | "dry-run";

/**
 * What a flag sets. `field`: a field of KubeProxyConfiguration, by its dotted path. `option`: a
 * setting that only the command line has, by its path in the same input. `action`: what to do
 * instead of proxying.
 */
export type FlagTarget =
  | { readonly kind: "field"; readonly path: string }
  | { readonly kind: "option"; readonly path: string }
  | { readonly kind: "action"; readonly action: FlagAction };

/** One row: one flag. */
export interface Flag {
  /** With hyphens and without the leading two; underscores are accepted in their place. */
  readonly name: string;
  /** One letter, for `-v`. */
  readonly short?: string;
  readonly type: FlagType;
  /** What stands for the value in the help, for example `path`; "" for a bool. */
  readonly placeholder: string;
  readonly section: typeof FLAG_SECTIONS[number];
  readonly target: FlagTarget;
  /** One or two sentences without the default, which is added. */
  readonly help: string;
  /** The kube-proxy that had it first (1.24 means then or before), or `weir` for weir's own. */
  readonly since: string;
  /** Why not to use it any more; a use is then warned of. */
  readonly deprecated?: string;
}

const field = (path: string): FlagTarget => ({ kind: "field", path });
const option = (path: string): FlagTarget => ({ kind: "option", path });

/** Every flag of the proxy, in the order of the help within a section. */
export const FLAGS: readonly Flag[] = [
  {
    name: "kubeconfig",
    type: "string",
    placeholder: "path",
    section: "Objects",
    target: field("clientConnection.kubeconfig"),
    help: "Kubeconfig file with the API server's address and credentials. Without it the " +
      "in-cluster credentials are used.",
    since: "1.24",
  },
  {
    name: "master",
    type: "string",
    placeholder: "url",
    section: "Objects",
    target: option("master"),
    help: "URL of the API server; overrides the kubeconfig's.",
    since: "1.24",
  },
  {
    name: "manifests",
    type: "string",
    placeholder: "dir",
    section: "Objects",
    target: option("manifests"),
    help: "Folder of YAML or JSON files with Services, EndpointSlices and a Node, watched for " +
      "changes, in place of an API server.",
    since: "weir",
  },
  {
    name: "kube-api-content-type",
    type: "string",
    placeholder: "type",
    section: "Objects",
    target: field("clientConnection.contentType"),
    help: `Wire format asked of the API server: ${CONTENT_TYPES.join(" or ")}.`,
    since: "1.24",
  },
  {
    name: "kube-api-qps",
    type: "float32",
    placeholder: "number",
    section: "Objects",
    target: field("clientConnection.qps"),
    help: "Requests per second to the API server; below 0 there is no limit.",
    since: "1.24",
  },
  {
    name: "kube-api-burst",
    type: "int32",
    placeholder: "count",
    section: "Objects",
    target: field("clientConnection.burst"),
    help: "Requests to the API server that may be made at once before --kube-api-qps limits.",
    since: "1.24",
  },
  {
    name: "hostname-override",
    type: "string",
    placeholder: "name",
    section: "This node",
    target: field("hostnameOverride"),
    help: "Name of this node's Node object, instead of the system's hostname; trimmed and " +
      "lower-cased.",
    since: "1.24",
  },
  {
    name: "cluster-cidr",
    type: "string",
    placeholder: "cidrs",
    section: "This node",
    target: field("clusterCIDR"),
    help: "Ranges of the cluster's pods, at most one per IP family, with a comma between. " +
      "Traffic from elsewhere to a ClusterIP is masqueraded.",
    since: "1.24",
  },
  {
    name: "detect-local-mode",
    type: "string",
    placeholder: "mode",
    section: "This node",
    target: field("detectLocalMode"),
    help: `How traffic of local pods is told: ${DETECT_LOCAL_MODES.join(", ")}.`,
    since: "1.24",
  },
  {
    name: "pod-bridge-interface",
    type: "string",
    placeholder: "name",
    section: "This node",
    target: field("detectLocal.bridgeInterface"),
    help: "Bridge that local pods' traffic comes from, for BridgeInterface.",
    since: "1.24",
  },
  {
    name: "pod-interface-name-prefix",
    type: "string",
    placeholder: "prefix",
    section: "This node",
    target: field("detectLocal.interfaceNamePrefix"),
    help: "Start of the names of local pods' interfaces, for InterfaceNamePrefix.",
    since: "1.24",
  },
  {
    name: "nodeport-addresses",
    type: "strings",
    placeholder: "cidrs",
    section: "This node",
    target: field("nodePortAddresses"),
    help:
      "Where NodePorts and health check node ports answer: this node's addresses within these " +
      "CIDRs. primary is the Node's own, all is every one but loopback, localhost relays TCP from " +
      "127.0.0.1 and ::1; they mix. An IP family that is not named answers on all its addresses.",
    since: "1.24",
  },
  {
    name: "proxy-mode",
    type: "string",
    placeholder: "mode",
    section: "Data plane",
    target: field("mode"),
    help: "Proxier that programs the node: nftables, or a plugin by ./x.ts, /x.ts, file: or " +
      "https: with #sha256=<hex> behind it (a must for https).",
    since: "1.24",
  },
  {
    name: "masquerade-all",
    type: "bool",
    placeholder: "",
    section: "Data plane",
    target: field("nftables.masqueradeAll"),
    help: "Masquerade all traffic to ClusterIPs, whatever its source.",
    since: "1.24",
  },
  {
    name: "iptables-masquerade-bit",
    type: "int32",
    placeholder: "bit",
    section: "Data plane",
    target: field("nftables.masqueradeBit"),
    help: "Bit of the packet mark, 0 to 31, that means that a packet is to be masqueraded. " +
      "Its name is older than nftables mode, which it is for too.",
    since: "1.24",
  },
  {
    name: "conntrack-remove-tcp-flows",
    type: "bool",
    placeholder: "",
    section: "Data plane",
    target: option("conntrack.removeTCPFlows"),
    help: "Forget tracked TCP flows too whose endpoint is gone, as is always done for UDP: a " +
      "client that goes on is reset at once instead of waiting for its own timeout.",
    since: "weir",
  },
  {
    name: "healthz-bind-address",
    type: "string",
    placeholder: "ip:port",
    section: "Serving",
    target: field("healthzBindAddress"),
    help: 'Where /healthz and /livez are served; "" disables them.',
    since: "1.24",
  },
  {
    name: "metrics-bind-address",
    type: "string",
    placeholder: "ip:port",
    section: "Serving",
    target: field("metricsBindAddress"),
    help: 'Where /metrics, /configz and /proxyMode are served; "" disables them.',
    since: "1.24",
  },
  {
    name: "v",
    short: "v",
    type: "int32",
    placeholder: "level",
    section: "Logging",
    target: field("logging.verbosity"),
    help: "Verbosity of the log; 4 shows debugging.",
    since: "1.24",
  },
  {
    name: "cleanup",
    type: "bool",
    placeholder: "",
    section: "Other",
    target: { kind: "action", action: "cleanup" },
    help: "Remove all rules, sets and devices that kube-proxy, in any mode, or weir left on this " +
      "node, and exit: weir cleanup.",
    since: "1.24",
  },
  {
    name: "dry-run",
    type: "bool",
    placeholder: "",
    section: "Other",
    target: { kind: "action", action: "dry-run" },
    help: "With --cleanup, only list what would be removed.",
    since: "weir",
  },
  {
    name: "version",
    type: "bool",
    placeholder: "",
    section: "Other",
    target: { kind: "action", action: "version" },
    help: "Print the version and exit.",
    since: "1.24",
  },
  {
    name: "help",
    short: "h",
    type: "bool",
    placeholder: "",
    section: "Other",
    target: { kind: "action", action: "help" },
    help: "Print this help and exit.",
    since: "1.24",
  },
];

/**
 * The default of a flag, which is the default of the field it sets.
 *
 * @param flag A row.
 * @param defaults The defaults in the shape of the input.
 * @returns The value; false for an action.
 * @throws {Error} When the row's path names no field, a fault of the table that a test rules out.
 */
export function flagDefault(
  flag: Flag,
  defaults: Readonly<Record<string, unknown>> = CONFIG_DEFAULTS,
): FlagValue {
  if (flag.target.kind === "action") return false;
  let value: unknown = defaults;
  for (const key of flag.target.path.split(".")) {
    value = typeof value === "object" && value !== null
      ? Object.entries(value).find(([name]) => name === key)?.[1]
      : undefined;
  }
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
    return value;
  }
  if (Array.isArray(value) && value.every((entry) => typeof entry === "string")) return value;
  throw new Error(`Cannot use flag "${flag.name}": no field is at ${flag.target.path}`);
}

/**
 * A flag's value as one would write it.
 *
 * @param value For example a default.
 * @returns Its text; "" for what need not be shown: an empty text or list, and false.
 */
export function formatFlagValue(value: FlagValue): string {
  if (value === false) return "";
  return Array.isArray(value) ? value.join(",") : String(value);
}
