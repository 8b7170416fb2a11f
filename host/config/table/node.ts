/**
 * The flags for what this node is.
 *
 * @module
 */
import { DETECT_LOCAL_MODES } from "../../../schemas/config/kube_proxy.ts";
import { field, type Flag, option } from "../flag.ts";

/** The rows, in the order of the help. */
export const NODE_FLAGS: readonly Flag[] = [
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
    name: "bind-address",
    type: "string",
    placeholder: "ip",
    section: "This node",
    target: field("bindAddress"),
    help: "The node's primary address, if it is a specific one. Its family decides the defaults " +
      "of --healthz-bind-address and --metrics-bind-address. Nothing is bound to it.",
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
    byDefault: "ClusterCIDR",
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
    byDefault: "primary",
    since: "1.24",
  },
  {
    name: "oom-score-adj",
    type: "int32",
    placeholder: "score",
    section: "This node",
    target: field("oomScoreAdj"),
    help: "Sets weir's own oom_score_adj, -1000 to 1000: how soon the kernel kills it for want " +
      "of memory.",
    since: "1.24",
  },
  {
    name: "boot-id-file",
    type: "strings",
    placeholder: "paths",
    section: "This node",
    target: option("bootIdFiles"),
    help: "Files of which the first that is there has the id of the boot, for logs.",
    since: "1.24",
  },
  {
    name: "machine-id-file",
    type: "strings",
    placeholder: "paths",
    section: "This node",
    target: option("machineIdFiles"),
    help: "Files of which the first that is there has the id of the machine, for logs.",
    since: "1.24",
  },
];
