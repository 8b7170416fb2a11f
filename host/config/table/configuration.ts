/**
 * The flags for the configuration itself.
 *
 * @module
 */
import { field, type Flag, option, weir } from "../flag.ts";

/** The rows, in the order of the help. */
export const CONFIGURATION_FLAGS: readonly Flag[] = [
  {
    name: "config",
    type: "string",
    placeholder: "path",
    section: "Configuration",
    target: option("config"),
    help: "Configuration file, YAML or JSON: a KubeProxyConfiguration, a WeirConfiguration or " +
      "both. Flags that set its fields are then ignored, but for --hostname-override, those " +
      "of the log and weir's own.",
    since: "1.24",
  },
  {
    name: "write-config-to",
    type: "string",
    placeholder: "path",
    section: "Configuration",
    target: option("writeConfigTo"),
    help: "Write the configuration there as YAML, with all defaults, and exit.",
    since: "1.24",
  },
  {
    name: "config-reload",
    type: "string",
    placeholder: "how",
    section: "Configuration",
    target: weir("configReload"),
    help: "What a change of the configuration file does: live applies it, exit ends weir as " +
      "kube-proxy ends.",
    since: "weir",
  },
  {
    name: "feature-gates",
    type: "gates",
    placeholder: "name=bool,…",
    section: "Configuration",
    target: field("featureGates"),
    help: "Feature gates. Those of other components are accepted and change nothing.",
    since: "1.24",
  },
];
