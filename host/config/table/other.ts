/**
 * The flags for what else weir does.
 *
 * @module
 */
import { type Flag, option } from "../flag.ts";

/** The rows, in the order of the help. */
export const OTHER_FLAGS: readonly Flag[] = [
  {
    name: "init-only",
    type: "bool",
    placeholder: "",
    section: "Other",
    target: option("initOnly"),
    help: "Do what takes all of root's privileges, and exit; weir then runs with CAP_NET_ADMIN " +
      "alone.",
    since: "1.29",
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
