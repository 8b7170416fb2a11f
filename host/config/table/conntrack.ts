/**
 * The flags for connection tracking.
 *
 * @module
 */
import { field, type Flag, weir } from "../flag.ts";

/** The rows, in the order of the help. */
export const CONNTRACK_FLAGS: readonly Flag[] = [
  {
    name: "conntrack-max-per-core",
    type: "int32",
    placeholder: "count",
    section: "Connection tracking",
    target: field("conntrack.maxPerCore"),
    help: "Connections tracked per core; 0 leaves the limit as it is and ignores " +
      "--conntrack-min.",
    since: "1.24",
  },
  {
    name: "conntrack-min",
    type: "int32",
    placeholder: "count",
    section: "Connection tracking",
    target: field("conntrack.min"),
    help: "The least limit, whatever --conntrack-max-per-core comes to.",
    since: "1.24",
  },
  {
    name: "conntrack-tcp-timeout-established",
    type: "duration",
    placeholder: "duration",
    section: "Connection tracking",
    target: field("conntrack.tcpEstablishedTimeout"),
    help: "Timeout of idle TCP connections; 0 leaves it.",
    since: "1.24",
  },
  {
    name: "conntrack-tcp-timeout-close-wait",
    type: "duration",
    placeholder: "duration",
    section: "Connection tracking",
    target: field("conntrack.tcpCloseWaitTimeout"),
    help: "Timeout of TCP connections in CLOSE_WAIT; 0 leaves it.",
    since: "1.24",
  },
  {
    name: "conntrack-tcp-be-liberal",
    type: "bool",
    placeholder: "",
    section: "Connection tracking",
    target: field("conntrack.tcpBeLiberal"),
    help: "Let TCP packets outside of the window through instead of marking them invalid.",
    since: "1.29",
  },
  {
    name: "conntrack-udp-timeout",
    type: "duration",
    placeholder: "duration",
    section: "Connection tracking",
    target: field("conntrack.udpTimeout"),
    help: "Timeout of UDP without a reply; 0 leaves it.",
    since: "1.29",
  },
  {
    name: "conntrack-udp-timeout-stream",
    type: "duration",
    placeholder: "duration",
    section: "Connection tracking",
    target: field("conntrack.udpStreamTimeout"),
    help: "Timeout of UDP with replies; 0 leaves it.",
    since: "1.29",
  },
  {
    name: "conntrack-remove-tcp-flows",
    type: "bool",
    placeholder: "",
    section: "Connection tracking",
    target: weir("conntrack.removeTCPFlows"),
    help: "Forget tracked TCP flows too whose endpoint is gone, as is always done for UDP: a " +
      "client that goes on is reset at once instead of waiting for its own timeout.",
    since: "weir",
  },
];
