/**
 * The flags for the configuration itself.
 *
 * @module
 */
import { field, type Flag, weir } from "../flag.ts";

/** The rows, in the order of the help. */
export const CONFIGURATION_FLAGS: readonly Flag[] = [
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
