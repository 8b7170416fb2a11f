/**
 * The flags for what weir serves.
 *
 * @module
 */
import { field, type Flag, option, weir } from "../flag.ts";

/** The rows, in the order of the help. */
export const SERVING_FLAGS: readonly Flag[] = [
  {
    name: "healthz-bind-address",
    type: "string",
    placeholder: "ip:port",
    section: "Serving",
    target: field("healthzBindAddress"),
    help: 'Where /healthz and /livez are served; "" disables them.',
    byDefault: "0.0.0.0:10256",
    since: "1.24",
  },
  {
    name: "metrics-bind-address",
    type: "string",
    placeholder: "ip:port",
    section: "Serving",
    target: field("metricsBindAddress"),
    help: 'Where /metrics, /configz and /proxyMode are served; "" disables them.',
    byDefault: "127.0.0.1:10249",
    since: "1.24",
  },
  {
    name: "bind-address-hard-fail",
    type: "bool",
    placeholder: "",
    section: "Serving",
    target: field("bindAddressHardFail"),
    help: "End when a port cannot be bound, instead of trying again.",
    since: "1.24",
  },
  {
    name: "profiling",
    type: "bool",
    placeholder: "",
    section: "Serving",
    target: field("enableProfiling"),
    help: "Serve /debug/pprof beside /metrics.",
    since: "1.24",
  },
  {
    name: "per-service-metrics",
    type: "int32",
    placeholder: "count",
    section: "Serving",
    target: weir("telemetry.perServiceMetrics"),
    help:
      "Most Services whose connections, packets and bytes are on /metrics by name; those above " +
      "are summed. 0 has the kernel count nothing.",
    since: "weir",
  },
  {
    name: "traces-endpoint",
    type: "string",
    placeholder: "url",
    section: "Serving",
    target: weir("telemetry.tracesEndpoint"),
    help: "The collector that is sent traces over OTLP, as http://localhost:4318. " +
      "OTEL_EXPORTER_OTLP_ENDPOINT wins, and the other variables of OpenTelemetry hold.",
    since: "weir",
  },
  {
    name: "show-hidden-metrics-for-version",
    type: "string",
    placeholder: "1.N",
    section: "Serving",
    target: field("showHiddenMetricsForVersion"),
    help: "Any value shows metrics that are hidden because an earlier version deprecated them.",
    since: "1.24",
  },
  {
    name: "healthz-port",
    type: "int32",
    placeholder: "port",
    section: "Serving",
    target: option("healthzPort"),
    help: "Port of /healthz and /livez; 0 disables them.",
    since: "1.24",
    byDefault: "10256",
    deprecated: "use --healthz-bind-address",
  },
  {
    name: "metrics-port",
    type: "int32",
    placeholder: "port",
    section: "Serving",
    target: option("metricsPort"),
    help: "Port of /metrics and its neighbours; 0 disables them.",
    since: "1.24",
    byDefault: "10249",
    deprecated: "use --metrics-bind-address",
  },
];
