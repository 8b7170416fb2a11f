/**
 * Alert rules, each over metrics of the table.
 *
 * @module
 */
import { METRICS } from "../../host/telemetry/metric_table.ts";

/** One alert. */
export interface Alert {
  readonly name: string;
  /** PromQL that has a value while something is wrong. */
  readonly expression: string;
  /** How long before somebody is told, for example `5m`. */
  readonly duration: string;
  /** `critical` wakes somebody up. */
  readonly severity: "critical" | "warning";
  /** What is wrong, where. */
  readonly summary: string;
  /** What it means and what to do. */
  readonly description: string;
}

const NODE = "{{ $labels.instance }}";
const PLUGIN = "{{ $labels.plugin }}";

/** The alerts, the worst first. */
export const ALERTS: readonly Alert[] = [
  {
    name: "WeirPluginParked",
    expression: `${METRICS.pluginParked.name} == 1`,
    duration: "0m",
    severity: "critical",
    summary: `Plugin ${PLUGIN} on ${NODE} is not started any more`,
    description: "It died too often. The kernel keeps its last rules, and no change of a Service " +
      "reaches them. The log says how it died; a restart of weir starts it again.",
  },
  {
    name: "WeirSyncFailing",
    expression: `increase(${METRICS.nftablesSyncFailures.name}[10m]) > 3`,
    duration: "5m",
    severity: "critical",
    summary: `Syncs fail on ${NODE}`,
    description: "The kernel or the proxier refuses the rules: see weir's log, and " +
      `${METRICS.netlinkErrors.name} for the errno.`,
  },
  {
    name: "WeirSyncStuck",
    // Not the distance of the two: of the only change that there is they tell within a second.
    expression: `${METRICS.syncLastQueuedTimestamp.name} > ${METRICS.syncLastTimestamp.name} ` +
      `and time() - ${METRICS.syncLastTimestamp.name} > 120`,
    duration: "2m",
    severity: "critical",
    summary: `Changes wait on ${NODE}`,
    description:
      "A change waits, and no sync has succeeded for two minutes. New endpoints get no " +
      "connections, and those that are gone still do.",
  },
  {
    name: "WeirNetworkProgrammingSlow",
    expression: "histogram_quantile(0.99, sum by (instance, le) " +
      `(rate(${METRICS.networkProgrammingDuration.name}_bucket[10m]))) > 30`,
    duration: "10m",
    severity: "warning",
    summary: `Endpoints take long to reach the kernel of ${NODE}`,
    description: "From the change of a pod to the rules, the 99th percentile is above 30 s. The " +
      "traces of slow syncs (exemplars of this metric) say where the time goes.",
  },
  {
    name: "WeirConntrackFull",
    expression: `${METRICS.conntrackEntries.name} / (${METRICS.conntrackLimit.name} > 0) > 0.9`,
    duration: "2m",
    severity: "critical",
    summary: `The conntrack table of ${NODE} is nearly full`,
    description:
      "The kernel drops new connections once it is. Raise --conntrack-max-per-core, or " +
      "find who opens so many.",
  },
  {
    name: "WeirPluginRestarts",
    // Prometheus extrapolates a single one to a little more than 1.
    expression: `increase(${METRICS.pluginRestarts.name}[15m]) > 1.5`,
    duration: "0m",
    severity: "warning",
    summary: `Plugin ${PLUGIN} on ${NODE} dies again and again`,
    description: "Each time it is started again and everything is programmed anew. The log says " +
      "how it died.",
  },
  {
    name: "WeirForeignChanges",
    expression: `increase(${METRICS.repairs.name}[15m]) > 3`,
    duration: "0m",
    severity: "warning",
    summary: `Somebody else changes weir's rules on ${NODE}`,
    description:
      "They are repaired at once, each time by a full sync. The log names the program: " +
      "most often it is a second proxy.",
  },
  {
    name: "WeirTakeoverIncomplete",
    expression: `${METRICS.takeoverLeftovers.name} > 0`,
    duration: "30m",
    severity: "warning",
    summary: `Rules of kube-proxy are left on ${NODE}`,
    description: "They cannot be removed, or carry connections still (IPVS). `weir cleanup " +
      "--dry-run` lists them.",
  },
  {
    name: "WeirConfigReloadFailed",
    expression: `${METRICS.configReloadSuccessful.name} == 0`,
    duration: "5m",
    severity: "warning",
    summary: `The configuration file of ${NODE} is not in force`,
    description: "weir goes on with the one before. The log names what is wrong with it.",
  },
  {
    name: "WeirTracesLost",
    expression: `increase(${METRICS.traceSpans.name}{result!="sent"}[15m]) > 0`,
    duration: "15m",
    severity: "warning",
    summary: `Traces of ${NODE} do not reach their collector ({{ $labels.result }})`,
    description: "Syncs go on as they are. The log says once what is wrong: with `failed` the " +
      "collector, its address or what it asks of who sends; with `rejected` what it says of " +
      "spans; with `dropped` there are more of them than OTEL_BSP_MAX_QUEUE_SIZE.",
  },
  {
    name: "WeirApiServerErrors",
    expression: `sum by (instance) (rate(${METRICS.requests.name}{code!~"2.."}[10m])) / ` +
      `sum by (instance) (rate(${METRICS.requests.name}[10m])) > 0.5`,
    duration: "10m",
    severity: "warning",
    summary: `${NODE} cannot follow the API server`,
    description:
      "More than half of weir's requests fail, so that it may not hear of changes. See " +
      "the codes, and its log.",
  },
];

function block(text: string): string {
  return JSON.stringify(text);
}

/**
 * Writes alerts as a file of Prometheus' rules.
 *
 * @param alerts The alerts.
 * @returns YAML.
 */
export function rulesFile(alerts: readonly Alert[]): string {
  const lines = [
    "# Made by `deno task generate` from the metric table; promtool and the tests check it.",
    "groups:",
    "  - name: weir",
    "    rules:",
  ];
  for (const { name, expression, duration, severity, summary, description } of alerts) {
    lines.push(
      `      - alert: ${name}`,
      `        expr: ${block(expression)}`,
      `        for: ${duration}`,
      "        labels:",
      `          severity: ${severity}`,
      "        annotations:",
      `          summary: ${block(summary)}`,
      `          description: ${block(description)}`,
    );
  }
  return `${lines.join("\n")}\n`;
}
